//! The command line: one file a subcommand. Parses and prints only; what it prints is made elsewhere.
pub mod crds;
pub mod docs;
pub mod flags;
pub mod kinds;
pub mod lint;
pub mod manifest;
pub mod rbac;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod translate;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::diagnostic::Diagnostic;
use crate::mapping;
use crate::mapping::plan::Target;

/// Keep Kubernetes custom resources and a Teleport cluster in step
///
/// Watches custom resources (roles, users, tokens, connectors, bots …) and creates, updates and deletes the matching
/// resources in Teleport, writes what came of it into their status, and undoes changes made elsewhere. Without a
/// subcommand it runs; `translate` shows what a manifest becomes, without a cluster.
#[derive(Debug, Parser)]
#[command(name = "teleport-operator", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Translate(translate::Args),
    Lint(lint::Args),
    Crds(crds::Args),
    Kinds(kinds::Args),
    Rbac(rbac::Args),
    Docs(docs::Args),
    Sandbox(sandbox::Args),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Exit code for a call that makes no sense.
const USAGE: u8 = 2;

/// Runs the command that the arguments ask for.
pub fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let command = Cli::command();
    let cli = Cli::try_parse_from(flags::from_go(&command, args)).unwrap_or_else(|error| error.exit());
    let done = match cli.command {
        None => run_operator(&cli.run),
        Some(Command::Run(args)) => run_operator(&args),
        Some(Command::Sandbox(args)) => {
            embedded().and_then(|target| sandbox::run(&args, target)).map(exit_code)
        }
        Some(other) => print(&other),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn exit_code(all_well: bool) -> ExitCode {
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn embedded() -> Result<Target> {
    mapping::embedded().map_err(|problems| anyhow!("the embedded mappings are broken: {problems:?}"))
}

fn run_operator(args: &run::Args) -> Result<ExitCode> {
    let config = run::config(args)?;
    run::start_log(args)?;
    let target = Arc::new(embedded()?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async { crate::app::run(config, target, crate::ops::shutdown::on_signal()?).await })?;
    Ok(ExitCode::SUCCESS)
}

/// The commands that only print. A reader that has seen enough is no error.
fn print(command: &Command) -> Result<ExitCode> {
    let (out, err) = (io::stdout().lock(), io::stderr().lock());
    let coloured = report::is_coloured(&err);
    let mut streams = translate::Streams { out, err, coloured };
    let done = print_to(command, &mut streams);
    match done {
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        done => done,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn print_to(
    command: &Command,
    streams: &mut translate::Streams<io::StdoutLock<'_>, io::StderrLock<'_>>,
) -> Result<ExitCode> {
    match command {
        Command::Translate(args) => translate::run(args, &embedded()?, streams).map(exit_code),
        Command::Lint(args) => {
            Ok(exit_code(lint::run(args, &mut streams.out, &mut streams.err, streams.coloured)?))
        }
        Command::Crds(args) => {
            let mistakes = crds::run(args, &embedded()?, &mut streams.out)?;
            Ok(usage(&mistakes, streams)?)
        }
        Command::Kinds(args) => {
            kinds::run(args, &embedded()?, &mut streams.out)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Rbac(args) => {
            let mistakes = rbac::run(args, &embedded()?, &mut streams.out)?;
            Ok(usage(&mistakes, streams)?)
        }
        Command::Docs(args) => docs::run(args, &embedded()?, &mapping::embedded_sources(), &mut streams.out)
            .map(exit_code)
            .map_err(Into::into),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut streams.out);
            streams.out.flush()?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Run(_) | Command::Sandbox(_) => unreachable!("they do more than print"),
    }
}

fn usage(
    mistakes: &[Diagnostic],
    streams: &mut translate::Streams<io::StdoutLock<'_>, io::StderrLock<'_>>,
) -> io::Result<ExitCode> {
    report::write(mistakes, streams.coloured, &mut streams.err)?;
    Ok(if mistakes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(USAGE) })
}
