//! The chart's own files agree: values with their schema, versions with the program.
use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::helm::chart;

fn text(file: &str) -> String {
    fs::read_to_string(chart().join(file)).expect("a file of the chart")
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&text(file)).expect("YAML")
}

#[test]
fn versions_are_the_programs() {
    let chart = yaml("Chart.yaml");
    for version in ["version", "appVersion"] {
        assert_eq!(chart[version], env!("CARGO_PKG_VERSION"), "{version}");
    }
}

/// The schema knows each value that there is, and there is each value that the schema knows.
#[test]
fn the_schema_is_of_these_values() {
    let schema: Value = serde_json::from_str(&text("values.schema.json")).expect("JSON");
    let (mut known, mut given) = (BTreeSet::new(), BTreeSet::new());
    let values = yaml("values.yaml");
    walk("", &schema, &schema, &values, &mut known, &mut given);
    known.remove("global");
    assert_eq!(known, given);
    assert!(jsonschema::validator_for(&schema).expect("a schema").is_valid(&values));
}

/// Paths of what the schema names, and of what stands in the values where the schema names what may.
fn walk(
    at: &str,
    root: &Value,
    schema: &Value,
    values: &Value,
    known: &mut BTreeSet<String>,
    given: &mut BTreeSet<String>,
) {
    let schema = match schema["$ref"].as_str() {
        Some(to) => root.pointer(to.trim_start_matches('#')).expect("a definition"),
        None => schema,
    };
    let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    // What goes into Kubernetes' own objects is theirs to name, but for a check here and there.
    if schema["additionalProperties"] != false || at == "resources" || at == "affinity" {
        return;
    }
    for name in values.as_object().into_iter().flat_map(|values| values.keys()) {
        given.insert(path(name));
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        known.insert(path(name));
        walk(&path(name), root, schema, &values[name], known, given);
    }
}

/// Every type that a comment claims is the one of the schema.
#[test]
fn types_in_comments_are_the_schemas() {
    let schema: Value = serde_json::from_str(&text("values.schema.json")).expect("JSON");
    let reference = text("README.md");
    let rows: Vec<Vec<&str>> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| row.splitn(3, " | ").collect())
        .collect();
    assert!(rows.len() > 40, "{}", rows.len());
    for row in rows {
        let path = row[0].trim_end_matches('`');
        let of = path.split('.').fold(&schema, |at, name| {
            let found = &at["properties"][name];
            found["$ref"].as_str().map_or(found, |to| schema.pointer(&to[1..]).expect("a definition"))
        });
        let word = match (&of["type"], &of["enum"]) {
            (Value::String(array), _) if array == "array" => {
                let of = &of["items"];
                let of = of["$ref"].as_str().map_or(of, |to| schema.pointer(&to[1..]).expect("a definition"));
                format!("list of {}s", of["type"].as_str().unwrap_or("string"))
            }
            (Value::String(word), _) => word.clone(),
            (Value::Array(words), _) => {
                words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
            }
            (_, Value::Array(_)) => "string".to_owned(),
            _ => panic!("{path} has no type"),
        };
        assert_eq!(row[1], word, "{path}");
    }
}
