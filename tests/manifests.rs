//! What a user sees of the mistakes in a manifest: one snapshot for each file of `tests/manifests`.
use std::path::PathBuf;

use teleport_operator::cli::translate::{Args, Format, Streams, run};
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
