//! `lint`: checks mappings, all mistakes at once, and shows what they mean.
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{report, source};
use crate::diagnostic::{Source, refused};
use crate::mapping::{self, explain::explain};

/// Check mapping files
///
/// Without files, what the binary carries is checked, and what --mappings gives. Files are checked together with these: a
/// file that maps a Kubernetes kind which is known too replaces that one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Mapping files (TOML)
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print the plan of every kind in the files, with every inferred value
    #[arg(long)]
    pub resolved: bool,
}

/// Checks, reports to `err`, prints plans to `out`. True: there are no mistakes.
///
/// # Errors
/// When a file can't be read or the output not be written.
pub fn run(
    args: &Args,
    source: &source::Given,
    out: &mut impl Write,
    err: &mut impl Write,
    coloured: bool,
) -> io::Result<bool> {
    let (schema, mut layers) = match source.parts() {
        Ok(parts) => parts,
        Err(problems) => {
            report::write(&problems, coloured, err)?;
            return Ok(false);
        }
    };
    layers.push(args.files.iter().map(|file| read(file)).collect::<io::Result<_>>()?);
    let given: Vec<String> = layers[1..].iter().flatten().map(|file| stem(&file.name)).collect();
    let (target, problems) = match mapping::load(&layers, &schema) {
        Ok((target, warnings)) => (Some(target), warnings),
        Err(problems) => (None, problems),
    };
    report::write(&problems, coloured, err)?;
    for kind in target.iter().filter(|_| args.resolved).flat_map(|target| &target.kinds) {
        if given.is_empty() || given.contains(&kind.resource.name) {
            let yaml = serde_saphyr::to_string(&explain(kind)).map_err(io::Error::other)?;
            write!(out, "---\n{yaml}")?;
        }
    }
    Ok(!refused(&problems))
}

fn read(file: &Path) -> io::Result<Source> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file)
        .map_err(|error| io::Error::new(error.kind(), format!("can't read {name}: {error}")))?;
    Ok(Source { name, text })
}

fn stem(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.strip_suffix(".toml").unwrap_or(file).to_owned()
}
