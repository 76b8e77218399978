//! The shape of the house: who may use whom, who stays pure, and that no kind of a target is named in `src/`.
//! Reads the sources as tokens, so that comments don't count.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// What each module may use of this crate, besides itself and `diagnostic`. A path allows all that is below it.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("schema", &[]),
    ("mapping", &["schema"]),
    ("translate", &["mapping", "schema"]),
    ("crd", &["mapping", "schema"]),
    ("access", &["mapping"]),
    ("docs", &["mapping", "schema", "translate::repr"]),
    ("target", &["mapping", "schema"]),
    ("kube", &[]),
    ("fleet", &["kube"]),
    ("sync", &["translate", "target", "kube", "mapping"]),
    ("teleport", &["target::connection"]),
    ("setup", &["translate", "target", "mapping"]),
    ("ops", &[]),
    ("sandbox", &["mapping", "schema", "translate", "target::request", "target::codec"]),
];
/// These may use all.
const TOP: [&str; 5] = ["cli", "app", "doctor", "main", "lib"];

/// Modules without input and output, which know nothing of these crates and modules.
const PURE: [&str; 7] = ["schema", "mapping", "translate", "crd", "access", "docs", "sync/decide"];
const IMPURE: [&str; 11] = [
    "tokio",
    "tonic",
    "kube",
    "k8s_openapi",
    "hyper",
    "std::fs",
    "std::io",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
];

/// A source file: its path below `src/` without the extension, its text, and its tokens.
struct Source {
    path: String,
    text: String,
    tokens: TokenStream,
}

impl Source {
    /// The top-level module.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let source = |file: PathBuf| {
        let text = fs::read_to_string(&file).expect("a readable file");
        let path = file.strip_prefix(&root).expect("below src").with_extension("");
        let tokens = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Source { path: path.to_string_lossy().into_owned(), text, tokens }
    };
    files.into_iter().map(source).collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// All paths, in full: `a::b::c`, those in braces written out.
fn paths(tokens: TokenStream) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(tokens, "", &mut found);
    let part =
        |path: &String| found.range(format!("{path}::")..).next().is_some_and(|next| below(next, path));
    found.iter().filter(|path| !part(path)).cloned().collect()
}

fn walk(tokens: TokenStream, within: &str, found: &mut BTreeSet<String>) {
    // The path so far, and whether `::` has just been read.
    let (mut path, mut colons) = (within.to_owned(), if within.is_empty() { 0 } else { 2 });
    for token in tokens {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            TokenTree::Ident(name) => {
                path = if colons == 2 { join(&path, &name) } else { name.to_string() };
                found.insert(path.clone());
                colons = 0;
            }
            TokenTree::Group(group) => {
                let prefix = if colons == 2 { path.as_str() } else { "" };
                walk(group.stream(), prefix, found);
                colons = 0;
            }
            TokenTree::Punct(punct) => {
                if punct.as_char() == ',' {
                    (path, colons) = (within.to_owned(), if within.is_empty() { 0 } else { 2 });
                } else {
                    colons = 0;
                }
            }
            TokenTree::Literal(_) => colons = 0,
        }
    }
}

fn join(path: &str, name: &Ident) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}::{name}") }
}

/// Whether a path is the one named or below it.
fn below(path: &str, named: &str) -> bool {
    path.strip_prefix(named).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn modules_use_only_what_they_may() {
    let mut wrong = Vec::new();
    for source in sources() {
        let module = source.module();
        if TOP.contains(&module) || module == "diagnostic" {
            continue;
        }
        let allowed = ALLOWED.iter().find(|(name, _)| *name == module);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("say in this test what `{module}` may use"));
        let used = paths(source.tokens.clone());
        for path in used.iter().filter_map(|path| path.strip_prefix("crate::")) {
            let mine = [module, "diagnostic"];
            if !mine.iter().chain(*allowed).any(|named| below(path, named)) {
                wrong.push(format!("{}: crate::{path}", source.path));
            }
        }
        // From a file directly below a module this is a way around `crate::`.
        if source.path.matches('/').count() < 2 && used.iter().any(|path| path.starts_with("super::super")) {
            wrong.push(format!("{}: super::super", source.path));
        }
    }
    assert!(wrong.is_empty(), "not allowed:\n{}", wrong.join("\n"));
}

#[test]
fn pure_modules_do_no_input_or_output() {
    let mut wrong = Vec::new();
    for source in sources() {
        if !PURE.iter().any(|pure| source.path == *pure || source.path.starts_with(&format!("{pure}/"))) {
            continue;
        }
        for path in paths(source.tokens) {
            if path.contains("::") && IMPURE.iter().any(|impure| below(&path, impure)) {
                wrong.push(format!("{}: {path}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "not pure:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    for source in sources() {
        assert!(source.text.starts_with("//! "), "src/{}.rs does not begin with `//! `", source.path);
    }
}

/// Words of the embedded mappings that only data may hold.
fn words() -> BTreeSet<String> {
    let target = teleport_operator::mapping::embedded().expect("the embedded mappings are sound");
    let mut words = BTreeSet::new();
    for kind in &target.kinds {
        let kubernetes = &kind.kubernetes;
        words.extend([&kubernetes.kind, &kubernetes.plural, &kubernetes.singular].map(String::clone));
        words.extend(kubernetes.short_names.iter().cloned());
        words.insert(kind.resource.message.full_name().to_owned());
        words.extend(kind.constants.iter().filter(|c| c.json != "version").map(|c| c.value.clone()));
        let sub_kinds = kind.resource.sub_kinds.iter().flat_map(|sub_kinds| &sub_kinds.of);
        words.extend(sub_kinds.map(|(.., sub_kind)| sub_kind.clone()));
        let calls = &kind.resource.calls;
        let all = [&calls.get, &calls.list, &calls.create, &calls.update, &calls.upsert, &calls.delete];
        for call in all.into_iter().flatten() {
            let service = call.method.parent_service().full_name().to_owned();
            words.insert(format!("{service}/{}", call.method.name()));
            words.insert(service);
        }
    }
    words
}

/// Words that are meant otherwise, by file; each must be needed.
const MEANT_OTHERWISE: [(&str, &str); 1] = [
    // What APIs call the token of a page.
    ("mapping/scaffold", "\"token\""),
];

#[test]
fn no_kind_of_a_target_is_named() {
    let words = words();
    assert!(words.contains("TeleportUser") && words.contains("node") && words.contains("proto.AuthService"));
    let (mut wrong, mut excused) = (Vec::new(), BTreeSet::new());
    for source in sources() {
        let mut named = Vec::new();
        names(source.tokens.clone(), &words, &mut named);
        // How a product is reached is its module's own business; its kinds are not, under their full names.
        named.retain(|name| source.module() != "teleport" || name.starts_with("Teleport"));
        for name in named {
            let excuse = (source.path.as_str(), name.as_str());
            match MEANT_OTHERWISE.iter().find(|known| **known == excuse) {
                Some(known) => drop(excused.insert(*known)),
                None => wrong.push(format!("src/{}.rs: {name}", source.path)),
            }
        }
    }
    assert!(wrong.is_empty(), "kinds are data, but these are named:\n{}", wrong.join("\n"));
    assert_eq!(excused, BTreeSet::from(MEANT_OTHERWISE), "an exception that is no longer needed");
}

/// Kinds named in identifiers and string literals. Doc comments are attributes to the compiler; they don't count. Nor do
/// the words of a language (`token`) in unit tests; names such as `TeleportUser` do.
fn names(tokens: TokenStream, words: &BTreeSet<String>, found: &mut Vec<String>) {
    let (mut after_hash, mut in_tests) = (false, false);
    for token in tokens {
        match &token {
            TokenTree::Group(group) if after_hash => in_tests |= group.stream().to_string() == "cfg (test)",
            TokenTree::Group(group) if in_tests && group.delimiter() == Delimiter::Brace => {
                let capitals = words.iter().filter(|word| is_kind(word, words)).cloned().collect();
                names(group.stream(), &capitals, found);
                in_tests = false;
            }
            TokenTree::Group(group) => names(group.stream(), words, found),
            TokenTree::Ident(name) if is_kind(&name.to_string(), words) => found.push(name.to_string()),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let inner = text.trim_start_matches(['r', 'b', 'c']).trim_matches('#').trim_matches('"');
                let is_string = text.ends_with(['"', '#']);
                if is_string && (words.contains(inner) || inner.split_whitespace().any(|w| is_kind(w, words)))
                {
                    found.push(text.clone());
                }
            }
            _ => {}
        }
        // An attribute is `#`, possibly `!`, and a group; those of Rust name no kinds.
        after_hash = match &token {
            TokenTree::Punct(punct) => punct.as_char() == '#' || (after_hash && punct.as_char() == '!'),
            _ => false,
        };
    }
}

fn is_kind(word: &str, words: &BTreeSet<String>) -> bool {
    let capital = |word: &str| word.starts_with(|first: char| first.is_ascii_uppercase());
    words.contains(word) && capital(word)
}

#[test]
fn the_rules_see_what_they_forbid() {
    let used = paths(
        "use crate::{kube::{self, status}, mapping}; fn f(x: std::io::Error) {}".parse().expect("Rust"),
    );
    for path in ["crate::kube::self", "crate::kube::status", "crate::mapping", "std::io::Error"] {
        assert!(used.contains(path), "{path} in {used:?}");
    }
    assert!(!used.contains("crate::kube::mapping"));
    let words = ["TeleportUser", "user"].map(str::to_owned).into();
    let mut named = Vec::new();
    let text = r##"/// A TeleportUser.
        fn user() { let x = TeleportUser; g("user", r#"a TeleportUser"#, "a user", b'u') }
        #[cfg(test)] mod tests { fn t() { f("user", TeleportUser) } } fn after() -> &'static str { "user" }"##;
    names(text.parse().expect("Rust"), &words, &mut named);
    let expected = ["TeleportUser", "\"user\"", "r#\"a TeleportUser\"#", "TeleportUser", "\"user\""];
    assert_eq!(named, expected);
}
