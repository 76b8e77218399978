//! `run`, the default command: its flags, which are the official operator's and a few more, and what they mean together.
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::app::{self, Config, Connect};
use crate::ops::log::{self, Format};
use crate::translate::duration::parse_go;

/// Sync custom resources to the target (the default command)
///
/// Flags may be written as Go programs take them, with one dash: `-auth-server=host:3025`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Address of the Teleport auth server: host:port
    #[arg(long, env = "TELEPORT_AUTH_SERVER", default_value = "127.0.0.1:3025", value_name = "HOST:PORT")]
    pub auth_server: String,
    /// Identity file to connect with (`tctl auth sign --format=file`); it is read again when it changes
    #[arg(long, env = "TELEPORT_IDENTITY_FILE", value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Connect without encryption or credentials: for a sandbox on this machine
    #[arg(long, conflicts_with = "identity")]
    pub insecure_plaintext: bool,
    /// Namespace of the custom resources, several separated by commas [default: the pod's own]
    #[arg(long, value_delimiter = ',', value_name = "NAMESPACE")]
    pub namespace: Vec<String>,
    /// Kubeconfig file [default: KUBECONFIG, the pod's service account, ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long)]
    pub context: Option<String>,
    /// How often all resources are compared with what they should be
    #[arg(long, default_value = "10m", value_parser = duration, value_name = "DURATION")]
    pub sync_period: Duration,
    /// Name of the Lease by which one of several replicas is chosen to write
    #[arg(long, default_value = "431e83f4.teleport.dev", value_name = "NAME")]
    pub leader_election_id: String,
    /// Write without holding a Lease: only where there is one replica
    #[arg(long)]
    pub no_leader_election: bool,
    /// Where Prometheus metrics and /debug/state are served; `0`: nowhere
    #[arg(long, default_value = ":8080", value_name = "ADDRESS")]
    pub metrics_bind_address: String,
    /// Where /healthz and /readyz are served; `0`: nowhere
    #[arg(long, default_value = ":8081", value_name = "ADDRESS")]
    pub health_probe_bind_address: String,
    /// Least severe messages to log: TRACE, DEBUG, INFO, WARN or ERROR, or a filter by component
    #[arg(long, default_value = "INFO", value_name = "LEVEL")]
    pub log_level: String,
    /// How to log: text or json [default: text on a terminal, else json]
    #[arg(long)]
    pub log_format: Option<Format>,
    #[command(flatten)]
    joining: Joining,
}

/// The official flags for joining a cluster by a token, which this version does not do yet: it needs an identity file.
#[derive(Debug, Clone, clap::Args)]
struct Joining {
    #[arg(long, hide = true)]
    token: Option<String>,
    #[arg(long, hide = true)]
    join_method: Option<String>,
    #[arg(long, hide = true)]
    certificate_ttl: Option<String>,
    #[arg(long, hide = true)]
    renewal_interval: Option<String>,
    #[arg(long, hide = true)]
    ca_pin: Option<String>,
    #[arg(long, hide = true)]
    insecure: bool,
    #[arg(long, hide = true)]
    pprof_bind_address: Option<String>,
}

impl Joining {
    /// Names of those that were given.
    fn given(&self) -> Vec<&'static str> {
        let Self {
            token,
            join_method,
            certificate_ttl,
            renewal_interval,
            ca_pin,
            insecure,
            pprof_bind_address,
        } = self;
        let given = [
            ("token", token.is_some()),
            ("join-method", join_method.is_some()),
            ("certificate-ttl", certificate_ttl.is_some()),
            ("renewal-interval", renewal_interval.is_some()),
            ("ca-pin", ca_pin.is_some()),
            ("insecure", *insecure),
            ("pprof-bind-address", pprof_bind_address.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

/// A duration as Go programs take it: `10m`, `1h30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let nanos = parse_go(text).and_then(|nanos| u64::try_from(nanos).ok());
    nanos
        .map(Duration::from_nanos)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| format!("`{text}` is no duration such as 10m or 1h30m"))
}

/// What the flags mean together.
///
/// # Errors
/// When they leave open how to reach the target, or which namespace to watch.
pub fn config(args: &Args) -> Result<Config> {
    let connect = match (&args.identity, args.insecure_plaintext) {
        (Some(file), _) => Connect::Identity(file.clone(), args.auth_server.clone()),
        (None, true) => Connect::Plaintext(args.auth_server.clone()),
        (None, false) => bail!(
            "how to connect? This version needs an identity file (--identity FILE); joining by a token is not in it yet"
        ),
    };
    Ok(Config {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        namespaces: app::namespaces(&args.namespace)?,
        connect,
        lease: (!args.no_leader_election).then(|| args.leader_election_id.clone()),
        sync_period: args.sync_period,
        metrics: args.metrics_bind_address.clone(),
        health: args.health_probe_bind_address.clone(),
    })
}

/// Starts logging as the flags say.
///
/// # Errors
/// When the level is none.
pub fn start_log(args: &Args) -> Result<()> {
    log::start(&args.log_level, args.log_format.unwrap_or_else(Format::by_terminal))?;
    let unused = args.joining.given();
    if !unused.is_empty() {
        tracing::warn!(flags = unused.join(", "), "these flags have no effect in this version");
    }
    Ok(())
}
