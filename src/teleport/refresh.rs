//! One round of getting credentials: join, or join again, or renew, then take on the roles; or read the file. Says how far
//! it came when it fails. When rounds take place is decided elsewhere.
use std::io;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tonic::transport::Channel;
use zeroize::Zeroizing;

use super::certs::Issued;
use super::errors::{Error, Nature, Seen, Step};
use super::identity::Identity;
use super::impersonate::{self, ping};
use super::join::{self, Ask, Method, Place, Via};
use super::ping::Suite;
use super::route::{Route, Ways};
use super::schedule::{self, Stage};
use super::settings::{Joining, Means, Settings};
use super::token::{Proof, Unreadable};
use super::trust::Trust;

/// What a round gave.
pub struct Fresh {
    /// To work with.
    pub identity: Identity,
    /// A channel as it, that answered already.
    pub channel: Channel,
    /// By which way we joined, if we did.
    pub via: Option<Via>,
}

/// A round that failed.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub error: Error,
    /// How far it came.
    pub stage: Stage,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, stage: Stage::Asking }
    }
}

fn finding(error: impl Into<Error>) -> Failed {
    Failed { error: error.into(), stage: Stage::Finding }
}

/// All that is kept from one round to the next.
pub struct Refresher {
    settings: Arc<Settings>,
    ways: Ways,
    found: Option<Found>,
    bot: Option<Bot>,
    /// Why the bot's last certificate must not be shown again.
    lost: Option<Error>,
    /// The content of the identity file that is in use.
    digest: Option<[u8; 32]>,
    /// When we last asked to join.
    joined: Option<Instant>,
    /// Whether the bot's certificate is to be replaced though it is new.
    is_stale: bool,
    /// What is known, for messages.
    pub seen: Seen,
}

/// A way to the cluster's auth server, for whoever has an identity.
#[derive(Clone)]
pub struct Reach {
    ways: Ways,
    /// Where it goes along.
    pub route: Route,
}

impl Reach {
    /// A channel as this identity. Nothing is dialled yet.
    ///
    /// # Errors
    /// When the cluster's name can't be routed by.
    pub fn channel(&self, identity: &Identity) -> Result<Channel, Error> {
        let trust = Trust::Roots(identity.authorities().to_vec());
        let channel = self.ways.auth(&self.route, identity.cluster(), &trust, Some(identity.key()));
        channel.map_err(|error| Error::from(&error))
    }
}

/// Where the cluster is.
struct Found {
    route: Route,
    cluster: Option<String>,
    suite: Suite,
}

struct Bot {
    identity: Identity,
    obtained: OffsetDateTime,
    via: Via,
}

impl Refresher {
    /// Nothing is done yet.
    ///
    /// # Errors
    /// When the environment can't be followed.
    pub fn new(settings: Arc<Settings>) -> Result<Self, Error> {
        let ways =
            Ways::new(&settings.environment, settings.insecure).map_err(|error| Error::from(&error))?;
        let mut seen = Seen { address: settings.address.to_string(), ..Seen::default() };
        if let Means::Join(joining) = &settings.means {
            seen.method = joining.method;
            seen.proof.clone_from(&joining.proof);
            // With the method `token`, what stands there is the secret itself; and a file is none of anybody's business.
            if joining.method == Method::Kubernetes && joining.token.file().is_none() {
                seen.token = joining.token.read().ok().map(|token| token.to_string());
            }
        }
        let (found, bot, lost, digest, joined) = (None, None, None, None, None);
        Ok(Self { settings, ways, found, bot, lost, digest, joined, is_stale: false, seen })
    }

    /// One round. With a file that has not changed, nothing comes of it unless `anyway`.
    ///
    /// # Errors
    /// What went wrong, and how far it came.
    pub async fn round(&mut self, anyway: bool) -> Result<Option<Fresh>, Failed> {
        let settings = Arc::clone(&self.settings);
        match &settings.means {
            Means::File(_) => self.by_file(anyway).await,
            Means::Join(joining) => self.by_joining(joining).await.map(Some),
        }
    }

    /// Looks anew for the way; says whether it is another one.
    pub async fn find_anew(&mut self) -> bool {
        let Ok(found) = self.ways.discover(&self.settings.address).await else { return false };
        let known = self.found.as_mut().filter(|known| known.route != found.route);
        let changed = known.is_some();
        if let Some(known) = known {
            known.route = found.route;
        }
        changed
    }

    /// The way that was found.
    pub fn reach(&self) -> Option<Reach> {
        let found = self.found.as_ref()?;
        Some(Reach { ways: self.ways.clone(), route: found.route.clone() })
    }

    /// A channel as this identity. Nothing is dialled yet.
    ///
    /// # Errors
    /// When the way is not known, or can't be one.
    pub fn channel(&self, identity: &Identity) -> Result<Channel, Error> {
        let lost = || Error::Answer { step: Step::Ping, why: "no way is known".to_owned() };
        self.reach().ok_or_else(lost)?.channel(identity)
    }

    async fn by_file(&mut self, anyway: bool) -> Result<Option<Fresh>, Failed> {
        let settings = Arc::clone(&self.settings);
        let Means::File(path) = &settings.means else { return Ok(None) };
        let unusable = |why: String| Error::IdentityFile(path.clone(), why);
        let text = tokio::fs::read(path).await.map(Zeroizing::new);
        let text = text.map_err(|error: io::Error| unusable(error.to_string()))?;
        let digest: [u8; 32] = Sha256::digest(&*text).into();
        if !anyway && self.digest == Some(digest) {
            return Ok(None);
        }
        let identity = Identity::parse(&text).map_err(|error| unusable(error.to_string()))?;
        identity.check(OffsetDateTime::now_utc()).map_err(|error| unusable(error.to_string()))?;
        self.find().await?;
        let channel = self.verified(&identity).await?;
        self.digest = Some(digest);
        Ok(Some(Fresh { identity, channel, via: None }))
    }

    async fn by_joining(&mut self, joining: &Joining) -> Result<Fresh, Failed> {
        self.find().await?;
        if !self.has_bot(joining) {
            self.update_bot(joining).await?;
        }
        let Some(bot) = &self.bot else { return Err(Error::InDoubt.into()) };
        let (suite, via) = (self.found.as_ref().map(|found| found.suite).unwrap_or_default(), bot.via);
        let channel = self.channel(&bot.identity)?;
        let roles = impersonate::roles(&channel, &bot.identity).await;
        // Whoever may not read its own role is not the user any more that it was.
        let roles = roles.inspect_err(|error| self.is_stale = error.blames_bot())?;
        self.seen.roles.clone_from(&roles);
        let identity = impersonate::take_on(&channel, &bot.identity, roles, suite, joining.lifetime).await?;
        let channel = self.verified(&identity).await?;
        Ok(Fresh { identity, channel, via: Some(via) })
    }

    /// A channel as this identity, once it has answered.
    async fn verified(&mut self, identity: &Identity) -> Result<Channel, Failed> {
        let (until, now) = (identity.until(), OffsetDateTime::now_utc());
        if identity.is_over(now) {
            return Err(Error::Clock { until, now }.into());
        }
        let channel = self.channel(identity)?;
        let pong = ping(&channel).await?;
        self.seen.version = Some(pong.version).filter(|version| !version.is_empty());
        Ok(channel)
    }

    async fn find(&mut self) -> Result<(), Failed> {
        if self.found.is_some() {
            return Ok(());
        }
        let found = self.ways.discover(&self.settings.address).await;
        let found = found.map_err(|error| finding(&error))?;
        let suite = match (&found.ping, &found.route) {
            (Some(ping), _) => ping.suite,
            // Auth servers tell anybody.
            (None, route) => {
                let channel = self.ways.auth(route, found.cluster.as_deref(), &Trust::HostName, None);
                match ping(&channel.map_err(|error| finding(&error))?).await {
                    Ok(pong) => Suite::from_text(&pong.suite.to_string()),
                    Err(_) => Suite::default(),
                }
            }
        };
        tracing::info!(way = %found.route, version = found.version, "Teleport found");
        self.seen.cluster.clone_from(&found.cluster);
        self.seen.version.clone_from(&found.version);
        self.found = Some(Found { route: found.route, cluster: found.cluster, suite });
        Ok(())
    }

    /// Whether the bot's certificate is so new that only the roles are wanting.
    fn has_bot(&self, joining: &Joining) -> bool {
        let now = OffsetDateTime::now_utc();
        self.bot.as_ref().filter(|_| !self.is_stale).is_some_and(|bot| {
            let due = schedule::due(bot.obtained, bot.identity.until(), joining.interval, 1.0);
            now >= bot.obtained && now < bot.obtained + (due - bot.obtained) / 2
        })
    }

    /// A new certificate for the bot, by the gentlest means that there are.
    async fn update_bot(&mut self, joining: &Joining) -> Result<(), Failed> {
        if let Some(bot) = self.bot.take_if(|bot| bot.identity.is_over(OffsetDateTime::now_utc())) {
            self.lost = Some(Error::RanOut(bot.identity.until()));
        }
        let Some(bot) = &self.bot else { return self.join(joining).await };
        let channel = self.channel(&bot.identity)?;
        // What breaks now has broken before anything was asked for.
        match ping(&channel).await {
            Ok(_) => {}
            Err(error) if error.nature() == Nature::Away => {
                self.found = None;
                return Err(finding(error));
            }
            Err(error) if error.nature() == Nature::Locked => return Err(error.into()),
            Err(error) => {
                tracing::info!(why = error.explain(&self.seen), "the bot's certificate is no longer taken");
                self.found = None;
                self.bot = None;
                self.lost = Some(error);
                self.find().await?;
                return self.join(joining).await;
            }
        }
        let suite = self.found.as_ref().map(|found| found.suite).unwrap_or_default();
        let (identity, via) = (bot.identity.clone(), bot.via);
        if identity.about().renewable {
            match impersonate::renew(&channel, &identity, suite, joining.lifetime).await {
                Ok(identity) => self.keep(identity, via),
                Err(error) => {
                    if error.is_generation() {
                        self.lost = Some(error.clone());
                        self.bot = None;
                    } else if !error.is_harmless() {
                        self.lost = Some(Error::InDoubt);
                        self.bot = None;
                    }
                    return Err(error.into());
                }
            }
            return Ok(());
        }
        let ask = self.ask(joining).await?;
        match join::again(&channel, &ask, suite).await {
            Ok(joined) => {
                let authorities = join::union(identity.authorities(), &joined.issued.authorities);
                let issued = Issued { certificate: joined.issued.certificate, authorities };
                let identity = Identity::issued(&joined.key, &issued).map_err(Error::Identity)?;
                self.keep(identity, joined.via);
                Ok(())
            }
            Err(error) if error.is_unimplemented() => self.join(joining).await,
            Err(error) => {
                // As nobody in particular next time: that never goes against a bot.
                self.bot = None;
                Err(error.without(&ask.token).into())
            }
        }
    }

    fn keep(&mut self, identity: Identity, via: Via) {
        self.seen.user = Some(identity.user().to_owned());
        self.seen.cluster = identity.cluster().map(str::to_owned).or(self.seen.cluster.take());
        self.lost = None;
        self.is_stale = false;
        self.bot = Some(Bot { identity, obtained: OffsetDateTime::now_utc(), via });
    }

    async fn ask(&mut self, joining: &Joining) -> Result<Ask, Failed> {
        let (source, path) = (joining.token.clone(), joining.proof.clone());
        let with_proof = joining.method == Method::Kubernetes;
        let read = spawn_blocking(move || {
            let token = source.read().map_err(Error::TokenFile)?;
            let proof = with_proof.then(|| Proof::read(&path)).transpose().map_err(Error::ProofFile)?;
            Ok((token, proof))
        });
        let (token, proof) = read.await.unwrap_or_else(|_| {
            let (path, why) = (joining.proof.clone(), "reading it failed".to_owned());
            Err(Error::ProofFile(Unreadable { path, why }))
        })?;
        self.seen.claims = proof.as_ref().map(|proof| proof.claims().clone());
        Ok(Ask { method: joining.method, token, proof, lifetime: joining.lifetime })
    }

    async fn join(&mut self, joining: &Joining) -> Result<(), Failed> {
        let ask = self.ask(joining).await?;
        let Some(found) = &self.found else { return Err(Error::InDoubt.into()) };
        let pinned = self.pinned(found).await?;
        let trust = Trust::Roots(pinned.clone());
        let trust = if pinned.is_empty() { &Trust::HostName } else { &trust };
        if pinned.is_empty() && !found.route.is_by_proxy() {
            tracing::warn!(
                "joining without --ca-pin: whoever stands between could pose as the auth server this once"
            );
        }
        let cluster = found.cluster.as_deref();
        let place = Place { ways: &self.ways, route: &found.route, cluster, trust, suite: found.suite };
        if let Some(last) = self.joined {
            tokio::time::sleep_until(last + schedule::APART).await;
        }
        self.joined = Some(Instant::now());
        let joined = join::join(&place, &ask).await.map_err(|error| self.because(error, &ask));
        // It may be another one by now, or somewhere else.
        let joined = joined.inspect_err(|_| self.found = None)?;
        let Issued { certificate, authorities } = joined.issued;
        let authorities = if pinned.is_empty() { authorities } else { pinned };
        let identity = Identity::issued(&joined.key, &Issued { certificate, authorities });
        let identity = identity.map_err(Error::Identity)?;
        tracing::info!(user = identity.user(), via = %joined.via, method = %joining.method, "joined");
        self.keep(identity, joined.via);
        Ok(())
    }

    /// Why joining failed: where a token is used up, what used it up says more.
    fn because(&self, error: Error, ask: &Ask) -> Error {
        match &self.lost {
            Some(lost) if ask.method == Method::Token && error.is_used_up() => lost.clone(),
            _ => error.without(&ask.token),
        }
    }

    /// The cluster's authorities that are pinned; none where nothing is.
    async fn pinned(&self, found: &Found) -> Result<Vec<CertificateDer<'static>>, Failed> {
        if self.settings.pins.is_empty() {
            return Ok(Vec::new());
        }
        let pinned = self.ways.pinned(&found.route, found.cluster.as_deref(), &self.settings.pins).await;
        pinned.map_err(|error| finding(&error))
    }
}
