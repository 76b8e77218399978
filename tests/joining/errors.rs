//! What is wrong, where, and what to do: each way in which joining fails is provoked, and told on one line that a person can act
//! on. Where the cause can be removed while the operator runs, it then joins by itself.
use std::fs;

use serde_json::{Value, json};

use crate::joiner::{CLUSTER, Joiner, KIND, Method, Way};
use crate::kubernetes::free_ports;
use crate::teleport::Teleport;

/// One way to fail.
struct Row {
    name: &'static str,
    profile: &'static str,
    way: Way,
    method: Method,
    /// Makes it so; what it gives is told too.
    wrong: fn(&mut Joiner) -> Vec<String>,
    /// What must be told beside it.
    told: &'static [&'static str],
    /// Makes it right again; without it, that takes another operator.
    right: Option<fn(&mut Joiner)>,
}

impl Row {
    fn run(&self) {
        let mut joiner = Joiner::new(self.name, Teleport::joining(self.profile, &[]), self.way, self.method);
        let mut told: Vec<String> = (self.wrong)(&mut joiner);
        told.extend(self.told.iter().map(|part| (*part).to_owned()));
        joiner.run(&[]);
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        let line = joiner.until_told(&told);
        assert!(line.len() < 1500, "too long for a person: {line}");
        if let Some(right) = self.right {
            right(&mut joiner);
            joiner.edit("it-works-now");
            joiner.until_ready(KIND, &joiner.bot);
            joiner.until_operator_ready();
        }
    }
}

fn put_bot(joiner: &Joiner, roles: &[&str]) {
    joiner.target.bot(&joiner.bot, roles);
}

fn edit_token(joiner: &Joiner, change: fn(&mut Value)) {
    let mut token = joiner.target.resource("token", &joiner.token).expect("the token").json;
    change(&mut token);
    joiner.target.put("token", &joiner.token, &token);
}

const KEYS: Row = Row {
    name: "",
    profile: "18",
    way: Way::Proxy,
    method: Method::Keys,
    wrong: |_| Vec::new(),
    told: &[],
    right: None,
};

#[test]
fn addresses() {
    let rows = [
        Row {
            name: "error-dns",
            wrong: |joiner| {
                joiner.set("--auth-server", "no-such-host.invalid:443");
                vec![]
            },
            told: &["no-such-host.invalid"],
            ..KEYS
        },
        Row {
            name: "error-refused",
            wrong: |joiner| {
                let [port] = free_ports();
                joiner.set("--auth-server", &format!("127.0.0.1:{port}"));
                vec![format!("127.0.0.1:{port}")]
            },
            told: &["refused"],
            ..KEYS
        },
        Row {
            name: "error-html",
            wrong: |joiner| {
                joiner.target.disguise(&json!({"status": 200, "content_type": "text/html", "body": "<html>hello</html>", "times": -1}));
                vec![joiner.teleport.proxy().to_owned()]
            },
            told: &["web page"],
            right: Some(|joiner| joiner.target.disguise(&json!({}))),
            ..KEYS
        },
    ];
    rows.iter().for_each(Row::run);
}

#[test]
fn certificates() {
    let rows = [
        Row {
            name: "error-authority",
            wrong: |joiner| {
                joiner.world.environment.retain(|(name, _)| name != "SSL_CERT_FILE");
                vec![joiner.teleport.proxy().to_owned()]
            },
            told: &["SSL_CERT_FILE"],
            ..KEYS
        },
        Row {
            name: "error-name",
            wrong: |joiner| {
                joiner.target.web_certificate("misnamed");
                vec![]
            },
            told: &["localhost", "elsewhere.example.com"],
            right: Some(|joiner| joiner.target.web_certificate("signed")),
            ..KEYS
        },
        Row {
            name: "error-web-expired",
            wrong: |joiner| {
                joiner.target.web_certificate("expired");
                vec![]
            },
            told: &["was valid until"],
            right: Some(|joiner| joiner.target.web_certificate("signed")),
            ..KEYS
        },
        Row {
            name: "error-pin",
            way: Way::Direct,
            wrong: |joiner| {
                let pin = format!("sha256:{}", "0".repeat(64));
                joiner.set("--ca-pin", &pin);
                vec![joiner.teleport.pins()[0].clone()]
            },
            told: &["pinned sha256:000", "tctl status"],
            ..KEYS
        },
        Row {
            name: "error-pin-by-proxy",
            wrong: |joiner| {
                let pin = format!("sha256:{}", "0".repeat(64));
                joiner.set("--ca-pin", &pin);
                vec![joiner.teleport.pins()[0].clone()]
            },
            told: &["pinned sha256:000", "tctl status"],
            ..KEYS
        },
        Row {
            name: "error-clock",
            wrong: |joiner| {
                joiner.target.skew(2 * 3600);
                vec![]
            },
            told: &["clock"],
            right: Some(|joiner| joiner.target.skew(0)),
            ..KEYS
        },
    ];
    rows.iter().for_each(Row::run);
}

#[test]
fn tokens() {
    let rows = [
        Row {
            name: "error-unknown-token",
            wrong: |joiner| {
                joiner.target.remove("token", &joiner.token);
                vec![joiner.token.clone(), joiner.account()]
            },
            told: &["does not exist", "join_method: kubernetes"],
            right: Some(|joiner| joiner.make_token()),
            ..KEYS
        },
        Row {
            name: "error-expired-token",
            profile: "18.5",
            wrong: |joiner| {
                edit_token(joiner, |token| token["metadata"]["expires"] = json!("2020-01-01T00:00:00Z"));
                vec![joiner.token.clone()]
            },
            told: &["expired"],
            right: Some(|joiner| joiner.make_token()),
            ..KEYS
        },
        Row {
            name: "error-used-token",
            method: Method::Token,
            wrong: |joiner| {
                joiner.target.remove("token", &joiner.token);
                vec![]
            },
            told: &["only once", "tctl bots add"],
            right: Some(|joiner| joiner.make_token()),
            ..KEYS
        },
        Row {
            name: "error-token-of-nodes",
            wrong: |joiner| {
                edit_token(joiner, |token| {
                    token["spec"]["roles"] = json!(["Node"]);
                    token["spec"]["bot_name"] = json!("");
                });
                vec![joiner.token.clone()]
            },
            told: &["not for bots", "roles: [Bot]"],
            right: Some(|joiner| joiner.make_token()),
            ..KEYS
        },
        Row {
            name: "error-token-of-nodes-new",
            profile: "18.5",
            wrong: |joiner| {
                edit_token(joiner, |token| {
                    token["spec"]["roles"] = json!(["Node"]);
                    token["spec"]["bot_name"] = json!("");
                });
                vec![joiner.token.clone()]
            },
            told: &["not for bots", "roles: [Bot]"],
            ..KEYS
        },
        Row {
            name: "error-method",
            profile: "18.5",
            wrong: |joiner| {
                joiner.set("--join-method", "token");
                vec![]
            },
            told: &["--join-method"],
            ..KEYS
        },
    ];
    rows.iter().for_each(Row::run);
}

#[test]
fn proofs() {
    let rows = [
        Row {
            name: "error-account",
            wrong: |joiner| {
                joiner.target.token_with_keys(&joiner.token, &joiner.bot, &joiner.keys(), "other:operator");
                vec![joiner.account()]
            },
            told: &["spec.kubernetes.allow"],
            right: Some(|joiner| joiner.make_token()),
            ..KEYS
        },
        Row {
            name: "error-audience",
            wrong: |joiner| {
                joiner.prove("", "10m", true);
                vec![CLUSTER.to_owned(), joiner.proof_file().display().to_string()]
            },
            told: &["`https://kubernetes.default.svc`", "KUBERNETES_TOKEN_PATH"],
            right: Some(|joiner| joiner.prove(CLUSTER, "10m", true)),
            ..KEYS
        },
        Row {
            name: "error-audience-new",
            profile: "20",
            way: Way::Direct,
            wrong: |joiner| {
                joiner.prove("", "10m", true);
                vec![CLUSTER.to_owned()]
            },
            told: &["`https://kubernetes.default.svc`"],
            right: Some(|joiner| joiner.prove(CLUSTER, "10m", true)),
            ..KEYS
        },
        Row {
            name: "error-long-lived",
            wrong: |joiner| {
                joiner.prove(CLUSTER, "2h", true);
                vec![joiner.proof_file().display().to_string()]
            },
            told: &["7200s", "expirationSeconds"],
            right: Some(|joiner| joiner.prove(CLUSTER, "10m", true)),
            ..KEYS
        },
        Row {
            name: "error-not-bound",
            wrong: |joiner| {
                joiner.prove(CLUSTER, "10m", false);
                vec![]
            },
            told: &["bound to no pod"],
            right: Some(|joiner| joiner.prove(CLUSTER, "10m", true)),
            ..KEYS
        },
        Row {
            name: "error-not-bound-review",
            method: Method::Review,
            wrong: |joiner| {
                joiner.prove("", "10m", false);
                vec![]
            },
            told: &["bound to no pod"],
            right: Some(|joiner| joiner.prove("", "10m", true)),
            ..KEYS
        },
        Row {
            name: "error-audience-review",
            profile: "15",
            method: Method::Review,
            wrong: |joiner| {
                joiner.prove(CLUSTER, "10m", true);
                vec![format!("the audience `{CLUSTER}`")]
            },
            told: &["in_cluster", "15.5.4"],
            right: Some(|joiner| joiner.prove("", "10m", true)),
            ..KEYS
        },
        Row {
            name: "error-no-proof",
            wrong: |joiner| {
                fs::remove_file(joiner.proof_file()).expect("it was there");
                vec![joiner.proof_file().display().to_string()]
            },
            told: &["KUBERNETES_TOKEN_PATH"],
            right: Some(|joiner| joiner.prove(CLUSTER, "10m", true)),
            ..KEYS
        },
        Row {
            name: "error-issuer",
            wrong: |joiner| {
                joiner.target.token_with_keys(
                    &joiner.token,
                    &joiner.bot,
                    r#"{"keys":[]}"#,
                    &joiner.account(),
                );
                vec![joiner.token.clone()]
            },
            told: &["static_jwks"],
            right: Some(|joiner| joiner.make_token()),
            ..KEYS
        },
    ];
    rows.iter().for_each(Row::run);
}

#[test]
fn bots() {
    let rows = [
        Row {
            name: "error-no-bot",
            wrong: |joiner| {
                joiner.target.remove("bot", &joiner.bot);
                vec![]
            },
            told: &["does not exist", "tctl bots add"],
            right: Some(|joiner| put_bot(joiner, &["operator"])),
            ..KEYS
        },
        Row {
            name: "error-no-role",
            wrong: |joiner| {
                put_bot(joiner, &[]);
                vec![joiner.user()]
            },
            told: &["allow.impersonate.roles"],
            right: Some(|joiner| put_bot(joiner, &["operator"])),
            ..KEYS
        },
        Row {
            name: "error-missing-role",
            wrong: |joiner| {
                put_bot(joiner, &["gone"]);
                vec![]
            },
            told: &["`gone`", "does not exist"],
            right: Some(|joiner| put_bot(joiner, &["operator"])),
            ..KEYS
        },
        Row {
            name: "error-impersonation",
            wrong: |joiner| {
                let message = r#"user "bot-x" has requested role impersonation for ["operator"]"#;
                joiner.target.inject(&json!({"method": "GenerateUserCerts", "code": "PERMISSION_DENIED", "message": message, "times": -1}));
                vec![]
            },
            told: &["`operator`", "allow.impersonate.roles"],
            right: Some(|joiner| joiner.target.post("/inject/clear", &json!({}))),
            ..KEYS
        },
        Row {
            name: "error-version",
            wrong: |joiner| {
                joiner.target.inject(&json!({"method": "Get*", "code": "PERMISSION_DENIED", "message": "client version is unsupported", "times": -1}));
                vec![]
            },
            told: &["version", "18.2.0"],
            right: Some(|joiner| joiner.target.post("/inject/clear", &json!({}))),
            ..KEYS
        },
        Row {
            name: "error-locked",
            wrong: |joiner| {
                joiner.target.lock("test", &joiner.user());
                vec![]
            },
            told: &["lock", "tctl"],
            right: Some(|joiner| joiner.target.remove("lock", "test")),
            ..KEYS
        },
        Row {
            name: "error-joined-before",
            profile: "15",
            method: Method::Token,
            wrong: |joiner| {
                let mut user = joiner.target.resource("user", &joiner.user()).expect("the bot's user").json;
                user["metadata"]["labels"]["teleport.internal/bot-generation"] = json!("3");
                joiner.target.put("user", &joiner.user(), &user);
                vec![]
            },
            told: &["only once"],
            ..KEYS
        },
    ];
    rows.iter().for_each(Row::run);
}
