//! `rbac`: prints what the operator must be allowed to do, in Kubernetes or in the target.
use std::io::{self, Write};

use serde_json::{Value, json};

use super::choose::{Choice, named};
use crate::access::{kubernetes_rules, target_role};
use crate::diagnostic::Diagnostic;
use crate::mapping::plan::Target;

/// Print the Kubernetes Role that the operator needs, or the role that it needs in the target
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Kubernetes kinds, in any case; `*` and `?` stand for any characters and any one [default: all kinds]
    #[arg(value_name = "KIND")]
    pub kinds: Vec<String>,
    /// Which kinds the operator works on
    #[command(flatten)]
    pub choice: Choice,
    /// Print the role in the target, as its own tools take it
    #[arg(long)]
    pub target: bool,
    /// Print a ClusterRole, for an operator that watches several namespaces
    #[arg(long, conflicts_with = "target")]
    pub cluster: bool,
    /// Name of the Kubernetes role
    #[arg(long, default_value = env!("CARGO_PKG_NAME"), conflicts_with = "target")]
    pub name: String,
}

/// Prints the role for the kinds asked for; or nothing, when the arguments ask for what there is not: then it gives the
/// mistakes, all of them.
///
/// # Errors
/// When the output can't be written.
pub fn run(args: &Args, target: &Target, out: &mut impl Write) -> io::Result<Vec<Diagnostic>> {
    let kinds = match named(&args.kinds, target) {
        Ok(kinds) => kinds,
        Err(mistakes) => return Ok(mistakes),
    };
    let role = match (&target.role, args.target) {
        (_, false) => kubernetes_role(args, kubernetes_rules(&kinds)),
        (Some(role), true) => target_role(role, &kinds),
        (None, true) => return Ok(vec![Diagnostic::error("this target's mappings know no roles")]),
    };
    write!(out, "{}", serde_saphyr::to_string(&role).map_err(io::Error::other)?)?;
    Ok(Vec::new())
}

fn kubernetes_role(args: &Args, rules: Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": if args.cluster { "ClusterRole" } else { "Role" },
        "metadata": { "name": args.name },
        "rules": rules,
    })
}
