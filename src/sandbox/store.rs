//! The sandbox's memory: resources by message type and name, each with its recent past, so that reads can lag behind
//! writes as a target's cache does. Knows no calls.
use std::collections::BTreeMap;
use std::time::Duration;

use prost_reflect::DynamicMessage;
use tokio::time::Instant;

/// Resources of one message type by name.
pub(super) type Names = BTreeMap<String, DynamicMessage>;

#[derive(Default)]
pub(super) struct Store {
    types: BTreeMap<String, BTreeMap<String, History>>,
    writes: u64,
    /// By how much reads lag behind.
    pub lag: Duration,
}

/// What stood under a name, oldest first; `None` is a deletion. Never empty.
#[derive(Default)]
struct History(Vec<(Instant, Option<DynamicMessage>)>);

impl History {
    fn latest(&self) -> Option<&DynamicMessage> {
        self.0.last().and_then(|(_, message)| message.as_ref())
    }

    /// What stood there at that time; the outer `None`: the name was not yet known.
    fn at(&self, time: Instant) -> Option<Option<&DynamicMessage>> {
        self.0.iter().rev().find(|(since, _)| *since <= time).map(|(_, message)| message.as_ref())
    }

    /// Adds a state, and forgets those that no read can see any more.
    fn push(&mut self, now: Instant, lag: Duration, message: Option<DynamicMessage>) {
        let seen = self.0.iter().rposition(|(since, _)| *since + lag <= now).unwrap_or(0);
        self.0.drain(..seen);
        self.0.push((now, message));
    }
}

impl Store {
    /// A revision that was never given before.
    pub fn next_revision(&mut self) -> String {
        self.writes += 1;
        format!("{:08}", self.writes)
    }

    /// What really stands there.
    pub fn latest(&self, message: &str, name: &str) -> Option<&DynamicMessage> {
        self.types.get(message)?.get(name)?.latest()
    }

    /// What a read shows. A name that the cache has not heard of yet is read through (observed on Teleport 14).
    pub fn read(&self, message: &str, name: &str) -> Option<&DynamicMessage> {
        let history = self.types.get(message)?.get(name)?;
        history.at(past(self.lag)).unwrap_or_else(|| history.latest())
    }

    /// What a list shows from a name on, in order of names.
    pub fn list<'a>(
        &'a self,
        message: &str,
        from: &'a str,
    ) -> impl Iterator<Item = (&'a String, &'a DynamicMessage)> {
        let time = past(self.lag);
        let names = self.types.get(message).into_iter().flat_map(move |names| names.range(from.to_owned()..));
        names.filter_map(move |(name, history)| Some((name, history.at(time)??)))
    }

    /// Everything that really stands there, by message type.
    pub fn snapshot(&self) -> BTreeMap<String, Names> {
        let names = |histories: &BTreeMap<String, History>| {
            let latest = histories.iter().filter_map(|(name, history)| Some((name, history.latest()?)));
            latest.map(|(name, message)| (name.clone(), message.clone())).collect()
        };
        self.types.iter().map(|(message, histories)| (message.clone(), names(histories))).collect()
    }

    /// Puts or, with `None`, removes.
    pub fn put(&mut self, message: &str, name: &str, value: Option<DynamicMessage>) {
        let names = self.types.entry(message.to_owned()).or_default();
        let history = names.entry(name.to_owned()).or_default();
        history.push(Instant::now(), self.lag, value);
    }
}

fn past(lag: Duration) -> Instant {
    let now = Instant::now();
    now.checked_sub(lag).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use prost_reflect::{DescriptorPool, Value};
    use tokio::time::advance;

    use super::*;

    fn value(seconds: i64) -> DynamicMessage {
        let duration = DescriptorPool::global().get_message_by_name("google.protobuf.Duration");
        let mut message = DynamicMessage::new(duration.expect("well known"));
        message.set_field_by_name("seconds", Value::I64(seconds));
        message
    }

    #[tokio::test(start_paused = true)]
    async fn reads_lag_behind_writes() {
        let lag = Duration::from_secs(1);
        let mut store = Store { lag, ..Store::default() };
        let listed = |store: &Store| store.list("T", "").count();
        store.put("T", "a", Some(value(1)));
        assert_eq!(store.read("T", "a"), Some(&value(1)), "unknown to the cache: read through");
        assert_eq!(listed(&store), 0);
        advance(lag).await;
        assert_eq!(listed(&store), 1);

        store.put("T", "a", Some(value(2)));
        assert_eq!(store.read("T", "a"), Some(&value(1)), "the old value");
        assert_eq!(store.latest("T", "a"), Some(&value(2)));
        advance(lag).await;
        assert_eq!(store.read("T", "a"), Some(&value(2)));

        store.put("T", "a", None);
        assert_eq!(store.read("T", "a"), Some(&value(2)), "the deleted one");
        advance(lag).await;
        assert_eq!(store.read("T", "a"), None);
        for n in 0..100 {
            store.put("T", "a", Some(value(n)));
            advance(lag).await;
        }
        assert!(store.types["T"]["a"].0.len() <= 2, "the past is forgotten");
    }
}
