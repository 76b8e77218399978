//! What a field is when it is left out, as it was seen: from custom resources, and what the API's own types made of them.
//! Claims no more than was seen, and knows no kind.
use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::DynamicMessage;
use serde_json::Value;

use crate::mapping::plan::{Kind, Spec};

/// What paths of fields start with.
const SPEC: &str = "spec.";

/// Custom resources of all kinds, and what was made of them.
#[derive(Debug, Default)]
pub struct Observed(BTreeMap<String, Vec<Observation>>);

/// The specification as somebody wrote it, and as the types left it.
#[derive(Debug)]
struct Observation {
    given: Value,
    made: Value,
}

/// What a field that is left out was seen to be.
#[derive(Debug, Default)]
struct Seen<'a> {
    /// Each time: the value, or none, and the specification that it is of.
    values: Vec<(Option<&'a Value>, &'a Value)>,
}

impl Observed {
    /// Adds a custom resource, and what it became with all defaults, also as it is printed. What became another version of the resource says
    /// nothing of this one.
    pub fn add(&mut self, kind: &Kind, object: &Value, made: &DynamicMessage, printed: &Value) {
        let is_same = |field: &crate::schema::FieldPath, value: &String| field.text(made) == *value;
        let version = kind.constants.iter().filter(|constant| constant.json == "version");
        let is_of_kind =
            version.filter_map(|c| Some((c.field.as_ref()?, &c.value))).all(|(f, v)| is_same(f, v));
        let made = match (&kind.resource.spec, kind.resource.metadata.bare) {
            (Spec::Root(_), false) => printed.clone(),
            _ => printed["spec"].clone(),
        };
        if is_of_kind {
            let observation = Observation { given: object["spec"].clone(), made };
            self.0.entry(kind.kubernetes.kind.clone()).or_default().push(observation);
        }
    }

    /// Whether anything was seen of a kind.
    pub(super) fn has(&self, kind: &Kind) -> bool {
        self.0.contains_key(&kind.kubernetes.kind)
    }

    /// In words, what fields of a kind are when they are left out, by their paths out of `paths`.
    pub(super) fn defaults(&self, kind: &Kind, paths: &[String]) -> BTreeMap<String, String> {
        let known: BTreeSet<&str> = paths.iter().map(String::as_str).collect();
        let mut seen: BTreeMap<String, Seen<'_>> = BTreeMap::new();
        for observation in self.0.get(&kind.kubernetes.kind).into_iter().flatten() {
            for path in paths.iter().filter(|path| path.starts_with(SPEC)) {
                look(path, observation, &known, &mut seen);
            }
        }
        seen.iter().filter_map(|(path, seen)| Some((path.clone(), seen.in_words(paths)?))).collect()
    }
}

/// Looks for a field that has no fields below it, where it is left out but what it is in is there, or would be.
fn look<'a>(
    path: &str,
    observation: &'a Observation,
    known: &BTreeSet<&str>,
    seen: &mut BTreeMap<String, Seen<'a>>,
) {
    let below = [".", "[]", ".*"].map(|more| format!("{path}{more}"));
    if known.iter().any(|other| below.iter().any(|below| other.starts_with(below.as_str()))) {
        return;
    }
    let steps: Vec<&str> = path.trim_start_matches(SPEC).split('.').collect();
    let Observation { given, made } = observation;
    let mut values = Vec::new();
    descend(&steps, Some(given), made, &mut values);
    for value in values {
        seen.entry(path.to_owned()).or_default().values.push((value, made));
    }
}

/// Goes down both, and notes what was made where nothing was given.
fn descend<'a>(steps: &[&str], given: Option<&Value>, made: &'a Value, values: &mut Vec<Option<&'a Value>>) {
    let Some((step, rest)) = steps.split_first() else { return };
    let given = given.filter(|given| !given.is_null());
    if *step == "*" {
        let entries = made.as_object().into_iter().flatten();
        return entries
            .for_each(|(key, made)| descend(rest, given.and_then(|given| given.get(key)), made, values));
    }
    let (name, is_list) = step.strip_suffix("[]").map_or((*step, false), |name| (name, true));
    let there = given.and_then(|given| given.get(name)).filter(|given| !given.is_null());
    match (rest, made.get(name)) {
        ([], made) if there.is_none() => values.push(made),
        ([], _) | (_, None) => {}
        (rest, Some(made)) if is_list => {
            let (given, made) = (there.and_then(Value::as_array), made.as_array());
            let pairs = given.zip(made).filter(|(given, made)| given.len() == made.len());
            let pairs = pairs.into_iter().flat_map(|(given, made)| given.iter().zip(made));
            pairs.for_each(|(given, made)| descend(rest, Some(given), made, values));
        }
        (rest, Some(made)) => descend(rest, there, made, values),
    }
}

impl Seen<'_> {
    /// None where it was nothing, each time.
    fn in_words(&self, paths: &[String]) -> Option<String> {
        let some: BTreeSet<String> = self.values.iter().filter_map(|(value, _)| value.map(shown)).collect();
        let is_each_time = self.values.iter().all(|(value, _)| value.is_some());
        let only = if some.len() == 1 { some.first() } else { None };
        match (only, is_each_time) {
            _ if some.is_empty() => None,
            (Some(only), true) if !is_time(only) => Some(super::code(only)),
            (only, _) => Some(match (self.another(paths), only.filter(|only| !is_time(only))) {
                (Some(other), _) => format!("what {} is", super::code(other)),
                (None, Some(only)) => {
                    format!("{}, or nothing: it depends on other fields", super::code(only))
                }
                (None, None) => "depends on other fields".to_owned(),
            }),
        }
    }

    /// Another field that was the same text each time, or nothing when this was nothing.
    fn another<'b>(&self, paths: &'b [String]) -> Option<&'b String> {
        let is_text = self.values.iter().all(|(value, _)| value.is_none_or(Value::is_string));
        let is_plain = |path: &&String| !path.contains("[]") && !path.contains('*');
        paths.iter().filter(|_| is_text).filter(is_plain).find(|path| {
            let pointer = format!("/{}", path.trim_start_matches(SPEC).replace('.', "/"));
            let (mut differs, mut same) = (false, 0);
            for (value, made) in &self.values {
                differs |= made.pointer(&pointer) != *value;
                same += usize::from(value.is_some());
            }
            !differs
                && same > 0
                && !self.values.iter().any(|(value, made)| {
                    value.is_some_and(|value| {
                        made.pointer(&pointer).is_some_and(|other| std::ptr::eq(other, value))
                    })
                })
        })
    }
}

fn is_time(text: &str) -> bool {
    text.parse::<prost_types::Timestamp>().is_ok()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
