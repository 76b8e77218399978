//! What is shown to join: the token, by name or out of a file, and the service account's token that Kubernetes vouches for
//! us with. Both are read afresh at each join; neither shows in any output, only what the latter claims.
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// Where Kubernetes puts the token of a pod's service account.
pub const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// Names another file for it, as for the official operator.
pub const ENVIRONMENT: &str = "KUBERNETES_TOKEN_PATH";

/// No token is that large; something else would only fill the memory.
const LARGEST: u64 = 64 * 1024;
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file that should hold a token, and doesn't.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct Unreadable {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// The token to join with, as it was given: its name, or the file that holds it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSource(String);

impl TokenSource {
    /// By its name, or by the absolute path of the file that holds it.
    pub fn new(given: impl Into<String>) -> Self {
        Self(given.into())
    }

    /// The file, if it is in one.
    pub fn file(&self) -> Option<&Path> {
        Some(Path::new(&self.0)).filter(|path| path.is_absolute())
    }

    /// The token.
    ///
    /// # Errors
    /// When its file can't be read, or holds none.
    pub fn read(&self) -> Result<Zeroizing<String>, Unreadable> {
        match self.file() {
            Some(path) => read(path),
            None => Ok(Zeroizing::new(self.0.clone())),
        }
    }
}

/// A name may be the secret itself.
impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file() {
            Some(path) => f.debug_tuple("File").field(&path).finish(),
            None => f.debug_tuple("Name").finish_non_exhaustive(),
        }
    }
}

/// A service account's token, and what it claims.
#[derive(Clone)]
pub struct Proof {
    text: Zeroizing<String>,
    claims: Claims,
}

impl Proof {
    /// Reads it from its file.
    ///
    /// # Errors
    /// When that can't be read, or holds none.
    pub fn read(path: &Path) -> Result<Self, Unreadable> {
        let text = read(path)?;
        let claims = Claims::of(&text).ok_or_else(|| Unreadable {
            path: path.to_owned(),
            why: "what it holds is no service account token (a JWT)".to_owned(),
        })?;
        Ok(Self { text, claims })
    }

    /// The token itself.
    pub fn text(&self) -> &Zeroizing<String> {
        &self.text
    }

    /// What it claims; nobody has checked that.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.claims.fmt(f)
    }
}

/// What a service account's token claims, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Who issued it.
    pub issuer: String,
    /// Whose it is: `system:serviceaccount:<namespace>:<name>`.
    pub subject: String,
    /// Whom it is for.
    pub audiences: Vec<String>,
    /// Since when.
    pub issued: Option<OffsetDateTime>,
    /// Until when.
    pub expires: Option<OffsetDateTime>,
    /// The pod that it is bound to.
    pub pod: Option<String>,
    /// That pod's own identifier.
    pub pod_uid: Option<String>,
}

impl Claims {
    /// What a token claims; none where it is no such token.
    pub fn of(token: &str) -> Option<Self> {
        let parts: Vec<_> = token.split('.').collect();
        let [_, payload, _] = parts.as_slice() else { return None };
        let raw: Raw = serde_json::from_slice(&Zeroizing::new(BASE64.decode(payload).ok()?)).ok()?;
        let time = |seconds: Option<f64>| {
            // A date beyond the calendar claims nothing.
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds are meant, and it saturates")]
            seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds as i64).ok())
        };
        let audiences = match raw.aud {
            Some(Audience::One(one)) => vec![one],
            Some(Audience::Many(many)) => many,
            None => Vec::new(),
        };
        let pod = raw.kubernetes.and_then(|kubernetes| kubernetes.pod);
        Some(Self {
            issuer: raw.iss,
            subject: raw.sub,
            audiences,
            issued: time(raw.iat),
            expires: time(raw.exp),
            pod: pod.as_ref().map(|pod| pod.name.clone()),
            pod_uid: pod.and_then(|pod| pod.uid),
        })
    }

    /// The service account as Teleport's tokens name it: `<namespace>:<name>`.
    pub fn service_account(&self) -> Option<&str> {
        self.subject.strip_prefix("system:serviceaccount:")
    }
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    sub: String,
    aud: Option<Audience>,
    iat: Option<f64>,
    exp: Option<f64>,
    #[serde(rename = "kubernetes.io")]
    kubernetes: Option<RawKubernetes>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct RawKubernetes {
    pod: Option<RawPod>,
}

#[derive(Deserialize)]
struct RawPod {
    #[serde(default)]
    name: String,
    uid: Option<String>,
}

fn read(path: &Path) -> Result<Zeroizing<String>, Unreadable> {
    let unreadable = |why: String| Unreadable { path: path.to_owned(), why };
    let mut text = Zeroizing::new(String::new());
    let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text));
    match read {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(unreadable("it is no text".to_owned()));
        }
        Err(error) => return Err(unreadable(error.to_string())),
        Ok(size) if size as u64 > LARGEST => {
            return Err(unreadable("it is too large for a token".to_owned()));
        }
        Ok(_) => {}
    }
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(unreadable("it is empty".to_owned()));
    }
    Ok(Zeroizing::new(trimmed.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use time::macros::datetime;

    use super::*;

    fn jwt(claims: &serde_json::Value) -> String {
        let part = |text: &str| BASE64.encode(text);
        format!("{}.{}.{}", part("{\"alg\":\"RS256\"}"), part(&claims.to_string()), part("signature"))
    }

    #[test]
    fn a_token_claims_what_kubernetes_writes() {
        let claims = Claims::of(&jwt(&serde_json::json!({
            "iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:teleport:operator",
            "aud": ["one", "two"], "iat": 1_764_108_000, "exp": 1_764_108_600, "nbf": 1_764_108_000,
            "kubernetes.io": {"namespace": "teleport", "pod": {"name": "operator-1", "uid": "x"}},
        })));
        let claims = claims.expect("a token");
        assert_eq!(claims.service_account(), Some("teleport:operator"));
        assert_eq!(claims.audiences, ["one", "two"]);
        assert_eq!(claims.issued, Some(datetime!(2025-11-25 22:00 UTC)));
        assert_eq!(claims.expires, Some(datetime!(2025-11-25 22:10 UTC)));
        assert_eq!((claims.pod.as_deref(), claims.pod_uid.as_deref()), (Some("operator-1"), Some("x")));
        let bare = Claims::of(&jwt(&serde_json::json!({"aud": "one", "exp": 1e300, "iat": -1e300})));
        assert_eq!(bare, Some(Claims { audiences: vec!["one".to_owned()], ..Claims::default() }));
    }

    #[test]
    fn what_is_in_a_file_is_said_without_showing_it() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("token");
        let why = |content: &[u8]| {
            fs::write(&path, content).expect("writes");
            Proof::read(&path).expect_err("no token").why
        };
        assert_eq!(why(b" \n"), "it is empty");
        assert_eq!(why(b"\xff"), "it is no text");
        assert_eq!(why(&[b'x'; 70_000]), "it is too large for a token");
        assert_eq!(why(b"hunter2"), "what it holds is no service account token (a JWT)");
        let token = jwt(&serde_json::json!({"sub": "system:serviceaccount:a:b"}));
        fs::write(&path, format!("\n{token}\n")).expect("writes");
        let proof = Proof::read(&path).expect("a token");
        assert_eq!(proof.text().as_str(), token);
        assert!(!format!("{proof:?}").contains(&token[..20]));
        fs::remove_file(&path).expect("removes");
        let missing = Proof::read(&path).expect_err("no file").to_string();
        assert!(missing.starts_with(&format!("{}: No such file", path.display())), "{missing}");
    }

    #[test]
    fn a_token_is_a_name_or_in_a_file() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("token");
        fs::write(&path, "hunter2\n").expect("writes");
        let source = TokenSource::new(path.to_str().expect("text"));
        assert_eq!(source.read().expect("a token").as_str(), "hunter2");
        let source = TokenSource::new("hunter2");
        assert_eq!((source.file(), source.read().expect("a token").as_str()), (None, "hunter2"));
        assert!(!format!("{source:?}").contains("hunter2"));
    }

    proptest::proptest! {
        /// Whatever a token is made of, reading its claims ends.
        #[test]
        fn no_token_is_too_broken(text in "\\PC{0,40}", claims in "[\\[{}\\]\":,a-z0-9.e-]{0,60}") {
            let _ = Claims::of(&text);
            let _ = Claims::of(&format!("a.{}.b", BASE64.encode(claims)));
        }
    }
}
