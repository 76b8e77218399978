//! What an auth server tells anybody: who it is, and its certificate authorities.
use std::time::Duration;

use http::uri::PathAndQuery;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::failure::Failure;
use super::proto::{Authorities, Pong, method};

/// How long an answer is awaited.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks who it is.
///
/// # Errors
/// When there is no answer, or it is a refusal.
pub async fn ping(channel: Channel) -> Result<Pong, Status> {
    call(channel, method::PING).await
}

/// Asks for its authorities: PEM.
///
/// # Errors
/// When there is no answer, or it is a refusal.
pub async fn authorities(channel: Channel) -> Result<Vec<u8>, Status> {
    call::<Authorities>(channel, method::AUTHORITIES).await.map(|authorities| authorities.pem)
}

async fn call<Answer>(channel: Channel, path: &'static str) -> Result<Answer, Status>
where
    Answer: prost::Message + Default + Send + Sync + 'static,
{
    let mut client = Grpc::new(channel);
    let call = async {
        client.ready().await.map_err(|error| Status::from_error(error.into()))?;
        let codec = ProstCodec::<(), Answer>::default();
        client.unary(Request::new(()), PathAndQuery::from_static(path), codec).await
    };
    match timeout(PATIENCE, call).await {
        Ok(answer) => answer.map(tonic::Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded(format!("no answer within {PATIENCE:?}"))),
    }
}

/// The failure to connect that a status tells of.
pub fn failure(status: &Status) -> Option<Failure> {
    std::error::Error::source(status).and_then(Failure::within).cloned()
}
