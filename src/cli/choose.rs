//! Which of the target's kinds a command is about: those that patterns name, less those that patterns exclude.
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::mapping::plan::{Kind, Target};

/// Which kinds to take.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Choice {
    /// Take these Kubernetes kinds only, in any case; `*` and `?` stand for any characters and any one
    #[arg(
        id = "chosen-kinds",
        long = "kinds",
        env = "TELEPORT_OPERATOR_KINDS",
        value_delimiter = ',',
        value_name = "KIND"
    )]
    pub kinds: Vec<String>,
    /// Leave these Kubernetes kinds out
    #[arg(long, env = "TELEPORT_OPERATOR_EXCLUDE_KINDS", value_delimiter = ',', value_name = "KIND")]
    pub exclude_kinds: Vec<String>,
}

impl Choice {
    /// The target with the kinds chosen.
    ///
    /// # Errors
    /// All patterns that name no kind, or that no kind is left.
    pub fn apply(&self, mut target: Target) -> Result<Target, Vec<Diagnostic>> {
        let (kept, excluded) = match (globs(&self.kinds, &target), globs(&self.exclude_kinds, &target)) {
            (Ok(kept), Ok(excluded)) => (kept, excluded),
            (kept, excluded) => {
                return Err([kept.err(), excluded.err()].into_iter().flatten().flatten().collect());
            }
        };
        let is_chosen = |kind: &Kind| (kept.is_empty() || any(&kept, kind)) && !any(&excluded, kind);
        target.kinds.retain(|kind| is_chosen(kind));
        if target.kinds.is_empty() {
            let message = "no kind is left to work on, which is hardly what is meant";
            let help = "look at --kinds and --exclude-kinds, and at the variables of the same names";
            return Err(vec![Diagnostic::error(message).help(help)]);
        }
        Ok(target)
    }
}

/// The kinds that patterns name; all where there are no patterns.
///
/// # Errors
/// All patterns that name no kind.
pub fn named<'a>(patterns: &[String], target: &'a Target) -> Result<Vec<&'a Arc<Kind>>, Vec<Diagnostic>> {
    let globs = globs(patterns, target)?;
    Ok(target.kinds.iter().filter(|kind| globs.is_empty() || any(&globs, kind)).collect())
}

fn any(globs: &[GlobMatcher], kind: &Kind) -> bool {
    globs.iter().any(|glob| glob.is_match(&kind.kubernetes.kind))
}

fn globs(patterns: &[String], target: &Target) -> Result<Vec<GlobMatcher>, Vec<Diagnostic>> {
    let (mut globs, mut mistakes) = (Vec::new(), Vec::new());
    for pattern in patterns.iter().map(|pattern| pattern.trim()).filter(|pattern| !pattern.is_empty()) {
        match GlobBuilder::new(pattern).case_insensitive(true).build() {
            Err(error) => mistakes.push(Diagnostic::error(format!("`{pattern}`: {}", error.kind()))),
            Ok(glob) => {
                let glob = glob.compile_matcher();
                if !target.kinds.iter().any(|kind| glob.is_match(&kind.kubernetes.kind)) {
                    mistakes.push(unknown(pattern, target));
                }
                globs.push(glob);
            }
        }
    }
    if mistakes.is_empty() { Ok(globs) } else { Err(mistakes) }
}

fn unknown(pattern: &str, target: &Target) -> Diagnostic {
    let names = target.kinds.iter().map(|kind| kind.kubernetes.kind.as_str());
    Diagnostic::error(format!("there is no kind `{pattern}`"))
        .help("`kinds` lists them")
        .maybe_help(did_you_mean(pattern, names))
}
