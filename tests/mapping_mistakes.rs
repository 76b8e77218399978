//! What somebody who writes a mapping sees of a mistake: one snapshot for each file of `mapping_mistakes`, and for each
//! change that breaks the files that all mappings build on.
use std::fs;
use std::path::{Path, PathBuf};

use teleport_operator::cli::report::render;
use teleport_operator::diagnostic::{Diagnostic, Source};
use teleport_operator::mapping::load;
use teleport_operator::mapping::plan::Target;
use teleport_operator::schema::Schema;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mapping_mistakes")
}

fn schema() -> Schema {
    let mut compiler = protox::Compiler::new([folder().join("shop")]).expect("a folder");
    compiler.include_imports(true).open_file("shop.proto").expect("an interface");
    Schema::from_descriptor_set(&compiler.encode_file_descriptor_set()).expect("descriptors")
}

fn source(path: &Path) -> Source {
    let name = path.strip_prefix(folder()).expect("below the folder").to_str().expect("UTF-8").to_owned();
    Source { name, text: fs::read_to_string(path).expect("readable") }
}

/// A good target with one kind, in files.
fn shop() -> Vec<Source> {
    ["target.toml", "types.toml", "shelf.toml"].map(|name| source(&folder().join("shop").join(name))).into()
}

fn lint(layers: &[Vec<Source>]) -> Result<(Target, Vec<Diagnostic>), Vec<Diagnostic>> {
    load(layers, &schema())
}

/// What is printed of so many mistakes.
fn report(layers: &[Vec<Source>], count: usize) -> String {
    let problems = match lint(layers) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    };
    let report: String = problems.iter().map(|problem| render(problem, false) + "\n\n").collect();
    assert_eq!(problems.len(), count, "{report}");
    report
}

#[test]
fn without_mistakes_there_is_nothing_to_say() {
    let item = source(&folder().join("shop/item.toml"));
    let (target, warnings) = lint(&[shop(), vec![item]]).expect("the files are good");
    assert_eq!(warnings, []);
    assert_eq!(target.kinds.len(), 2);
}

#[test]
fn mistakes_in_a_mapping_are_shown_where_they_are() {
    insta::glob!("mapping_mistakes/*.toml", |path| {
        let count = if path.ends_with("55-several.toml") { 4 } else { 1 };
        insta::assert_snapshot!(report(&[shop(), vec![source(path)]], count));
    });
}

/// What is wrong with each alone shows where they come together.
#[test]
fn a_deletion_of_one_of_several_kinds_must_say_which() {
    let mut files = shop();
    let target = files.iter_mut().find(|source| source.name.ends_with("target.toml")).expect("the file");
    target.text = target.text.replace("kind = \"lost.sort\", ", "");
    let item = source(&folder().join("shop/item.toml"));
    insta::assert_snapshot!(report(&[files, vec![item]], 1));
}

/// Name of the case, what stands in the file, and what is put in its place.
type Slip = (&'static str, &'static str, &'static str);

const TARGET: [Slip; 31] = [
    (
        "a label of nothing",
        "value = \"kubernetes\"\n",
        "value = \"kubernetes\"\nscoped = { owner = \"{owner-emial} in {name}\" }\n",
    ),
    (
        "an identity in no label",
        "value = \"kubernetes\"\n",
        "value = \"kubernetes\"\nscoped = { owner = \"{name}\" }\nidentity = { label = \"owner\", secret = \"s\", keys = [\"k\"] }\n",
    ),
    (
        "a label of an identity that is kept nowhere",
        "value = \"kubernetes\"\n",
        "value = \"kubernetes\"\nscoped = { owner = \"{operator-id}\" }\n",
    ),
    ("unknown key", "category    =", "kategory    ="),
    ("a missing table", "[ownership]\nlabel = \"managed-by\"\nvalue = \"kubernetes\"\n", ""),
    ("a missing condition", "new   = { reason = \"New\", message = \"It is new.\" }\n", ""),
    ("an unknown way in", "\"grpc\"", "\"grcp\""),
    ("half an identity", "kind    = \"grpc\"", "kind    = \"grpc\"\nkey-file = \"key.pem\""),
    ("an unknown code", "NOT_FOUND = \"absent\"", "NOTFOUND = \"absent\""),
    ("an unknown class", "NOT_FOUND = \"absent\"", "NOT_FOUND = \"absnt\""),
    ("an unknown operation", "[errors.get]", "[errors.read]"),
    ("an unknown call", "Items/Ping", "Items/Pong"),
    ("a feature that is no boolean", "\"$.open\"", "\"$.shop\""),
    ("a feature at no place", "\"$.open\"", "\"$.opne\""),
    ("a feature that is a whole map", "\"$.sells.toys\"", "\"$.sells\""),
    ("metadata at no field", "labels   = \"labels\"", "labels   = \"tags\""),
    ("a limit that is none", "page-size       = 10", "page-size       = 0"),
    ("rules with a wildcard", "\"$.doors.opens\"", "\"$.doors[*].opens\""),
    ("an absent kind that is there", "till = ", "shelf = "),
    ("a role without rules", "rules    = \"$.doors.opens\"\n", ""),
    ("a setup that asks for nothing known", "\"{service-account}\"", "\"{serviceaccount}\""),
    (
        "a setup that is no list",
        "[{ kind = \"key\", holder = \"{service-account}\", shows = \"{way}\" }]",
        "{}",
    ),
    ("a stream that is a call", "Items/Follow", "Items/GetItem"),
    ("an unknown stream", "Items/Follow", "Items/Folow"),
    ("a constant of another type for a stream", "quietly = true", "quietly = 1"),
    ("kinds that are no list", "kinds   = \"sorts\"", "kinds   = \"quietly\""),
    ("a type that is none", "field = \"what\"", "field = \"item\""),
    ("an unknown type of event", "WHAT_PUT", "WHAT_PUTT"),
    ("a deletion without a name", ", name = \"lost.name\"", ""),
    ("a deletion at no field", "lost.name", "lost.nam"),
    ("a broken string", "finalizer   = \"shop", "finalizer   = shop"),
];

const TYPES: [Slip; 8] = [
    ("an unknown representation", "\"duration-words\"", "\"duration-word\""),
    ("a representation of another type", "\"duration-words\"", "\"bool-word\""),
    ("an unknown way to group", "[enum.", "[enums."),
    ("an unknown enum", "shop.v1.Colour", "shop.v1.Colours"),
    ("an unknown fold", "\"case\"", "\"caps\""),
    ("a word without a number", "{ red = 1 }", "{ red = \"1\" }"),
    ("a missing representation", "repr  = \"enum-words\"\n", ""),
    ("enum words for a message", "repr = \"duration-words\"", "repr = \"enum-words\""),
];

#[test]
fn mistakes_in_what_all_mappings_build_on_are_shown_where_they_are() {
    for (file, slips) in [("target.toml", &TARGET[..]), ("types.toml", &TYPES[..])] {
        for (name, good, bad) in slips {
            let mut files = shop();
            let source = files.iter_mut().find(|source| source.name.ends_with(file)).expect("the file");
            assert_eq!(source.text.matches(good).count(), 1, "{name}");
            source.text = source.text.replace(good, bad);
            let snapshot = format!("{}-{}", source.stem(), name.replace(' ', "-"));
            insta::assert_snapshot!(snapshot, report(&[files], 1));
        }
    }
}
