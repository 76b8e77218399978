//! What a user sees of the mistakes in a manifest: one snapshot for each file of `tests/manifests`.
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::DynamicMessage;
use serde_json::Value as Json;

use teleport_operator::cli::manifest;
use teleport_operator::cli::translate::{Args, Format, Streams, run};
use teleport_operator::diagnostic::Source;
use teleport_operator::mapping::embedded;

/// What is printed for these files: whether all was well, resources, report.
fn translate(files: &[&str], output: Format) -> (bool, String, String) {
    let args = Args { filename: files.iter().map(PathBuf::from).collect(), output };
    let mut streams = Streams { out: Vec::new(), err: Vec::new(), coloured: false };
    let is_good = run(&args, &embedded().unwrap(), &mut streams).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (is_good, text(streams.out), text(streams.err))
}

#[test]
fn mistakes_are_shown_where_they_are() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    insta::glob!("manifests/*", |path| {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
        let (is_good, out, err) = translate(&[name], Format::Yaml);
        insta::assert_snapshot!(format!("{err}good: {is_good}\n\n{out}"));
    });
}

const GOOD: &str = "\
apiVersion: resources.teleport.dev/v3
kind: TeleportGithubConnector
metadata:
  name: github
  namespace: teleport
  labels: {b: '2', a: '1', d: '4', c: '3'}
  annotations: {description: sign in}
spec:
  client_id: abc
  client_secret: secret://github/client_secret
  teams_to_roles:
  - {organization: octo, team: admins, roles: [access]}
---
apiVersion: v1
kind: Secret
metadata: {name: github}
---
{\"apiVersion\": \"resources.teleport.dev/v1\", \"kind\": \"TeleportLoginRule\", \"metadata\": {\"name\": \"rule\"},
 \"spec\": {\"priority\": 1, \"traits_map\": {\"logins\": [\"external.logins\"], \"none\": []}}}
";

/// The good manifests in a file of a folder in a folder, and what becomes of them.
fn good(output: Format) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("b")).unwrap();
    fs::write(folder.path().join("b/good.yml"), GOOD).unwrap();
    fs::write(folder.path().join("a.txt"), "no: manifest").unwrap();
    let (is_good, out, err) = translate(&[folder.path().to_str().unwrap()], output);
    assert!(is_good, "{err}");
    assert!(err.contains("b/good.yml:14: skipped Secret of v1"), "{err}");
    assert_eq!(err.lines().filter(|line| !line.is_empty()).count(), 1, "{err}");
    out
}

#[test]
fn resources_are_written_in_each_form() {
    insta::assert_snapshot!("yaml", good(Format::Yaml));
    insta::assert_snapshot!("json", good(Format::Json));
    insta::assert_snapshot!("textproto", good(Format::Textproto));
    insta::assert_snapshot!("grpc", good(Format::Grpc));
    assert_eq!(good(Format::Grpc), good(Format::Grpc), "entries of maps stand in the same order every time");
}

#[test]
fn a_request_holds_the_resource() {
    let target = embedded().unwrap();
    for line in good(Format::Grpc).lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let text = |member: &str| line[member].as_str().unwrap().to_owned();
        let kind = target.kind_of(&text("apiVersion"), &text("kind")).unwrap();
        let bytes = |member| STANDARD.decode(text(member)).unwrap();
        let resource =
            DynamicMessage::decode(kind.resource.message.clone(), bytes("resource").as_slice()).unwrap();
        let call = &kind.resource.calls.creating()[0];
        let request = DynamicMessage::decode(call.method.input(), bytes("request").as_slice()).unwrap();
        let held = request.fields().find_map(|(_, value)| value.as_message().cloned()).unwrap();
        assert!(held == resource, "{line}");
        assert_eq!(text("requestType"), call.method.input().full_name());
        assert_eq!(text("resourceType"), kind.resource.message.full_name());
        assert_eq!(kind.resource.metadata.name.text(&resource), text("name"));
    }
}

#[test]
fn nothing_to_translate_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    for (file, said) in [("", "there is no custom resource"), ("missing.yaml", "missing.yaml can't be read")]
    {
        let path = folder.path().join(file);
        let (is_good, out, err) = translate(&[path.to_str().unwrap()], Format::Yaml);
        assert!(!is_good && out.is_empty() && err.contains(said), "{err}");
    }
}

/// What a secret member holds is not shown, neither in a message nor in the text beside it.
#[test]
fn a_secret_is_not_shown_among_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    let manifest = "\
apiVersion: resources.teleport.dev/v3
kind: TeleportGithubConnector
metadata: {name: github}
spec: {client: abc, client_secret: pa55phrase}
";
    fs::write(&file, manifest).unwrap();
    let (is_good, out, err) = translate(&[file.to_str().unwrap()], Format::Yaml);
    assert!(!is_good && out.is_empty() && err.contains("did you mean `client_id`?"), "{err}");
    assert!(err.contains("spec: {client: abc, client_secret: **********}"), "{err}");
}

#[test]
fn what_is_nested_too_deeply_is_refused() {
    let source = |text: String| Arc::new(Source { name: "a.yaml".to_owned(), text });
    let nested = |depth: usize| source(format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    assert_eq!(manifest::parse(&nested(50)).problems, []);
    assert_eq!(manifest::parse(&nested(100_000)).problems.len(), 1);
    let lines = (0..2000).map(|depth| format!("{}a:\n", " ".repeat(depth)));
    let parsed = manifest::parse(&source(lines.collect::<String>() + "---\nb: 1\n"));
    assert_eq!(parsed.problems.len(), 1);
    assert_eq!(parsed.documents.len(), 1, "the next document is read");
}
