//! Alerts and dashboard: about metrics that there are, and explained.
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::helm::chart;

const PREFIX: &str = "teleport_operator_";

fn text(file: &str) -> String {
    fs::read_to_string(chart().join(file)).expect("a file of the chart")
}

fn root(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a file")
}

/// Names of metrics in a text, without the prefix.
fn metrics(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices(PREFIX).map(|(at, _)| &text[at + PREFIX.len()..]);
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
    starts.map(name).collect()
}

#[test]
fn they_are_about_metrics_that_there_are() {
    let source = root("src/ops/metrics.rs");
    let used: BTreeSet<_> =
        metrics(&text("alerts.yaml")).into_iter().chain(metrics(&text("dashboard.json"))).collect();
    assert!(used.len() > 8, "{used:?}");
    for name in used {
        // What the encoder adds to the names that are registered.
        let suffixes = ["_total", "_bucket", "_count", "_sum", "_info", ""];
        let registered = suffixes.iter().filter_map(|suffix| name.strip_suffix(suffix));
        let is_there = registered.map(|name| format!("\"{name}\"")).any(|name| source.contains(&name));
        assert!(is_there, "there is no metric {PREFIX}{name}");
    }
}

#[test]
fn the_dashboard_is_one() {
    let dashboard: Value = serde_json::from_str(&text("dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.iter().all(|panel| panel["targets"][0]["expr"].is_string()));
}
