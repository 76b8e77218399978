//! The control port of the auth server peer: looks into its store, counts its calls, makes it fail, and changes resources
//! behind the operator's back. Knows no scenario.
#![allow(dead_code, reason = "each test binary has this module, and uses its part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

/// The control port of one server.
pub struct Control {
    address: String,
    agent: ureq::Agent,
}

/// A resource as the server keeps it.
#[derive(Debug, Clone, Deserialize, PartialEq)]
pub struct Stored {
    /// Changes with every write.
    pub revision: String,
    /// Teleport's own JSON of it, without the revision.
    pub json: Value,
    /// Its message, in base64.
    pub resource_b64: String,
}

/// One write to the server's store.
#[derive(Debug, Clone, Deserialize)]
pub struct Write {
    /// When, as RFC 3339 has it.
    pub time: String,
    /// The call that wrote.
    pub method: String,
    /// The resource's kind.
    pub kind: String,
    /// The resource's name.
    pub name: String,
    /// Who wrote.
    pub user: String,
    /// When the call came and when it had written, in milliseconds of [`Control::clock`].
    pub began_ms: u64,
    pub done_ms: u64,
}

/// Asked all the time by the operator, to know whether the server is there, and to be told of changes.
const STANDING: [&str; 2] = ["/proto.AuthService/Ping", "/proto.AuthService/WatchEvents"];

impl Control {
    /// The control port that a server's `ready.json` tells.
    pub fn of(ready: &Path) -> Self {
        let text = fs::read(ready).expect("the server is ready");
        let ready: Value = serde_json::from_slice(&text).expect("JSON");
        let address = format!("http://{}", ready["control"].as_str().expect("an address"));
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30)));
        // An error's body says what was wrong with the test.
        Self { address, agent: config.http_status_as_error(false).build().new_agent() }
    }

    fn read(what: &str, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
        let mut answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
        // A dump of ten thousand roles is larger than what is read unless told.
        let text = answer.body_mut().with_config().limit(1 << 30).read_to_string().expect("a body");
        assert!(answer.status().is_success(), "{what}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// What the port answers.
    pub fn get(&self, path: &str) -> Value {
        Self::read(path, self.agent.get(format!("{}{path}", self.address)).call())
    }

    /// Has the port do something.
    pub fn post(&self, path: &str, body: &Value) {
        Self::read(path, self.agent.post(format!("{}{path}", self.address)).send(body.to_string()));
    }

    /// All resources, by kind and name.
    pub fn dump(&self) -> BTreeMap<String, BTreeMap<String, Stored>> {
        serde_json::from_value(self.get("/dump")).expect("a dump")
    }

    /// A resource, if there is one.
    pub fn resource(&self, kind: &str, name: &str) -> Option<Stored> {
        let mut found = self.get(&format!("/dump?kind={kind}"));
        let stored = found[kind][name].take();
        (!stored.is_null()).then(|| serde_json::from_value(stored).expect("a resource"))
    }

    /// How often each method was called, those aside that say nothing of an object.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        let mut methods = self.all_calls();
        methods.retain(|method, _| !STANDING.contains(&method.as_str()));
        methods
    }

    /// How often a method was called, whichever.
    pub fn called(&self, method: &str) -> u64 {
        self.all_calls().get(method).copied().unwrap_or_default()
    }

    fn all_calls(&self) -> BTreeMap<String, u64> {
        let mut calls = self.get("/calls");
        serde_json::from_value(calls["methods"].take()).expect("counts by method")
    }

    /// All writes so far, but for those that set the server up.
    pub fn writes(&self) -> Vec<Write> {
        let all: Vec<Write> = serde_json::from_value(self.get("/writes")).expect("writes");
        all.into_iter().filter(|write| write.method != "startup").collect()
    }

    /// Milliseconds of the server's life, on a clock that nobody sets.
    pub fn clock(&self) -> u64 {
        self.get("/clock")["ms"].as_u64().expect("milliseconds")
    }

    /// Makes calls fail: see the peer's description of a fault.
    pub fn inject(&self, fault: &Value) {
        self.post("/inject", fault);
    }

    /// Ends or begins an outage.
    pub fn unavailable(&self, on: bool) {
        self.post("/unavailable", &json!({"on": on}));
    }

    /// Has reads show at once what was written, which they usually do a little later.
    pub fn lags_no_more(&self) {
        self.post("/lag", &json!({"ms": 0}));
    }

    /// Lays features over those that the server says it has.
    pub fn features(&self, features: &Value) {
        self.post("/features", features);
    }

    /// Stores a resource as somebody else would.
    pub fn put(&self, kind: &str, name: &str, resource: &Value) {
        let path = format!("/resource/{kind}/{}", name.replace('/', "%2F"));
        Self::read(&path, self.agent.put(format!("{}{path}", self.address)).send(resource.to_string()));
    }

    /// Removes a resource as somebody else would.
    pub fn remove(&self, kind: &str, name: &str) {
        let path = format!("/resource/{kind}/{}", name.replace('/', "%2F"));
        Self::read(&path, self.agent.delete(format!("{}{path}", self.address)).call());
    }
}
