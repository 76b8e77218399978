//! No secret is in any log, not even in those of libraries at their most talkative.
use std::io;
use std::sync::{Arc, Mutex};

use teleport_operator::teleport::settings::Means;
use tracing_subscriber::fmt::MakeWriter;

use crate::{Entrance, Method, SECRET, World, joined, until};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Buffer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_is_logged_at_the_finest_level() {
    let buffer = Buffer::default();
    let lines = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(buffer.clone());
    // Of all threads, so that of other tests, too, which is as well.
    tracing::subscriber::set_global_default(lines.finish()).expect("nobody else takes the log");
    let mut secrets = vec![SECRET.to_owned()];
    for (profile, entrance, method) in [
        ("17", Entrance::Proxy, Method::Token),
        ("20", Entrance::Balancer, Method::Kubernetes),
        ("17", Entrance::Auth, Method::Kubernetes),
    ] {
        let mut world = World::new(profile, entrance, method);
        let session = world.session();
        let first = joined(&session).await.who.expect("joined").until;
        until(&session, "renewed", |standing| standing.who.as_ref().is_some_and(|who| who.until > first))
            .await;
        secrets.push(std::fs::read_to_string(world.proof()).expect("a token"));
        let unknown = if method == Method::Token { "hunter2-unknown" } else { "unknown" };
        world.joining().token = teleport_operator::teleport::token::TokenSource::new(unknown);
        let refused = world.session();
        until(&refused, "refused", |standing| standing.trouble.is_some()).await;
        if method == Method::Token {
            secrets.push("hunter2-unknown".to_owned());
        }
        world.settings.means = Means::File(world.peer.identity());
        joined(&world.session()).await;
        let file = std::fs::read_to_string(world.peer.identity()).expect("an identity");
        secrets.extend(file.lines().skip(1).take(3).map(str::to_owned));
    }
    let log = String::from_utf8_lossy(&buffer.0.lock().expect("whole")).into_owned();
    assert!(log.contains("joined") && log.contains("h2::"), "the libraries talk, too");
    for secret in secrets {
        // A third of a token is as good as the whole to whoever looks for it.
        let part = &secret[..secret.len().min(40)];
        let found = log.lines().find(|line| line.contains(part));
        assert_eq!(found, None);
    }
}
