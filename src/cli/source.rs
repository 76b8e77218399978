//! Where mappings and descriptors come from: what the binary carries, and what the user gives beside it. Reads files and
//! puts them in order; what is in them is judged elsewhere.
use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::descriptors;
use crate::diagnostic::{Diagnostic, Source};
use crate::mapping::{self, plan::Target};
use crate::schema::Schema;

/// What is given beside what the binary carries.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Kinds of your own")]
pub struct Given {
    /// Folder of another target, in place of the one that the binary carries: its mappings/ with a target.toml, and its
    /// .proto files in proto/
    #[arg(long, global = true, env = "TELEPORT_OPERATOR_TARGET", value_parser = path, value_name = "DIR")]
    pub target: Option<PathBuf>,
    /// Folder of mappings (.toml); they add to those that the binary carries, or replace those of the same Kubernetes
    /// kind. May be given more than once: the last one counts
    #[arg(
        long,
        global = true,
        env = "TELEPORT_OPERATOR_MAPPINGS",
        value_delimiter = ',',
        value_parser = path,
        value_name = "DIR"
    )]
    pub mappings: Vec<PathBuf>,
    /// Descriptors of messages and calls that the binary does not carry: a descriptor set, a .proto file, or the folder
    /// of .proto files that imports are relative to. May be given more than once: the last one counts
    #[arg(
        long,
        global = true,
        env = "TELEPORT_OPERATOR_DESCRIPTORS",
        value_delimiter = ',',
        value_parser = path,
        value_name = "FILE|DIR"
    )]
    pub descriptors: Vec<PathBuf>,
}

impl Given {
    /// All messages and calls.
    ///
    /// # Errors
    /// All mistakes of the descriptors given.
    pub fn schema(&self) -> Result<Schema, Vec<Diagnostic>> {
        let proto = self.folder().map(|folder| folder.join("proto"));
        let given: Vec<&Path> = proto.as_deref().into_iter().chain(said(&self.descriptors)).collect();
        if given.is_empty() {
            return mapping::embedded_schema();
        }
        let embedded = proto.is_none().then(mapping::embedded_descriptors);
        descriptors::compile(&given, embedded).map(Schema::from_pool)
    }

    /// Mapping files, in layers: what the binary carries or those of another target, then each folder given.
    ///
    /// # Errors
    /// All folders that can't be read, or have no mappings.
    pub fn layers(&self) -> Result<Vec<Vec<Source>>, Vec<Diagnostic>> {
        let mappings = self.folder().map(|folder| folder.join("mappings"));
        let embedded = mappings.is_none().then(mapping::embedded_sources);
        let (mut layers, mut problems) = (Vec::from_iter(embedded), Vec::new());
        for folder in mappings.as_deref().into_iter().chain(said(&self.mappings)) {
            let shown = folder.display();
            match read(folder) {
                Ok(files) if files.is_empty() => {
                    problems.push(Diagnostic::error(format!("{shown} has no mappings (.toml)")));
                }
                Ok(files) => layers.push(files),
                Err(error) => {
                    problems
                        .push(Diagnostic::error(format!("the mappings in {shown} can't be read: {error}")));
                }
            }
        }
        if problems.is_empty() { Ok(layers) } else { Err(problems) }
    }

    /// The target that all of it makes, and warnings.
    ///
    /// # Errors
    /// All mistakes. Mappings are not held against descriptors that are broken.
    pub fn target(&self) -> Result<(Target, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (schema, layers) = self.parts()?;
        let (mut target, warnings) = mapping::load(&layers, &schema)?;
        if let Some(name) = self.folder().and_then(Path::file_name) {
            target.name = name.to_string_lossy().into_owned();
        }
        Ok((target, warnings))
    }

    /// Where examples of a target's kinds are.
    pub fn examples(&self, target: &Target) -> PathBuf {
        self.folder()
            .map_or_else(|| Path::new("examples").join(&target.name), |folder| folder.join("examples"))
    }

    /// The folder of another target.
    fn folder(&self) -> Option<&Path> {
        said(self.target.as_slice()).next()
    }

    /// What a target is made of.
    ///
    /// # Errors
    /// All mistakes of both.
    pub fn parts(&self) -> Result<(Schema, Vec<Vec<Source>>), Vec<Diagnostic>> {
        match (self.schema(), self.layers()) {
            (Ok(schema), Ok(layers)) => Ok((schema, layers)),
            (schema, layers) => Err([schema.err(), layers.err()].into_iter().flatten().flatten().collect()),
        }
    }
}

/// Any text: an empty one, as a variable may have, is for [`said`] to look over.
fn path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(text.into())
}

fn said(paths: &[PathBuf]) -> impl Iterator<Item = &Path> {
    paths.iter().map(PathBuf::as_path).filter(|path| !path.as_os_str().is_empty())
}

/// The mappings of a folder, in the order of their names. What starts with a dot is skipped: where Kubernetes mounts a
/// ConfigMap, the same files stand there once more.
fn read(folder: &Path) -> io::Result<Vec<Source>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    let is_hidden =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    paths.retain(|path| path.extension().is_some_and(|found| found == "toml") && !is_hidden(path));
    paths.sort();
    let file = |path: PathBuf| {
        let name = path.display().to_string();
        let text = fs::read_to_string(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        Ok(Source { name, text })
    };
    paths.into_iter().map(file).collect()
}
