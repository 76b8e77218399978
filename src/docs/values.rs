//! The reference of a chart's values out of the comments in its `values.yaml`, as Markdown. Does no IO.
//!
//! A comment `# -- (type) …` explains the value below it, and all that is in that value; `# @section -- …` begins a section.
use serde_json::Value;

use super::{code, table};

/// A value with its explanation.
#[derive(Debug, Default)]
struct Explained {
    path: Vec<String>,
    kind: String,
    text: String,
}

/// The tables of all values, a section each.
///
/// # Errors
/// What can't be read, or isn't explained, by line.
pub fn values(text: &str) -> Result<String, Vec<String>> {
    let defaults: Value =
        serde_saphyr::from_str(text).map_err(|error| vec![format!("values.yaml: {error}")])?;
    let (sections, mistakes) = sections(text);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let section = |(title, explained): &(String, Vec<Explained>)| {
        let rows: Vec<_> = explained.iter().map(|explained| row(explained, &defaults)).collect();
        format!("### {title}\n\n{}", table(["Value", "Type", "Default", "Meaning"], &rows))
    };
    Ok(sections.iter().map(section).collect())
}

fn row(Explained { path, kind, text }: &Explained, defaults: &Value) -> [String; 4] {
    let default = path.iter().fold(defaults, |value, name| &value[name]);
    [code(&path.join(".")), kind.clone(), code(&default.to_string()), text.clone()]
}

type Sections = Vec<(String, Vec<Explained>)>;

fn sections(text: &str) -> (Sections, Vec<String>) {
    let (mut sections, mut mistakes): (Sections, _) = (Vec::new(), Vec::new());
    // What an explanation says so far, and the keys that lead to where we are, with their indents.
    let (mut said, mut way): (Option<Explained>, Vec<(usize, String, bool)>) = (None, Vec::new());
    for (number, line) in text.lines().enumerate() {
        let mut wrong = |what: &str| mistakes.push(format!("values.yaml:{}: {what}", number + 1));
        let bare = line.trim();
        if let Some(title) = bare.strip_prefix("# @section -- ") {
            sections.push((title.to_owned(), Vec::new()));
        } else if let Some(begun) = bare.strip_prefix("# -- ") {
            match begun.strip_prefix('(').and_then(|begun| begun.split_once(") ")) {
                Some((kind, text)) => {
                    let (kind, text) = (kind.to_owned(), text.to_owned());
                    said = Some(Explained { kind, text, path: Vec::new() });
                }
                None => wrong("an explanation begins with the type: `# -- (string) …`"),
            }
        } else if let (Some(more), Some(said)) = (bare.strip_prefix("# "), said.as_mut()) {
            said.text = format!("{} {}", said.text, more.trim());
        } else if let Some(key) = key(bare) {
            let indent = line.len() - line.trim_start().len();
            way.retain(|(outer, ..)| *outer < indent);
            let inherited = way.iter().any(|(_, _, explained)| *explained);
            let holds_more = bare.ends_with(':');
            way.push((indent, key.to_owned(), said.is_some()));
            match (said.take(), sections.last_mut()) {
                (Some(explained), Some((_, into))) => {
                    let path = way.iter().map(|(_, key, _)| key.clone()).collect();
                    into.push(Explained { path, ..explained });
                }
                (Some(_), None) => wrong("this value is in no section: `# @section -- …`"),
                (None, _) if inherited || holds_more => {}
                (None, _) => wrong(&format!("`{key}` isn't explained: `# -- (string) …`")),
            }
        } else if bare.is_empty() && said.take().is_some() {
            wrong("the explanation above stands over no value");
        }
    }
    (sections, mistakes)
}

/// The key of a line `key:` or `key: value`.
fn key(line: &str) -> Option<&str> {
    let (key, value) = line.split_once(':')?;
    let is_plain =
        key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) && !key.starts_with('-');
    (is_plain && (value.is_empty() || value.starts_with(' '))).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_explained_with_their_defaults() {
        let text = "# Not about a value.\n\n# @section -- First\n\n# -- (string) Where it is,\n# a `|` in it.\naddress: \"\"\n\
                    tls:\n  # -- (integer) A port.\n  port: 443\n# -- (object) All of it.\nall:\n  of: [1]\n  it:\n    x: z\n";
        let expected = "### First\n\n| Value | Type | Default | Meaning |\n| --- | --- | --- | --- |\n\
                        | `address` | string | `\"\"` | Where it is, a `\\|` in it. |\n\
                        | `tls.port` | integer | `443` | A port. |\n\
                        | `all` | object | `{\"it\":{\"x\":\"z\"},\"of\":[1]}` | All of it. |\n\n";
        assert_eq!(values(text).as_deref(), Ok(expected));
    }

    #[test]
    fn what_is_not_explained_is_named() {
        let mistakes = |text: &str| values(text).expect_err("it is wrong").join("\n");
        assert!(mistakes("# @section -- A\na: 1\n").contains("values.yaml:2: `a` isn't explained"));
        assert!(
            mistakes("# -- (string) Text.\na: 1\n").contains("values.yaml:2: this value is in no section")
        );
        assert!(
            mistakes("# -- Text.\na: 1\n").contains("values.yaml:1: an explanation begins with the type")
        );
        assert!(mistakes("# -- (string) Text.\n\na: 1\n").contains("values.yaml:2: the explanation above"));
        assert!(mistakes("a: [").starts_with("values.yaml: "));
    }
}
