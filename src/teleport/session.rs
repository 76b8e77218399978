//! The one handle by which a Teleport is reached: it gives out the channel of the day, hears of trouble with it, and tells
//! how things stand. The work is done by a task of its own; a renewal swaps the channel under calls, which keep the one
//! that they have.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use time::OffsetDateTime;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tonic::Code;
use tonic::transport::Channel;

use super::driver::Driver;
use super::errors::{Nature, Seen};
use super::identity::Identity;
use super::refresh::{Reach, Refresher};
use super::refusal::blame;
use super::settings::Settings;
use super::stamp::stamp;
use crate::target::connection::{Blame, Connection, Link, Trouble, Unreachable};

/// The handle. Clones share it.
#[derive(Clone)]
pub struct Session(Arc<Handle>);

/// How things stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Who we are; none before we were anybody.
    pub who: Option<Who>,
    /// What is in the way of being so for longer, or at all.
    pub trouble: Option<Hardship>,
    /// Grows whenever we may be allowed other things than before.
    pub credentials: u64,
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The user.
    pub user: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// The cluster.
    pub cluster: String,
    /// The server's version, as far as it says.
    pub version: Option<String>,
    /// Until when that holds.
    pub until: OffsetDateTime,
    /// By which way we came in, in words.
    pub way: String,
}

/// What is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hardship {
    /// Of what kind it is.
    pub nature: Nature,
    /// The whole story, on one line.
    pub text: String,
}

impl Hardship {
    /// Whether it is the same trouble as another: numbers such as times may differ.
    pub fn is_like(&self, other: &Self) -> bool {
        let story = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
        self.nature == other.nature && story(&self.text) == story(&other.text)
    }
}

/// What the handle and its task share.
pub(super) struct Shared {
    state: Mutex<State>,
    standing: watch::Sender<Standing>,
    /// Something was reported.
    pub doubt: Notify,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    number: u64,
}

struct Current {
    identity: Identity,
    link: Link,
    reach: Reach,
}

/// Ends the task with the last handle.
struct Handle {
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Session {
    /// Starts to see to it that there are credentials; for as long as the handle lives.
    ///
    /// # Errors
    /// One line, when the environment says what can't be followed.
    pub fn start(settings: Settings) -> Result<Self, Unreachable> {
        let settings = Arc::new(settings);
        let refresher = Refresher::new(Arc::clone(&settings));
        let refresher = refresher.map_err(|error| Unreachable(error.explain(&Seen::default())))?;
        let standing = watch::Sender::new(Standing::default());
        let shared = Shared { state: Mutex::default(), standing, doubt: Notify::new() };
        let shared = Arc::new(shared);
        let driver = Driver::new(settings, refresher, Arc::clone(&shared));
        let task = tokio::spawn(driver.run()).abort_handle();
        Ok(Self(Arc::new(Handle { shared, task })))
    }

    /// To follow how things stand.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.0.shared.standing.subscribe()
    }

    async fn current(&self) -> Result<Link, Unreachable> {
        let mut standing = self.0.shared.standing.subscribe();
        loop {
            let trouble = standing.borrow_and_update().trouble.clone();
            if let Some(outcome) = self.0.shared.now(trouble) {
                return outcome;
            }
            if standing.changed().await.is_err() {
                return Err(Unreachable("the session with Teleport has ended".to_owned()));
            }
        }
    }
}

impl Connection for Session {
    fn link(&self) -> BoxFuture<'_, Result<Link, Unreachable>> {
        Box::pin(self.current())
    }

    fn report(&self, number: u64, trouble: Trouble) {
        let mut state = self.0.shared.state();
        if state.number != number {
            return;
        }
        if trouble == Trouble::Silent {
            state.redial();
        }
        drop(state);
        self.0.shared.doubt.notify_one();
    }

    fn judge(&self, code: Code, text: &str) -> Blame {
        let known = self.0.shared.standing.borrow().trouble.as_ref().map(|trouble| trouble.nature);
        blame(code, text, known)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is to call through now; none if that is not known yet.
    fn now(&self, trouble: Option<Hardship>) -> Option<Result<Link, Unreachable>> {
        let state = self.state();
        let Some(current) = &state.current else {
            return trouble.map(|trouble| Err(Unreachable(trouble.text)));
        };
        if !current.identity.is_over(OffsetDateTime::now_utc()) {
            return Some(Ok(current.link.clone()));
        }
        self.doubt.notify_one();
        let over = || {
            format!("our certificate ended at {}; a new one is asked for", stamp(current.identity.until()))
        };
        Some(Err(Unreachable(trouble.map_or_else(over, |trouble| trouble.text))))
    }

    /// The channel and the identity of the day.
    pub fn current(&self) -> Option<(Identity, Channel)> {
        self.state().current.as_ref().map(|current| (current.identity.clone(), current.link.channel.clone()))
    }

    /// From now on calls go through this channel.
    pub fn swap(&self, identity: Identity, channel: Channel, reach: Reach) {
        let mut state = self.state();
        state.number += 1;
        let link = Link { channel, number: state.number, authorization: None };
        state.current = Some(Current { identity, link, reach });
    }

    /// How things stand from now on.
    pub fn tell(&self, change: impl FnOnce(&mut Standing)) {
        self.standing.send_if_modified(|standing| {
            let before = standing.clone();
            change(standing);
            *standing != before
        });
    }
}

impl State {
    /// A new channel in place of one through which nothing comes back.
    fn redial(&mut self) {
        let Some(current) = &mut self.current else { return };
        match current.reach.channel(&current.identity) {
            Ok(channel) => {
                self.number += 1;
                current.link = Link { channel, number: self.number, authorization: None };
            }
            Err(error) => {
                tracing::debug!(error = error.explain(&Seen::default()), "no new channel can be made");
            }
        }
    }
}

impl Who {
    /// As an identity says.
    pub(super) fn of(identity: &Identity, version: Option<String>, way: String) -> Self {
        let about = identity.about();
        Self {
            user: about.user.clone(),
            roles: about.roles.clone(),
            cluster: about.cluster.clone().unwrap_or_default(),
            version,
            until: about.until,
            way,
        }
    }

    /// In one line.
    pub fn summary(&self) -> String {
        let Self { user, roles, cluster, until, way, .. } = self;
        format!("{user} in {cluster} with roles {}, by {way}, until {}", roles.join(", "), stamp(*until))
    }
}
