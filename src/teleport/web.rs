//! HTTPS with a Teleport proxy or auth server: one request a connection, answers of bounded size, and every answer that is
//! none of Teleport's told apart. Knows nothing of what is asked for.
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::address::Address;
use super::dialer::{self, Bidirectional, Dialer};
use super::failure::{Failure, Hop};
use super::ping::Ping;
use super::trust::{self, Trust};

/// How long an answer is awaited. A join may have to ask a Kubernetes API server.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer that is read. The longest that there are hold a few certificates.
pub const LIMIT: usize = 1 << 20;
/// Longest text of somebody else that is shown, in characters.
const SHOWN: usize = 500;
const JSON: &str = "application/json";
const AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Why there is no answer, or none that is of use.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// There is no connection.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// Nothing came back.
    #[error("{url} does not answer within {PATIENCE:?}; check the server and what stands before it")]
    Silent {
        /// What was asked.
        url: String,
    },
    /// What came back is not HTTP, or breaks off.
    #[error("{url} does not answer by HTTP: {source}; check the address and the port")]
    Broken {
        /// What was asked.
        url: String,
        /// What the library says.
        source: Arc<hyper::Error>,
    },
    /// What came back is longer than anything that Teleport says.
    #[error("{url} answers with more than {LIMIT} bytes; what answers there is no Teleport")]
    TooLarge {
        /// What was asked.
        url: String,
    },
    /// The answer sends elsewhere.
    #[error(
        "{url} answers with HTTP status {status} and sends to `{location}`; give the address of the Teleport itself"
    )]
    Redirect {
        /// What was asked.
        url: String,
        /// The number.
        status: u16,
        /// Where to.
        location: String,
    },
    /// A page for people.
    #[error(
        "{url} answers with a web page{} (HTTP status {status}); what answers there is no Teleport, or a login page or a \
         load balancer stands before it", titled(.title)
    )]
    Html {
        /// What was asked.
        url: String,
        /// The number.
        status: u16,
        /// The page's.
        title: Option<String>,
    },
    /// Teleport, or what stands before it, says no.
    #[error("{url} answers with HTTP status {status}{}", said(.message, .content_type))]
    Status {
        /// What was asked.
        url: String,
        /// The number.
        status: u16,
        /// What Teleport says, on one line.
        message: Option<String>,
        /// Of what kind the answer is, if Teleport doesn't speak.
        content_type: Option<String>,
    },
    /// An answer that Teleport does not give.
    #[error("{url} answers with {}, but not as Teleport does; check the address", .content_type.as_deref().unwrap_or("something"))]
    NotTeleport {
        /// What was asked.
        url: String,
        /// Of what kind the answer is.
        content_type: Option<String>,
    },
}

fn titled(title: &Option<String>) -> String {
    title.as_ref().map(|title| format!(", `{title}`")).unwrap_or_default()
}

fn said(message: &Option<String>, content_type: &Option<String>) -> String {
    match (message, content_type) {
        (Some(message), _) => format!(": {message}"),
        (None, Some(content_type)) => {
            format!(" ({content_type}), but not as Teleport does; check the address")
        }
        (None, None) => "; check the address".to_owned(),
    }
}

/// One server, asked by HTTPS.
#[derive(Clone)]
pub struct Web {
    dialer: Dialer,
    address: Address,
    trust: Trust,
    name: ServerName<'static>,
    hop: Hop,
}

impl Web {
    /// The web address of a proxy.
    pub(super) fn proxy(dialer: Dialer, address: Address, trust: Trust) -> Self {
        let name = address.server_name();
        Self { dialer, address, trust, name, hop: Hop::Web }
    }

    /// An auth server, which goes by one of Teleport's own names.
    pub(super) fn auth(dialer: Dialer, address: Address, trust: Trust, name: ServerName<'static>) -> Self {
        Self { dialer, address, trust, name, hop: Hop::Auth }
    }

    /// What a proxy says about itself, in short.
    ///
    /// # Errors
    /// When there is no answer of a proxy.
    pub async fn find(&self) -> Result<Ping, WebError> {
        self.about("/webapi/find").await
    }

    /// What a proxy says about itself, at length.
    ///
    /// # Errors
    /// When there is no answer of a proxy.
    pub async fn ping(&self) -> Result<Ping, WebError> {
        self.about("/webapi/ping").await
    }

    async fn about(&self, path: &str) -> Result<Ping, WebError> {
        let (content_type, body) = self.ask(Method::GET, path, Bytes::new()).await?;
        let url = || self.url(path);
        Ping::parse(&body).ok_or_else(|| WebError::NotTeleport { url: url(), content_type })
    }

    /// Sends JSON and gives what comes back, if the server says that all is well. What is sent is wiped afterwards.
    ///
    /// # Errors
    /// When there is no such answer.
    pub async fn post_json(&self, path: &str, body: Zeroizing<Vec<u8>>) -> Result<Bytes, WebError> {
        let (content_type, answer) = self.ask(Method::POST, path, Bytes::from_owner(body)).await?;
        let is_json = content_type.as_deref().is_some_and(|content_type| content_type.starts_with(JSON));
        let url = || self.url(path);
        if is_json { Ok(answer) } else { Err(WebError::NotTeleport { url: url(), content_type }) }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(Option<String>, Bytes), WebError> {
        let config = trust::config(&self.trust, None, &[b"http/1.1"]).map_err(Failure::from)?;
        let stream = self.dialer.open(&self.address).await?;
        let shown = self.address.to_string();
        let stream = dialer::tls(stream, config, self.name.clone(), &shown, self.hop).await?;
        let url = self.url(path);
        let answered = timeout(PATIENCE, exchange(stream, self.request(method, path, body), &url)).await;
        answered.map_err(|_| WebError::Silent { url: url.clone() })?
    }

    /// Asks `GET` over a stream of one's own, and gives what comes back, if the server says that all is well.
    ///
    /// # Errors
    /// When there is no such answer.
    pub async fn get_over(
        &self,
        stream: impl Bidirectional + 'static,
        path: &str,
    ) -> Result<Bytes, WebError> {
        let request = self.request(Method::GET, path, Bytes::new());
        exchange(stream, request, &self.url(path)).await.map(|(_, body)| body)
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, JSON);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, JSON);
        }
        request.body(Full::new(body)).expect("constants and an address make a request")
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn exchange(
    stream: impl Bidirectional + 'static,
    request: Request<Full<Bytes>>,
    url: &str,
) -> Result<(Option<String>, Bytes), WebError> {
    let url = || url.to_owned();
    let broken = |source: hyper::Error| WebError::Broken { url: url(), source: Arc::new(source) };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends with this function, whatever comes of it.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    let (head, body) = response.into_parts();
    let body = match Limited::new(body, LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(WebError::TooLarge { url: url() }),
        Err(error) => {
            return Err(match error.downcast::<hyper::Error>() {
                Ok(error) => broken(*error),
                Err(_) => WebError::TooLarge { url: url() },
            });
        }
    };
    let status = head.status.as_u16();
    let content_type = text(&head.headers, &CONTENT_TYPE);
    if head.status.is_redirection() {
        let location = text(&head.headers, &LOCATION).unwrap_or_default();
        return Err(WebError::Redirect { url: url(), status, location });
    }
    if is_page(content_type.as_deref(), &body) {
        return Err(WebError::Html { url: url(), status, title: title(&body) });
    }
    if head.status.is_success() {
        return Ok((content_type, body));
    }
    Err(WebError::Status { url: url(), status, message: message(&body), content_type })
}

fn text(headers: &HeaderMap, name: &http::HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(line(&String::from_utf8_lossy(value.as_bytes()))).filter(|text| !text.is_empty())
}

fn is_page(content_type: Option<&str>, body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let begins = |with: &[u8]| start.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    match content_type {
        Some(content_type) if content_type.starts_with(JSON) => false,
        Some(content_type) if content_type.starts_with("text/html") => true,
        _ => begins(b"<!doctype html") || begins(b"<html"),
    }
}

/// The title of a page, if its beginning has one.
fn title(body: &[u8]) -> Option<String> {
    const WITHIN: usize = 16 << 10;
    let head = String::from_utf8_lossy(&body[..body.len().min(WITHIN)]);
    let lower = head.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    Some(line(&head[start..end])).filter(|title| !title.is_empty())
}

/// What Teleport says in an answer that says no.
fn message(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let found = value.pointer("/error/message").or_else(|| value.get("message"));
    let found = found.or_else(|| value.get("error")).and_then(Value::as_str)?;
    Some(line(found)).filter(|message| !message.is_empty())
}

/// One line of bounded length without control characters.
fn line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
