//! The page on metrics lists every metric of the program with its type and labels, and no other.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use teleport_operator::ops::metrics::Metrics;

/// Type and labels by name.
type Described = BTreeMap<String, (String, BTreeSet<String>)>;

/// All that the program has, each used once.
fn registered() -> Described {
    let mut registry = Registry::with_prefix("teleport_operator");
    let metrics = Metrics::register(&mut registry, "1", "i", "t");
    let (kind, method, time): (Arc<str>, Arc<str>, _) = ("K".into(), "M".into(), Duration::from_millis(1));
    metrics.reconciled(&kind, "noop", time);
    metrics.failed(&kind, "object");
    metrics.waiting(&kind, "edit", 1);
    metrics.running(&kind, 1);
    metrics.waited(&kind, "edit", time);
    metrics.called(&method, "OK", time);
    metrics.wrote(&kind, "status");
    metrics.objects(&kind, "ready", 1);
    metrics.drifted(&kind, true);
    metrics.drifting(&kind, 1);
    metrics.scanned(&kind, 1);
    metrics.watched(&kind, "applied");
    metrics.restarted(&kind);
    metrics.told(1);
    metrics.became_ready(&kind, time);
    metrics.let_go(&kind, time);
    metrics.reachable(true);
    metrics.joined(true);
    metrics.certificate_expires(1);
    metrics.leads(0, true);
    let mut text = String::new();
    encode(&mut text, &registry).expect("encodes");
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let types: BTreeMap<_, _> = types.collect();
    let mut found = Described::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = line.split_once(['{', ' ']).expect("a sample");
        let (family, kind) =
            types.iter().rfind(|(family, _)| name.starts_with(*family)).expect("it has a type");
        let shown = match *kind {
            "histogram" => (*family).to_owned(),
            _ => name.to_owned(),
        };
        let labels = labels.rsplit_once('}').map_or("", |(labels, _)| labels);
        let labels =
            labels.split(',').filter_map(|label| label.split_once('=')).map(|(label, _)| label.to_owned());
        let entry = found.entry(shown).or_insert_with(|| ((*kind).to_owned(), BTreeSet::new()));
        entry.1.extend(labels.filter(|label| label != "le"));
    }
    found
}

/// What the page's table says.
fn documented() -> Described {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let page = fs::read_to_string(page).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| `teleport_operator_"));
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        assert!(cells.len() >= 6 && !cells[4].is_empty(), "no meaning: {line}");
        let labels = cells[3].split(',').map(|label| label.trim().trim_matches('`').to_owned());
        let labels = labels.filter(|label| !label.is_empty()).collect();
        (cells[1].trim_matches('`').to_owned(), (cells[2].to_owned(), labels))
    };
    rows.map(row).collect()
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let (registered, documented) = (registered(), documented());
    assert!(registered.len() >= 18, "{registered:?}");
    assert_eq!(registered, documented);
}

/// Alerts name metrics that there are.
#[test]
fn alerts_ask_for_metrics_that_there_are() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let page = fs::read_to_string(page).expect("the page");
    let registered = registered();
    let words = page.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    for word in words.filter(|word| word.starts_with("teleport_operator_")) {
        let family = word.strip_suffix("_bucket").unwrap_or(word);
        assert!(registered.contains_key(family), "there is no {word}");
    }
}
