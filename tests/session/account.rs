//! A Kubernetes service account without a Kubernetes: its keys, and tokens as an API server would sign them.
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// Namespace and name.
pub const NAME: &str = "teleport:operator";

/// The account.
pub struct Account {
    key: EcdsaKeyPair,
}

impl Account {
    /// With a key of its own.
    pub fn new() -> Self {
        Self { key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key") }
    }

    /// The keys that its tokens are verified with: a JWKS.
    pub fn keys(&self) -> String {
        let point = self.key.public_key().as_ref();
        let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
        let key = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1", "x": part(1..33), "y": part(33..65)});
        json!({"keys": [key]}).to_string()
    }

    /// Claims that are as they should be.
    pub fn claims(&self) -> Value {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        json!({
            "iss": "https://kubernetes.default.svc",
            "sub": format!("system:serviceaccount:{NAME}"),
            "aud": ["teleport.example.com"],
            "iat": now, "nbf": now, "exp": now + 600,
            "kubernetes.io": {"namespace": "teleport", "pod": {"name": "operator-0", "uid": "1"}},
        })
    }

    /// A token that is as it should be.
    pub fn token(&self) -> String {
        self.sign(&self.claims())
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "ES256", "kid": "1"})), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
