//! `crds`: prints the CustomResourceDefinitions of the target's kinds, or writes them into a folder.
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::Value;

use super::choose::named;
use crate::crd::crd;
use crate::diagnostic::Diagnostic;
use crate::mapping::plan::{Kind, Target};

/// Print the CustomResourceDefinitions of the Kubernetes kinds
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
}

/// Prints or writes the definitions asked for; or nothing, when the arguments ask for a kind that there is not: then
/// it gives the mistakes, all of them.
///
/// # Errors
/// When the output or a file can't be written.
pub fn run(args: &Args, target: &Target, out: &mut impl Write) -> io::Result<Vec<Diagnostic>> {
    let kinds = match named(&args.kinds, target) {
        Ok(kinds) => kinds,
        Err(mistakes) => return Ok(mistakes),
    };
    if let Some(dir) = &args.dir {
        fs::create_dir_all(dir)?;
    }
    for kind in kinds {
        let text = text(&crd(kind, &target.words), args.output)?;
        match &args.dir {
            None => out.write_all(text.as_bytes())?,
            Some(dir) => {
                let path = dir.join(file_name(kind, target, args.output));
                fs::write(&path, text)?;
                writeln!(out, "{}", path.display())?;
            }
        }
    }
    Ok(Vec::new())
}

fn text(crd: &Value, format: Format) -> io::Result<String> {
    match format {
        Format::Yaml => {
            serde_saphyr::to_string(crd).map(|yaml| format!("---\n{yaml}")).map_err(io::Error::other)
        }
        Format::Json => Ok(serde_json::to_string_pretty(crd)? + "\n"),
    }
}

/// Named as the official files are: group, and plural without what all kinds start with.
fn file_name(kind: &Kind, target: &Target, format: Format) -> String {
    let kubernetes = &kind.kubernetes;
    let prefix = target.words.kind_prefix.to_lowercase();
    let plural = kubernetes.plural.strip_prefix(&prefix).unwrap_or(&kubernetes.plural);
    let extension = match format {
        Format::Yaml => "yaml",
        Format::Json => "json",
    };
    format!("{}_{plural}.{extension}", kubernetes.group)
}
