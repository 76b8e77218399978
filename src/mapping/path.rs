//! JSONPaths as mappings use them: ways down through members and `[*]`, parsed by the JSONPath library.
use jsonpath_rust::parser::model::{Segment, Selector};
use jsonpath_rust::parser::parse_json_path;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into a member.
    Member(String),
    /// Into every element of a list, or every value of a map.
    Each,
}

/// Reads a path. `Err` says what is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Step>, String> {
    if !text.starts_with('$') {
        return Err("a JSONPath starts with `$`".to_owned());
    }
    let query = parse_json_path(text).map_err(|_| "this is no JSONPath".to_owned())?;
    query.segments.iter().map(step).collect()
}

fn step(segment: &Segment) -> Result<Step, String> {
    match segment {
        Segment::Selector(Selector::Name(name)) => {
            Ok(Step::Member(name.trim_matches(['\'', '"']).to_owned()))
        }
        Segment::Selector(Selector::Wildcard) => Ok(Step::Each),
        _ => Err("only members and [*] can be used in this path".to_owned()),
    }
}

/// Members alone, without the `$`: what a path of members only says. `Err` as for [`parse`].
pub fn members(text: &str) -> Result<Vec<String>, String> {
    parse(text)?
        .into_iter()
        .map(|step| match step {
            Step::Member(name) => Ok(name),
            Step::Each => Err("[*] can't be used here".to_owned()),
        })
        .collect()
}
