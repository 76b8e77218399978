//! Calls to an auth server by plain messages: what joining needs, before and beside the calls that a target's plans make.
use std::time::Duration;

use http::uri::PathAndQuery;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::errors::{Error, Step};

/// How long a call may take. Less would leave more renewals of which nobody knows whether they took place.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Makes one call.
///
/// # Errors
/// When there is no answer, or the server refuses.
pub async fn unary<Q, A>(channel: &Channel, step: Step, path: &'static str, request: Q) -> Result<A, Error>
where
    Q: prost::Message + Send + Sync + 'static,
    A: prost::Message + Default + Send + Sync + 'static,
{
    let mut client = Grpc::new(channel.clone());
    let call = async {
        client.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
        let path = PathAndQuery::from_static(path);
        client.unary(Request::new(request), path, ProstCodec::<Q, A>::default()).await
    };
    match timeout(PATIENCE, call).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(Error::grpc(step, &status)),
        Err(_) => Err(silent(step)),
    }
}

/// Nothing came back.
pub fn silent(step: Step) -> Error {
    Error::Broken { step, text: format!("no answer within {PATIENCE:?}") }
}
