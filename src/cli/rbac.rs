//! `rbac`: prints what the operator must be allowed to do, in Kubernetes or in the target.
use std::io::{self, Write};

use clap::ValueEnum;
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
    /// Where it is a role: in Kubernetes, or in the target, as the target's own tools take it
    #[arg(long = "for", value_enum, default_value_t, value_name = "SIDE")]
    pub side: Side,
    /// Print a ClusterRole, for an operator that watches several namespaces
    #[arg(long)]
    pub cluster: bool,
    /// Name of the Kubernetes role
    #[arg(long, default_value = env!("CARGO_PKG_NAME"))]
    pub name: String,
}

/// Where a role is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Side {
    /// A Role or ClusterRole
    #[default]
    Kubernetes,
    /// What the target has for it
    Target,
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
    let role = match (args.side, &target.role) {
        (Side::Kubernetes, _) => kubernetes_role(args, kubernetes_rules(&kinds, args.cluster)),
        (Side::Target, Some(role)) => target_role(role, &kinds),
        (Side::Target, None) => return Ok(vec![Diagnostic::error("this target's mappings know no roles")]),
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
