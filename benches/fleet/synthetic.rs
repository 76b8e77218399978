//! An API server that has nothing but objects in sync, as many as one likes, made up while they are sent: a real one with
//! so many takes more memory than most machines have to spare. Streams lists as a real one does; plain HTTP, on loopback.
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use teleport_operator::sync::decide::Record;
use tokio::net::TcpListener;

use crate::roles::{API, name};

/// What the server has.
pub struct Synthetic {
    /// An object, with [`PLACES`] for what differs.
    object: String,
    records: Vec<Record>,
    writes: AtomicUsize,
}

/// Words that stand in the object for its name, uid, version, and the parts of its record.
const PLACES: [&str; 6] = ["{name}", "{uid}", "{version}", "{desired}", "{live}", "{revision}"];

type Body = UnsyncBoxBody<Bytes, Infallible>;

impl Synthetic {
    /// A server of objects like this one, as many as there are records.
    pub fn new(like: &Value, records: Vec<Record>) -> Arc<Self> {
        let [name, uid, version, desired, live, revision] = PLACES;
        let mut object = like.clone();
        for (member, place) in [("name", name), ("uid", uid), ("resourceVersion", version)] {
            object["metadata"][member] = json!(place);
        }
        object["status"]["record"] = json!({"desired": desired, "live": live, "revision": revision});
        Arc::new(Self { object: object.to_string(), records, writes: AtomicUsize::new(0) })
    }

    /// Writes that were asked for; all are refused.
    pub fn writes(&self) -> usize {
        self.writes.load(Ordering::Relaxed)
    }

    /// Serves for ever.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((connection, _)) = listener.accept().await {
            let server = Arc::clone(&self);
            let answer = service_fn(move |request| {
                let answer = server.answer(&request);
                async move { Ok::<_, Infallible>(answer) }
            });
            // A client that goes away is no failure.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), answer));
        }
    }

    fn answer(self: &Arc<Self>, request: &Request<Incoming>) -> Response<Body> {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let review = path.ends_with("/selfsubjectaccessreviews");
        if request.method() != Method::GET && !review {
            self.writes.fetch_add(1, Ordering::Relaxed);
        }
        match path {
            "/version" => answer(StatusCode::OK, &version()),
            _ if review => answer(StatusCode::CREATED, &refused()),
            path if query.contains("watch=true") => {
                let body =
                    StreamBody::new(self.events(path, query).map(|line| Ok(Frame::data(Bytes::from(line)))));
                Response::new(body.boxed_unsync())
            }
            _ => answer(StatusCode::NOT_FOUND, &json!({"kind": "Status", "status": "Failure", "code": 404})),
        }
    }

    /// What there is, where that is asked for; then nothing ever happens.
    fn events(self: &Arc<Self>, path: &str, query: &str) -> BoxStream<'static, String> {
        let (api, kind, plural) = API;
        let (fleet, first) =
            (path.ends_with(&format!("/{plural}")), query.contains("sendInitialEvents=true"));
        let server = Arc::clone(self);
        let count = if fleet && first { self.records.len() } else { 0 };
        let objects = stream::iter(0..count).map(move |index| server.added(index));
        let bookmark = json!({"type": "BOOKMARK", "object": {"apiVersion": api, "kind": kind, "metadata": {
            "resourceVersion": (self.records.len() + 1).to_string(),
            "annotations": {"k8s.io/initial-events-end": "true"},
        }}});
        let end = stream::iter(first.then(|| format!("{bookmark}\n")));
        objects.chain(end).chain(stream::pending()).boxed()
    }

    fn added(&self, index: usize) -> String {
        let Record { desired, live, revision } = &self.records[index];
        let version = (index + 1).to_string();
        let uid = format!("00000000-0000-4000-8000-{index:012}");
        let fills: [&str; 6] = [&name(index), &uid, &version, desired, live, revision];
        let filled = PLACES
            .iter()
            .zip(fills)
            .fold(self.object.clone(), |text, (place, fill)| text.replace(place, fill));
        format!("{{\"type\":\"ADDED\",\"object\":{filled}}}\n")
    }
}

/// The kubeconfig that leads to such a server.
pub fn kubeconfig(address: &str, file: &Path) {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "synthetic",
        "clusters": [{"name": "synthetic", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "synthetic", "context": {"cluster": "synthetic", "user": "nobody"}}],
        "users": [{"name": "nobody", "user": {}}],
    });
    std::fs::write(file, config.to_string()).expect("the kubeconfig is written");
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let line = stream::iter([Ok(Frame::data(Bytes::from(body.to_string())))]);
    let answer = Response::builder().status(status).header("content-type", "application/json");
    answer.body(StreamBody::new(line).boxed_unsync()).expect("a response")
}

/// One that streams lists.
fn version() -> Value {
    json!({
        "major": "1", "minor": "34", "gitVersion": "v1.34.0", "gitCommit": "", "gitTreeState": "", "buildDate": "",
        "goVersion": "", "compiler": "", "platform": "",
    })
}

/// Namespaces may not be watched, as of an operator that has a Role alone.
fn refused() -> Value {
    json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {}, "spec": {},
        "status": {"allowed": false},
    })
}
