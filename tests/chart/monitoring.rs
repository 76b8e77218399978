//! The dashboard is one that Grafana takes. What it and the alerts ask for, tests/metrics.rs holds against the program.
use std::fs;

use serde_json::Value;

use crate::helm::chart;

#[test]
fn the_dashboard_is_one() {
    let text = fs::read_to_string(chart().join("dashboard.json")).expect("a file of the chart");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.iter().all(|panel| panel["targets"][0]["expr"].is_string()));
    let mut places: Vec<_> = panels.iter().map(|panel| panel["gridPos"].to_string()).collect();
    let mut ids: Vec<_> = panels.iter().map(|panel| panel["id"].to_string()).collect();
    for all in [&mut places, &mut ids] {
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "two panels at one place, or of one id");
    }
}
