//! A world in which the operator joins: by a method, over a way, with a bot, a token and a proof of its own.
use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::joining::Join;
use crate::teleport::Teleport;
use crate::world::World;

/// The kind that is edited here.
pub const KIND: &str = "TeleportRoleV7";
/// The name of the peer's cluster.
pub const CLUSTER: &str = "teleport.example.com";
/// The file with the service account's token.
const PROOF: &str = "service-account-token";

/// Over what the auth server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Its own port.
    Direct,
    /// The proxy's port, by ALPN.
    Proxy,
    /// A load balancer in front of the proxy, by the connection upgrade.
    Balancer,
}

/// How the operator proves that it may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By a token that works once.
    Token,
    /// By its service account, whose cluster's keys the token has.
    Keys,
    /// By its service account, whose cluster is asked.
    Review,
}

/// The world, the bot, and how it joins.
pub struct Joiner {
    pub world: World,
    /// The names of the bot and of its token. The token's is a secret with the method token.
    pub bot: String,
    pub token: String,
    pub method: Method,
    flags: Vec<String>,
}

impl Deref for Joiner {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Joiner {
    /// Makes all that it takes, and starts no operator yet. The namespace is also the bot's name.
    pub fn new(namespace: &str, teleport: impl Into<Arc<Teleport>>, way: Way, method: Method) -> Self {
        let mut world = World::beside(namespace, teleport);
        let authorities = world.teleport.web_authorities().display().to_string();
        let proof = world.path(PROOF).display().to_string();
        world.environment =
            vec![("SSL_CERT_FILE".to_owned(), authorities), ("KUBERNETES_TOKEN_PATH".to_owned(), proof)];
        let (bot, token) = (namespace.to_owned(), format!("token-of-{namespace}"));
        let mut joiner = Self { world, bot, token, method, flags: Vec::new() };
        joiner.target.bot(&joiner.bot, &["operator"]);
        joiner.make_token();
        joiner.prove(joiner.audience(), "10m", true);
        joiner.flags = joiner.default_flags(way);
        joiner
    }

    fn default_flags(&self, way: Way) -> Vec<String> {
        let address = match way {
            Way::Direct => self.teleport.address(),
            Way::Proxy => self.teleport.proxy(),
            Way::Balancer => self.teleport.balancer(),
        };
        let method = if self.method == Method::Token { "token" } else { "kubernetes" };
        let flags = [
            ("--auth-server", address),
            ("--join-method", method),
            ("--token", &self.token),
            ("--certificate-ttl", "10s"),
            ("--renewal-interval", "3s"),
        ];
        let mut flags: Vec<_> =
            flags.iter().flat_map(|(flag, value)| [*flag, *value]).map(str::to_owned).collect();
        if way == Way::Direct {
            flags.extend(["--ca-pin".to_owned(), self.teleport.pins().join(",")]);
        }
        flags
    }

    /// Gives a flag another value than it would have.
    pub fn set(&mut self, flag: &str, value: &str) {
        self.drop_flag(flag);
        self.flags.extend([flag.to_owned(), value.to_owned()]);
    }

    /// Takes a flag out, with its value.
    pub fn drop_flag(&mut self, flag: &str) {
        if let Some(at) = self.flags.iter().position(|given| given == flag) {
            self.flags.drain(at..at + 2);
        }
    }

    /// Makes the token, or makes it again.
    pub fn make_token(&self) {
        match self.method {
            Method::Token => self.target.token(&self.token, &self.bot),
            Method::Keys => {
                self.target.token_with_keys(&self.token, &self.bot, &self.keys(), &self.account())
            }
            Method::Review => {
                let (server, token, authority) = self.reviewer();
                self.target.kubernetes(&server, &token, &authority);
                self.target.token_with_review(&self.token, &self.bot, &self.account());
            }
        }
    }

    /// Whom the service account's token is for: an API server that is asked takes its own name in every generation.
    pub fn audience(&self) -> &'static str {
        if self.method == Method::Review { "" } else { CLUSTER }
    }

    /// The keys that the API server signs with.
    pub fn keys(&self) -> String {
        self.kubectl(&["get", "--raw", "/openid/v1/jwks"])
    }

    /// The operator's service account, as join tokens name it.
    pub fn account(&self) -> String {
        format!("{}:operator", self.namespace())
    }

    /// Who reviews tokens: the administrator.
    fn reviewer(&self) -> (String, String, String) {
        let text = self.kubectl(&["config", "view", "--raw", "--flatten", "-o", "json"]);
        let config: Value = serde_json::from_str(&text).expect("JSON");
        let token = config["users"][0]["user"]["token"].as_str().expect("a token").to_owned();
        // Whether a Teleport verifies its Kubernetes is not what is tested here.
        (self.cluster().url().to_owned(), token, String::new())
    }

    /// Puts a service account's token where the operator looks for it: for the audience, of that lifetime, and bound to a pod
    /// or not.
    pub fn prove(&self, audience: &str, lifetime: &str, bound: bool) {
        let mut arguments = vec!["create", "token", "operator", "--duration", lifetime];
        if !audience.is_empty() {
            arguments.extend(["--audience", audience]);
        }
        if bound {
            self.apply(POD);
            arguments.extend(["--bound-object-kind", "Pod", "--bound-object-name", "operator"]);
        }
        fs::write(self.proof_file(), self.kubectl(&arguments)).expect("the token is written");
    }

    /// The file with the service account's token.
    pub fn proof_file(&self) -> std::path::PathBuf {
        self.path(PROOF)
    }

    /// Its flags, with more of them.
    pub fn flags(&self, more: &[&str]) -> Vec<String> {
        self.flags.iter().cloned().chain(more.iter().map(|flag| (*flag).to_owned())).collect()
    }

    /// Starts the operator, with more flags.
    pub fn run(&mut self, more: &[&str]) {
        let flags = self.flags(more);
        self.world.run(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// The attempts of this bot so far; where it is alone, also those of which it is not known whose they were.
    pub fn attempts(&self) -> Vec<Join> {
        let (user, alone) = (self.user(), Arc::strong_count(&self.teleport) == 1);
        let ours = |join: &Join| join.user == user || (alone && join.user.is_empty());
        self.target.joins().into_iter().filter(ours).collect()
    }

    /// How often the bot was given the operator's roles.
    pub fn renewals(&self) -> usize {
        self.attempts().iter().filter(|join| join.endpoint == "roles" && join.error.is_empty()).count()
    }

    /// The bot's user.
    pub fn user(&self) -> String {
        format!("bot-{}", self.bot)
    }

    /// Lets a role be another one, and waits until Teleport has it so.
    pub fn edit(&self, login: &str) {
        self.ask(login);
        self.until_arrived(login);
    }

    /// Lets a role be another one. Its name is that of the bot.
    pub fn ask(&self, login: &str) {
        let role = json!({
            "apiVersion": "resources.teleport.dev/v1", "kind": KIND, "metadata": {"name": self.bot},
            "spec": {"allow": {"logins": [login]}},
        });
        self.apply_all([&role]);
    }

    /// Waits until Teleport has the role so.
    pub fn until_arrived(&self, login: &str) {
        self.until(&format!("the login {login} has arrived"), || {
            (self.login() == json!([login])).then_some(())
        });
    }

    /// What Teleport has.
    pub fn login(&self) -> Value {
        let role = self.target.resource("role", &self.bot);
        role.map(|role| role.json["spec"]["allow"]["logins"].clone()).unwrap_or_default()
    }

    /// Waits until the credentials were renewed so often from now on, with an edit in between each time.
    pub fn until_renewed(&self, times: usize) {
        let before = self.renewals();
        for n in 1..=times {
            self.until(&format!("renewal {n} of {times}"), || (self.renewals() >= before + n).then_some(()));
            self.edit(&format!("after-{before}-{n}"));
        }
    }

    /// How often calls to Teleport ended with which code, as the operator counts them.
    pub fn codes(&self) -> BTreeMap<String, u64> {
        let operator = self.operator.as_ref().expect("the operator runs");
        let mut codes = BTreeMap::new();
        for line in operator.metrics("/metrics").lines().filter(|line| line.contains("api_requests_total{")) {
            let code = line.split("code=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a code");
            let count: u64 = line.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("a count");
            *codes.entry(code.to_owned()).or_default() += count;
        }
        codes
    }

    /// Sees that the loop has seen no call fail, and that nobody was warned.
    pub fn all_went_well(&self) {
        let codes = self.codes();
        let failed: Vec<_> =
            codes.keys().filter(|code| !matches!(code.as_str(), "OK" | "NOT_FOUND")).collect();
        assert!(failed.is_empty() && codes.contains_key("OK"), "{codes:?}\n{}", self.report());
        let refused: Vec<_> = self.attempts().into_iter().filter(|join| !join.error.is_empty()).collect();
        assert!(refused.is_empty(), "{refused:#?}\n{}", self.report());
        let warned: Vec<_> = self.warnings();
        assert!(warned.is_empty(), "{warned:#?}");
    }

    /// What the operator has warned of.
    pub fn warnings(&self) -> Vec<String> {
        let lines = self.log();
        let loud = |line: &&str| line.contains(r#""level":"warn""#) || line.contains(r#""level":"error""#);
        lines.lines().filter(loud).map(str::to_owned).collect()
    }

    /// Waits until readiness, or the log, says all of this on one line.
    pub fn until_told(&self, parts: &[&str]) -> String {
        let operator = self.operator.as_ref().expect("the operator runs");
        self.until(&format!("it is told: {parts:?}"), || {
            let (_, page) = operator.health("/readyz").unwrap_or_default();
            let told = |line: &&str| parts.iter().all(|part| line.contains(part));
            page.lines().find(told).map(str::to_owned)
        })
    }
}

/// The pod that tokens are bound to. It is never run.
const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: operator}
spec:
  serviceAccountName: operator
  containers: [{name: operator, image: operator}]
"#;

/// How long something that must not happen is given to happen.
pub const WHILE: Duration = Duration::from_secs(5);
