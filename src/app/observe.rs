//! What can be seen of a running process: its metrics, fed by what happens and measured when somebody looks, and its state
//! as JSON. Changes nothing.
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Election, TheEngine};
use crate::ops::metrics::Metrics;
use crate::sync::engine::{Observer, View};
use crate::sync::feed;
use crate::sync::queue::{Lane, Turn};
use crate::target::call;
use crate::target::client::Client;
use crate::target::reach::State as Reach;

/// Feeds the metrics with what happens.
pub(super) struct Counting(pub Metrics);

impl Observer for Counting {
    fn pass(&self, turn: &Turn, outcome: &'static str, took: Duration) {
        let (kind, lane) = (&turn.key.kind, lane(turn.lane));
        self.0.reconciled(kind, outcome, took);
        self.0.waited(kind, lane, turn.waited);
        let is_edit = turn.lane == Lane::Edit;
        match outcome {
            "created" | "updated" if is_edit => self.0.became_ready(kind, turn.waited + took),
            "deleted" | "released" if is_edit => self.0.let_go(kind, turn.waited + took),
            "reverted" => self.0.drifted(kind, true),
            "drifted" => self.0.drifted(kind, false),
            "failed" => self.0.failed(kind, "object"),
            "error" => self.0.failed(kind, "kubernetes"),
            "panic" => self.0.failed(kind, "program"),
            _ => {}
        }
    }

    fn wrote(&self, kind: &str, verb: &'static str) {
        self.0.wrote(&Arc::from(kind), verb);
    }

    fn scanned(&self, kind: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.0.scanned(&Arc::from(kind), now.as_secs());
    }
}

impl call::Observer for Counting {
    fn called(&self, method: &str, code: &'static str, took: Duration) {
        self.0.called(&Arc::from(method), code, took);
    }
}

fn lane(lane: Lane) -> &'static str {
    match lane {
        Lane::Edit => "edit",
        Lane::Background => "background",
    }
}

/// The parts that can be looked at.
#[derive(Clone)]
pub(super) struct Shown {
    pub engine: Arc<TheEngine>,
    pub client: Client,
    pub stream: feed::State,
    pub election: Election,
    pub metrics: Metrics,
}

impl Shown {
    /// Sets what is measured only when somebody looks.
    pub fn measure(&self) {
        for (kind, view) in self.engine.view() {
            self.metrics.waiting(&kind, "edit", view.queue.edit);
            self.metrics.waiting(&kind, "background", view.queue.background);
            self.metrics.running(&kind, view.queue.running);
            let View { objects, ready, drifted, paused, stalled, .. } = view;
            self.metrics.objects(&kind, "ready", ready);
            self.metrics.objects(&kind, "drifted", drifted);
            self.metrics.objects(&kind, "paused", paused);
            self.metrics.objects(&kind, "stalled", stalled);
            self.metrics.objects(
                &kind,
                "not_ready",
                objects.saturating_sub(ready + drifted + paused + stalled),
            );
            self.metrics.drifting(&kind, drifted);
        }
        self.metrics.told(self.stream.facts().kinds.len());
        for shard in 0..self.election.shards() {
            self.metrics.leads(shard, self.election.holds(shard));
        }
    }

    /// How all stands.
    pub fn state(&self) -> Value {
        let feed::Facts { kinds: told, refused, trouble, opened, events } = self.stream.facts();
        let views = self.engine.view();
        let total = |of: fn(&View) -> usize| views.values().map(of).sum::<usize>();
        let reach = match &*self.client.reach().subscribe().borrow() {
            Reach::Unknown => json!("not tried yet"),
            Reach::Up => json!("up"),
            Reach::Down(why) => json!({"down": why}),
        };
        let kinds: serde_json::Map<String, Value> = views
            .iter()
            .map(|(kind, view)| {
                let queue = view.queue;
                let value = json!({
                    "objects": view.objects,
                    "ready": view.ready,
                    "drifted": view.drifted,
                    "paused": view.paused,
                    "stalled": view.stalled,
                    "queue": {"edit": queue.edit, "background": queue.background, "later": queue.later, "running": queue.running},
                    "watches": {"synced": view.synced, "missing": view.missing, "listing": view.listing},
                });
                (kind.to_string(), value)
            })
            .collect();
        let shards = (0..self.election.shards()).map(|shard| {
            let (writes, holder) = (self.election.holds(shard), self.election.holder(shard));
            json!({"shard": shard, "writes": writes, "holder": holder.as_deref()})
        });
        json!({
            "target": {
                "name": self.engine.target().name,
                "reach": reach,
                "callsAtOnce": self.client.limit(),
                "features": self.engine.known_features(),
            },
            "queue": {
                "edit": total(|view| view.queue.edit),
                "background": total(|view| view.queue.background),
                "later": total(|view| view.queue.later),
                "running": total(|view| view.queue.running),
            },
            "kinds": kinds,
            "stream": {"kinds": told, "refused": refused, "trouble": trouble, "opened": opened, "events": events},
            "shards": shards.collect::<Vec<_>>(),
        })
    }
}
