//! Who signs the tokens of service accounts, and with which keys: what somebody outside the cluster needs to check one.
//! Reads only.
use http::Request;
use kube::Client;
use serde_json::Value;

use super::call::call;
use super::errors::{Class, Error};

/// The signer of a cluster's service-account tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// What tokens name as their issuer.
    pub url: String,
    /// The public keys, as the cluster serves them: a JSON Web Key Set.
    pub keys: String,
}

/// Asks the cluster, as OpenID Connect has it. Who may: cluster administrators, and who is bound to
/// `system:service-account-issuer-discovery`.
///
/// # Errors
/// When the cluster can't be reached, does not let us, or answers with something else.
pub async fn issuer(client: &Client) -> Result<Issuer, Error> {
    let configuration = text(client, "/.well-known/openid-configuration").await?;
    let keys = text(client, "/openid/v1/jwks").await?;
    let configuration: Value = serde_json::from_str(&configuration).unwrap_or_default();
    let is_key_set = serde_json::from_str::<Value>(&keys).is_ok_and(|keys| keys["keys"].is_array());
    match configuration["issuer"].as_str() {
        Some(url) if is_key_set => Ok(Issuer { url: url.to_owned(), keys: keys.trim().to_owned() }),
        _ => Err(Error {
            class: Class::Other,
            verb: "get",
            what: "the keys of service-account tokens".to_owned(),
            message: "the answer is not what OpenID Connect discovery gives".to_owned(),
        }),
    }
}

async fn text(client: &Client, path: &'static str) -> Result<String, Error> {
    let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError);
    call("get", path, async { client.request_text(request?).await }).await
}
