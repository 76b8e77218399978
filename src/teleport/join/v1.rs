//! The newest way to join: a stream in which the server first says which keys it wants.
use futures::channel::mpsc;
use http::uri::PathAndQuery;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use super::{Ask, Failed, Method, ROLE};
use crate::teleport::call::{PATIENCE, silent};
use crate::teleport::certs::Issued;
use crate::teleport::errors::{Error, Step};
use crate::teleport::keys::KeyPair;
use crate::teleport::ping::Suite;
use crate::teleport::proto::{self, Answer, JoinRequest, JoinResponse, Say, method};

/// Joins.
pub(super) async fn join(channel: &Channel, ask: &Ask) -> Result<(KeyPair, Issued), Failed> {
    let (says, heard) = mpsc::unbounded();
    let say = |what: Say| {
        // Where nobody hears it any more, the answer says why.
        let _ = says.unbounded_send(JoinRequest { say: Some(what) });
    };
    say(Say::Client(proto::ClientInit {
        method: Some(ask.method.name().to_owned()),
        token: ask.token.to_string(),
        role: ROLE.to_owned(),
    }));
    let early = |error| Failed { error, early: true };
    let mut client = Grpc::new(channel.clone());
    let open = async {
        client.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
        let (path, codec) = (PathAndQuery::from_static(method::JOIN), ProstCodec::default());
        let stream = client.streaming(Request::new(heard), path, codec).await?;
        let mut answers: tonic::Streaming<JoinResponse> = stream.into_inner();
        let first = answers.message().await?;
        Ok::<_, Status>((answers, first))
    };
    let opened = timeout(PATIENCE, open).await.map_err(|_| early(silent(Step::Join)))?;
    let (mut answers, first) = opened.map_err(|status| early(Error::grpc(Step::Join, &status)))?;
    let Some(Answer::Server(init)) = first.and_then(|first| first.answer) else {
        return Err(odd("it begins with something else than the server's way to join").into());
    };
    let key = match super::key(Suite::from_text(&init.suite)).await {
        Ok(key) => key,
        Err(error) => {
            say(Say::GivingUp(proto::GivingUp { reason: 0, text: error.to_string() }));
            return Err(error.into());
        }
    };
    say(ask.claim(&key));
    let last = timeout(PATIENCE, answers.message()).await.map_err(|_| silent(Step::Join))?;
    let last = last.map_err(|status| Error::grpc(Step::Join, &status))?;
    let result = match last.and_then(|last| last.answer) {
        Some(Answer::Result(result)) => result,
        Some(Answer::Challenge(_)) => {
            return Err(odd("it sets a task that this method has not").into());
        }
        _ => return Err(odd("it ends without a result").into()),
    };
    let certificates = result.bot.and_then(|bot| bot.certificates);
    let certificates = certificates.ok_or_else(|| odd("there are no certificates for a bot in it"))?;
    Ok((key, Issued::der(certificates).map_err(odd)?))
}

fn odd(why: &str) -> Error {
    Error::Answer { step: Step::Join, why: why.to_owned() }
}

impl Ask {
    /// What is said once the keys are known.
    fn claim(&self, key: &KeyPair) -> Say {
        let keys = proto::PublicKeys { tls: key.der().to_vec(), ssh: key.ssh_wire().to_vec() };
        let bot = proto::BotParameters { keys: Some(keys), expires: Some(proto::timestamp(self.expires())) };
        let parameters = Some(proto::ClientParameters { bot: Some(bot) });
        match self.method {
            Method::Token => Say::Token(proto::TokenInit { parameters }),
            Method::Kubernetes => {
                Say::Proof(proto::TokenProof { parameters, id_token: self.id_token().as_bytes().to_vec() })
            }
        }
    }
}
