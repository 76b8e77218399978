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
    /// Of the generation 18, through its proxy, by the keys of the cluster, and not righted.
    const fn new(
        name: &'static str,
        told: &'static [&'static str],
        wrong: fn(&mut Joiner) -> Vec<String>,
    ) -> Self {
        Self { name, profile: "18", way: Way::Proxy, method: Method::Keys, wrong, told, right: None }
    }

    const fn of(self, profile: &'static str) -> Self {
        Self { profile, ..self }
    }

    const fn over(self, way: Way) -> Self {
        Self { way, ..self }
    }

    const fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }

    const fn until(self, right: fn(&mut Joiner)) -> Self {
        Self { right: Some(right), ..self }
    }

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

fn make_token_well(joiner: &mut Joiner) {
    joiner.make_token();
}

fn prove_well(joiner: &mut Joiner) {
    joiner.prove(joiner.audience(), "10m", true);
}

fn make_bot_well(joiner: &mut Joiner) {
    put_bot(joiner, &["operator"]);
}

fn make_token_of_nodes(joiner: &mut Joiner) -> Vec<String> {
    edit_token(joiner, |token| {
        token["spec"]["roles"] = json!(["Node"]);
        token["spec"]["bot_name"] = json!("");
    });
    vec![joiner.token.clone()]
}

fn pin_another(joiner: &mut Joiner) -> Vec<String> {
    joiner.set("--ca-pin", &format!("sha256:{}", "0".repeat(64)));
    vec![joiner.teleport.pins()[0].clone()]
}

#[test]
fn addresses() {
    let rows = [
        Row::new("error-dns", &["no-such-host.invalid"], |joiner| {
            joiner.set("--auth-server", "no-such-host.invalid:443");
            vec![]
        }),
        Row::new("error-refused", &["refused"], |joiner| {
            let [port] = free_ports();
            joiner.set("--auth-server", &format!("127.0.0.1:{port}"));
            vec![format!("127.0.0.1:{port}")]
        }),
        Row::new("error-html", &["web page"], |joiner| {
            let html = "<html>hello</html>";
            let page = json!({"status": 200, "content_type": "text/html", "body": html, "times": -1});
            joiner.target.disguise(&page);
            vec![joiner.teleport.proxy().to_owned()]
        })
        .until(|joiner| joiner.target.disguise(&json!({}))),
    ];
    rows.iter().for_each(Row::run);
}

#[test]
fn certificates() {
    let rows = [
        Row::new("error-authority", &["SSL_CERT_FILE"], |joiner| {
            joiner.world.environment.retain(|(name, _)| name != "SSL_CERT_FILE");
            vec![joiner.teleport.proxy().to_owned()]
        }),
        Row::new("error-name", &["localhost", "elsewhere.example.com"], |joiner| {
            joiner.target.web_certificate("misnamed");
            vec![]
        })
        .until(|joiner| joiner.target.web_certificate("signed")),
        Row::new("error-web-expired", &["was valid until"], |joiner| {
            joiner.target.web_certificate("expired");
            vec![]
        })
        .until(|joiner| joiner.target.web_certificate("signed")),
        Row::new("error-pin", &["pinned sha256:000", "tctl status"], pin_another).over(Way::Direct),
        Row::new("error-pin-by-proxy", &["pinned sha256:000", "tctl status"], pin_another),
        Row::new("error-clock", &["clock"], |joiner| {
            joiner.target.skew(2 * 3600);
            vec![]
        })
        .until(|joiner| joiner.target.skew(0)),
    ];
    rows.iter().for_each(Row::run);
}

#[test]
fn tokens() {
    let rows = [
        Row::new("error-unknown-token", &["does not exist", "join_method: kubernetes"], |joiner| {
            joiner.target.remove("token", &joiner.token);
            vec![joiner.token.clone(), joiner.account()]
        })
        .until(make_token_well),
        Row::new("error-expired-token", &["expired"], |joiner| {
            edit_token(joiner, |token| token["metadata"]["expires"] = json!("2020-01-01T00:00:00Z"));
            vec![joiner.token.clone()]
        })
        .of("18.5")
        .until(make_token_well),
        Row::new("error-used-token", &["only once", "tctl bots add"], |joiner| {
            joiner.target.remove("token", &joiner.token);
            vec![]
        })
        .by(Method::Token)
        .until(make_token_well),
        Row::new("error-token-of-nodes", &["not for bots", "roles: [Bot]"], make_token_of_nodes)
            .until(make_token_well),
        Row::new("error-token-of-nodes-new", &["not for bots", "roles: [Bot]"], make_token_of_nodes)
            .of("18.5"),
        Row::new("error-method", &["--join-method"], |joiner| {
            joiner.set("--join-method", "token");
            vec![]
        })
        .of("18.5"),
    ];
    rows.iter().for_each(Row::run);
}

#[test]
fn proofs() {
    let rows = [
        Row::new("error-account", &["spec.kubernetes.allow"], |joiner| {
            joiner.target.token_with_keys(&joiner.token, &joiner.bot, &joiner.keys(), "other:operator");
            vec![joiner.account()]
        })
        .until(make_token_well),
        Row::new(
            "error-audience",
            &["`https://kubernetes.default.svc`", "KUBERNETES_TOKEN_PATH"],
            |joiner| {
                joiner.prove("", "10m", true);
                vec![CLUSTER.to_owned(), joiner.proof_file().display().to_string()]
            },
        )
        .until(prove_well),
        Row::new("error-audience-new", &["`https://kubernetes.default.svc`"], |joiner| {
            joiner.prove("", "10m", true);
            vec![CLUSTER.to_owned()]
        })
        .of("20")
        .over(Way::Direct)
        .until(prove_well),
        Row::new("error-long-lived", &["7200s", "expirationSeconds"], |joiner| {
            joiner.prove(CLUSTER, "2h", true);
            vec![joiner.proof_file().display().to_string()]
        })
        .until(prove_well),
        Row::new("error-not-bound", &["bound to no pod"], |joiner| {
            joiner.prove(CLUSTER, "10m", false);
            vec![]
        })
        .until(prove_well),
        Row::new("error-not-bound-review", &["bound to no pod"], |joiner| {
            joiner.prove("", "10m", false);
            vec![]
        })
        .by(Method::Review)
        .until(prove_well),
        Row::new("error-audience-review", &["in_cluster", "15.5.4"], |joiner| {
            joiner.prove(CLUSTER, "10m", true);
            vec![format!("the audience `{CLUSTER}`")]
        })
        .of("15")
        .by(Method::Review)
        .until(prove_well),
        Row::new("error-no-proof", &["KUBERNETES_TOKEN_PATH"], |joiner| {
            fs::remove_file(joiner.proof_file()).expect("it was there");
            vec![joiner.proof_file().display().to_string()]
        })
        .until(prove_well),
        Row::new("error-issuer", &["static_jwks"], |joiner| {
            joiner.target.token_with_keys(&joiner.token, &joiner.bot, r#"{"keys":[]}"#, &joiner.account());
            vec![joiner.token.clone()]
        })
        .until(make_token_well),
    ];
    rows.iter().for_each(Row::run);
}

#[test]
fn bots() {
    let rows = [
        Row::new("error-no-bot", &["does not exist", "tctl bots add"], |joiner| {
                joiner.target.remove("bot", &joiner.bot);
                vec![]
            }).until(make_bot_well),
        Row::new("error-no-role", &["allow.impersonate.roles"], |joiner| {
                put_bot(joiner, &[]);
                vec![joiner.user()]
            }).until(make_bot_well),
        Row::new("error-missing-role", &["`gone`", "does not exist"], |joiner| {
                put_bot(joiner, &["gone"]);
                vec![]
            }).until(make_bot_well),
        Row::new("error-impersonation", &["`operator`", "allow.impersonate.roles"], |joiner| {
                let message = r#"user "bot-x" has requested role impersonation for ["operator"]"#;
                joiner.target.inject(&json!({"method": "GenerateUserCerts", "code": "PERMISSION_DENIED", "message": message, "times": -1}));
                vec![]
            }).until(|joiner| joiner.target.post("/inject/clear", &json!({}))),
        Row::new("error-version", &["version", "18.2.0"], |joiner| {
                joiner.target.inject(&json!({"method": "Get*", "code": "PERMISSION_DENIED", "message": "client version is unsupported", "times": -1}));
                vec![]
            }).until(|joiner| joiner.target.post("/inject/clear", &json!({}))),
        Row::new("error-locked", &["lock", "tctl"], |joiner| {
                joiner.target.lock("test", &joiner.user());
                vec![]
            }).until(|joiner| joiner.target.remove("lock", "test")),
        Row::new("error-joined-before", &["only once"], |joiner| {
                let mut user = joiner.target.resource("user", &joiner.user()).expect("the bot's user").json;
                user["metadata"]["labels"]["teleport.internal/bot-generation"] = json!("3");
                joiner.target.put("user", &joiner.user(), &user);
                vec![]
            }).of("15").by(Method::Token),
    ];
    rows.iter().for_each(Row::run);
}
