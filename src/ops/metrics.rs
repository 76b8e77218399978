//! What the process counts about its work, for Prometheus. Labels are kinds, verbs and outcomes, never names of objects:
//! their number must not grow with the cluster.
use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
        info::Info,
    },
    registry::Registry,
};

/// Bounds for calls and passes, in seconds: from a pass that does nothing to a call that runs into its timeout.
const QUICK: [f64; 12] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Bounds for what may wait for others, in seconds: up to an hour.
const PATIENT: [f64; 10] = [0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];

/// Which bounds a family's histograms have.
#[derive(Debug, Clone, Copy)]
struct Bounds(&'static [f64]);

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

type Counters<L> = Family<L, Counter>;
type Gauges<L> = Family<L, Gauge>;
type Histograms<L> = Family<L, Histogram, Bounds>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKind {
    kind: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    kind: Arc<str>,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByClass {
    kind: Arc<str>,
    class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByKindAndLane {
    kind: Arc<str>,
    lane: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByMethod {
    target: Arc<str>,
    method: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByMethodAndCode {
    target: Arc<str>,
    method: Arc<str>,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByVerb {
    kind: Arc<str>,
    verb: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByState {
    kind: Arc<str>,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByType {
    kind: Arc<str>,
    r#type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByShard {
    shard: usize,
}

/// All metrics of the process. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// The target whose calls these are.
    target: Arc<str>,
    reconcile: Counters<ByOutcome>,
    reconcile_duration: Histograms<ByKind>,
    reconcile_errors: Counters<ByClass>,
    queue_depth: Gauges<ByKindAndLane>,
    queue_wait: Histograms<ByKindAndLane>,
    in_flight: Gauges<ByKind>,
    api_requests: Counters<ByMethodAndCode>,
    api_request_duration: Histograms<ByMethod>,
    kubernetes_writes: Counters<ByVerb>,
    objects: Gauges<ByState>,
    drift_detected: Counters<ByKind>,
    drift_corrected: Counters<ByKind>,
    last_scan: Gauges<ByKind>,
    watch_events: Counters<ByType>,
    watch_restarts: Counters<ByKind>,
    stream_kinds: Gauge,
    time_to_ready: Histograms<ByKind>,
    drifting: Gauges<ByKind>,
    reachable: Gauge,
    joined: Gauge,
    certificate_expiry: Gauge,
    deletion: Histograms<ByKind>,
    leader: Gauges<ByShard>,
}

impl Metrics {
    /// Makes the metrics and registers them; their names begin with the registry's prefix. `version` is the program's,
    /// `interface` that of the descriptors that it carries, `target` the name of what is called.
    pub fn register(registry: &mut Registry, version: &str, interface: &str, target: &str) -> Self {
        let (quick, patient) = (Bounds(&QUICK), Bounds(&PATIENT));
        let metrics = Self {
            target: target.into(),
            reconcile: Family::default(),
            reconcile_duration: Family::new_with_constructor(quick),
            reconcile_errors: Family::default(),
            queue_depth: Family::default(),
            queue_wait: Family::new_with_constructor(patient),
            in_flight: Family::default(),
            api_requests: Family::default(),
            api_request_duration: Family::new_with_constructor(quick),
            kubernetes_writes: Family::default(),
            objects: Family::default(),
            drift_detected: Family::default(),
            drift_corrected: Family::default(),
            last_scan: Family::default(),
            watch_events: Family::default(),
            watch_restarts: Family::default(),
            stream_kinds: Gauge::default(),
            time_to_ready: Family::new_with_constructor(patient),
            drifting: Family::default(),
            reachable: Gauge::default(),
            joined: Gauge::default(),
            certificate_expiry: Gauge::default(),
            deletion: Family::new_with_constructor(patient),
            leader: Family::default(),
        };
        metrics.register_all(registry);
        let build = [("version", version.to_owned()), ("descriptor_set", interface.to_owned())];
        registry.register("build", "The program that runs", Info::new(build));
        metrics
    }

    /// The encoder adds `_total` to counters and a full stop to every help text.
    fn register_all(&self, registry: &mut Registry) {
        let all = self.clone();
        registry.register("reconcile", "Passes by outcome", all.reconcile);
        registry.register("reconcile_duration_seconds", "How long a pass takes", all.reconcile_duration);
        registry.register(
            "reconcile_errors",
            "Passes that came to nothing, by whose fault",
            all.reconcile_errors,
        );
        registry.register("queue_depth", "Objects that wait for a pass", all.queue_depth);
        registry.register("queue_wait_seconds", "How long an object waits for its pass", all.queue_wait);
        registry.register("in_flight", "Passes that run", all.in_flight);
        registry.register("api_requests", "Calls to the target by gRPC code", all.api_requests);
        registry.register(
            "api_request_duration_seconds",
            "How long a call to the target takes",
            all.api_request_duration,
        );
        registry.register("kubernetes_writes", "Writes to Kubernetes", all.kubernetes_writes);
        registry.register("objects", "Objects by state", all.objects);
        registry.register("drift_detected", "Changes made elsewhere that were found", all.drift_detected);
        registry.register("drift_corrected", "Changes made elsewhere that were undone", all.drift_corrected);
        registry.register("last_scan_timestamp_seconds", "When a kind was last scanned", all.last_scan);
        registry.register("watch_events", "Events of Kubernetes watches", all.watch_events);
        registry.register("watch_restarts", "Lists begun by Kubernetes watches", all.watch_restarts);
        registry.register("stream_kinds", "Kinds whose changes the target tells of", all.stream_kinds);
        registry.register(
            "time_to_ready_seconds",
            "From an edit to the end of the pass that brought its object in step",
            all.time_to_ready,
        );
        registry.register("target_reachable", "Whether the target answers", all.reachable);
        registry.register("joined", "Whether the target takes us for somebody", all.joined);
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When the certificate that we work with ends, in seconds since 1970",
            all.certificate_expiry,
        );
        registry.register(
            "drifted",
            "Objects whose resource is not as they ask, and is left so",
            all.drifting,
        );
        registry.register(
            "deletion_seconds",
            "From a deletion to the end of the pass that let go",
            all.deletion,
        );
        registry.register("leader", "Whether this replica is the one that writes for a shard", all.leader);
    }

    /// A pass ended.
    pub fn reconciled(&self, kind: &Arc<str>, outcome: &'static str, took: Duration) {
        self.reconcile.get_or_create(&ByOutcome { kind: kind.clone(), outcome }).inc();
        self.reconcile_duration.get_or_create(&ByKind { kind: kind.clone() }).observe(took.as_secs_f64());
    }

    /// A pass came to nothing: the object's status says why, or Kubernetes failed, or the program did.
    pub fn failed(&self, kind: &Arc<str>, class: &'static str) {
        self.reconcile_errors.get_or_create(&ByClass { kind: kind.clone(), class }).inc();
    }

    /// So many objects wait for a pass.
    pub fn waiting(&self, kind: &Arc<str>, lane: &'static str, count: usize) {
        set(&self.queue_depth, &ByKindAndLane { kind: kind.clone(), lane }, count);
    }

    /// So many passes run.
    pub fn running(&self, kind: &Arc<str>, count: usize) {
        set(&self.in_flight, &ByKind { kind: kind.clone() }, count);
    }

    /// An object waited so long for its pass.
    pub fn waited(&self, kind: &Arc<str>, lane: &'static str, time: Duration) {
        let labels = ByKindAndLane { kind: kind.clone(), lane };
        self.queue_wait.get_or_create(&labels).observe(time.as_secs_f64());
    }

    /// A call to the target ended with this gRPC code.
    pub fn called(&self, method: &Arc<str>, code: &'static str, took: Duration) {
        let (target, method) = (self.target.clone(), method.clone());
        let labels = ByMethod { target: target.clone(), method: method.clone() };
        self.api_requests.get_or_create(&ByMethodAndCode { target, method, code }).inc();
        self.api_request_duration.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Something was written to Kubernetes.
    pub fn wrote(&self, kind: &Arc<str>, verb: &'static str) {
        self.kubernetes_writes.get_or_create(&ByVerb { kind: kind.clone(), verb }).inc();
    }

    /// So many objects are in this state.
    pub fn objects(&self, kind: &Arc<str>, state: &'static str, count: usize) {
        set(&self.objects, &ByState { kind: kind.clone(), state }, count);
    }

    /// A change made elsewhere was found, and undone or not.
    pub fn drifted(&self, kind: &Arc<str>, corrected: bool) {
        let labels = ByKind { kind: kind.clone() };
        self.drift_detected.get_or_create(&labels).inc();
        if corrected {
            self.drift_corrected.get_or_create(&labels).inc();
        }
    }

    /// A kind was scanned, so many seconds after 1970.
    pub fn scanned(&self, kind: &Arc<str>, at: u64) {
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        self.last_scan.get_or_create(&ByKind { kind: kind.clone() }).set(at);
    }

    /// So many objects have a resource that is left otherwise than they ask.
    pub fn drifting(&self, kind: &Arc<str>, count: usize) {
        set(&self.drifting, &ByKind { kind: kind.clone() }, count);
    }

    /// A watch gave an event.
    pub fn watched(&self, kind: &Arc<str>, r#type: &'static str) {
        self.watch_events.get_or_create(&ByType { kind: kind.clone(), r#type }).inc();
    }

    /// A watch began a list.
    pub fn restarted(&self, kind: &Arc<str>) {
        self.watch_restarts.get_or_create(&ByKind { kind: kind.clone() }).inc();
    }

    /// The target tells of changes of so many kinds.
    pub fn told(&self, kinds: usize) {
        self.stream_kinds.set(i64::try_from(kinds).unwrap_or(i64::MAX));
    }

    /// An object became ready so long after its edit.
    pub fn became_ready(&self, kind: &Arc<str>, after: Duration) {
        self.time_to_ready.get_or_create(&ByKind { kind: kind.clone() }).observe(after.as_secs_f64());
    }

    /// Whether the target answers.
    pub fn reachable(&self, reachable: bool) {
        self.reachable.set(reachable.into());
    }

    /// Whether the target takes us for somebody.
    pub fn joined(&self, joined: bool) {
        self.joined.set(joined.into());
    }

    /// When the certificate that we work with ends, in seconds since 1970.
    pub fn certificate_expires(&self, at: i64) {
        self.certificate_expiry.set(at);
    }

    /// An object was let go so long after its deletion was asked for.
    pub fn let_go(&self, kind: &Arc<str>, after: Duration) {
        self.deletion.get_or_create(&ByKind { kind: kind.clone() }).observe(after.as_secs_f64());
    }

    /// Whether this replica is the one that writes for a shard.
    pub fn leads(&self, shard: usize, leads: bool) {
        self.leader.get_or_create(&ByShard { shard }).set(leads.into());
    }
}

fn set<L: Clone + std::hash::Hash + Eq>(gauges: &Gauges<L>, labels: &L, count: usize) {
    gauges.get_or_create(labels).set(i64::try_from(count).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_the_prefix_their_labels_and_values() {
        let mut registry = Registry::with_prefix("widget_operator");
        let metrics = Metrics::register(&mut registry, "1.2.3", "abc", "shop");
        let (kind, method): (Arc<str>, Arc<str>) = ("Widget".into(), "w.Service/Get".into());
        let blink = Duration::from_millis(3);
        metrics.reconciled(&kind, "created", blink);
        metrics.reconciled(&kind, "created", blink);
        metrics.waiting(&kind, "edit", 7);
        metrics.waited(&kind, "edit", blink);
        metrics.called(&method, "Ok", blink);
        metrics.wrote(&kind, "status");
        metrics.objects(&kind, "ready", 9);
        metrics.watched(&kind, "applied");
        metrics.restarted(&kind);
        metrics.became_ready(&kind, blink);
        metrics.reachable(true);
        metrics.joined(true);
        metrics.certificate_expires(1_764_108_000);
        metrics.leads(0, true);
        metrics.failed(&kind, "kubernetes");
        metrics.running(&kind, 2);
        metrics.drifted(&kind, true);
        metrics.drifted(&kind, false);
        metrics.scanned(&kind, 1_700_000_000);
        metrics.told(3);
        metrics.let_go(&kind, blink);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "widget_operator_reconcile_total{kind=\"Widget\",outcome=\"created\"} 2",
            "widget_operator_reconcile_duration_seconds_bucket{le=\"0.005\",kind=\"Widget\"} 2",
            "widget_operator_reconcile_duration_seconds_bucket{le=\"0.001\",kind=\"Widget\"} 0",
            "widget_operator_queue_depth{kind=\"Widget\",lane=\"edit\"} 7",
            "widget_operator_queue_wait_seconds_count{kind=\"Widget\",lane=\"edit\"} 1",
            "widget_operator_api_requests_total{target=\"shop\",method=\"w.Service/Get\",code=\"Ok\"} 1",
            "widget_operator_api_request_duration_seconds_count{target=\"shop\",method=\"w.Service/Get\"} 1",
            "widget_operator_kubernetes_writes_total{kind=\"Widget\",verb=\"status\"} 1",
            "widget_operator_objects{kind=\"Widget\",state=\"ready\"} 9",
            "widget_operator_watch_events_total{kind=\"Widget\",type=\"applied\"} 1",
            "widget_operator_watch_restarts_total{kind=\"Widget\"} 1",
            "widget_operator_time_to_ready_seconds_count{kind=\"Widget\"} 1",
            "widget_operator_target_reachable 1",
            "widget_operator_joined 1",
            "widget_operator_certificate_expiry_timestamp_seconds 1764108000",
            "widget_operator_build_info{version=\"1.2.3\",descriptor_set=\"abc\"} 1",
            "widget_operator_leader{shard=\"0\"} 1",
            "widget_operator_reconcile_errors_total{kind=\"Widget\",class=\"kubernetes\"} 1",
            "widget_operator_in_flight{kind=\"Widget\"} 2",
            "widget_operator_drift_detected_total{kind=\"Widget\"} 2",
            "widget_operator_drift_corrected_total{kind=\"Widget\"} 1",
            "widget_operator_last_scan_timestamp_seconds{kind=\"Widget\"} 1700000000",
            "widget_operator_stream_kinds 3",
            "widget_operator_deletion_seconds_count{kind=\"Widget\"} 1",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
        }
    }
}
