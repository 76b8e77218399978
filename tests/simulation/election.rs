//! Who of several replicas may write: the program's own election, over HTTP, against the Lease of the simulated
//! Kubernetes. What a process makes of it is as `app` has it.
use std::future::pending;
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};
use teleport_operator::kube::lease::{self, Claim};
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::kubernetes::NAMESPACE;
use super::world::{Answer, Fault, Line, Peer};

/// Whether this replica may write.
#[derive(Clone)]
pub enum Election {
    Alone,
    Among(Receiver<Claim>),
}

impl Election {
    /// Asked before each write.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Among(claim) if !claim.borrow().is_current() => Err("another replica leads".to_owned()),
            _ => Ok(()),
        }
    }

    /// Waits until this replica may write, or is to stop.
    pub async fn won(&self, stop: &CancellationToken) {
        let Self::Among(claim) = self else { return };
        let mut claim = claim.clone();
        let _ = stop.run_until_cancelled(claim.wait_for(Claim::is_current)).await;
    }

    /// Ends when told to, or when the claim is lost.
    pub fn term(&self, stop: &CancellationToken, tasks: &mut JoinSet<()>) -> CancellationToken {
        if let Self::Among(claim) = self {
            let (mut claim, stop) = (claim.clone(), stop.clone());
            tasks.spawn(async move {
                let lost = claim.wait_for(|claim| !claim.is_current());
                if stop.run_until_cancelled(lost).await.is_some() {
                    stop.cancel();
                }
            });
        }
        stop.clone()
    }
}

/// Taking part in the election.
pub struct Elected {
    pub stop: CancellationToken,
    pub task: JoinSet<()>,
}

/// Takes part in the election. The times are three of the usual ones: half as many renewals, and the same order.
pub fn elect(line: &Line) -> (Election, Option<Elected>) {
    let config = lease::Config {
        duration: Duration::from_secs(45),
        renew_within: Duration::from_secs(30),
        retry: Duration::from_secs(6),
        ..lease::Config::new(NAMESPACE, "leader", line.identity())
    };
    let stop = CancellationToken::new();
    let (claim, candidate) = lease::start(&client(line.clone()), config, stop.clone());
    let mut task = JoinSet::new();
    let ending = Ending(candidate);
    task.spawn(async move {
        let mut ending = ending;
        let _ = (&mut ending.0).await;
    });
    (Election::Among(claim), Some(Elected { stop, task }))
}

/// Ends a task with the process that it is of.
struct Ending(tokio::task::JoinHandle<()>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn client(line: Line) -> kube::Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let line = line.clone();
        async move { answer(&line, request).await }
    });
    kube::Client::new(service, NAMESPACE)
}

/// Answers as the API server does, as far as a Lease needs it.
async fn answer(line: &Line, request: Request<Body>) -> Result<Response<Body>, tower::BoxError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let lease: Value = serde_json::from_slice(&body).unwrap_or_default();
    let what = format!("{} the Lease", parts.method);
    let read = parts.method == Method::GET;
    let text = format!("  {}: {what}", line.identity());
    let outcome = line.call(Peer::Kubernetes, &what, move |state| {
        let outcome = match read {
            true => state.kubernetes.lease(),
            false => state.kubernetes.put_lease(lease),
        };
        if !read {
            let said = outcome.as_ref().err().copied().unwrap_or(200);
            state.note(format_args!("{text}: {said}"));
        }
        outcome
    });
    let (code, body) = match outcome.await {
        Answer::Given(Ok(lease)) => (200, lease),
        Answer::Given(Err(code)) => (code, refusal(code)),
        Answer::Failed(Fault { error, .. }) => match [429, 500, 503, 0][error % 4] {
            0 => pending().await,
            code => (code, refusal(code)),
        },
    };
    Ok(Response::builder().status(code).body(Body::from(body.to_string().into_bytes()))?)
}

fn refusal(code: u16) -> Value {
    let reason = match code {
        404 => "NotFound",
        409 => "Conflict",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason,
        "message": reason, "code": code})
}
