//! The page on metrics lists every metric of the program with its type and labels, and no other; alerts and dashboard ask
//! for nothing else.
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use promql_parser::parser::Expr;
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;
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

/// Expressions and where they stand: those of the chart's alerts and dashboard, and of the page.
fn expressions() -> Vec<(String, String)> {
    let text =
        |file: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a file");
    let alerts: Value = serde_saphyr::from_str(&text("charts/teleport-operator/alerts.yaml")).expect("YAML");
    let dashboard: Value =
        serde_json::from_str(&text("charts/teleport-operator/dashboard.json")).expect("JSON");
    let mut found = Vec::new();
    let mut take = |whence: &Value, expression: &str| {
        found.push((whence.as_str().expect("a name").to_owned(), expression.to_owned()));
    };
    for rule in alerts["rules"].as_array().expect("rules") {
        take(&rule["alert"], &rule["expr"].as_str().expect("one").replace("SELECTOR", r#"namespace="a""#));
    }
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().expect("targets") {
            take(&panel["title"], &target["expr"].as_str().expect("one").replace("$__rate_interval", "5m"));
        }
    }
    let page = text("docs/metrics.md");
    let section = page.split_once("\n## What to be woken for\n").expect("a section").1;
    for row in section.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let code = row.split('`').nth(1).unwrap_or_else(|| panic!("no expression: {row}"));
        take(&row.split('|').nth(1).unwrap_or_default().trim().into(), code);
    }
    found
}

/// What an expression asks for: metrics with the labels that it chooses by, and the labels that it sums by.
#[derive(Default)]
struct Asked {
    metrics: Vec<(String, Vec<String>)>,
    by: BTreeSet<String>,
}

impl ExprVisitor for Asked {
    type Error = Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Infallible> {
        let selector = match expression {
            Expr::VectorSelector(selector) => Some(selector),
            Expr::MatrixSelector(matrix) => Some(&matrix.vs),
            Expr::Aggregate(aggregate) => {
                let by = aggregate.modifier.iter().flat_map(|by| by.labels().labels.clone());
                self.by.extend(by);
                None
            }
            _ => None,
        };
        if let Some(selector) = selector {
            let labels = selector.matchers.matchers.iter().map(|matcher| matcher.name.clone()).collect();
            self.metrics.push((selector.name.clone().unwrap_or_default(), labels));
        }
        Ok(true)
    }
}

/// Alerts and panels can be evaluated, and ask for metrics and labels that there are.
#[test]
fn every_expression_asks_for_metrics_that_there_are() {
    let (registered, expressions) = (registered(), expressions());
    assert!(expressions.len() > 30, "{}", expressions.len());
    for (whence, expression) in expressions {
        let parsed = promql_parser::parser::parse(&expression)
            .unwrap_or_else(|error| panic!("{whence}: {error}\n{expression}"));
        let mut asked = Asked::default();
        walk_expr(&mut asked, &parsed).unwrap_or_else(|never| match never {});
        assert!(!asked.metrics.is_empty(), "{whence} asks for nothing");
        // What Prometheus adds to all that it reads.
        let mut there = BTreeSet::from(["namespace".to_owned()]);
        for (name, labels) in &asked.metrics {
            let bucket = name.strip_suffix("_bucket").filter(|family| registered.contains_key(*family));
            let (kind, known) = registered
                .get(bucket.unwrap_or(name))
                .unwrap_or_else(|| panic!("{whence}: there is no metric {name}"));
            assert_eq!(bucket.is_some(), kind == "histogram", "{whence}: {name} is a {kind}");
            there.extend(known.iter().cloned().chain(bucket.map(|_| "le".to_owned())));
            let strange: Vec<_> = labels.iter().filter(|label| !there.contains(*label)).collect();
            assert!(strange.is_empty(), "{whence}: {name} has no label {strange:?}");
        }
        assert!(asked.by.is_subset(&there), "{whence}: no metric has all of {:?}", asked.by);
    }
}
