//! The documentation says what is so: commands print what it shows, links lead somewhere, and what is made from the
//! program's own tables is current. `UPDATE_DOCS=1` writes the made parts, `TRYCMD=overwrite` the output of commands.
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind};
use serde_json::Value;
use teleport_operator::app::Told;
use teleport_operator::diagnostic::refused;
use teleport_operator::mapping::errors::Class;
use teleport_operator::mapping::grammar::{self, Key, Takes};
use teleport_operator::mapping::plan::{Member, Shape, Target};
use teleport_operator::mapping::policy::{Adopt, Drift, Management};
use teleport_operator::mapping::repr::{self, Form, Repr, Unknown};
use teleport_operator::mapping::{embedded, embedded_schema};
use teleport_operator::sync::decide::About;
use teleport_operator::translate::Place;
use teleport_operator::translate::repr::{print, read};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All pages, as paths below the root.
fn pages() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let docs = folder.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut pages: Vec<_> = docs.map(|path| path.strip_prefix(root()).unwrap().to_owned()).collect();
    pages.extend(["README.md", "CHANGELOG.md"].map(PathBuf::from));
    pages.sort();
    pages
}

#[test]
fn commands_print_what_is_shown() {
    trycmd::TestCases::new()
        .register_bin("teleport-operator", Path::new(env!("CARGO_BIN_EXE_teleport-operator")))
        .case("README.md")
        .case("docs/*.md")
        // Its commands build on each other and on its own files: tests/add_a_kind.rs runs them.
        .skip("docs/add-a-kind.md");
}

#[test]
fn files_are_shown_as_they_are() {
    for (page, file) in [
        ("README.md", "mappings/teleport/bot.toml"),
        ("README.md", "docs/examples/mistakes.yaml"),
        ("docs/policies.md", "docs/examples/policies.yaml"),
        ("docs/mapping.md", "docs/examples/mistakes.toml"),
        ("docs/mapping.md", "mappings/teleport/token.toml"),
    ] {
        let content = text(file);
        assert!(text(page).contains(content.trim_end()), "{page} shows {file} otherwise:\n{content}");
    }
}

#[test]
fn every_policy_and_remark_is_explained() {
    let page = text("docs/policies.md");
    let words = Management::NAMES.map(|(word, _)| word).into_iter();
    let words = words.chain(Drift::NAMES.map(|(word, _)| word)).chain(Adopt::NAMES.map(|(word, _)| word));
    for word in words.chain(About::NAMES.map(|(word, _)| word)) {
        assert!(page.contains(&format!("| `{word}`")), "docs/policies.md says nothing of `{word}`");
    }
    let words = embedded().unwrap().words;
    for name in [words.management, words.paused, words.sync_requested, words.keep, words.ignore] {
        assert!(page.contains(&name), "docs/policies.md says nothing of {name}");
    }
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let content = text(&page);
        for (_, rest) in content.match_indices("](").map(|(at, found)| content.split_at(at + found.len())) {
            let link = rest.split(')').next().unwrap_or_default();
            if !link.contains("://") && !leads_somewhere(&page, link) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let file = if file.is_empty() { page.to_owned() } else { page.with_file_name("").join(file) };
    let exists = root().join(&file).exists();
    exists && (anchor.is_empty() || headings(&text(&file)).any(|heading| heading == anchor))
}

/// Anchors of a page's headings, as they are made where Markdown is shown.
fn headings(page: &str) -> impl Iterator<Item = String> {
    let titles = page.lines().filter(|line| line.starts_with('#'));
    titles.map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    })
}

/// Compares the part of a page between its marks with what it should be; with `UPDATE_DOCS` it is written.
fn made(page: &str, part: &str, expected: &str) {
    let content = text(page);
    let (begin, end) = (format!("<!-- {part}: made by tests/docs.rs -->\n"), format!("<!-- {part}: end -->"));
    let (before, rest) = content.split_once(&begin).unwrap_or_else(|| panic!("{page} has no {begin}"));
    let (found, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{page} has no {end}"));
    let expected = format!("\n{}\n\n", expected.trim());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join(page), format!("{before}{begin}{expected}{end}{after}")).unwrap();
    } else {
        assert_eq!(
            found, expected,
            "{page}: `UPDATE_DOCS=1 cargo test --test docs` brings {part} up to date"
        );
    }
}

#[test]
fn kinds_are_those_that_there_are() {
    let target = embedded().unwrap();
    let names: Vec<_> = target.kinds.iter().map(|kind| format!("`{}`", kind.kubernetes.kind)).collect();
    made("README.md", "kinds", &names.join(" · "));
}

#[test]
fn every_key_of_the_grammar_is_explained() {
    let files = [
        ("A mapping", grammar::MAPPING),
        ("`target.toml`", grammar::TARGET),
        ("`types.toml`", grammar::TYPES),
    ];
    let mut page = String::new();
    for (title, keys) in files {
        writeln!(page, "### {title}\n").unwrap();
        for (places, keys) in tables(keys) {
            if !places.is_empty() {
                writeln!(page, "{}\n", places.join(", ")).unwrap();
            }
            writeln!(page, "| Key | Takes | Meaning |\n|---|---|---|").unwrap();
            for Key { name, takes, required, doc } in keys {
                let required = if *required { ", required" } else { "" };
                writeln!(page, "| `{name}` | {}{required} | {doc} |", words(takes)).unwrap();
            }
            page.push('\n');
        }
    }
    made("docs/mapping.md", "keys", &page);
}

type Tables = Vec<(Vec<String>, &'static [Key])>;

/// The tables of a file in order, each once, with all places where it stands.
fn tables(file: &'static [Key]) -> Tables {
    let mut found: Tables = vec![(Vec::new(), file)];
    let mut next = 0;
    while let Some((places, keys)) = found.get(next).cloned() {
        let way = places
            .first()
            .map(|place| place.trim_matches(['`', '[', ']']).to_owned() + ".")
            .unwrap_or_default();
        for key in keys {
            let (place, keys) = match key.takes {
                Takes::Table(keys) => (format!("`[{way}{}]`", key.name), keys),
                Takes::Tables(keys) | Takes::Calls(keys) => (format!("`[[{way}{}]]`", key.name), keys),
                Takes::Map(Takes::Table(keys)) => (format!("`[{way}{}.NAME]`", key.name), *keys),
                _ => continue,
            };
            match found.iter_mut().find(|(_, known)| std::ptr::eq(*known, keys)) {
                Some((places, _)) => places.push(place),
                None => found.push((vec![place], keys)),
            }
        }
        next += 1;
    }
    found
}

fn words(takes: &Takes) -> String {
    let text = match takes {
        // The representations have a section of their own.
        Takes::Word(words) if words.contains(&"inline") => "a representation",
        Takes::Word(words) => return format!("`{}`", words.join("` or `")),
        Takes::Text => "string",
        Takes::Texts => "list of strings",
        Takes::Whole => "integer",
        Takes::Flag => "boolean",
        Takes::Constant => "string, boolean or integer",
        Takes::Calls(_) => "list of calls",
        Takes::Table(_) => "table",
        Takes::Tables(_) => "list of tables",
        Takes::Map(Takes::Table(_)) => "tables by name",
        Takes::Map(Takes::Texts) => "lists of strings by name",
        Takes::Map(Takes::Whole) => "integers by name",
        Takes::Map(Takes::Constant) => "strings, booleans or integers by name",
        Takes::Map(Takes::Any) => "anything by name",
        Takes::Map(_) => "strings by name",
        Takes::Any => "anything",
    };
    text.to_owned()
}

/// Rows of Markdown tables with three columns, whose first one begins with this name.
fn rows<'a>(page: &'a str, name: &str) -> Vec<[&'a str; 3]> {
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<_> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        <[&str; 3]>::try_from(cells).ok()
    });
    rows.filter(|[first, ..]| code(first).first() == Some(&name)).collect()
}

/// What stands in backticks.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_representation_is_explained_and_reads_and_prints_as_shown() {
    let page = text("docs/mapping.md");
    let page = page.split_once("\n## Representations\n").expect("a section").1;
    let page = page.split_once("\n## ").map_or(page, |(section, _)| section);
    let target = embedded().unwrap();
    for name in repr::NAMES {
        let shown = rows(page, name);
        assert!(shown.len() > 1, "`{name}` has no row that explains it and one that shows it");
        for [what, written, printed] in shown.into_iter().skip(1) {
            let json: Value =
                serde_json::from_str(code(written)[0]).unwrap_or_else(|e| panic!("{written}: {e}"));
            let (form, field) = a_field(&target, &code(what));
            let mut problems = Vec::new();
            let value = read(&form, &field, &json, &Place::Root, &mut problems);
            let found = match value {
                _ if refused(&problems) => "refused".to_owned(),
                Some(value) => format!("`{}`", print(&form, &field, &value)),
                None => "unset".to_owned(),
            };
            let warned = if problems.is_empty() || found == "refused" { "" } else { ", with a warning" };
            assert_eq!(format!("{found}{warned}"), printed, "{what} of {written}");
        }
    }
}

/// A field of the interface that can be written so: any, or one of the type that is named.
fn a_field(target: &Target, name: &[&str]) -> (Repr, FieldDescriptor) {
    let schema = embedded_schema().unwrap();
    let found = match name {
        [_, of] => members(target).find_map(|member| {
            let Shape::Repr(repr) = &member.value else { return None };
            (type_name(&member.field) == *of).then(|| (repr.clone(), member.field.clone()))
        }),
        // Of the well-known types too, where the interface has no use for one.
        _ => {
            schema.pool().all_messages().chain(DescriptorPool::global().all_messages()).find_map(|message| {
                let fields = message.fields().filter(|field| !field.is_map());
                fields
                    .into_iter()
                    .find_map(|field| Some((repr::named(name[0], &field, Unknown::Refuse).ok()?, field)))
            })
        }
    };
    let found = found.unwrap_or_else(|| panic!("the interface has no field for {name:?}"));
    assert_eq!(found.0.form.name(), name[0]);
    found
}

fn type_name(field: &FieldDescriptor) -> String {
    match field.kind() {
        Kind::Enum(found) => found.full_name().to_owned(),
        Kind::Message(found) => found.full_name().to_owned(),
        _ => String::new(),
    }
}

fn members(target: &Target) -> impl Iterator<Item = &Member> {
    target.kinds.iter().flat_map(|kind| &kind.resource.shapes.0).flat_map(|shape| &shape.members)
}

#[test]
fn other_words_of_the_language_are_explained() {
    let page = text("docs/mapping.md");
    let classes = Class::NAMES.map(|(name, _)| name);
    for word in [Form::Plain(repr::Json::Go).name(), "inline"].into_iter().chain(classes) {
        assert!(page.contains(&format!("`{word}`")), "{word}");
    }
}

/// Every condition has its section on the page about trouble, which explains each reason that a status can give, and no
/// other.
#[test]
fn every_reason_is_explained() {
    let page = text("docs/troubleshooting.md");
    let section = page.split_once("\n## Conditions\n").unwrap().1.split_once("\n## Events\n").unwrap().0;
    let target = toml::from_str(&text("mappings/teleport/target.toml")).unwrap();
    let of_policies = About::NAMES.map(|(name, _)| (name.to_owned(), BTreeSet::new()));
    let own = [("Ready".to_owned(), BTreeSet::from(["InSync".to_owned()]))];
    let said: BTreeMap<_, _> = conditions(&target).into_iter().chain(own).chain(of_policies).collect();
    let mut explained: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for part in section.split("\n### ").skip(1) {
        let (titles, table) = part.split_once('\n').unwrap();
        for title in titles.split(", ") {
            let reasons = first_cells(table).map(str::to_owned).collect();
            explained.insert(title.to_owned(), reasons);
        }
    }
    assert_eq!(explained, said, "docs/troubleshooting.md, and what a status can say");
}

/// Every event that objects and the pod can have is explained with its type, and no other.
#[test]
fn every_event_is_explained() {
    let page = text("docs/troubleshooting.md");
    let section = page.split_once("\n## Events\n").unwrap().1.split_once("\n## ").unwrap().0;
    let mut explained = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let (reasons, types) = (code(cells[0]), cells[1].split(", ").collect::<Vec<_>>());
        for (reason, type_) in reasons.into_iter().zip(types.iter().cycle()) {
            explained.insert(reason.to_owned(), *type_ == "Warning");
        }
    }
    let mut told: BTreeMap<String, bool> =
        Told::NAMES.map(|(name, told)| (name.to_owned(), told.warns())).into();
    told.extend(About::NAMES.map(|(name, about)| (name.to_owned(), about != About::Paused)));
    // A condition that becomes False is told with its reason.
    let target = toml::from_str(&text("mappings/teleport/target.toml")).unwrap();
    told.extend(failures(&target).into_iter().map(|reason| (reason, true)));
    // What is told of a write, as the engine's source has it.
    let source = text("src/sync/status.rs");
    for (warns, start) in [(false, "note(false, \""), (true, "note(true, \"")] {
        told.extend(source.split(start).skip(1).map(|rest| (rest.split('"').next().unwrap().into(), warns)));
    }
    assert!(told.contains_key("Created") && told.contains_key("Reverted"));
    assert_eq!(explained, told, "docs/troubleshooting.md, and what is told");
}

/// Words in backticks in the first cells of a table's rows.
fn first_cells(table: &str) -> impl Iterator<Item = &str> {
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|line| code(line.split(" | ").next().unwrap()))
}

/// Reasons of conditions that are `False`.
fn failures(target: &Value) -> BTreeSet<String> {
    let conditions = target["conditions"].as_object().unwrap().values();
    let says = conditions.flat_map(|condition| condition.as_object().unwrap());
    const FALSE: [&str; 4] = ["false", "object-only", "operator-only", "mutation"];
    let failing = says.filter(|(word, _)| FALSE.contains(&word.as_str()));
    failing.map(|(_, says)| says["reason"].as_str().unwrap().to_owned()).collect()
}

/// Types of conditions with their reasons, as a target's file has them.
fn conditions(target: &Value) -> Vec<(String, BTreeSet<String>)> {
    let of = |condition: &Value| {
        let says = condition.as_object().unwrap().values().filter_map(|says| says["reason"].as_str());
        (condition["type"].as_str().unwrap().to_owned(), says.map(str::to_owned).collect())
    };
    target["conditions"].as_object().unwrap().values().map(of).collect()
}

/// Every alert of the chart has its entry, which its link leads to, and there is no entry of another.
#[test]
fn every_alert_has_its_entry() {
    let page = text("docs/troubleshooting.md");
    let entries: Vec<&str> = page
        .split_once("\n## Alerts\n")
        .unwrap()
        .1
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let alerts: Value = serde_saphyr::from_str(&text("charts/teleport-operator/alerts.yaml")).unwrap();
    let alerts: Vec<&str> =
        alerts["rules"].as_array().unwrap().iter().map(|rule| rule["alert"].as_str().unwrap()).collect();
    assert_eq!(entries, alerts);
}
