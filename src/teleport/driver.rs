//! The task behind a session: it decides when there is a round of getting credentials, one at a time, and looks into what
//! calls report. How a round goes is not its business.
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::errors::{Error, Nature};
use super::identity::Identity;
use super::impersonate::ping;
use super::refresh::{Failed, Fresh, Refresher};
use super::schedule::{self, Stage};
use super::session::{Hardship, Shared, Who};
use super::settings::{Means, Settings};

/// How long a question may take whether all is well.
const CHECK: Duration = Duration::from_secs(10);
/// After so many of those in a row without an answer, the way is looked for anew.
const LOST_AFTER: u32 = 4;
/// The oldest version that this program is for.
const OLDEST: [u64; 3] = [15, 2, 4];

/// The task.
pub struct Driver {
    settings: Arc<Settings>,
    refresher: Refresher,
    shared: Arc<Shared>,
    /// Rounds that failed in a row, in the same way.
    failures: u32,
    /// How the last one failed.
    last: Option<(Nature, Stage)>,
    /// Questions without an answer, in a row.
    unanswered: u32,
    /// When the next round is.
    next: Instant,
    /// Whether a file is to be taken although it has not changed.
    anyway: bool,
    /// Of what age the server was said to be.
    warned: Option<String>,
}

impl Driver {
    /// Nothing is done before it runs.
    pub(super) fn new(settings: Arc<Settings>, refresher: Refresher, shared: Arc<Shared>) -> Self {
        let (failures, last, unanswered, anyway, warned) = (0, None, 0, false, None);
        Self { settings, refresher, shared, failures, last, unanswered, next: Instant::now(), anyway, warned }
    }

    /// Runs for ever.
    pub async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            tokio::select! {
                biased;
                () = sleep_until(self.next) => self.round(&shared).await,
                () = shared.doubt.notified() => self.check(&shared).await,
            }
        }
    }

    async fn round(&mut self, shared: &Shared) {
        match self.refresher.round(self.anyway).await {
            Ok(Some(fresh)) => self.succeeded(shared, fresh),
            // A file that is as it was.
            Ok(None) => {
                self.last = None;
                self.next = Instant::now() + schedule::LOOK_EVERY;
                if let Some((identity, _)) = shared.current()
                    && !identity.is_over(OffsetDateTime::now_utc())
                {
                    shared.tell(|standing| {
                        standing.trouble.take_if(|trouble| trouble.nature == Nature::Refused);
                    });
                }
            }
            Err(failed) => self.failed(shared, &failed),
        }
    }

    fn succeeded(&mut self, shared: &Shared, fresh: Fresh) {
        let Fresh { identity, channel, via } = fresh;
        self.last = None;
        self.anyway = false;
        self.next = match &self.settings.means {
            Means::File(_) => Instant::now() + schedule::LOOK_EVERY,
            Means::Join(joining) => {
                let now = OffsetDateTime::now_utc();
                let due = schedule::due(now, identity.until(), joining.interval, luck());
                Instant::now() + Duration::try_from(due - now).unwrap_or_default().max(schedule::APART)
            }
        };
        let route = self.refresher.reach().map(|reach| reach.route.to_string()).unwrap_or_default();
        let way = via.map_or_else(|| route.clone(), |via| format!("{route} ({via})"));
        let who = Who::of(&identity, self.refresher.seen.version.clone(), way);
        self.warn_of_age(who.version.as_deref());
        tracing::info!(who = who.summary(), "credentials are good");
        self.swap(shared, identity, channel);
        shared.tell(|standing| {
            let same = |known: &Who| known.user == who.user && known.roles == who.roles;
            if standing.trouble.take().is_some() || !standing.who.as_ref().is_some_and(same) {
                standing.credentials += 1;
            }
            standing.who = Some(who);
        });
    }

    fn swap(&self, shared: &Shared, identity: Identity, channel: tonic::transport::Channel) {
        if let Some(reach) = self.refresher.reach() {
            shared.swap(identity, channel, reach);
        }
    }

    fn failed(&mut self, shared: &Shared, failed: &Failed) {
        let Failed { error, stage } = failed;
        let nature = error.nature();
        let same = self.last.replace((nature, *stage)) == Some((nature, *stage));
        self.failures = if same { self.failures.saturating_add(1) } else { 1 };
        let pause = match self.settings.means {
            Means::File(_) => schedule::APART,
            Means::Join(_) => schedule::pause(nature, *stage, self.failures, luck()),
        };
        self.next = Instant::now() + pause;
        self.trouble(shared, nature, error.explain(&self.refresher.seen));
    }

    /// Says what is in the way, once.
    fn trouble(&self, shared: &Shared, nature: Nature, text: String) {
        shared.tell(|standing| {
            let trouble = Hardship { nature, text };
            let text = &trouble.text;
            let known = standing.trouble.as_ref().is_some_and(|known| known.is_like(&trouble));
            match standing.who.as_ref().filter(|who| who.until > OffsetDateTime::now_utc()) {
                _ if known => tracing::debug!(text, "still no new credentials"),
                Some(who) => {
                    let until = super::stamp::stamp(who.until);
                    tracing::warn!(text, until, "no new credentials; the old go on");
                }
                None => tracing::warn!(text, "no credentials"),
            }
            standing.trouble = Some(trouble);
        });
    }

    /// Looks into what was reported: whether it is us who are refused, or nobody answers, or nothing is wrong.
    async fn check(&mut self, shared: &Shared) {
        let Some((identity, channel)) = shared.current() else { return };
        if identity.is_over(OffsetDateTime::now_utc()) {
            self.hurry();
            return;
        }
        let asked = timeout(CHECK, ping(&channel)).await;
        let pause = match asked.unwrap_or_else(|_| Err(super::call::silent(super::errors::Step::Ping))) {
            Ok(_) => {
                self.unanswered = 0;
                shared.tell(|standing| {
                    if standing.trouble.take_if(|trouble| trouble.nature == Nature::Locked).is_some() {
                        standing.credentials += 1;
                    }
                });
                schedule::APART
            }
            Err(error) => self.doubtful(shared, &error, &identity).await,
        };
        // Whoever reports in the meantime is heard afterwards.
        sleep(pause).await;
    }

    /// What to do where a question is answered with an error; and for how long to ask no more.
    async fn doubtful(&mut self, shared: &Shared, error: &Error, identity: &Identity) -> Duration {
        match error.nature() {
            Nature::Away => {
                self.unanswered += 1;
                if self.unanswered.is_multiple_of(LOST_AFTER) && self.refresher.find_anew().await {
                    tracing::info!("Teleport is reached by another way now");
                    if let Ok(channel) = self.refresher.channel(identity) {
                        self.swap(shared, identity.clone(), channel);
                    }
                }
            }
            Nature::Locked => {
                self.trouble(shared, Nature::Locked, error.explain(&self.refresher.seen));
                shared.doubt.notify_one();
                self.unanswered += 1;
                return schedule::pause(Nature::Locked, Stage::Asking, self.unanswered, luck());
            }
            Nature::Limited => {}
            Nature::Credentials | Nature::Refused => {
                let text = error.explain(&self.refresher.seen);
                tracing::warn!(text, "Teleport no longer takes the credentials");
                self.trouble(shared, Nature::Credentials, text);
                self.hurry();
            }
        }
        schedule::APART
    }

    /// There is a round as soon as may be.
    fn hurry(&mut self) {
        self.anyway = true;
        if self.last.is_none() {
            self.next = Instant::now();
        }
    }

    fn warn_of_age(&mut self, version: Option<&str>) {
        let Some(version) = version.filter(|version| is_old(version)) else { return };
        if self.warned.as_deref() != Some(version) {
            let oldest = OLDEST.map(|part| part.to_string()).join(".");
            tracing::warn!(
                version,
                oldest,
                "this Teleport is older than what the operator is for; it goes on with what it has"
            );
            self.warned = Some(version.to_owned());
        }
    }
}

/// Whether a version, such as `15.2.3` or `14.0.0-dev`, is older than the oldest that this program is for.
fn is_old(version: &str) -> bool {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    let parts: Result<Vec<u64>, _> = plain.trim_start_matches('v').split('.').map(str::parse).collect();
    parts.is_ok_and(|parts| parts.as_slice() < OLDEST.as_slice())
}

/// A number between 0 and 1 that nobody else has.
#[expect(clippy::cast_precision_loss, reason = "chance needs no precision")]
fn luck() -> f64 {
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_are_told_from_new_and_from_nonsense() {
        for (version, old) in [
            ("14.0.0-dev", true),
            ("15.2.3", true),
            ("v15.2.3", true),
            ("15.2", true),
            ("15.2.4", false),
            ("15.2.4-rc.1", false),
            ("18.0.0+build.7", false),
            ("", false),
            ("next", false),
        ] {
            assert_eq!(is_old(version), old, "{version}");
        }
    }

    #[test]
    fn luck_is_a_fraction() {
        assert!((0..100).map(|_| luck()).all(|luck| (0.0..=1.0).contains(&luck)));
    }
}
