//! The session with a Teleport, in this process: every way in, renewals under calls, what goes wrong and how it is said.
#[path = "../support/control.rs"]
mod control;
#[path = "../support/joining.rs"]
mod joining;
#[path = "../support/teleport.rs"]
mod teleport;

mod account;
mod logs;
mod recovery;
mod refusals;
mod ways;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use control::Control;
use teleport::Teleport;
use teleport_operator::mapping;
use teleport_operator::target::call::Options;
use teleport_operator::target::client::Client;
use teleport_operator::teleport::address::Environment;
use teleport_operator::teleport::join::Method;
use teleport_operator::teleport::session::{Session, Standing};
use teleport_operator::teleport::settings::{Joining, Means, Settings};
use teleport_operator::teleport::token::TokenSource;
use tokio::time::{sleep, timeout};

use account::Account;

/// How long anything may take that is waited for; a machine with other work to do is slow.
const PATIENCE: Duration = Duration::from_secs(30);
const BOT: &str = "operator";
const TOKEN: &str = "operator-token";
/// With the method `token` its name is a secret.
const SECRET: &str = "hunter2-8d1f0e5f6a7c";

/// A Teleport with a bot and a token for it, and what is needed to join.
struct World {
    peer: Teleport,
    control: Control,
    account: Account,
    settings: Settings,
}

/// Which address to go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entrance {
    Auth,
    Proxy,
    Balancer,
}

impl World {
    /// Certificates live for ten seconds and are renewed after two.
    fn new(profile: &str, entrance: Entrance, method: Method) -> Self {
        Self::with(profile, entrance, method, &[])
    }

    fn with(profile: &str, entrance: Entrance, method: Method, flags: &[&str]) -> Self {
        let peer = Teleport::joining(profile, flags);
        let control = Control::of(&peer.path("ready.json"));
        control.bot(BOT, &["operator"]);
        let account = Account::new();
        let token = match method {
            Method::Token => SECRET,
            Method::Kubernetes => TOKEN,
        };
        match method {
            Method::Token => control.token(token, BOT),
            Method::Kubernetes => control.token_with_keys(token, BOT, &account.keys(), account::NAME),
        }
        let address = match entrance {
            Entrance::Auth => peer.address(),
            Entrance::Proxy => peer.proxy(),
            Entrance::Balancer => peer.balancer(),
        };
        let proof = peer.path("service-account-token");
        std::fs::write(&proof, account.token()).expect("writes");
        let settings = Settings {
            address: address.parse().expect("an address"),
            means: Means::Join(Joining {
                method,
                token: TokenSource::new(token),
                proof,
                lifetime: Duration::from_secs(10),
                interval: Duration::from_secs(2),
            }),
            pins: Vec::new(),
            insecure: false,
            environment: Environment {
                certificate_file: Some(peer.web_authorities().into()),
                ..Environment::default()
            },
        };
        Self { peer, control, account, settings }
    }

    fn joining(&mut self) -> &mut Joining {
        match &mut self.settings.means {
            Means::Join(joining) => joining,
            Means::File(_) => unreachable!("this world joins"),
        }
    }

    /// Certificates live for so long. A server that wants RSA keys may take longer to be given one.
    fn lives(&mut self, seconds: u64) {
        self.joining().lifetime = Duration::from_secs(seconds);
        self.joining().interval = Duration::from_secs(seconds) / 3;
    }

    fn proof(&mut self) -> PathBuf {
        self.joining().proof.clone()
    }

    fn session(&self) -> Session {
        Session::start(self.settings.clone()).expect("an environment to follow")
    }

    /// A client, and its prober.
    fn client(&self, session: &Session) -> Client {
        let target = mapping::embedded().expect("the embedded mappings are sound");
        let client = Client::new(&target, Arc::new(session.clone()), Options::default());
        let prober = client.clone();
        tokio::spawn(async move { prober.keep_reaching().await });
        client
    }

    /// Of attempts to join, how they came; and how often.
    fn endpoints(&self) -> Vec<String> {
        self.control.joins().into_iter().filter(joining::Join::is_join).map(|join| join.endpoint).collect()
    }
}

/// Waits until things stand so.
async fn until(session: &Session, what: &str, mut holds: impl FnMut(&Standing) -> bool) -> Standing {
    let mut standing = session.standing();
    let waited = timeout(PATIENCE, standing.wait_for(|standing| holds(standing))).await;
    match waited {
        Ok(standing) => standing.expect("the session lives").clone(),
        Err(_) => panic!("not {what}: {:?}", *session.standing().borrow()),
    }
}

async fn joined(session: &Session) -> Standing {
    until(session, "joined", |standing| standing.who.is_some() && standing.trouble.is_none()).await
}

/// Waits until something holds on the other side.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = async {
        while !holds() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(timeout(PATIENCE, waited).await.is_ok(), "not {what} within {PATIENCE:?}");
}
