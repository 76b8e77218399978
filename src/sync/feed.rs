//! Follows the target's event stream: keeps it open for the kinds that have objects, holds what it tells against what is
//! known, and where it was interrupted has its kinds scanned. Events only ever enqueue.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::decide::Failure;
use super::engine::Engine;
use super::ports::{Cluster, Feed, Remote, Tidings};
use super::retry;
use super::scan::scan_resource;
use super::sight::Sight;
use crate::mapping::errors::Class;
use crate::mapping::plan::Resource;
use crate::target::stream::Event;

/// How often it is seen whether the stream is still the one to follow.
const LOOK: Duration = Duration::from_secs(1);
/// When what was refused is asked for again.
const AGAIN: Duration = Duration::from_secs(600);
/// How long the beginning of a stream is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the objects that wait at the start may keep a scan waiting.
const BUSY: Duration = Duration::from_secs(60);
/// Over how long what a scan after a gap finds is spread.
const SPREAD: Duration = Duration::from_secs(1);

/// What is known of the stream, for people. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct State(Arc<Mutex<Facts>>);

/// The same at one moment.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Kinds that it tells of; empty while it is not open.
    pub kinds: BTreeSet<String>,
    /// Kinds that the target refuses to tell of, and why.
    pub refused: BTreeMap<String, String>,
    /// Why it is not open, where it should be.
    pub trouble: Option<String>,
    /// How often it was opened.
    pub opened: u64,
    /// Events that told of a resource.
    pub events: u64,
}

impl State {
    /// How it stands now.
    pub fn facts(&self) -> Facts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Words = BTreeSet<String>;

/// A stream that has begun, and the kinds that it tells of.
struct Open<T> {
    tidings: T,
    asked: Words,
    kinds: Words,
}

struct Follower<'a, C, R, F> {
    engine: &'a Engine<C, R>,
    feed: &'a F,
    state: State,
    /// Kinds that the target refuses, and since when.
    refused: BTreeMap<String, Instant>,
    failures: u32,
    not_before: Instant,
}

/// Follows the stream for ever.
pub async fn follow<C: Cluster, R: Remote, F: Feed>(engine: &Engine<C, R>, feed: &F, state: State) {
    let not_before = Instant::now();
    let mut follower = Follower { engine, feed, state, refused: BTreeMap::new(), failures: 0, not_before };
    let mut open = None;
    let mut scans = FuturesUnordered::new();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => {
                if let Some(new) = follower.renewed(open.as_ref()).await {
                    // What the stream before it told of was not missed.
                    let before = open.take().map(|open: Open<F::Tidings>| open.kinds).unwrap_or_default();
                    let unwatched = new.kinds.difference(&before).cloned().collect();
                    scans.push(after_gap(engine, unwatched));
                    open = Some(new);
                }
            }
            told = next(&mut open) => {
                if !follower.told(told) {
                    open = None;
                    look.reset_immediately();
                }
            }
            Some(()) = scans.next() => {}
        }
    }
}

/// The next event of a stream; waits for ever where none is open.
async fn next<T: Tidings>(open: &mut Option<Open<T>>) -> Result<Option<Event>, Failure> {
    match open {
        Some(open) => open.tidings.next().await,
        None => std::future::pending().await,
    }
}

/// Has kinds scanned that something may have happened to while nobody told.
async fn after_gap<C: Cluster, R: Remote>(engine: &Engine<C, R>, words: Words) {
    // What is found at the start has no record that is known before its first pass.
    let since = Instant::now();
    while !engine.is_idle() && since.elapsed() < BUSY {
        sleep(Duration::from_millis(100)).await;
    }
    for resource in resources(engine, &words) {
        if let Err(failure) = scan_resource(engine, &resource, SPREAD).await {
            tracing::warn!(kind = resource.name, error = failure.message, "could not be scanned after a gap");
        }
    }
}

/// The resources that the stream knows by these words.
fn resources<C: Cluster, R: Remote>(engine: &Engine<C, R>, words: &Words) -> Vec<Arc<Resource>> {
    let mut found: Vec<Arc<Resource>> = Vec::new();
    for kind in &engine.target().kinds {
        let is_named = kind.resource.watched.as_ref().is_some_and(|watched| words.contains(&watched.word));
        if is_named && !found.iter().any(|other| Arc::ptr_eq(other, &kind.resource)) {
            found.push(Arc::clone(&kind.resource));
        }
    }
    found
}

impl<C: Cluster, R: Remote, F: Feed> Follower<'_, C, R, F> {
    /// A new stream, where the one that is open, if any, is not the one to follow. It is open before the other ends.
    async fn renewed(&mut self, open: Option<&Open<F::Tidings>>) -> Option<Open<F::Tidings>> {
        let now = Instant::now();
        let wanted = self.wanted(now);
        if wanted.is_empty() || now < self.not_before {
            return None;
        }
        if let Some(open) = open
            && wanted.is_subset(&open.asked)
            && !open.tidings.is_outdated().await
        {
            return None;
        }
        match self.open(&wanted).await {
            Ok(open) => Some(self.opened(open)),
            Err(failure) => {
                self.failed(&failure, &wanted).await;
                None
            }
        }
    }

    /// Words of the kinds that have objects, as far as they are not refused.
    fn wanted(&mut self, now: Instant) -> Words {
        self.refused.retain(|_, since| now - *since < AGAIN);
        let mut words = self.engine.watched();
        words.retain(|word| !self.refused.contains_key(word));
        words
    }

    async fn open(&self, words: &Words) -> Result<Open<F::Tidings>, Failure> {
        let resources = resources(self.engine, words);
        let begin = async {
            let mut tidings = self.feed.open(&resources).await?;
            loop {
                match tidings.next().await? {
                    Some(Event::Begun(kinds)) => {
                        let kinds = kinds.map(|kinds| kinds.intersection(words).cloned().collect());
                        let kinds = kinds.unwrap_or_else(|| words.clone());
                        return Ok(Open { tidings, asked: words.clone(), kinds });
                    }
                    Some(_) => {}
                    None => return Err(unavailable("it ended before it began")),
                }
            }
        };
        timeout(PATIENCE, begin).await.unwrap_or_else(|_| Err(unavailable("it does not begin")))
    }

    fn opened(&mut self, open: Open<F::Tidings>) -> Open<F::Tidings> {
        for word in open.asked.difference(&open.kinds) {
            self.refuse(word, "the target leaves it out");
        }
        self.failures = 0;
        let mut facts = self.state.lock();
        facts.refused.retain(|word, _| !open.kinds.contains(word));
        if facts.kinds != open.kinds {
            let kinds = open.kinds.iter().cloned().collect::<Vec<_>>().join(", ");
            tracing::info!(kinds, "changes in the target are told as they happen");
        }
        facts.kinds = open.kinds.clone();
        facts.trouble = None;
        facts.opened += 1;
        open
    }

    /// One refused kind must not cost the others their stream: it is found, and left out.
    async fn failed(&mut self, failure: &Failure, wanted: &Words) {
        if !refuses(failure.class, self.failures) {
            self.pause(failure);
            return;
        }
        if failure.class == Class::Unimplemented {
            tracing::info!("the target has no stream of events: drift is found by scans alone");
            self.refused.extend(wanted.iter().map(|word| (word.clone(), Instant::now())));
            self.state.lock().trouble = Some(failure.message.clone());
            return;
        }
        let mut refused = false;
        for word in wanted {
            let alone = BTreeSet::from([word.clone()]);
            match self.open(&alone).await {
                Err(failure) if !refuses(failure.class, self.failures) => return self.pause(&failure),
                Err(failure) => {
                    refused = true;
                    self.refuse(word, &failure.message);
                }
                Ok(_) => {}
            }
        }
        // Each is taken alone, and all together are not: nothing to be found out here.
        if !refused {
            self.pause(failure);
        }
    }

    fn refuse(&mut self, word: &str, why: &str) {
        self.refused.insert(word.to_owned(), Instant::now());
        let before = self.state.lock().refused.insert(word.to_owned(), why.to_owned());
        if before.as_deref() != Some(why) {
            tracing::warn!(
                kind = word,
                why,
                "the target tells of no changes of this kind: it is only scanned"
            );
        }
    }

    fn pause(&mut self, failure: &Failure) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = Instant::now() + retry::returned(self.failures);
        self.state.lock().trouble = Some(failure.message.clone());
        tracing::debug!(why = failure.message, "the target's stream of events can't be opened");
    }

    /// Takes in what the stream says; whether it goes on.
    fn told(&mut self, told: Result<Option<Event>, Failure>) -> bool {
        let why = match told {
            Ok(Some(event)) => {
                self.event(event);
                return true;
            }
            Ok(None) => "the target ended it".to_owned(),
            Err(failure) => failure.message,
        };
        tracing::info!(why, "the target's stream of events broke; it is opened again");
        let mut facts = self.state.lock();
        facts.kinds.clear();
        facts.trouble = Some(why);
        false
    }

    fn event(&self, event: Event) {
        let engine = self.engine;
        match event {
            Event::Written(resources, live) => {
                for resource in resources {
                    let name = resource.metadata.name.text(&live);
                    engine.sighted(&resource, &name, &|| Sight::of(&resource, &live));
                }
            }
            Event::Deleted(resources, name) => {
                for resource in resources {
                    engine.sighted(&resource, &name, &|| Sight::Gone);
                }
            }
            Event::Begun(_) | Event::Other => return,
        }
        self.state.lock().events += 1;
    }
}

/// How often an error that says nothing clear is taken for a passing one.
const DOUBTS: u32 = 3;

/// Whether the same question will have the same answer: something in it is refused.
fn refuses(class: Class, failures: u32) -> bool {
    match class {
        Class::Denied | Class::Invalid | Class::Unimplemented => true,
        Class::Unavailable | Class::Limited | Class::Conflict => false,
        _ => failures >= DOUBTS,
    }
}

fn unavailable(why: &str) -> Failure {
    Failure { class: Class::Unavailable, message: format!("the stream of events: {why}") }
}
