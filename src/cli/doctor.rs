//! `doctor`: shows step by step whether an operator with these flags would work.
use std::io::Write;

use anyhow::Result;
use clap::ValueEnum;
use serde_json::json;

use super::run;
use crate::doctor::{Check, State, examine};
use crate::mapping::plan::Target;

/// Go the operator's whole way once, and say what does not work and what to do: takes the flags of `run`, and only reads
///
/// Looks at Kubernetes (reached, permissions, CRDs), the service account's token, the way to Teleport and its certificates,
/// joining, and permissions in Teleport. The exit code is 1 if anything fails.
// The flags of `run` are a group of that name.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Args {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
    /// What the operator would be run with
    #[command(flatten)]
    pub run: run::Args,
}

/// How steps are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// A line or two a step, as it is done
    #[default]
    Text,
    /// One JSON object, at the end
    Json,
}

/// Goes the way; true: nothing failed.
///
/// # Errors
/// When the flags make no sense, or the output can't be written.
pub fn run(args: &Args, target: Target, out: &mut (impl Write + Send)) -> Result<bool> {
    let target = run::within(&args.run, target)?;
    let config = run::config(&args.run, &target)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut checks, mut written) = (Vec::new(), Ok(()));
    runtime.block_on(examine(&config, &target, &mut |check| {
        if args.output == Format::Text && written.is_ok() {
            written = write(&check, out);
        }
        checks.push(check);
    }));
    written?;
    let all_well = checks.iter().all(|check| check.state != State::Failed);
    if args.output == Format::Json {
        let report = json!({ "ok": all_well, "checks": checks });
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    }
    Ok(all_well)
}

fn write(check: &Check, out: &mut impl Write) -> std::io::Result<()> {
    let sign = match check.state {
        State::Passed => "✓",
        State::Failed => "✗",
        State::Skipped => "-",
    };
    writeln!(out, "{sign} {}: {}", check.name, check.detail)?;
    if let Some(advice) = &check.advice {
        writeln!(out, "  → {advice}")?;
    }
    out.flush()
}
