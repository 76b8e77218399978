//! How the process ends: the first SIGTERM or SIGINT asks it to finish its work, the second ends it at once.
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// A token that is cancelled by the first signal. A second one ends the process with status 1.
///
/// # Errors
/// When signals can't be waited for.
pub fn on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        let name = either(&mut terminate, &mut interrupt).await;
        info!(signal = name, "stopping; a second signal stops at once");
        stop.cancel();
        let name = either(&mut terminate, &mut interrupt).await;
        warn!(signal = name, "stopped before all was done");
        std::process::exit(1);
    });
    Ok(token)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    use super::*;

    /// Not a test of its own: the process that [`the_first_signal_asks_and_the_second_ends`] sends signals to.
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "waits for signals"]
    async fn child() {
        if std::env::var_os("SHUTDOWN_TEST_CHILD").is_none() {
            return;
        }
        let token = on_signal().unwrap();
        eprintln!("ready");
        token.cancelled().await;
        eprintln!("asked");
        std::future::pending::<()>().await;
    }

    #[test]
    fn the_first_signal_asks_and_the_second_ends() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "ops::shutdown::tests::child", "--ignored", "--nocapture"])
            .env("SHUTDOWN_TEST_CHILD", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let kill =
            |signal: &str, pid: u32| Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
        assert!(lines.any(|line| line == "ready"));
        kill("-TERM", child.id());
        assert!(lines.any(|line| line == "asked"), "the first signal was not passed on");
        kill("-INT", child.id());
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }
}
