//! Reference pages as Markdown: out of plans, one for each Kubernetes kind and a list of all; and a chart's values out of
//! their comments. Knows no kind, does no IO.
mod defaults;
mod fields;
mod index;
mod page;
mod values;
mod younger;

pub use defaults::Observed;
pub use index::index;
pub use page::page;
pub use values::values;
pub use younger::Younger;

use crate::mapping::plan::Kind;

/// The first line of every page.
const GENERATED: &str = "<!-- Made by `make generate`; changes made here are lost. -->\n";

/// The file name of a kind's page.
pub fn file_name(kind: &Kind) -> String {
    format!("{}.md", kind.kubernetes.singular)
}

/// A Markdown table; nothing where there are no rows.
fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: &[String; N]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let body: String = rows.iter().map(line).collect();
    format!("{}{}{body}\n", line(&headings.map(str::to_owned)), line(&[(); N].map(|()| "---".to_owned())))
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn codes<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    texts.into_iter().map(|text| code(text)).collect::<Vec<_>>().join(", ")
}

/// A text as it is, between fences.
fn fenced(language: &str, text: &str) -> String {
    format!("```{language}\n{}\n```\n\n", text.trim_end())
}
