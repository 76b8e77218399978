//! `bootstrap`: prints what lets the operator join a cluster, or brings it in with an administrator's identity, and the
//! Helm command that goes with it.
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::choose::Choice;
use crate::access::{Asked, setup};
use crate::app::{self, Connect};
use crate::kube::connect;
use crate::kube::issuer::issuer;
use crate::mapping::plan::Target;
use crate::setup::{self, Change};
use crate::target::call::Options;
use crate::target::client::Client;
use crate::target::gate::Gate;
use crate::teleport::settings::Settings;

/// Print what lets the operator into the target (role, bot, token), and the Helm command that installs it
///
/// Reads the keys of the Kubernetes cluster from the current kube context. The documents go to `tctl create -f -`, or with
/// --apply straight into the cluster, as the administrator of an identity file.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Which kinds the operator is to work on: its role allows no others
    #[command(flatten)]
    pub choice: Choice,
    /// Name of the Teleport cluster [default: with --apply the cluster's own, else the host of --auth-server]
    #[arg(long, value_name = "NAME")]
    pub cluster_name: Option<String>,
    /// Namespace that the operator is installed in
    #[arg(long, default_value = "teleport", value_name = "NAMESPACE")]
    pub namespace: String,
    /// Service account that the operator runs as
    #[arg(long, default_value = env!("CARGO_PKG_NAME"), value_name = "NAME")]
    pub service_account: String,
    /// How the operator proves who it is: one of the target's ways, for Teleport static_jwks, in_cluster and oidc
    #[arg(long, default_value = "static_jwks", value_name = "WAY")]
    pub join: String,
    /// Name of the token that the operator joins with
    #[arg(long, default_value = env!("CARGO_PKG_NAME"), value_name = "NAME")]
    pub token: String,
    /// Name of the operator in the target
    #[arg(long, default_value = "operator", value_name = "NAME")]
    pub name: String,
    /// Address of the target, for the Helm command and for --apply: host:port
    #[arg(long, visible_alias = "address", env = "TELEPORT_AUTH_SERVER", value_name = "HOST:PORT")]
    pub auth_server: Option<String>,
    /// Create what is missing, and change what differs, after showing it
    #[arg(long, requires = "identity")]
    pub apply: bool,
    /// Identity file of an administrator, for --apply (`tctl auth sign --format=file`)
    #[arg(long, env = "TELEPORT_IDENTITY_FILE", value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Kubeconfig file [default: KUBECONFIG, the pod's service account, ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long)]
    pub context: Option<String>,
    /// How to print the documents
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

/// How documents are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// YAML documents, the Helm command as a comment before them
    #[default]
    Yaml,
    /// One JSON object of `documents` and `helm`
    Json,
}

/// Where the chart is, as a command that people copy has it.
const CHART: &str = "charts/teleport-operator";

/// Prints, or applies.
///
/// # Errors
/// When Kubernetes or the target can't be read or written, or the target's mappings know no such way.
pub fn run(args: &Args, target: Target, out: &mut impl Write) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(bootstrap(args, &target, out))
}

async fn bootstrap(args: &Args, target: &Target, out: &mut impl Write) -> Result<()> {
    let documents = documents(args, target).await?;
    if args.apply {
        return apply(args, target, &documents, out).await;
    }
    let address = args.auth_server.as_deref();
    let host = address.and_then(|address| address.rsplit_once(':')).map(|(host, _)| host);
    let helm = helm(args, address, args.cluster_name.as_deref().or(host));
    match args.output {
        Format::Json => {
            let all = json!({ "documents": documents, "helm": helm });
            writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        }
        Format::Yaml => {
            writeln!(out, "# Then install the operator:")?;
            helm.lines().try_for_each(|line| writeln!(out, "#   {line}"))?;
            for document in &documents {
                write!(out, "---\n{}", serde_saphyr::to_string(document)?)?;
            }
        }
    }
    Ok(())
}

/// All documents, with the keys of the Kubernetes cluster where one asks for them.
async fn documents(args: &Args, target: &Target) -> Result<Vec<Value>> {
    let Some(ways) = target.setup.as_ref().map(|setup| &setup.ways) else {
        bail!("the mappings of target {} say nothing of how the operator is let in", target.name);
    };
    let Some(way) = ways.get(&args.join) else {
        let known: Vec<_> = ways.keys().map(String::as_str).collect();
        bail!("--join {}: there is no such way; known: {}", args.join, known.join(", "));
    };
    let mut asked = Asked {
        role: args.name.clone(),
        name: args.name.clone(),
        token: args.token.clone(),
        service_account: format!("{}:{}", args.namespace, args.service_account),
        way: args.join.clone(),
        ..Asked::default()
    };
    let text = way.to_string();
    if text.contains("{jwks}") || text.contains("{issuer}") {
        let client = connect::client(args.kubeconfig.as_deref(), args.context.as_deref()).await?;
        let issuer = issuer(&client).await.context("--join needs the keys of the Kubernetes cluster")?;
        (asked.jwks, asked.issuer) = (issuer.keys, issuer.url);
    }
    let kinds: Vec<_> = target.kinds.iter().collect();
    setup(target, &kinds, &asked).context("the target's mappings know no roles")
}

/// Shows what changes, then changes it.
async fn apply(args: &Args, target: &Target, documents: &[Value], out: &mut impl Write) -> Result<()> {
    let address = args.auth_server.clone().unwrap_or_else(|| target.connection.address.clone());
    let identity = args.identity.clone().context("--apply needs --identity")?;
    let settings = Settings::of_file(identity, &address)?;
    let (connection, _) = app::connection(Connect::Teleport(Box::new(settings)))?;
    let client = Client::new(target, connection, Options::default());
    let facts = client.facts().await?;
    let steps = setup::plan(target, &client, documents).await?;
    for step in &steps {
        match &step.change {
            Change::Create => writeln!(out, "{}: is created", step.what)?,
            Change::Update(paths) => writeln!(out, "{}: is changed: {}", step.what, paths.join(", "))?,
            Change::Nothing => writeln!(out, "{}: is as it should be", step.what)?,
        }
    }
    out.flush()?;
    let gate = Gate::new(client, Arc::new(|| Ok(())));
    for step in &steps {
        setup::apply(&gate, step).await?;
    }
    let cluster = args.cluster_name.clone().or(facts.cluster);
    writeln!(out, "\nNow install the operator:\n\n{}", helm(args, Some(&address), cluster.as_deref()))?;
    Ok(())
}

/// The command that installs the operator to join this way.
fn helm(args: &Args, address: Option<&str>, cluster: Option<&str>) -> String {
    let Args { namespace, service_account, token, .. } = args;
    let mut set = vec![
        format!("teleportAddress={}", address.unwrap_or("TELEPORT_ADDRESS:443")),
        format!("teleportClusterName={}", cluster.unwrap_or("TELEPORT_CLUSTER")),
        format!("token={token}"),
    ];
    if service_account != env!("CARGO_PKG_NAME") {
        set.push(format!("serviceAccount.name={service_account}"));
    }
    let settings = set.iter().map(|setting| format!(" \\\n  --set {setting}"));
    format!(
        "helm install teleport-operator {CHART} --namespace {namespace} --create-namespace{}",
        settings.collect::<String>()
    )
}
