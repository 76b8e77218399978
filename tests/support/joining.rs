//! The part of the peer's control port about joining and the network: bots, tokens, certificates, lines. Knows no scenario.
#![allow(dead_code, reason = "each test binary has this module, and uses its part of it")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::control::Control;

/// An attempt to join, a renewal, or a request for other roles.
#[derive(Debug, Clone, Deserialize)]
pub struct Join {
    /// When it came, as RFC 3339 has it.
    pub time: String,
    /// How it came: `proxy-http`, `auth-http`, `auth-register`, `auth-join`, `proxy-join`, `renewal` or `roles`.
    pub endpoint: String,
    /// The token's method.
    #[serde(default)]
    pub method: String,
    /// The bot's user; empty when it was not found out.
    #[serde(default)]
    pub user: String,
    /// The bot instance that it became or stayed.
    #[serde(default)]
    pub instance: String,
    /// The generation that was given.
    #[serde(default)]
    pub generation: u64,
    /// The bot instance as which it was asked.
    #[serde(default, rename = "as")]
    pub asked_as: String,
    /// Why it was refused; empty if it was not.
    #[serde(default)]
    pub error: String,
}

impl Join {
    /// Whether it is an attempt to join, and neither a renewal nor a request for roles.
    pub fn is_join(&self) -> bool {
        !matches!(self.endpoint.as_str(), "renewal" | "roles")
    }
}

/// A line: what can be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// The auth server's port.
    Auth,
    /// The proxy's port.
    Proxy,
    /// The load balancer's port.
    Balancer,
}

impl Line {
    fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Proxy => "proxy",
            Self::Balancer => "balancer",
        }
    }
}

impl Control {
    /// Makes a bot that may take on these roles.
    pub fn bot(&self, name: &str, roles: &[&str]) {
        self.put("bot", name, &json!({"metadata": {"name": name}, "spec": {"roles": roles}}));
    }

    /// Makes a token with which the bot joins once.
    pub fn token(&self, name: &str, bot: &str) {
        self.put("token", name, &join_token(name, bot, &json!({"join_method": "token"})));
    }

    /// Makes a token with which the bot joins as a service account (`namespace:name`), whose tokens are verified with these
    /// keys.
    pub fn token_with_keys(&self, name: &str, bot: &str, keys: &str, account: &str) {
        let kubernetes = json!({"type": "static_jwks", "static_jwks": {"jwks": keys}, "allow": [{"service_account": account}]});
        let spec = json!({"join_method": "kubernetes", "kubernetes": kubernetes});
        self.put("token", name, &join_token(name, bot, &spec));
    }

    /// Makes a token with which the bot joins as a service account (`namespace:name`), whose tokens are reviewed: see
    /// [`Self::kubernetes`].
    pub fn token_with_review(&self, name: &str, bot: &str, account: &str) {
        let kubernetes = json!({"type": "in_cluster", "allow": [{"service_account": account}]});
        let spec = json!({"join_method": "kubernetes", "kubernetes": kubernetes});
        self.put("token", name, &join_token(name, bot, &spec));
    }

    /// Who reviews tokens, and with whose rights: an address, a bearer token, and the authority that signed the server's
    /// certificate.
    pub fn kubernetes(&self, server: &str, token: &str, authority: &str) {
        self.post("/kubernetes", &json!({"server": server, "token": token, "ca": authority}));
    }

    /// Every attempt so far, oldest first.
    pub fn joins(&self) -> Vec<Join> {
        serde_json::from_value(self.get("/joins")).expect("attempts")
    }

    /// No certificate that is given from now on lives longer.
    pub fn longest(&self, lifetime: Duration) {
        self.post("/certificates", &json!({"longest_ms": lifetime.as_millis()}));
    }

    /// The cluster's clock is this many seconds ahead.
    pub fn skew(&self, seconds: i64) {
        self.post("/certificates", &json!({"skew_ms": seconds * 1000}));
    }

    /// Begins the next phase of a rotation: `init`, `update_clients`, `update_servers`, `standby`.
    pub fn rotate(&self, phase: &str) {
        self.post("/rotate", &json!({"phase": phase}));
    }

    /// Locks a user out; the lock has the name.
    pub fn lock(&self, name: &str, user: &str) {
        let lock = json!({
            "kind": "lock", "version": "v2", "metadata": {"name": name},
            "spec": {"target": {"user": user}, "message": "locked by a test"},
        });
        self.put("lock", name, &lock);
    }

    /// Closes a line and all that is open on it, so that it refuses.
    pub fn cut(&self, line: Line) {
        self.post("/line", &json!({"name": line.name(), "up": false}));
    }

    /// Opens a line again.
    pub fn mend(&self, line: Line) {
        self.post("/line", &json!({"name": line.name(), "up": true}));
    }

    /// Breaks what is open on a line.
    pub fn reset(&self, line: Line) {
        self.post("/line", &json!({"name": line.name(), "reset": true}));
    }

    /// Lets later connections on a line wait.
    pub fn delay(&self, line: Line, long: Duration) {
        self.post("/line", &json!({"name": line.name(), "delay_ms": long.as_millis()}));
    }

    /// How many connections each line has taken.
    pub fn accepted(&self) -> BTreeMap<String, u64> {
        serde_json::from_value(self.get("/lines")).expect("counts")
    }

    /// Lets the web answer as something else: see the peer's description of a disguise.
    pub fn disguise(&self, disguise: &Value) {
        self.post("/web", disguise);
    }

    /// Changes the certificate of the web: `signed`, `self`, `misnamed` or `expired`.
    pub fn web_certificate(&self, kind: &str) {
        self.post("/web-certificate", &json!({"kind": kind}));
    }

    /// Whether the load balancer refuses clients whose protocols it does not know, or ignores them.
    pub fn balancer_refuses(&self, refuses: bool) {
        self.post("/balancer", &json!({"mood": if refuses { "refusing" } else { "ignoring" }}));
    }
}

fn join_token(name: &str, bot: &str, with: &Value) -> Value {
    let mut spec = json!({"roles": ["Bot"], "bot_name": bot});
    let (Value::Object(all), Value::Object(more)) = (&mut spec, with.clone()) else {
        unreachable!("both are objects")
    };
    all.extend(more);
    json!({"kind": "token", "version": "v2", "metadata": {"name": name}, "spec": spec})
}
