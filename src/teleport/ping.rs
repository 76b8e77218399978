//! What a Teleport proxy says about itself and its cluster to anybody who asks. Reads text; asks nobody.
use serde_json::Value;

/// By which algorithms a cluster wants keys to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Suite {
    /// The cluster does not say: it is older, or was upgraded. RSA.
    #[default]
    Unspecified,
    /// RSA.
    Legacy,
    /// Elliptic curves.
    Balanced,
    /// Elliptic curves that FIPS allows.
    Fips,
    /// Those of hardware modules.
    Hsm,
    /// One that came after this program.
    Other,
}

impl Suite {
    /// By its name, in any of the ways in which it is written.
    pub fn from_text(text: &str) -> Self {
        let text = text.trim().to_ascii_lowercase().replace('_', "-");
        let text = text.strip_prefix("signature-algorithm-suite-").unwrap_or(&text);
        match text {
            "" | "unspecified" => Self::Unspecified,
            "legacy" => Self::Legacy,
            "balanced-v1" => Self::Balanced,
            "fips-v1" => Self::Fips,
            "hsm-v1" => Self::Hsm,
            digits => digits.parse().map_or(Self::Other, Self::from_number),
        }
    }

    fn from_number(number: u64) -> Self {
        match number {
            0 => Self::Unspecified,
            1 => Self::Legacy,
            2 => Self::Balanced,
            3 => Self::Fips,
            4 => Self::Hsm,
            _ => Self::Other,
        }
    }
}

/// What is of interest in a proxy's answer. Older and newer ones say less and more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ping {
    /// The cluster's name.
    pub cluster: Option<String>,
    /// The proxy's version.
    pub version: Option<String>,
    /// The oldest client that it serves.
    pub oldest_client: Option<String>,
    /// The proxy's own idea of its address, `host:port`.
    pub public_address: Option<String>,
    /// Whether all is served at one port.
    pub tls_routing: Option<bool>,
    /// How keys are to be made.
    pub suite: Suite,
    /// `oss`, `ent`, `community`.
    pub edition: Option<String>,
}

impl Ping {
    /// Reads an answer. None if it is no proxy's: not JSON, or nothing in it that a proxy says. A field of another type
    /// than it should have counts as left out.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let text = |pointer: &str| {
            let found = value.pointer(pointer).and_then(Value::as_str);
            found.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let ping = Self {
            cluster: text("/cluster_name"),
            version: text("/server_version"),
            oldest_client: text("/min_client_version"),
            public_address: text("/proxy/ssh/public_addr"),
            tls_routing: value.pointer("/proxy/tls_routing_enabled").and_then(Value::as_bool),
            suite: value.pointer("/auth/signature_algorithm_suite").map(suite).unwrap_or_default(),
            edition: text("/edition"),
        };
        (ping.version.is_some() && value.get("proxy").is_some_and(Value::is_object)).then_some(ping)
    }
}

fn suite(value: &Value) -> Suite {
    match value {
        Value::String(text) => Suite::from_text(text),
        Value::Number(number) => number.as_u64().map_or(Suite::Other, Suite::from_number),
        _ => Suite::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_teleport_14_said_is_read() {
        let body = br#"{"auth":{"type":"local","second_factor":"off","local":{"name":""},"private_key_policy":"none",
            "has_motd":false,"default_session_ttl":"12h0m0s"},
            "proxy":{"kube":{"enabled":true,"listen_addr":"0.0.0.0:3080"},"ssh":{"listen_addr":"[::]:3023",
            "tunnel_listen_addr":"0.0.0.0:3080","web_listen_addr":"0.0.0.0:3080","public_addr":"localhost:3080"},
            "db":{},"tls_routing_enabled":true,"assist_enabled":false},
            "server_version":"14.0.0-dev","min_client_version":"13.0.0","cluster_name":"one.example","automatic_upgrades":false}"#;
        let text = |text: &str| Some(text.to_owned());
        let expected = Ping {
            cluster: text("one.example"),
            version: text("14.0.0-dev"),
            oldest_client: text("13.0.0"),
            public_address: text("localhost:3080"),
            tls_routing: Some(true),
            suite: Suite::Unspecified,
            edition: None,
        };
        assert_eq!(Ping::parse(body), Some(expected));
    }

    #[test]
    fn a_suite_is_a_number_or_a_name() {
        for (json, suite) in [
            ("0", Suite::Unspecified),
            ("1", Suite::Legacy),
            ("2", Suite::Balanced),
            ("3", Suite::Fips),
            ("4", Suite::Hsm),
            ("5", Suite::Other),
            ("-1", Suite::Other),
            ("2.5", Suite::Other),
            ("null", Suite::Unspecified),
            (r#""""#, Suite::Unspecified),
            (r#""legacy""#, Suite::Legacy),
            (r#""balanced-v1""#, Suite::Balanced),
            (r#""SIGNATURE_ALGORITHM_SUITE_BALANCED_V1""#, Suite::Balanced),
            (r#""SIGNATURE_ALGORITHM_SUITE_UNSPECIFIED""#, Suite::Unspecified),
            (r#""fips-v1""#, Suite::Fips),
            (r#""hsm-v1""#, Suite::Hsm),
            (r#""3""#, Suite::Fips),
            (r#""quantum-v1""#, Suite::Other),
        ] {
            let body = format!(
                r#"{{"server_version":"1","proxy":{{}},"auth":{{"signature_algorithm_suite":{json}}}}}"#
            );
            assert_eq!(Ping::parse(body.as_bytes()).expect(json).suite, suite, "{json}");
        }
    }

    #[test]
    fn what_no_proxy_says_is_none() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "7",
            "<html>",
            r#"{"server_version":"17.0.0"}"#,
            r#"{"proxy":{}}"#,
            r#"{"server_version":17,"proxy":{}}"#,
            r#"{"server_version":"17","proxy":7}"#,
            r#"{"server_version":"17","proxy":{}"#,
        ] {
            assert_eq!(Ping::parse(body.as_bytes()), None, "{body}");
        }
        let odd = br#"{"server_version":"17","proxy":{"ssh":7,"tls_routing_enabled":"yes"},"cluster_name":null,"auth":[]}"#;
        let ping = Ping::parse(odd).expect("a proxy's");
        assert_eq!((ping.cluster, ping.tls_routing, ping.suite), (None, None, Suite::Unspecified));
    }

    proptest::proptest! {
        #[test]
        fn no_answer_is_too_broken(body in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            proptest::prop_assert_eq!(Ping::parse(&body), None);
        }

        /// Any JSON where a value is expected.
        #[test]
        fn no_value_is_too_odd(value in "(\\[|\\]|\\{|\\}|\"|:|,|[0-9a-z.-]){0,40}") {
            for body in [
                format!(r#"{{"server_version":"17","proxy":{{"ssh":{value}}}}}"#),
                format!(r#"{{"server_version":"17","proxy":{{}},"auth":{{"signature_algorithm_suite":{value}}}}}"#),
                format!(r#"{{"server_version":{value},"proxy":{value}}}"#),
            ] {
                let _ = Ping::parse(body.as_bytes());
            }
        }
    }

    #[test]
    fn depth_ends() {
        let body = "[".repeat(1_000_000);
        assert_eq!(Ping::parse(body.as_bytes()), None);
    }
}
