//! A watch that never ends: a kind's objects as events, through restarts, outages and a kind that is not installed (yet).
//! Keeps no objects and decides nothing about them.
use std::{fmt::Debug, pin::Pin, time::Duration};

use futures::{Stream, StreamExt, stream};
use kube::{
    Api, Client, Resource,
    api::ApiResource,
    runtime::{
        utils::Backoff,
        watcher::{self, Config, DefaultBackoff},
    },
};
use serde::de::DeserializeOwned;

use super::{
    call::call,
    errors::{Class, Error},
    object::Object,
};

/// How often to look for a kind that is not installed, at the least.
const LOOK_FOR_KIND: Duration = Duration::from_secs(10);

/// Objects a page: five times as many take 8 MiB more at 10,000 objects and are no faster (measured).
const PAGE: u32 = 100;

/// What happened to the objects of a kind.
#[derive(Debug, Clone)]
pub enum Event<T> {
    /// All objects follow, then [`Event::Synced`]. What was seen before and does not come again until then is gone. A
    /// list that fails starts anew.
    Restarted,
    /// The object exists, in this state. May come again unchanged.
    Applied(T),
    /// The object is gone; this was its last state.
    Deleted(T),
    /// All objects were given.
    Synced,
    /// The kind is not installed. Said once; when it appears, [`Event::Restarted`] follows.
    Missing,
    /// The watch broke; it goes on by itself after a pause.
    Failed(Error),
}

impl<T> Event<T> {
    /// A word for metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Restarted => "restarted",
            Self::Applied(_) => "applied",
            Self::Deleted(_) => "deleted",
            Self::Synced => "synced",
            Self::Missing => "missing",
            Self::Failed(_) => "failed",
        }
    }

    /// The same event of something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Event<U> {
        match self {
            Self::Restarted => Event::Restarted,
            Self::Applied(object) => Event::Applied(change(object)),
            Self::Deleted(object) => Event::Deleted(change(object)),
            Self::Synced => Event::Synced,
            Self::Missing => Event::Missing,
            Self::Failed(error) => Event::Failed(error),
        }
    }
}

/// How all objects of a kind are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// As a stream: the cheapest, for both sides.
    Streaming,
    /// In pages.
    Paged,
}

impl Lists {
    /// The best that the server has: it streams lists by default since Kubernetes 1.34 (1.33 did not).
    ///
    /// # Errors
    /// As [`call`].
    pub async fn of(client: &Client) -> Result<Self, Error> {
        let version = call("get", "/version", client.apiserver_version()).await?;
        Ok(Self::by_version(&version.major, &version.minor))
    }

    fn by_version(major: &str, minor: &str) -> Self {
        // Some vendors print a minor version as `34+`.
        let number = |text: &str| text.trim_end_matches('+').parse::<u32>().unwrap_or_default();
        if (number(major), number(minor)) >= (1, 34) { Self::Streaming } else { Self::Paged }
    }

    fn config(self) -> Config {
        match self {
            Self::Streaming => Config::default().streaming_lists(),
            Self::Paged => Config::default().page_size(PAGE),
        }
    }
}

/// Watches the objects of a kind, in one namespace or in all. A list holds all that was written before it was asked for
/// (with a client of [`super::connect`]; any other may be given what a lagging server's cache knows).
pub fn watch(
    client: &Client,
    resource: &ApiResource,
    namespace: Option<&str>,
    lists: Lists,
) -> impl Stream<Item = Event<Object>> + Send + use<> {
    let what = format!("{}.{}", resource.plural, resource.group);
    watch_api(super::object::api(client, resource, namespace.unwrap_or_default()), what, lists, None)
}

/// Watches whatever an `Api` gives, of those only that these fields select; `what` names it in errors.
pub(super) fn watch_api<K>(
    api: Api<K>,
    what: String,
    lists: Lists,
    fields: Option<&str>,
) -> impl Stream<Item = Event<K>> + Send + use<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let config = lists.config();
    let config = match fields {
        Some(fields) => config.fields(fields),
        None => config,
    };
    let start = move || watcher::watcher(api.clone(), config.clone()).boxed();
    let watch = Watch {
        inner: start(),
        start,
        what,
        backoff: DefaultBackoff::default(),
        pause: None,
        missing: false,
    };
    stream::unfold(watch, |mut watch| async move { Some((watch.next().await, watch)) })
}

type Inner<K> = Pin<Box<dyn Stream<Item = watcher::Result<watcher::Event<K>>> + Send>>;

struct Watch<K, F> {
    inner: Inner<K>,
    /// Makes `inner` anew, to begin with a list.
    start: F,
    what: String,
    backoff: DefaultBackoff,
    /// How long to wait before the next try, after one that failed.
    pause: Option<Duration>,
    missing: bool,
}

impl<K, F: Fn() -> Inner<K>> Watch<K, F> {
    async fn next(&mut self) -> Event<K> {
        loop {
            // Not a sleep of zero: that takes a millisecond, for each object.
            if let Some(pause) = self.pause.take() {
                tokio::time::sleep(pause).await;
            }
            let event = match self.inner.next().await {
                Some(Ok(event)) => Some(self.seen(event)),
                Some(Err(error)) => self.failed(&error),
                None => {
                    self.inner = (self.start)();
                    None
                }
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    fn seen(&mut self, event: watcher::Event<K>) -> Event<K> {
        // A list in pages says `Init` before its first call, so that proves nothing.
        if !matches!(event, watcher::Event::Init) {
            self.backoff.reset();
            self.missing = false;
        }
        match event {
            watcher::Event::Init => Event::Restarted,
            watcher::Event::InitApply(object) | watcher::Event::Apply(object) => Event::Applied(object),
            watcher::Event::Delete(object) => Event::Deleted(object),
            watcher::Event::InitDone => Event::Synced,
        }
    }

    fn failed(&mut self, error: &watcher::Error) -> Option<Event<K>> {
        let pause = self.backoff.next().unwrap_or(LOOK_FOR_KIND);
        let failure = failure(&self.what, error);
        if must_list(error) {
            self.inner = (self.start)();
        }
        if failure.class != Class::Gone {
            self.pause = Some(pause);
            return Some(Event::Failed(failure));
        }
        self.pause = Some(pause.min(LOOK_FOR_KIND));
        (!std::mem::replace(&mut self.missing, true)).then_some(Event::Missing)
    }
}

/// Whether going on from the last version is hopeless: the kind was removed (what comes back is another one), or the
/// version is older than what the server remembers.
fn must_list(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if matches!(status.code, 404 | 410))
}

fn failure(what: &str, error: &watcher::Error) -> Error {
    match error {
        watcher::Error::InitialListFailed(error) => Error::new("list", what, error),
        watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => {
            Error::new("watch", what, error)
        }
        watcher::Error::WatchError(status) => Error::new("watch", what, &kube::Error::Api(status.clone())),
        watcher::Error::NoResourceVersion => Error {
            class: Class::Other,
            verb: "watch",
            what: what.to_owned(),
            message: "the server gives no resourceVersion".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use kube::core::Status;
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn lists_are_streamed_where_the_server_does_so_by_default() {
        for (major, minor, lists) in [
            ("1", "37", Lists::Streaming),
            ("1", "34+", Lists::Streaming),
            ("1", "33", Lists::Paged),
            ("2", "0", Lists::Streaming),
            ("", "", Lists::Paged),
        ] {
            assert_eq!(Lists::by_version(major, minor), lists, "{major}.{minor}");
        }
    }

    fn not_found() -> watcher::Error {
        watcher::Error::WatchStartFailed(kube::Error::Api(Status::failure("no", "").with_code(404).boxed()))
    }

    /// A watch whose every start gives what `script` says for it.
    fn scripted(
        script: impl Fn(usize) -> Vec<watcher::Result<watcher::Event<u8>>> + Send + 'static,
    ) -> (Arc<AtomicUsize>, impl Stream<Item = Event<u8>>) {
        let starts = Arc::new(AtomicUsize::new(0));
        let counter = starts.clone();
        let start = move || stream::iter(script(counter.fetch_add(1, Ordering::Relaxed))).boxed();
        let watch = Watch {
            inner: start(),
            start,
            what: "widgets".to_owned(),
            backoff: DefaultBackoff::default(),
            pause: None,
            missing: false,
        };
        (starts, stream::unfold(watch, |mut watch| async move { Some((watch.next().await, watch)) }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_kind_is_said_once_looked_for_slowly_and_found() {
        let (starts, events) = scripted(|start| match start {
            0..50 => vec![Ok(watcher::Event::Init), Err(not_found())],
            _ => vec![Ok(watcher::Event::Init), Ok(watcher::Event::InitDone)],
        });
        let begun = Instant::now();
        let names: Vec<_> = events
            .filter(|event| std::future::ready(!matches!(event, Event::Restarted)))
            .map(|event| event.name())
            .take(2)
            .collect()
            .await;
        assert_eq!(names, ["missing", "synced"]);
        assert_eq!(starts.load(Ordering::Relaxed), 51);
        let waited = begun.elapsed();
        assert!(waited > Duration::from_secs(400) && waited <= Duration::from_secs(500), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_values_and_slow_down_until_something_works() {
        let broken = || {
            let status = Status::failure("no", "").with_code(500).boxed();
            watcher::Error::InitialListFailed(kube::Error::Api(status))
        };
        let (_, events) = scripted(move |_| (0..20).map(|_| Err(broken())).collect());
        let begun = Instant::now();
        let failures: Vec<_> = events.take(20).collect().await;
        assert!(
            failures.iter().all(|event| matches!(event, Event::Failed(e) if e.class == Class::Unavailable))
        );
        // 0.8 s, doubling to 30 s, each with up to as much again at random.
        assert!(begun.elapsed() > Duration::from_secs(400), "{:?}", begun.elapsed());
    }
}
