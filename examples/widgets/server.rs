//! A server of the inventory to try the operator on: `cargo run --example widgets-server -- --help`.
mod inventory;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Parser;
use inventory::{Guard, Inventory};
use tokio::net::TcpListener;
use tonic::transport::server::ServerTlsConfig;
use tonic::transport::{Certificate, Identity};

/// Serve an inventory that is kept in memory
#[derive(Parser)]
struct Args {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:7400")]
    listen: String,
    /// The server's certificate (PEM); without one there is no encryption
    #[arg(long, requires = "key_file")]
    certificate_file: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, requires = "certificate_file")]
    key_file: Option<PathBuf>,
    /// Authorities of which clients must have a certificate (PEM)
    #[arg(long, requires = "certificate_file")]
    client_ca_file: Option<PathBuf>,
    /// A token that every call must carry
    #[arg(long)]
    token_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let guard = Guard { tls: tls(&args)?, token: args.token_file.as_ref().map(read).transpose()? };
    let listener = TcpListener::bind(&args.listen).await.with_context(|| args.listen.clone())?;
    println!("the inventory listens on {}", listener.local_addr()?);
    Ok(Arc::new(Inventory::default()).serve(listener, guard).await?)
}

fn tls(args: &Args) -> Result<Option<ServerTlsConfig>> {
    let Some((certificate, key)) = args.certificate_file.as_ref().zip(args.key_file.as_ref()) else {
        return Ok(None);
    };
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(read(certificate)?, read(key)?));
    Ok(Some(match &args.client_ca_file {
        Some(authorities) => tls.client_ca_root(Certificate::from_pem(read(authorities)?)),
        None => tls,
    }))
}

fn read(path: &PathBuf) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    Ok(text.trim().to_owned())
}
