//! `run`, the default command: its flags, which are the official operator's and a few more, and what they mean together.
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use super::joining::Joining;
use super::policies;
use crate::app::{self, Config, Connect};
use crate::mapping::plan::{Connection, Credentials, Target, Way, Within};
use crate::ops::log::{self, Format};
use crate::translate::duration::parse_go;

/// Sync custom resources to the target (the default command)
///
/// Flags may be written as Go programs take them, with one dash: `-auth-server=host:3025`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Address of the target: host:port [default: the target's own, for a Teleport auth server 127.0.0.1:3025]
    #[arg(long, visible_alias = "address", env = "TELEPORT_AUTH_SERVER", value_name = "HOST:PORT")]
    pub auth_server: Option<String>,
    /// Connect without encryption or credentials: for a sandbox on this machine
    #[arg(long, conflicts_with_all = ["Joining", "Files"])]
    pub insecure_plaintext: bool,
    /// Namespace of the custom resources, several separated by commas, `*` for all [default: the pod's own]
    #[arg(long, value_delimiter = ',', value_name = "NAMESPACE")]
    pub namespace: Vec<String>,
    /// Work in this scope of the target, as a scoped operator does: objects in other scopes and in none are refused, and kinds that have no scopes are left alone
    #[arg(long, value_name = "SCOPE")]
    pub scope: Option<String>,
    /// E-mail address of the scope's owner, which the resources of the scope are labelled with
    #[arg(long, value_name = "ADDRESS", requires = "scope")]
    pub owner_email: Option<String>,
    /// Kubeconfig file [default: KUBECONFIG, the pod's service account, ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long)]
    pub context: Option<String>,
    /// How often all resources are compared with what they should be
    #[arg(long, default_value = "10m", value_parser = duration, value_name = "DURATION")]
    pub sync_period: Duration,
    /// Name of the Lease by which one of several replicas is chosen to write [default: the target's own]
    #[arg(long, value_name = "NAME")]
    pub leader_election_id: Option<String>,
    /// Namespace of the Lease [default: the first namespace of the custom resources, for all of them the pod's own]
    #[arg(long, value_name = "NAMESPACE")]
    pub leader_election_namespace: Option<String>,
    /// Among how many Leases, and so replicas, the objects are shared out; the same for all replicas. To change it, scale
    /// to none before
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64), value_name = "NUMBER")]
    pub shards: u16,
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
    /// How objects are synced
    #[command(flatten)]
    pub policies: policies::Flags,
    /// How a Teleport is joined
    #[command(flatten)]
    pub joining: Joining,
    /// How to connect to targets other than Teleport
    #[command(flatten)]
    pub files: Files,
}

/// Whom to trust and who we are, where a target is reached by plain gRPC; in place of what its mappings say.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Targets other than Teleport")]
pub struct Files {
    /// File of the authorities that the server's certificate may be of (PEM) [default: the system's]
    #[arg(long, env = "TARGET_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// File of our certificate, with its chain (PEM); all files are read again when they change
    #[arg(long, env = "TARGET_CERTIFICATE_FILE", value_name = "FILE", requires = "key_file")]
    pub certificate_file: Option<PathBuf>,
    /// File of the certificate's private key (PEM)
    #[arg(long, env = "TARGET_KEY_FILE", value_name = "FILE", requires = "certificate_file")]
    pub key_file: Option<PathBuf>,
    /// File of a token that every call carries (`authorization: Bearer …`)
    #[arg(long, env = "TARGET_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The name in the server's certificate [default: the address's host]
    #[arg(long, env = "TARGET_SERVER_NAME", value_name = "NAME")]
    pub server_name: Option<String>,
}

impl Files {
    /// What is given here, and for the rest what the target says.
    fn over(&self, target: &Credentials) -> Credentials {
        let identity = self.certificate_file.clone().zip(self.key_file.clone());
        Credentials {
            authorities: self.ca_file.clone().or_else(|| target.authorities.clone()),
            identity: identity.or_else(|| target.identity.clone()),
            token: self.token_file.clone().or_else(|| target.token.clone()),
            server_name: self.server_name.clone().or_else(|| target.server_name.clone()),
        }
    }
}

/// A duration as Go programs take it: `10m`, `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let nanos = parse_go(text).and_then(|nanos| u64::try_from(nanos).ok());
    nanos
        .map(Duration::from_nanos)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| format!("`{text}` is no duration such as 10m or 1h30m"))
}

/// The target as far as this process works in it.
///
/// # Errors
/// When nothing of it is left.
pub fn within(args: &Args, target: Target) -> Result<Target> {
    let Some(scope) = args.scope.clone().filter(|scope| !scope.is_empty()) else { return Ok(target) };
    let joins = target.connection.way == Way::Teleport && !args.insecure_plaintext;
    let words = [
        ("{owner-email}", args.owner_email.clone().filter(|email| !email.is_empty())),
        ("{token}", args.joining.token_name().filter(|_| joins)),
        ("{operator-namespace}", app::own_namespace()),
    ];
    let words: Vec<_> = words.into_iter().filter_map(|(word, text)| Some((word, text?))).collect();
    let target = target.within(Within::Part(scope)).known_as(&words);
    if target.kinds.is_empty() {
        bail!("--scope leaves no kind to work on: none of those chosen has scopes");
    }
    Ok(target)
}

/// What the flags mean together, for this target.
///
/// # Errors
/// When they leave open how to reach the target, or which namespace to watch.
pub fn config(args: &Args, target: &Target) -> Result<Config> {
    let namespaces = app::namespaces(&args.namespace)?;
    if args.no_leader_election && args.shards > 1 {
        bail!("--shards needs Leases: leave --no-leader-election out");
    }
    let lease = match args.no_leader_election {
        true => None,
        false => {
            let name = args.leader_election_id.clone().unwrap_or_else(|| target.words.lease.clone());
            Some((app::lease_namespace(args.leader_election_namespace.as_deref(), &namespaces)?, name))
        }
    };
    Ok(Config {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        namespaces,
        connect: connect(args, &target.connection)?,
        lease,
        shards: args.shards.into(),
        sync_period: args.sync_period,
        settings: args.policies.settings(target)?,
        metrics: args.metrics_bind_address.clone(),
        health: args.health_probe_bind_address.clone(),
    })
}

fn connect(args: &Args, target: &Connection) -> Result<Connect> {
    let address = args.auth_server.clone().unwrap_or_else(|| target.address.clone());
    if args.insecure_plaintext {
        return Ok(Connect::Plaintext(address));
    }
    let files = args.files.over(&Credentials::default());
    match target.way {
        Way::Grpc => match args.joining.given().as_slice() {
            [] => Ok(Connect::Secure(args.files.over(&target.credentials), address)),
            given => {
                bail!(
                    "{}: for Teleport; this target takes --certificate-file and --key-file",
                    given.join(", ")
                )
            }
        },
        Way::Teleport if files != Credentials::default() => bail!(
            "--ca-file, --certificate-file, --key-file, --token-file and --server-name are for other targets; \
             Teleport takes --token or --identity"
        ),
        Way::Teleport => Ok(Connect::Teleport(Box::new(args.joining.settings(&address)?))),
    }
}

/// Starts logging as the flags say.
///
/// # Errors
/// When the level is none.
pub fn start_log(args: &Args) -> Result<()> {
    log::start(&args.log_level, args.log_format.unwrap_or_else(Format::by_terminal))?;
    let unused = args.joining.unused();
    if !unused.is_empty() {
        tracing::warn!(flags = unused.join(", "), "these flags have no effect in this version");
    }
    Ok(())
}
