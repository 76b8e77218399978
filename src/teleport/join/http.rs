//! The HTTP endpoints by which proxies and older auth servers take bots in.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::{Ask, Failed, Place, ROLE};
use crate::teleport::certs::Issued;
use crate::teleport::errors::{Error, Step};
use crate::teleport::keys::KeyPair;
use crate::teleport::route::Route;

const AT_PROXY: &str = "/v1/webapi/host/credentials";
const AT_AUTH: &str = "/v2/tokens/register";

/// What is sent, with the names that Teleport's JSON has. Numbers and names of machines are for other roles.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
struct Body<'a> {
    role: &'a str,
    token: &'a str,
    public_tls_key: String,
    public_ssh_key: String,
    id_token: &'a str,
    expires: String,
}

impl Ask {
    /// As these endpoints have it.
    fn json(&self, key: &KeyPair) -> Zeroizing<Vec<u8>> {
        let body = Body {
            role: ROLE,
            token: &self.token,
            public_tls_key: STANDARD.encode(key.pem()),
            public_ssh_key: STANDARD.encode(key.ssh_line()),
            id_token: self.id_token(),
            expires: self.expires().truncate_to_second().format(&Rfc3339).unwrap_or_default(),
        };
        Zeroizing::new(serde_json::to_vec(&body).unwrap_or_default())
    }
}

/// Joins.
pub(super) async fn join(place: &Place<'_>, ask: &Ask) -> Result<(KeyPair, Issued), Failed> {
    let key = super::key(place.suite).await?;
    let (web, path) = match place.route {
        Route::Direct(address) => (place.ways.auth_web(address, place.cluster, place.trust), AT_AUTH),
        route @ (Route::Proxy(_) | Route::Upgraded(_)) => {
            (place.ways.web(route).map_err(|error| Error::from(&error))?, AT_PROXY)
        }
    };
    let answer = web.post_json(path, ask.json(&key)).await;
    let answer = answer.map_err(|error| Error::web(Step::Join, &error))?;
    let why = |why: &str| Error::Answer { step: Step::Join, why: why.to_owned() };
    Ok((key, Issued::json(&answer).map_err(why)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::teleport::join::Method;
    use crate::teleport::ping::Suite;

    #[test]
    fn the_body_is_as_teleport_takes_it() {
        let key = KeyPair::generate(Suite::Balanced).expect("a key");
        let ask = Ask {
            method: Method::Token,
            token: Zeroizing::new("hunter2".to_owned()),
            proof: None,
            lifetime: Duration::from_secs(3600),
        };
        let json: serde_json::Value = serde_json::from_slice(&ask.json(&key)).expect("JSON");
        assert_eq!(
            (&json["role"], &json["token"], &json["id_token"]),
            (&"Bot".into(), &"hunter2".into(), &"".into())
        );
        let decoded = |name: &str| {
            let text = json[name].as_str().expect("text");
            String::from_utf8(STANDARD.decode(text).expect("base64")).expect("text")
        };
        assert_eq!(decoded("public_tls_key"), key.pem());
        assert_eq!(decoded("public_ssh_key"), key.ssh_line());
        let expires = json["expires"].as_str().expect("text");
        assert!(expires.ends_with('Z') && expires.len() == 20, "{expires}");
    }
}
