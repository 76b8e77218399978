//! `translate`: shows what custom resources become: the resource as the target's own tool would print it, its message,
//! or the exact request. Needs no cluster and no network.
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use prost_reflect::prost::Message as _;
use prost_reflect::text_format::FormatOptions;
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use serde::Serialize;
use serde_json::Value as Json;

use super::manifest::{self, Document};
use super::report;
use crate::diagnostic::{Diagnostic, Source, did_you_mean, refused};
use crate::mapping::plan::{Kind, Target};
use crate::target::request::{self, Inputs};
use crate::translate::ordered::Ordered;
use crate::translate::{self, Desired, print};

/// Show what custom resources become, without a cluster
#[derive(Debug, clap::Args)]
pub struct Args {
    /// File, folder or `-` (standard input) with YAML or JSON; may be given more than once
    #[arg(short, long = "filename", value_name = "FILE|DIR|-", required = true)]
    pub filename: Vec<PathBuf>,
    /// How to write the resources
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// How resources are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// YAML documents, as the target's own tool prints and takes them
    #[default]
    Yaml,
    /// The same as a stream of JSON objects
    Json,
    /// The protobuf text form of the resource
    Textproto,
    /// A JSON object a line: the method that creates the resource, the bytes of its request and of the resource
    Grpc,
}

/// Where the report goes, and how.
#[derive(Debug)]
pub struct Streams<Out, Err> {
    /// Resources.
    pub out: Out,
    /// Notes and mistakes.
    pub err: Err,
    /// Whether mistakes are shown in colours.
    pub coloured: bool,
}

/// Translates everything that is given. True: nothing was wrong with any of it, or nothing worse than a warning.
///
/// # Errors
/// When the output can't be written, or the embedded interface is broken.
pub fn run<Out: Write, Err: Write>(
    args: &Args,
    target: &Target,
    streams: &mut Streams<Out, Err>,
) -> anyhow::Result<bool> {
    let (sources, mut problems) = sources(&args.filename);
    let mut found = Vec::new();
    for source in &sources {
        let parsed = manifest::parse(source);
        problems.extend(parsed.problems);
        found.extend(parsed.documents.into_iter().flat_map(Document::expand));
    }
    if found.is_empty() && problems.is_empty() {
        problems.push(Diagnostic::error("there is no custom resource in what was given"));
    }
    report::write(&problems, streams.coloured, &mut streams.err)?;
    let mut writer = Writer { format: args.output, ordered: None, count: 0 };
    let mut is_good = !refused(&problems);
    for document in found {
        let kind = match find(target, &document.json) {
            Found::Kind(kind) => kind,
            Found::Foreign(what) => {
                writeln!(streams.err, "note: {}: skipped {what}\n", document.position())?;
                continue;
            }
            Found::Bad(problem) => {
                is_good = false;
                report::write(&[document.locate(problem)], streams.coloured, &mut streams.err)?;
                continue;
            }
        };
        let Desired { message, diagnostics, literals, .. } =
            translate::desired(kind, &target.words, &target.ownership, &document.json);
        let document = document.hiding(&literals);
        let is_refused = refused(&diagnostics);
        let mut located: Vec<_> = diagnostics.into_iter().map(|problem| document.locate(problem)).collect();
        located.sort_by_key(|problem| problem.at.as_ref().map(|(_, span)| span.start));
        report::write(&located, streams.coloured, &mut streams.err)?;
        is_good &= !is_refused;
        if document.is_sound && !is_refused {
            writer.write(kind, &document.json, &message, &mut streams.out)?;
        }
    }
    Ok(is_good)
}

/// What a document is.
enum Found<'a> {
    Kind(&'a Arc<Kind>),
    /// An object of another API group.
    Foreign(String),
    Bad(Diagnostic),
}

fn find<'a>(target: &'a Target, json: &Json) -> Found<'a> {
    if !json.is_object() {
        return Found::Bad(Diagnostic::error("this is no object with apiVersion, kind and spec"));
    }
    let text = |member: &str| json[member].as_str().unwrap_or_default();
    let (api_version, name) = (text("apiVersion"), text("kind"));
    for (member, found) in [("apiVersion", api_version), ("kind", name)] {
        if found.is_empty() {
            return Found::Bad(Diagnostic::error("this is missing, or no text").path(member));
        }
    }
    // Without a version it would be the group of Kubernetes' own kinds, which nobody means who writes this one.
    let (group, of) = (&target.words.group, api_version.split_once('/').map_or("", |(of, _)| of));
    if of != group && api_version != group {
        return Found::Foreign(format!("{name} of {api_version}: its group is not {group}"));
    }
    if let Some(kind) = target.kind_of(api_version, name) {
        return Found::Kind(kind);
    }
    let names = target.kinds.iter().map(|kind| kind.kubernetes.kind.as_str());
    let same = target.kinds.iter().find(|kind| kind.kubernetes.kind == name);
    Found::Bad(match same {
        Some(kind) => {
            let versions = kind.kubernetes.versions.iter().map(|version| format!("`{group}/{version}`"));
            let versions = versions.collect::<Vec<_>>().join(" or ");
            Diagnostic::error(format!("{name} has no version {api_version:?}"))
                .path("apiVersion")
                .label("unknown version")
                .help(format!("write {versions}"))
        }
        None => Diagnostic::error(format!("there is no kind {name:?} in {group}"))
            .path("kind")
            .label("unknown kind")
            .maybe_help(did_you_mean(name, names)),
    })
}

/// Reads the texts, folders with all below them in the order of their names.
fn sources(given: &[PathBuf]) -> (Vec<Arc<Source>>, Vec<Diagnostic>) {
    let (mut sources, mut problems) = (Vec::new(), Vec::new());
    for path in given {
        let read = if path.as_os_str() == "-" { standard_input() } else { read(path) };
        match read {
            Ok(texts) => sources.extend(texts),
            Err(error) => {
                problems.push(Diagnostic::error(format!("{} can't be read: {error}", path.display())))
            }
        }
    }
    (sources, problems)
}

fn standard_input() -> io::Result<Vec<Arc<Source>>> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(vec![Arc::new(Source { name: "<stdin>".to_owned(), text })])
}

fn read(path: &Path) -> io::Result<Vec<Arc<Source>>> {
    if !path.is_dir() {
        let text = std::fs::read_to_string(path)?;
        return Ok(vec![Arc::new(Source { name: path.display().to_string(), text })]);
    }
    let mut entries = std::fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    let is_manifest = |path: &PathBuf| {
        path.is_dir()
            || path.extension().is_some_and(|found| ["yaml", "yml", "json"].iter().any(|e| found == *e))
    };
    let texts = entries.into_iter().filter(is_manifest).map(|path| read(&path));
    Ok(texts.collect::<io::Result<Vec<_>>>()?.concat())
}

/// Writes resources, one after the other.
struct Writer {
    format: Format,
    /// Made when it is needed.
    ordered: Option<Ordered>,
    count: usize,
}

/// One line of `-o grpc`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    api_version: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    method: String,
    request_type: &'a str,
    request: String,
    resource_type: &'a str,
    resource: String,
}

impl Writer {
    fn write(
        &mut self,
        kind: &Kind,
        json: &Json,
        message: &DynamicMessage,
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        match self.format {
            Format::Yaml => {
                let text = serde_saphyr::to_string(&print::resource(kind, message))?;
                let separator = if self.count > 0 { "---\n" } else { "" };
                writeln!(out, "{separator}{}", text.trim_end())?;
            }
            Format::Json => writeln!(out, "{:#}", print::resource(kind, message))?,
            Format::Textproto => {
                let options = FormatOptions::new().pretty(true);
                let text = with_letters(&self.sorted(message)?.to_text_format_with_options(&options));
                let separator = if self.count > 0 { "\n" } else { "" };
                let name = message.descriptor();
                writeln!(out, "{separator}# proto-message: {}\n{}", name.full_name(), text.trim_end())?;
            }
            Format::Grpc => self.line(kind, json, message, out)?,
        }
        self.count += 1;
        Ok(())
    }

    fn line(
        &mut self,
        kind: &Kind,
        json: &Json,
        message: &DynamicMessage,
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        let text = |json: &'_ Json| json.as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text(&json["metadata"]["namespace"]), text(&json["metadata"]["name"]));
        let Some(call) = kind.resource.calls.creating().first() else {
            anyhow::bail!("nothing creates a {}", kind.kubernetes.kind);
        };
        let inputs = Inputs { resource: Some(message), name: &name, ..Inputs::default() };
        let (request_type, request) = (call.method.input(), self.sorted(&request::fill(call, &inputs))?);
        let line = Line {
            api_version: json["apiVersion"].as_str().unwrap_or_default(),
            kind: &kind.kubernetes.kind,
            namespace: &namespace,
            name: &name,
            method: format!("/{}/{}", call.method.parent_service().full_name(), call.method.name()),
            request_type: request_type.full_name(),
            request: STANDARD.encode(request.encode_to_vec()),
            resource_type: kind.resource.message.full_name(),
            resource: STANDARD.encode(self.sorted(message)?.encode_to_vec()),
        };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
        Ok(())
    }

    fn sorted(&mut self, message: &DynamicMessage) -> anyhow::Result<DynamicMessage> {
        let ordered = match self.ordered.take() {
            Some(ordered) => ordered,
            None => Ordered::new(message.descriptor().parent_pool())?,
        };
        let sorted = self.ordered.insert(ordered).sort(message);
        sorted.ok_or_else(|| anyhow::anyhow!("{} is of another interface", message.descriptor().full_name()))
    }
}

/// The text form with its octal escapes as the letters that they are, where they are any: both mean the same.
fn with_letters(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.find('\\').map(|at| rest.split_at(at)) {
        shown.push_str(before);
        let (bytes, after) = octal(escape);
        rest = if bytes.is_empty() { after_two(escape) } else { after };
        match std::str::from_utf8(&bytes) {
            Ok(letters) if !bytes.is_empty() => shown.push_str(letters),
            _ => shown.push_str(&escape[..escape.len() - rest.len()]),
        }
    }
    shown + rest
}

/// What comes after the first two characters.
fn after_two(text: &str) -> &str {
    text.char_indices().nth(2).map_or("", |(at, _)| &text[at..])
}

/// The bytes beyond ASCII that a text begins with in octal, and what comes after them.
fn octal(text: &str) -> (Vec<u8>, &str) {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some(digits) = rest.strip_prefix('\\').and_then(|rest| rest.get(..3)) {
        let Ok(byte @ 128..) = u8::from_str_radix(digits, 8) else { break };
        bytes.push(byte);
        rest = &rest[4..];
    }
    (bytes, rest)
}

#[cfg(test)]
mod tests {
    use super::with_letters;

    #[test]
    fn escapes_of_letters_become_letters() {
        let table = [
            (r#"a: "Zo\303\253""#, r#"a: "Zoë""#),
            (r#"a: "\\303\253 \\ \" \n""#, r#"a: "\\303\253 \\ \" \n""#),
            (r#"a: "\377\001""#, r#"a: "\377\001""#),
        ];
        for (text, shown) in table {
            assert_eq!(with_letters(text), shown);
        }
    }
}
