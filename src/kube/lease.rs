//! Leader election on a Lease: at most one holder at a time, whatever fails. Knows nothing of what the holder does; who
//! writes must ask [`Claim::is_current`] before each write.
//!
//! Every write carries the version that was read, so of two candidates one loses. How old a Lease is, is measured by how
//! long *we* have seen it unchanged, never by comparing clocks. The timings and fields are those of client-go, so that a
//! holder may be followed by one written with it, and the other way round.
use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use k8s_openapi::{
    api::coordination::v1::Lease, apimachinery::pkg::apis::meta::v1::MicroTime, jiff::Timestamp,
};
use kube::{Api, Client, api::PostParams};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::fields::{claimed, holder, may_claim, named, promised, vacated};
use super::{
    call::call,
    errors::{Class, Error},
};

mod fields;

/// How often giving the Lease up is tried, when others write to it meanwhile.
const RELEASES: usize = 3;

/// Which Lease, for whom, and when.
#[derive(Debug, Clone)]
pub struct Config {
    /// The Lease's namespace.
    pub namespace: String,
    /// The Lease's name.
    pub name: String,
    /// Who we are; different for every process (see [`identity`]).
    pub identity: String,
    /// After how long without a renewal others may take over.
    pub duration: Duration,
    /// How long a renewal holds for ourselves; shorter than `duration` by what clocks may drift and writes may take.
    pub renew_within: Duration,
    /// Time between two tries to renew. Who waits looks four times as often: a renewal that is seen late makes the
    /// Lease of a dead holder run out late.
    pub retry: Duration,
    /// The Leases that this is one of, where each candidate is to take one before it takes more.
    pub quota: Option<Arc<Quota>>,
}

/// How many of several Leases one candidate for all of them has: others may want one, too.
#[derive(Debug, Default)]
pub struct Quota(AtomicUsize);

/// How long a Lease that somebody just let go is left to those who have none, for each that one has.
const LET_GO: Duration = Duration::from_millis(900);
/// The same for one that nobody has had so far: the others are only starting.
const NEVER_HELD: Duration = Duration::from_secs(20);

impl Config {
    /// The usual timings: 15 s, 10 s and 2 s.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            identity: identity.into(),
            duration: Duration::from_secs(15),
            renew_within: Duration::from_secs(10),
            retry: Duration::from_secs(2),
            quota: None,
        }
    }
}

/// An identity that no other process has: the pod's name, for people, and a random part, for a container that restarts.
pub fn identity(pod: &str) -> String {
    format!("{pod}_{:016x}", RandomState::new().hash_one(pod))
}

/// Who holds the Lease, as far as we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The holder's identity, when there is one.
    pub holder: Option<Arc<str>>,
    until: Option<Instant>,
}

impl Claim {
    const NONE: Self = Self { holder: None, until: None };

    /// Whether we are the holder, at this moment. It turns false by itself when renewals fail.
    pub fn is_current(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}

/// Takes part in the election until `stop`, then gives the Lease up if we hold it: stop writing before. The claim's receivers are woken when we
/// become the holder or cease to be; renewals are seen by reading it.
pub fn start(
    client: &Client,
    config: Config,
    stop: CancellationToken,
) -> (watch::Receiver<Claim>, JoinHandle<()>) {
    let (claim, receiver) = watch::channel(Claim::NONE);
    let api = Api::namespaced(client.clone(), &config.namespace);
    let candidate = Candidate {
        api,
        config,
        claim,
        seen: None,
        complaint: None,
        free_since: None,
        was_held: false,
        counted: false,
    };
    (receiver, tokio::spawn(candidate.run(stop)))
}

struct Candidate {
    api: Api<Lease>,
    config: Config,
    claim: watch::Sender<Claim>,
    /// The Lease as we know it, and since when it is so.
    seen: Option<(Lease, Instant)>,
    /// The last trouble that was logged: each is told once.
    complaint: Option<String>,
    /// Since when we know that we could take it.
    free_since: Option<Instant>,
    /// We saw somebody else hold it.
    was_held: bool,
    /// It counts among those that we have.
    counted: bool,
}

impl Candidate {
    async fn run(mut self, stop: CancellationToken) {
        self.log_attempt();
        while stop.run_until_cancelled(self.round()).await.is_some() {}
        self.release().await;
    }

    /// One try to renew or to take over, and the pause after it.
    async fn round(&mut self) {
        let begun = Instant::now();
        let expiry = self.claim.borrow().until.filter(|until| *until > begun);
        let patience = begun + self.config.renew_within / 2;
        let deadline = expiry.map_or(patience, |expiry| expiry.min(patience));
        match timeout_at(deadline, self.attempt()).await {
            Ok(Ok(true)) => self.gained(begun + self.config.renew_within),
            Ok(Ok(false)) => self.lacking(),
            Ok(Err(error)) => self.trouble(&error.to_string()),
            Err(_) => self.trouble("no answer in time"),
        }
        self.lapse();
        sleep(self.pause()).await;
        self.lapse();
    }

    /// How long until the next try: no longer than until the Lease of somebody else runs out.
    fn pause(&self) -> Duration {
        if self.claim.borrow().is_current() {
            return self.config.retry;
        }
        let left = self
            .seen
            .as_ref()
            .map(|(lease, since)| promised(lease, &self.config).saturating_sub(since.elapsed()));
        let look = self.config.retry / 4;
        left.filter(|left| !left.is_zero()).map_or(look, |left| left.min(look))
    }

    /// Whether we hold the Lease now.
    async fn attempt(&mut self) -> Result<bool, Error> {
        if !self.claim.borrow().is_current() {
            self.look().await?;
        }
        match self.try_claim().await {
            // Somebody was faster, or an earlier try of ours that got no answer was done after all: see who.
            Err(error) if matches!(error.class, Class::Conflict | Class::Gone) => {
                self.look().await?;
                self.try_claim().await
            }
            result => result,
        }
    }

    async fn try_claim(&mut self) -> Result<bool, Error> {
        let now = Instant::now();
        let free = |(lease, since): &(Lease, Instant)| may_claim(lease, &self.config, now - *since);
        if !self.seen.as_ref().is_none_or(free) {
            self.free_since = None;
            return Ok(false);
        }
        if !self.may_take(now) {
            return Ok(false);
        }
        let written = self.write().await;
        if written.is_err() && !self.claim.borrow().is_current() {
            self.uncount();
        }
        written.map(|()| true)
    }

    /// Whether it is our turn to take one more: at once if we have none, else later the more we have.
    fn may_take(&mut self, now: Instant) -> bool {
        let Some(quota) = self.config.quota.clone().filter(|_| !self.counted) else { return true };
        let free_for = now - *self.free_since.get_or_insert(now);
        let others = quota.0.fetch_add(1, Ordering::SeqCst);
        let patience = if self.was_held { LET_GO } else { NEVER_HELD };
        self.counted = true;
        if free_for >= patience.saturating_mul(u32::try_from(others).unwrap_or(u32::MAX)) {
            return true;
        }
        self.uncount();
        false
    }

    fn uncount(&mut self) {
        if let Some(quota) = self.config.quota.as_ref().filter(|_| std::mem::take(&mut self.counted)) {
            quota.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    async fn look(&mut self) -> Result<(), Error> {
        let lease = call("get", self.what(), self.api.get_opt(&self.config.name)).await?;
        let version = |lease: &Lease| lease.metadata.resource_version.clone();
        let known = self.seen.take();
        self.seen = lease.map(|lease| match known {
            Some((old, since)) if version(&old) == version(&lease) => (lease, since),
            _ => (lease, Instant::now()),
        });
        let held = self.seen.as_ref().map(|(lease, _)| holder(lease));
        self.was_held |= held.is_some_and(|holder| !holder.is_empty() && holder != self.config.identity);
        Ok(())
    }

    /// Writes us in as the holder.
    async fn write(&mut self) -> Result<(), Error> {
        let config = &self.config;
        let known = self.seen.as_ref().map(|(lease, _)| lease.clone());
        let exists = known.is_some();
        let lease =
            claimed(known.unwrap_or_else(|| named(&config.name)), config, MicroTime(Timestamp::now()));
        let params = PostParams::default();
        let written = if exists {
            call("update", self.what(), self.api.replace(&config.name, &params, &lease)).await?
        } else {
            call("create", self.what(), self.api.create(&params, &lease)).await?
        };
        self.seen = Some((written, Instant::now()));
        Ok(())
    }

    /// Gives the Lease up, so that another need not wait for it to run out.
    async fn release(mut self) {
        self.publish(None);
        let patience = Instant::now() + self.config.renew_within;
        match timeout_at(patience, self.try_releases()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the leader lease runs out by itself"),
            Err(_) => warn!(error = "no answer in time", "the leader lease runs out by itself"),
        }
    }

    async fn try_releases(&mut self) -> Result<(), Error> {
        for _ in 1..RELEASES {
            match self.try_release().await {
                // A renewal of ours was still under way.
                Err(error) if error.class == Class::Conflict => {}
                result => return result,
            }
        }
        self.try_release().await
    }

    async fn try_release(&mut self) -> Result<(), Error> {
        self.look().await?;
        let Some((lease, _)) = self.seen.take().filter(|(lease, _)| holder(lease) == self.config.identity)
        else {
            return Ok(());
        };
        let lease = vacated(lease, MicroTime(Timestamp::now()));
        let params = PostParams::default();
        call("update", self.what(), self.api.replace(&self.config.name, &params, &lease)).await?;
        info!("released leader lease {}", self.title());
        Ok(())
    }

    /// Makes the claim known; whether it changed hands, as far as we are concerned.
    fn publish(&mut self, until: Option<Instant>) -> bool {
        let holder = self.seen.as_ref().map(|(lease, _)| holder(lease)).filter(|holder| !holder.is_empty());
        let new = Claim { holder: holder.map(Into::into), until };
        self.claim.send_if_modified(|claim| {
            let turned = claim.until.is_some() != new.until.is_some();
            *claim = new;
            turned
        })
    }

    fn gained(&mut self, until: Instant) {
        self.complaint = None;
        if self.publish(Some(until)) {
            info!("successfully acquired lease {}", self.title());
        }
    }

    fn lacking(&mut self) {
        if self.publish(None) {
            self.uncount();
            warn!("lost leader lease {}", self.title());
            self.log_attempt();
        }
    }

    /// Says so when a claim ran out.
    fn lapse(&mut self) {
        if !self.claim.borrow().is_current() {
            self.lacking();
        }
    }

    fn trouble(&mut self, what: &str) {
        if self.complaint.as_deref() != Some(what) {
            warn!(error = what, "can't hold or get leader lease {}", self.title());
            self.complaint = Some(what.to_owned());
        }
    }

    fn log_attempt(&self) {
        info!("attempting to acquire leader lease {}", self.title());
    }

    fn title(&self) -> String {
        format!("{}/{}", self.config.namespace, self.config.name)
    }

    fn what(&self) -> String {
        format!("leases.coordination.k8s.io {}", self.title())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_claim_runs_out_by_itself() {
        let until = Instant::now() + Duration::from_secs(10);
        let claim = Claim { holder: None, until: Some(until) };
        assert!(claim.is_current());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(!claim.is_current());
        assert!(!Claim::NONE.is_current());
    }

    #[test]
    fn identities_differ_even_for_one_pod() {
        assert_ne!(identity("pod-0"), identity("pod-0"));
        assert!(identity("pod-0").starts_with("pod-0_"));
    }
}
