//! The command line: one file a subcommand. Parses and prints only; what it prints is made elsewhere.
pub mod bootstrap;
pub mod choose;
pub mod crds;
pub mod descriptors;
pub mod docs;
pub mod doctor;
pub mod flags;
pub mod joining;
pub mod kinds;
pub mod lint;
pub mod manifest;
pub mod policies;
pub mod rbac;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod scaffold;
pub mod source;
pub mod status;
pub mod translate;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::app;
use crate::diagnostic::Diagnostic;
use crate::mapping::plan::Target;
use choose::Choice;

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
    run: Choosing<run::Args>,
    #[command(flatten)]
    source: source::Given,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<Choosing<run::Args>>),
    Translate(translate::Args),
    Lint(lint::Args),
    Crds(Choosing<crds::Args>),
    Kinds(Choosing<kinds::Args>),
    Rbac(rbac::Args),
    Docs(docs::Args),
    Bootstrap(Box<bootstrap::Args>),
    Doctor(Box<Choosing<doctor::Args>>),
    Scaffold(scaffold::Args),
    Status(Choosing<status::Args>),
    Sandbox(Choosing<sandbox::Args>),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

// The arguments of a command that is about some of the kinds. (No doc comment: the command's own is its help.)
#[derive(Debug, clap::Args)]
struct Choosing<T: clap::Args> {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    args: T,
}

/// Exit code for a call that makes no sense.
const USAGE: u8 = 2;

/// Mistakes in what was given, on their way to where they are shown; with the exit code.
#[derive(Debug, thiserror::Error)]
#[error("there are mistakes in what was given")]
struct Mistakes(Vec<Diagnostic>, u8);

/// Runs the command that the arguments ask for.
pub fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let command = Cli::command();
    let cli = Cli::try_parse_from(flags::from_go(&command, args)).unwrap_or_else(|error| error.exit());
    let done = match cli.command {
        None => run_operator(&cli.run, &cli.source),
        Some(Command::Run(args)) => run_operator(&args, &cli.source),
        Some(Command::Sandbox(Choosing { choice, args })) => {
            let chosen = chosen(&cli.source, &choice);
            chosen.and_then(|target| sandbox::run(&args, &cli.source, target)).map(exit_code)
        }
        Some(Command::Doctor(args)) => {
            let chosen = chosen(&cli.source, &args.choice);
            chosen.and_then(|target| doctor::run(&args.args, target, &mut io::stdout())).map(exit_code)
        }
        Some(other) => print(&other, &cli.source),
    };
    done.unwrap_or_else(|error| failed(&error))
}

fn exit_code(all_well: bool) -> ExitCode {
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    let Some(Mistakes(problems, code)) = error.downcast_ref() else {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    };
    show(problems);
    ExitCode::from(*code)
}

/// Shows diagnostics on standard error. Where that is closed nobody wants to know.
fn show(problems: &[Diagnostic]) {
    let mut err = io::stderr().lock();
    let coloured = report::is_coloured(&err);
    let _ = report::write(problems, coloured, &mut err);
}

/// The target, with all of its kinds.
fn target(source: &source::Given) -> Result<Target> {
    let (target, warnings) = source.target().map_err(|problems| Mistakes(problems, 1))?;
    show(&warnings);
    Ok(target)
}

/// The target, with the kinds chosen.
fn chosen(source: &source::Given, choice: &Choice) -> Result<Target> {
    choice.apply(target(source)?).map_err(|problems| Mistakes(problems, USAGE).into())
}

fn run_operator(Choosing { choice, args }: &Choosing<run::Args>, source: &source::Given) -> Result<ExitCode> {
    let target = run::within(args, chosen(source, choice)?)?;
    let config = run::config(args, &target)?;
    run::start_log(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let stop = crate::ops::shutdown::on_signal()?;
        let Some(target) = stop.run_until_cancelled(app::known(&config, target)).await else { return Ok(()) };
        app::run(config, Arc::new(target?), stop).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The commands that only print. A reader that has seen enough is no error.
fn print(command: &Command, source: &source::Given) -> Result<ExitCode> {
    let (out, err) = (io::stdout().lock(), io::stderr().lock());
    let coloured = report::is_coloured(&err);
    let mut streams = translate::Streams { out, err, coloured };
    let done = print_to(command, source, &mut streams);
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
    source: &source::Given,
    streams: &mut translate::Streams<io::StdoutLock<'_>, io::StderrLock<'_>>,
) -> Result<ExitCode> {
    match command {
        Command::Translate(args) => translate::run(args, &target(source)?, streams).map(exit_code),
        Command::Lint(args) => {
            let all_well = lint::run(args, source, &mut streams.out, &mut streams.err, streams.coloured)?;
            Ok(exit_code(all_well))
        }
        Command::Crds(Choosing { choice, args }) => {
            match crds::run(args, &chosen(source, choice)?, &mut streams.out)? {
                none if none.is_empty() => Ok(ExitCode::SUCCESS),
                mistakes => Err(Mistakes(mistakes, USAGE).into()),
            }
        }
        Command::Kinds(Choosing { choice, args }) => {
            kinds::run(args, &chosen(source, choice)?, &mut streams.out)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Scaffold(args) => {
            let text = scaffold::run(args, source).map_err(|problems| Mistakes(problems, 1))?;
            streams.out.write_all(text.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Rbac(args) => match rbac::run(args, &chosen(source, &args.choice)?, &mut streams.out)? {
            none if none.is_empty() => Ok(ExitCode::SUCCESS),
            mistakes => Err(Mistakes(mistakes, USAGE).into()),
        },
        Command::Docs(args) => {
            let mappings = source.layers().map_err(|problems| Mistakes(problems, 1))?.concat();
            Ok(exit_code(docs::run(args, &target(source)?, &mappings, &mut streams.out)?))
        }
        Command::Bootstrap(args) => {
            bootstrap::run(args, chosen(source, &args.choice)?, &mut streams.out)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Status(Choosing { choice, args }) => {
            Ok(exit_code(status::run(args, &chosen(source, choice)?, &mut streams.out)?))
        }
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut streams.out);
            streams.out.flush()?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Run(_) | Command::Sandbox(_) | Command::Doctor(_) => unreachable!("they do more than print"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
