//! `crds`: prints the CustomResourceDefinitions of the target's kinds, or writes them into a folder.
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use globset::{GlobBuilder, GlobMatcher};
use serde_json::Value;

use crate::crd::{crd, jsonschema};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::mapping::plan::{Kind, Target};

/// Print the CustomResourceDefinitions of the Kubernetes kinds, or JSON Schemas of their manifests
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Kubernetes kinds, in any case; `*` and `?` stand for any characters and any one [default: all kinds]
    #[arg(value_name = "KIND")]
    pub kinds: Vec<String>,
    /// How to write them
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// Write one file each into this folder, made if it is missing, and print their names
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// How a definition is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// YAML documents
    #[default]
    Yaml,
    /// JSON objects, one after the other
    Json,
    /// JSON Schemas of manifests instead, for editors and validators: one for each kind and version
    Jsonschema,
}

/// Prints or writes the definitions asked for; or nothing, when the arguments ask for a kind that there is not: then
/// it gives the mistakes, all of them.
///
/// # Errors
/// When the output or a file can't be written.
pub fn run(args: &Args, target: &Target, out: &mut impl Write) -> io::Result<Vec<Diagnostic>> {
    let kinds = match select(&args.kinds, target) {
        Ok(kinds) => kinds,
        Err(mistakes) => return Ok(mistakes),
    };
    if let Some(dir) = &args.dir {
        fs::create_dir_all(dir)?;
    }
    for (name, text) in files(&kinds, target, args.output)? {
        match &args.dir {
            None => out.write_all(text.as_bytes())?,
            Some(dir) => {
                let path = dir.join(name);
                fs::write(&path, text)?;
                writeln!(out, "{}", path.display())?;
            }
        }
    }
    Ok(Vec::new())
}

/// Names and texts.
fn files(kinds: &[&Kind], target: &Target, output: Format) -> io::Result<Vec<(String, String)>> {
    let crds = || kinds.iter().map(|kind| (kind, crd(kind, &target.words)));
    match output {
        Format::Yaml => {
            crds().map(|(kind, crd)| Ok((file_name(kind, target, "yaml"), yaml(&crd)?))).collect()
        }
        Format::Json => {
            crds().map(|(kind, crd)| Ok((file_name(kind, target, "json"), json(&crd)?))).collect()
        }
        Format::Jsonschema => {
            let versions = kinds
                .iter()
                .flat_map(|kind| kind.kubernetes.versions.iter().map(move |version| (kind, version)));
            let schemas = versions
                .map(|(kind, version)| Ok((schema_name(kind, version), json(&jsonschema(kind, version))?)));
            schemas.collect()
        }
    }
}

pub(super) fn select<'a>(patterns: &[String], target: &'a Target) -> Result<Vec<&'a Kind>, Vec<Diagnostic>> {
    let all = || target.kinds.iter().map(AsRef::as_ref);
    let (mut globs, mut mistakes): (Vec<GlobMatcher>, _) = (Vec::new(), Vec::new());
    for pattern in patterns {
        match GlobBuilder::new(pattern).case_insensitive(true).build() {
            Err(error) => mistakes.push(Diagnostic::error(format!("`{pattern}`: {}", error.kind()))),
            Ok(glob) => {
                let glob = glob.compile_matcher();
                if !all().any(|kind| glob.is_match(&kind.kubernetes.kind)) {
                    mistakes.push(unknown(pattern, target));
                }
                globs.push(glob);
            }
        }
    }
    let asked = |kind: &&Kind| globs.is_empty() || globs.iter().any(|g| g.is_match(&kind.kubernetes.kind));
    if mistakes.is_empty() { Ok(all().filter(asked).collect()) } else { Err(mistakes) }
}

fn unknown(pattern: &str, target: &Target) -> Diagnostic {
    let names = target.kinds.iter().map(|kind| kind.kubernetes.kind.as_str());
    Diagnostic::error(format!("there is no kind `{pattern}`"))
        .help("`kinds` lists them")
        .maybe_help(did_you_mean(pattern, names))
}

fn yaml(crd: &Value) -> io::Result<String> {
    serde_saphyr::to_string(crd).map(|yaml| format!("---\n{yaml}")).map_err(io::Error::other)
}

fn json(value: &Value) -> io::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// As validators of manifests look for schemas: kind in lower case, and version.
fn schema_name(kind: &Kind, version: &str) -> String {
    format!("{}_{version}.json", kind.kubernetes.singular)
}

/// Named as the official files are: group, and plural without what all kinds start with.
fn file_name(kind: &Kind, target: &Target, extension: &str) -> String {
    let kubernetes = &kind.kubernetes;
    let plural = kubernetes.plural.strip_prefix(prefix(target)).unwrap_or(&kubernetes.plural);
    format!("{}_{plural}.{extension}", kubernetes.group)
}

/// What the names of all kinds start with: what their short names lack.
fn prefix(target: &Target) -> &str {
    let of = |kind: &'_ Kind| {
        let short = kind.kubernetes.short_names.iter();
        short.filter_map(|name| kind.kubernetes.plural.strip_suffix(name.as_str())).map(str::len).min()
    };
    target.kinds.iter().find_map(|kind| Some(&kind.kubernetes.plural[..of(kind)?])).unwrap_or_default()
}
