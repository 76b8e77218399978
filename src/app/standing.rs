//! Tells the rest of the process, and people, how things stand between us and the target: readiness, metrics, one event at
//! each change. Decides nothing and calls nothing.
use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::watch::Receiver;

use crate::kube::events::{self, EventType, Events, Note, Subject};
use crate::ops::health::Fact;
use crate::ops::metrics::Metrics;
use crate::target::reach::State;
use crate::teleport::errors::Nature;
use crate::teleport::session::Standing;
use crate::teleport::token::{self, Claims, Proof};

/// Where news of this process go.
#[derive(Clone)]
pub struct Crier {
    /// To people.
    pub events: Events,
    /// Whom they are about: this pod.
    pub myself: events::Subject,
    /// To machines.
    pub metrics: Metrics,
}

impl Crier {
    fn tell(&self, news: News) {
        let News { told, text } = news;
        let kind = if told.warns() { EventType::Warning } else { EventType::Normal };
        let (reason, action) = (told.name().to_owned(), "Connecting".to_owned());
        self.events.tell_of(&self.myself, Note { kind, reason, action, note: text });
    }

    /// Follows whether the target answers.
    pub async fn follow_reach(self, mut state: Receiver<State>) {
        let mut before = State::Unknown;
        loop {
            let now = state.borrow_and_update().clone();
            self.metrics.reachable(now == State::Up);
            if let Some(news) = reach_news(&before, &now) {
                self.tell(news);
            }
            before = now;
            if state.changed().await.is_err() {
                return;
            }
        }
    }

    /// Follows who we are; `renewed` is called when there are new credentials, and told whether they may allow more.
    pub async fn follow_session(
        self,
        mut standing: Receiver<Standing>,
        joined: Fact,
        renewed: Arc<dyn Fn(bool) + Send + Sync>,
    ) {
        let mut before = Standing::default();
        loop {
            let now = standing.borrow_and_update().clone();
            match (good(&now), &now.trouble) {
                (Some(_), _) => joined.holds(),
                (None, Some(trouble)) => joined.lacks(&trouble.text),
                (None, None) => joined.lacks("joining"),
            }
            self.metrics.joined(good(&now).is_some());
            if let Some(who) = &now.who {
                self.metrics.certificate_expires(who.until.unix_timestamp());
            }
            if let Some(news) = session_news(&before, &now) {
                self.tell(news);
            }
            if now.who != before.who && now.who.is_some() {
                renewed(now.credentials != before.credentials);
            } else if now.credentials != before.credentials {
                renewed(true);
            }
            let expiry = good(&now).map(|until| until - OffsetDateTime::now_utc());
            let expiry = expiry.and_then(|left| std::time::Duration::try_from(left).ok());
            before = now;
            // Without news it runs out all the same.
            let ran_out = async {
                match expiry {
                    Some(left) => tokio::time::sleep(left).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = standing.changed() => if changed.is_err() { return },
                () = ran_out => {}
            }
        }
    }
}

/// The pod that this process is in, as its service account's token says, or its environment.
pub fn pod(namespace: &str, hostname: fn() -> String) -> Subject {
    let claims = Proof::read(token::SERVICE_ACCOUNT.as_ref()).map(|proof| proof.claims().clone());
    let Claims { pod, pod_uid, .. } = claims.unwrap_or_default();
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let name = pod.or_else(|| set("POD_NAME")).unwrap_or_else(hostname);
    Subject::pod(namespace, &name, pod_uid.or_else(|| set("POD_UID")))
}

/// Until when we are somebody; none if we are nobody.
fn good(standing: &Standing) -> Option<OffsetDateTime> {
    let refused = standing
        .trouble
        .as_ref()
        .is_some_and(|trouble| matches!(trouble.nature, Nature::Locked | Nature::Credentials));
    let until = standing.who.as_ref().map(|who| who.until).filter(|_| !refused);
    until.filter(|until| *until > OffsetDateTime::now_utc())
}

/// What an event of this pod tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The target answers again.
    Reachable,
    /// It no longer does.
    Unreachable,
    /// We are somebody there, after trouble or as somebody else.
    Joined,
    /// We are nobody.
    NotJoined,
    /// We are somebody for as long as what we have lasts.
    RenewalFailing,
    /// Who we are is locked.
    Locked,
}

impl Told {
    /// Their names as reasons of events.
    pub const NAMES: [(&str, Self); 6] = [
        ("Reachable", Self::Reachable),
        ("Unreachable", Self::Unreachable),
        ("Joined", Self::Joined),
        ("NotJoined", Self::NotJoined),
        ("RenewalFailing", Self::RenewalFailing),
        ("Locked", Self::Locked),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, told)| *told == self).map_or("", |(name, _)| name)
    }

    /// Whether somebody should look.
    pub fn warns(self) -> bool {
        !matches!(self, Self::Reachable | Self::Joined)
    }
}

/// What there is to tell.
#[derive(Debug, PartialEq, Eq)]
struct News {
    told: Told,
    text: String,
}

/// That all is well from the start is no news: a restart writes nothing.
fn reach_news(before: &State, now: &State) -> Option<News> {
    match (before, now) {
        (State::Down(_), State::Up) => {
            Some(News { told: Told::Reachable, text: "the target answers".to_owned() })
        }
        (State::Unknown | State::Up, State::Down(why)) => {
            Some(News { told: Told::Unreachable, text: why.clone() })
        }
        _ => None,
    }
}

/// Only what is new: a renewal that went well, the same failure once more, or a first try that went well, is none.
fn session_news(before: &Standing, now: &Standing) -> Option<News> {
    if let Some(trouble) = &now.trouble {
        if before.trouble.as_ref().is_some_and(|known| known.is_like(trouble)) {
            return None;
        }
        let told = match (trouble.nature, &now.who) {
            (Nature::Locked, _) => Told::Locked,
            (_, Some(who)) if who.until > OffsetDateTime::now_utc() => Told::RenewalFailing,
            _ => Told::NotJoined,
        };
        return Some(News { told, text: trouble.text.clone() });
    }
    let who = now.who.as_ref()?;
    let same = before.who.as_ref().is_none_or(|known| known.user == who.user && known.roles == who.roles);
    let text = || who.summary();
    match (same, &before.trouble) {
        (true, None) => None,
        _ => Some(News { told: Told::Joined, text: text() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::teleport::session::{Hardship, Who};

    fn standing(role: Option<&str>, trouble: Option<Nature>) -> Standing {
        let who = role.map(|role| Who {
            user: "bot-operator".to_owned(),
            roles: vec![role.to_owned()],
            cluster: "one".to_owned(),
            version: None,
            until: OffsetDateTime::now_utc() + time::Duration::HOUR,
            way: "the proxy at one:443 (HTTP)".to_owned(),
        });
        let trouble = trouble.map(|nature| Hardship { nature, text: format!("{nature:?}") });
        Standing { who, trouble, credentials: 0 }
    }

    fn reason(before: &Standing, now: &Standing) -> Option<&'static str> {
        session_news(before, now).map(|news| news.told.name())
    }

    #[test]
    fn each_change_is_told_once() {
        let nobody = standing(None, None);
        let refused = standing(None, Some(Nature::Refused));
        let joined = standing(Some("operator"), None);
        let failing = standing(Some("operator"), Some(Nature::Away));
        let locked = standing(Some("operator"), Some(Nature::Locked));
        assert_eq!(reason(&nobody, &nobody), None);
        assert_eq!(reason(&nobody, &joined), None);
        assert_eq!(reason(&nobody, &refused), Some("NotJoined"));
        assert_eq!(reason(&refused, &refused), None);
        let other = |text: &str| {
            let trouble = Hardship { nature: Nature::Refused, text: text.to_owned() };
            Standing { trouble: Some(trouble), ..Standing::default() }
        };
        assert_eq!(reason(&refused, &other("another")), Some("NotJoined"));
        assert_eq!(reason(&other("it is 10:17"), &other("it is 10:18")), None);
        assert_eq!(reason(&refused, &joined), Some("Joined"));
        assert_eq!(reason(&joined, &joined), None);
        assert_eq!(reason(&joined, &standing(Some("other"), None)), Some("Joined"));
        assert_eq!(reason(&joined, &failing), Some("RenewalFailing"));
        assert_eq!(reason(&failing, &locked), Some("Locked"));
        assert_eq!(reason(&locked, &joined), Some("Joined"));
        assert!(good(&failing).is_some() && good(&locked).is_none() && good(&refused).is_none());
    }

    #[test]
    fn an_outage_has_a_beginning_and_an_end() {
        let (up, down, still) = (State::Up, State::Down("a".to_owned()), State::Down("b".to_owned()));
        let reason = |before, now| reach_news(before, now).map(|news| news.told.name());
        assert_eq!(reason(&State::Unknown, &up), None);
        assert_eq!(reason(&State::Unknown, &down), Some("Unreachable"));
        assert_eq!(reason(&up, &down), Some("Unreachable"));
        assert_eq!(reason(&down, &still), None);
        assert_eq!(reason(&still, &up), Some("Reachable"));
        assert_eq!(reason(&up, &up), None);
    }
}
