//! Small HTTP endpoints of the process: `/metrics` and `/debug/state` on one port, `/healthz` and `/readyz` on another.
//! Only for reading; knows nothing of what it shows.
use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::health::Health;

/// Connections at one time; more wait. Probes and a scraper need a handful.
const CONNECTIONS: usize = 64;

/// How long a client may take to send a request's head.
const HEAD: Duration = Duration::from_secs(10);

/// How long open connections may go on after the end was asked for.
const GRACE: Duration = Duration::from_secs(2);

const TEXT: &str = "text/plain; charset=utf-8";

/// An address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address:?}: {source}")]
pub struct CantListen {
    address: String,
    source: io::Error,
}

/// Listens on an address as Go programs write them: `:8080` is every interface, an empty address or `0` none at all.
///
/// # Errors
/// When that can't be listened on.
pub async fn listen(address: &str) -> Result<Option<TcpListener>, CantListen> {
    let listener = match (address, address.strip_prefix(':')) {
        ("" | "0", _) => return Ok(None),
        (_, Some(port)) => every_interface(port).await,
        (address, None) => TcpListener::bind(address).await,
    };
    listener.map(Some).map_err(|source| CantListen { address: address.to_owned(), source })
}

/// Both families where there is IPv6, as Go does.
async fn every_interface(port: &str) -> io::Result<TcpListener> {
    let port: u16 = port.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let both =
        [SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)), SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))];
    TcpListener::bind(&both[..]).await
}

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: String,
}

impl Answer {
    fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self { status, content_type: TEXT, body: body.into() }
    }
}

/// What there is to read: a path's answer, if there is such a path.
pub type Pages = Arc<dyn Fn(&str) -> Option<Answer> + Send + Sync>;

/// `/healthz`: the process answers. `/readyz`: all facts hold, else 503 and which don't.
pub fn health_pages(health: Health) -> Pages {
    Arc::new(move |path| match path {
        "/healthz" => Some(Answer::text(StatusCode::OK, "ok\n")),
        "/readyz" => Some(match health.ready() {
            Ok(()) => Answer::text(StatusCode::OK, "ok\n"),
            Err(lacking) => Answer::text(StatusCode::SERVICE_UNAVAILABLE, lacking),
        }),
        _ => None,
    })
}

/// `/metrics` in the OpenMetrics format, after `refresh` has set what is measured only when somebody looks; and
/// `/debug/state`: what `state` gives when asked, as JSON.
pub fn metrics_pages(
    registry: Registry,
    refresh: impl Fn() + Send + Sync + 'static,
    state: impl Fn() -> Value + Send + Sync + 'static,
) -> Pages {
    Arc::new(move |path| match path {
        "/metrics" => {
            refresh();
            Some(metrics(&registry))
        }
        "/debug/state" => {
            let body = format!("{:#}\n", state());
            Some(Answer { status: StatusCode::OK, content_type: "application/json", body })
        }
        _ => None,
    })
}

fn metrics(registry: &Registry) -> Answer {
    let mut body = String::new();
    match encode(&mut body, registry) {
        Ok(()) => {
            let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            Answer { status: StatusCode::OK, content_type, body }
        }
        Err(error) => Answer::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// Serves pages until `stop`; what was asked before then is still answered.
pub async fn serve(listener: TcpListener, pages: Pages, stop: CancellationToken) {
    let (graceful, permits) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS)));
    while let Some((stream, permit)) = stop.run_until_cancelled(next(&listener, &permits)).await {
        let pages = pages.clone();
        let service = service_fn(move |request| {
            let answer = answer(&pages, &request);
            async move { Ok::<_, Infallible>(answer) }
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(HEAD);
        let connection = graceful.watch(server.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection broke");
            }
            drop(permit);
        });
    }
    // Whoever is still connected after that has nothing more to ask.
    let _ = timeout(GRACE, graceful.shutdown()).await;
}

async fn next(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, Option<tokio::sync::OwnedSemaphorePermit>) {
    // Fails only on a closed semaphore; ours is never closed.
    let permit = permits.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            // Out of file descriptors, most likely: trying at once would only spin.
            Err(error) => {
                warn!(%error, "can't accept a connection");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

fn answer(pages: &Pages, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let answer = match *request.method() {
        Method::GET | Method::HEAD => pages(request.uri().path())
            .unwrap_or_else(|| Answer::text(StatusCode::NOT_FOUND, "there is no such page\n")),
        _ => Answer::text(StatusCode::METHOD_NOT_ALLOWED, "pages can only be read\n"),
    };
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = answer.status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(answer.content_type));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn pages_are_served_until_the_end_is_asked_for() {
        let health = Health::default();
        let fact = health.require("target reached");
        let listener = listen("127.0.0.1:0").await.unwrap().unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let task = tokio::spawn(serve(listener, health_pages(health), stop.clone()));
        assert!(ask(address, "GET /healthz").await.starts_with("HTTP/1.1 200 OK"));
        let lacking = ask(address, "GET /readyz").await;
        assert!(lacking.starts_with("HTTP/1.1 503"), "{lacking}");
        assert!(lacking.ends_with("\r\n\r\ntarget reached: not yet\n"), "{lacking}");
        fact.holds();
        assert!(ask(address, "GET /readyz?verbose").await.starts_with("HTTP/1.1 200 OK"));
        assert!(ask(address, "GET /other").await.starts_with("HTTP/1.1 404"));
        assert!(ask(address, "POST /healthz").await.starts_with("HTTP/1.1 405"));

        // A client that keeps its connection open does not keep the process.
        let _idle = TcpStream::connect(address).await.unwrap();
        stop.cancel();
        timeout(Duration::from_secs(10), task).await.expect("it ends").unwrap();
    }

    #[test]
    fn metrics_and_state_are_pages() {
        let mut registry = Registry::with_prefix("x");
        let counter = prometheus_client::metrics::counter::Counter::<u64>::default();
        registry.register("things", "Things", counter.clone());
        let refresh = move || {
            counter.inc();
        };
        let pages = metrics_pages(registry, refresh, || serde_json::json!({"queue": 3}));
        assert!(pages("/metrics").unwrap().body.contains("\nx_things_total 1\n"));
        let state = pages("/debug/state").unwrap();
        assert_eq!((state.content_type, state.body.as_str()), ("application/json", "{\n  \"queue\": 3\n}\n"));
        assert_eq!(pages("/"), None);
    }

    #[tokio::test]
    async fn addresses_are_read_as_go_does() {
        for none in ["", "0"] {
            assert!(listen(none).await.unwrap().is_none());
        }
        let every = listen(":0").await.unwrap().unwrap();
        assert!(every.local_addr().unwrap().ip().is_unspecified());
        let port = every.local_addr().unwrap().port();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok());
        for (bad, word) in [(":http", "invalid digit"), ("nonsense", "invalid socket address")] {
            let error = listen(bad).await.unwrap_err().to_string();
            assert!(error.starts_with("can't listen on ") && error.contains(word), "{error}");
        }
        let taken = listen(&format!(":{port}")).await.unwrap_err().to_string();
        assert!(taken.contains("in use"), "{taken}");
    }
}
