//! Descriptors that a user gives: `.proto` files, compiled here, and descriptor sets, put together with those that the
//! binary carries into one pool. Every mistake of every file is shown in its text; mappings are none of its business.
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost_reflect::DescriptorPool;
use prost_reflect::prost::Message as _;
use prost_types::FileDescriptorSet;
use protox::file::{DescriptorSetFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};
use protox::{Compiler, Error};

use crate::diagnostic::{Diagnostic, Source};

/// Puts together what is given, each a descriptor set, a `.proto` file or a folder that imports are relative to, with
/// the `embedded` descriptor set. Of files with the same import path the last one given counts.
///
/// # Errors
/// All mistakes of all files, and those that can't be read.
pub fn compile(given: &[&Path], embedded: Option<&[u8]>) -> Result<DescriptorPool, Vec<Diagnostic>> {
    let (mut inputs, mut problems) = (Vec::new(), Vec::new());
    for path in given {
        match Input::read(path) {
            Ok(input) => inputs.push(input),
            Err(problem) => problems.push(*problem),
        }
    }
    let embedded = embedded.map(Input::from_set).transpose();
    let embedded = embedded.map_err(|error| vec![Diagnostic::error(error)])?;
    let roots: Vec<PathBuf> = inputs.iter().rev().filter_map(|input| input.root.clone()).collect();
    // First what is carried: where two definitions collide, it is the user's file that is pointed at.
    let names: Vec<String> =
        embedded.iter().chain(&inputs).flat_map(|input| input.names.iter().cloned()).collect();
    let layers = inputs.into_iter().rev().chain(embedded).map(|input| input.files);
    let mut compiler = Compiler::with_file_resolver(Layers(layers.collect()));
    for name in names {
        if let Err(error) = compiler.open_file(&name) {
            explain(&error, &roots, &mut problems);
        }
    }
    if problems.is_empty() { Ok(compiler.descriptor_pool()) } else { Err(problems) }
}

/// What one thing that is given holds.
struct Input {
    /// Import paths of the files to compile.
    names: Vec<String>,
    /// These, and the files that they may import beside them.
    files: Box<dyn FileResolver>,
    /// The folder that import paths are relative to.
    root: Option<PathBuf>,
}

impl Input {
    fn read(path: &Path) -> Result<Self, Box<Diagnostic>> {
        let shown = path.display();
        let unreadable = |error: io::Error| {
            Diagnostic::error(format!("the descriptors in {shown} can't be read: {error}"))
        };
        if path.is_dir() {
            let mut names = Vec::new();
            collect(path, "", &mut names).map_err(unreadable)?;
            if names.is_empty() {
                return Err(Diagnostic::error(format!("{shown} has no .proto files")).into());
            }
            return Ok(Self::from_folder(path, names));
        }
        if path.extension().is_some_and(|extension| extension == "proto") {
            fs::metadata(path).map_err(unreadable)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            return Ok(Self::from_folder(folder.unwrap_or(Path::new(".")), vec![name]));
        }
        let help = "give a set that `protoc --include_imports --descriptor_set_out` or `buf build` wrote, a \
                    .proto file, or a folder of these";
        Self::from_set(&fs::read(path).map_err(unreadable)?)
            .map_err(|error| Diagnostic::error(format!("{shown}: {error}")).help(help).into())
    }

    fn from_folder(root: &Path, names: Vec<String>) -> Self {
        Self {
            names,
            files: Box::new(IncludeFileResolver::new(root.to_owned())),
            root: Some(root.to_owned()),
        }
    }

    fn from_set(bytes: &[u8]) -> Result<Self, String> {
        let none = "this is no descriptor set";
        let set = FileDescriptorSet::decode(bytes).map_err(|error| format!("{none}: {error}"))?;
        let names: Vec<String> = set.file.into_iter().filter_map(|file| file.name).collect();
        if names.is_empty() {
            return Err(format!("{none}: it has no files"));
        }
        // By the library's own reader, which keeps the options that are extensions.
        let files = DescriptorSetFileResolver::decode(bytes).map_err(|error| format!("{none}: {error}"))?;
        Ok(Self { names, files: Box::new(files), root: None })
    }
}

/// All `.proto` files below a folder, by import path. What starts with a dot is skipped: where Kubernetes mounts a
/// ConfigMap, the same files stand there once more.
fn collect(folder: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        // A link to a folder is not followed: it may lead in a circle.
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{prefix}{name}/"), names)?;
        } else if name.ends_with(".proto") {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// Files by import path, of the first layer that has it. Paths of the file system mean nothing to it.
struct Layers(Vec<Box<dyn FileResolver>>);

impl FileResolver for Layers {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        let is_missing = |found: &Result<File, Error>| found.as_ref().is_err_and(Error::is_file_not_found);
        let google = GoogleFileResolver::new();
        let tried = self.0.iter().map(|layer| layer.open_file(name)).find(|found| !is_missing(found));
        tried.unwrap_or_else(|| google.open_file(name))
    }
}

/// An error with those beside it, each where it is. What several files import is compiled, and wrong, for each.
fn explain(error: &Error, roots: &[PathBuf], problems: &mut Vec<Diagnostic>) {
    let source = error.file().and_then(|name| source(name, roots)).map(Arc::new);
    let file = error.file().unwrap_or("a descriptor set");
    let related = miette::Diagnostic::related(error).into_iter().flatten();
    for part in [error as &dyn miette::Diagnostic].into_iter().chain(related) {
        let problem = diagnostic(part, file, source.as_ref());
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    if let (true, Some(problem)) = (error.is_file_not_found(), problems.last_mut()) {
        problem.help.get_or_insert_with(|| {
            "imports are looked for in the folders given, beside the files given, and in what the binary carries"
                .to_owned()
        });
    }
}

fn diagnostic(part: &dyn miette::Diagnostic, file: &str, source: Option<&Arc<Source>>) -> Diagnostic {
    // Of two, the first one shows what the second one contradicts.
    let label = part.labels().and_then(Iterator::last);
    let problem = match (source, &label) {
        (Some(source), Some(label)) => {
            let start = label.offset().min(source.text.len());
            Diagnostic::error(part.to_string()).at(source, start..start + label.len())
        }
        (Some(source), None) => Diagnostic::error(format!("{}: {part}", source.name)),
        (None, _) => Diagnostic::error(format!("{file}: {part}")),
    };
    let problem = match label.and_then(|label| label.label().map(str::to_owned)) {
        Some(text) => problem.label(text),
        None => problem,
    };
    problem.maybe_help(part.help().map(|help| help.to_string()))
}

fn source(name: &str, roots: &[PathBuf]) -> Option<Source> {
    roots.iter().map(|root| root.join(name)).find_map(|path| {
        Some(Source { text: fs::read_to_string(&path).ok()?, name: path.display().to_string() })
    })
}
