//! `docs`: writes the pages of all kinds, the schemas of mapping files and the reference of a chart's values, or says which
//! of them are not current.
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::DynamicMessage;
use serde::Deserialize;
use serde_json::Value;

use super::manifest;
use crate::diagnostic::Source;
use crate::docs::{Observed, Younger, file_name, index, page, values};
use crate::mapping::json_schema::json_schemas;
use crate::mapping::plan::{Kind, Target};
use crate::translate::print;

/// The folder of the kinds' pages, beside their list.
const PAGES: &str = "kinds";

/// Where the reference of a chart's values begins and ends in its README.
const VALUES: [&str; 2] =
    ["<!-- values: made by `make generate` out of values.yaml -->\n", "<!-- values: end -->"];

/// Write reference pages of all kinds, JSON Schemas of mapping files, and the reference of a chart's values
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true, id = "output", args = ["dir", "schemas", "chart"])]
pub struct Args {
    /// Write the list of kinds (kinds.md) and a page for each (kinds/KIND.md) into this folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Take the pages' examples from the manifests in this folder
    #[arg(long, value_name = "DIR", requires = "dir")]
    pub examples: Option<PathBuf>,
    /// Note on the pages what an older version of the interface does not have, from this list
    #[arg(long, value_name = "FILE", requires = "dir")]
    pub younger: Option<PathBuf>,
    /// Note on the pages what fields are when they are left out, as the conformance vectors in this folder show it
    #[arg(long, value_name = "DIR", requires = "dir")]
    pub observed: Option<PathBuf>,
    /// Write JSON Schemas of mapping files, for editors, into this folder
    #[arg(long, value_name = "DIR")]
    pub schemas: Option<PathBuf>,
    /// Write the reference of this chart's values into its README.md, out of the comments in its values.yaml
    #[arg(long, value_name = "DIR")]
    pub chart: Option<PathBuf>,
    /// Write nothing; list the files that are not as they should be
    #[arg(long)]
    pub check: bool,
}

/// Writes the files, or checks them. True: all is as it should be now.
///
/// # Errors
/// When a file can't be read or written.
pub fn run(args: &Args, target: &Target, mappings: &[Source], out: &mut impl Write) -> io::Result<bool> {
    let mut files = BTreeMap::new();
    if let Some(dir) = &args.dir {
        let younger = args.younger.as_deref().map(younger).transpose()?.unwrap_or_default();
        let observed =
            args.observed.as_deref().map(|dir| observed(dir, target)).transpose()?.unwrap_or_default();
        files.extend(pages(dir, args.examples.as_deref(), (&younger, &observed), target, mappings)?);
    }
    if let Some(dir) = &args.schemas {
        for (name, schema) in json_schemas() {
            files.insert(dir.join(name), format!("{schema:#}\n"));
        }
    }
    if let Some(dir) = &args.chart {
        files.insert(dir.join("README.md"), readme(dir)?);
    }
    if !args.check {
        write(&files)?;
    }
    let mut wrong = stale(&files)?;
    if let Some(dir) = &args.dir {
        wrong.extend(left_over(&dir.join(PAGES), &files)?);
    }
    wrong.iter().try_for_each(|wrong| writeln!(out, "{wrong}"))?;
    Ok(wrong.is_empty())
}

fn younger(path: &Path) -> io::Result<Younger> {
    let text = fs::read_to_string(path)?;
    Younger::parse(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// One conformance vector, as far as it shows defaults.
#[derive(Deserialize)]
struct Vector {
    cr: Value,
    /// The resource with all defaults, in base64; none where the types refuse it, or have no defaults.
    after_defaults_b64: Option<String>,
}

/// What all vectors of a folder show. Files that hold none, such as those of bad resources, show nothing.
fn observed(dir: &Path, target: &Target) -> io::Result<Observed> {
    let mut observed = Observed::default();
    let mut paths = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|found| found == "json"));
    paths.sort();
    for path in paths {
        let wrong =
            |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()));
        let vectors: Vec<Vector> =
            serde_json::from_str(&fs::read_to_string(&path)?).map_err(|error| wrong(error.to_string()))?;
        for Vector { cr, after_defaults_b64 } in vectors {
            let text = |member: &str| cr[member].as_str().unwrap_or_default();
            let kind = target.kind_of(text("apiVersion"), text("kind"));
            let (Some(kind), Some(made)) = (kind, after_defaults_b64) else { continue };
            let bytes = STANDARD.decode(made).map_err(|error| wrong(error.to_string()))?;
            let made = DynamicMessage::decode(kind.resource.message.clone(), bytes.as_slice());
            let made = made.map_err(|error| wrong(error.to_string()))?;
            observed.add(kind, &cr, &made, &print::resource(kind, &made));
        }
    }
    Ok(observed)
}

fn pages(
    dir: &Path,
    examples: Option<&Path>,
    (younger, observed): (&Younger, &Observed),
    target: &Target,
    mappings: &[Source],
) -> io::Result<BTreeMap<PathBuf, String>> {
    let examples = examples.map(manifests).transpose()?.unwrap_or_default();
    let mut files = BTreeMap::from([(dir.join("kinds.md"), index(target, PAGES, mappings))]);
    for kind in &target.kinds {
        let mapping = mappings.iter().rev().find(|source| source.stem() == kind.resource.name);
        let example = examples.iter().find(|example| is_of(kind, target, example));
        let example = example.map(|example| example.source.text.as_str());
        let text = page(target, kind, mapping, example, younger, observed);
        files.insert(dir.join(PAGES).join(file_name(kind)), text);
    }
    Ok(files)
}

/// A chart's README with the reference of its values as it should be.
fn readme(dir: &Path) -> io::Result<String> {
    let wrong =
        |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", dir.display()));
    let reference =
        values(&fs::read_to_string(dir.join("values.yaml"))?).map_err(|all| wrong(all.join("\n")))?;
    let readme = fs::read_to_string(dir.join("README.md"))?;
    let [begin, end] = VALUES;
    let parts = readme.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) = parts.ok_or_else(|| wrong(format!("README.md lacks {begin}or {end}")))?;
    Ok(format!("{before}{begin}\n{reference}{end}{after}"))
}

/// A file of manifests.
struct Example {
    source: Arc<Source>,
    objects: Vec<Value>,
}

fn manifests(dir: &Path) -> io::Result<Vec<Example>> {
    let mut paths = fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    let examples = paths.into_iter().filter(|path| path.extension().is_some_and(|found| found == "yaml"));
    let example = |path: PathBuf| {
        let source = Arc::new(Source { name: path.display().to_string(), text: fs::read_to_string(&path)? });
        let objects = manifest::parse(&source).documents.into_iter().map(|document| document.json).collect();
        Ok(Example { source, objects })
    };
    examples.map(example).collect()
}

fn is_of(kind: &Kind, target: &Target, example: &Example) -> bool {
    let text = |object: &Value, member: &str| object[member].as_str().unwrap_or_default().to_owned();
    example.objects.iter().any(|object| {
        let found = target.kind_of(&text(object, "apiVersion"), &text(object, "kind"));
        found.is_some_and(|found| found.kubernetes.kind == kind.kubernetes.kind)
    })
}

fn write(files: &BTreeMap<PathBuf, String>) -> io::Result<()> {
    for (path, text) in files {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, text)?;
    }
    Ok(())
}

fn stale(files: &BTreeMap<PathBuf, String>) -> io::Result<Vec<String>> {
    let mut stale = Vec::new();
    for (path, text) in files {
        match fs::read_to_string(path) {
            Ok(found) if found == *text => {}
            Ok(_) => stale.push(format!("{} is not current", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                stale.push(format!("{} is missing", path.display()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(stale)
}

/// Pages of kinds that there are no longer: nobody's to keep, but not ours to remove.
fn left_over(dir: &Path, files: &BTreeMap<PathBuf, String>) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| !files.contains_key(path));
    paths.sort();
    Ok(paths.iter().map(|path| format!("{} is of no kind: remove it", path.display())).collect())
}
