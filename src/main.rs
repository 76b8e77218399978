//! TLS provider, exit code; nothing else.
use std::process::ExitCode;

fn main() -> ExitCode {
    // It fails only if there is one already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    teleport_operator::cli::main(std::env::args())
}
