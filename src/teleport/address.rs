//! Where a Teleport is said to be: a host and a port, as people write them; and what the environment says about the way
//! there. Plain values; nothing is connected here.
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

use rustls_pki_types::ServerName;

/// Ports on which proxies listen by custom, as the official client has it.
const PROXY_PORTS: [u16; 2] = [443, 3080];

/// `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

/// What was given is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no address of the form host:port: {why}")]
pub struct BadAddress {
    /// As it was given.
    pub given: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Address {
    /// The name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether a proxy is more likely to answer there than an auth server.
    pub fn looks_like_proxy(&self) -> bool {
        PROXY_PORTS.contains(&self.port)
    }

    /// Whether it is this machine itself by its name alone.
    pub fn is_loopback(&self) -> bool {
        let ip = self.host.parse::<std::net::IpAddr>();
        self.host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
    }

    /// The name that a certificate of this host must hold.
    pub fn server_name(&self) -> ServerName<'static> {
        ServerName::try_from(self.host.clone()).expect("was checked when the address was made")
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    /// `host:port`, or a URL with `https://`, whose port is 443 unless it says another.
    fn from_str(given: &str) -> Result<Self, BadAddress> {
        let bad = |why| BadAddress { given: given.to_owned(), why };
        let trimmed = given.trim();
        let (rest, default) = match trimmed.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (rest, Some(443)),
            Some(_) => return Err(bad("only https:// may stand before the host")),
            None => (trimmed, None),
        };
        let rest = if default.is_some() { rest.trim_end_matches('/') } else { rest };
        let authority = rest.parse::<http::uri::Authority>();
        let authority = authority.map_err(|_| bad("a host, a colon and a port are expected"))?;
        if authority.as_str().contains('@') {
            return Err(bad("a user has no place in it"));
        }
        let (host, port) = (authority.host().trim_matches(['[', ']']), authority.port_u16());
        let after = authority.as_str().rsplit_once(']').map_or(authority.as_str(), |(_, after)| after);
        let port = match (port.or(if after.contains(':') { None } else { default }), after.contains(':')) {
            (Some(0), _) => return Err(bad("port 0 is none")),
            (Some(port), _) => port,
            (None, true) => return Err(bad("the port must be a number from 1 to 65535")),
            (None, false) => {
                return Err(bad("say the port, such as 443 for a proxy or 3025 for an auth server"));
            }
        };
        if ServerName::try_from(host).is_err() {
            return Err(bad("the host is neither a DNS name nor an IP address"));
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// What the environment says about the ways of this process, as official clients read it.
#[derive(Clone, Default)]
pub struct Environment {
    /// `HTTPS_PROXY`: through what connections go. It may hold a password.
    pub https_proxy: Option<String>,
    /// `NO_PROXY`: what is reached without it.
    pub no_proxy: Option<String>,
    /// `SSL_CERT_FILE`: authorities for the certificates of web servers.
    pub certificate_file: Option<OsString>,
    /// `SSL_CERT_DIR`: folders of such authorities.
    pub certificate_folders: Option<OsString>,
    /// `TELEPORT_TLS_ROUTING_CONN_UPGRADE`: whether connections through a proxy are upgraded.
    pub upgrade: Option<String>,
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        let text = |names: &[&str]| {
            let set = names.iter().find_map(|name| env::var(name).ok());
            set.filter(|value| !value.is_empty())
        };
        let path = |name| env::var_os(name).filter(|value| !value.is_empty());
        Self {
            https_proxy: text(&["HTTPS_PROXY", "https_proxy"]),
            no_proxy: text(&["NO_PROXY", "no_proxy"]),
            certificate_file: path("SSL_CERT_FILE"),
            certificate_folders: path("SSL_CERT_DIR"),
            upgrade: text(&["TELEPORT_TLS_ROUTING_CONN_UPGRADE"]),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("https_proxy", &self.https_proxy.as_ref().map(|_| "«set»"))
            .field("no_proxy", &self.no_proxy)
            .field("certificate_file", &self.certificate_file)
            .field("certificate_folders", &self.certificate_folders)
            .field("upgrade", &self.upgrade)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (given, shown, proxy) in [
            ("teleport.example.com:443", "teleport.example.com:443", true),
            ("teleport.example.com:3080", "teleport.example.com:3080", true),
            ("https://teleport.example.com", "teleport.example.com:443", true),
            ("HTTPS://teleport.example.com/", "teleport.example.com:443", true),
            ("https://teleport.example.com:3025/", "teleport.example.com:3025", false),
            (" 10.0.0.1:3025\n", "10.0.0.1:3025", false),
            ("[::1]:443", "[::1]:443", true),
            ("https://[fd00::7]", "[fd00::7]:443", true),
        ] {
            let address: Address = given.parse().expect(given);
            assert_eq!((address.to_string().as_str(), address.looks_like_proxy()), (shown, proxy));
            assert_eq!(shown.parse(), Ok(address));
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (given, why) in [
            ("", "a host, a colon and a port"),
            ("teleport.example.com", "say the port, such as 443"),
            ("[::1]", "say the port"),
            ("https://teleport.example.com/web", "a host, a colon and a port"),
            ("http://teleport.example.com", "only https://"),
            ("a b:1", "a host, a colon and a port"),
            ("a:0", "port 0"),
            ("a:70000", "from 1 to 65535"),
            ("a:", "from 1 to 65535"),
            ("https://a:x", "host"),
            ("me@a:1", "a user"),
            ("-.-:1", "neither a DNS name"),
            (":443", "host"),
        ] {
            let error = given.parse::<Address>().expect_err(given).to_string();
            assert!(error.contains("host:port") && error.contains(why), "{given}: {error}");
        }
    }

    #[test]
    fn a_proxys_password_is_not_shown() {
        let https_proxy = Some("http://me:hunter2@proxy:1".to_owned());
        let shown = format!("{:?}", Environment { https_proxy, ..Environment::default() });
        assert!(shown.contains("«set»") && !shown.contains("hunter2"), "{shown}");
    }

    proptest::proptest! {
        #[test]
        fn no_address_is_too_broken(given in "(\\PC|[]\\[:/@.0-9a-z]){0,30}") {
            if let Ok(address) = given.parse::<Address>() {
                let _ = address.server_name();
                proptest::prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
