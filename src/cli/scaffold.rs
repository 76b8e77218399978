//! `scaffold`: writes a first mapping for a message, from its descriptors.
use super::source;
use crate::diagnostic::Diagnostic;
use crate::mapping::scaffold::scaffold;

/// Write a first mapping for a message, from its descriptors
///
/// The mapping goes to standard output, with comments on what was guessed: put it into a file of your own folder, edit
/// it and `lint` it. The binary carries only the calls that its own mappings make: give the others with --descriptors.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Full name of the message, or of the service that serves it
    #[arg(value_name = "MESSAGE|SERVICE")]
    pub name: String,
    /// Kubernetes kind [default: made from the message's name and version]
    #[arg(long)]
    pub kind: Option<String>,
}

/// The mapping.
///
/// # Errors
/// All mistakes: of what is given, or in the name.
pub fn run(args: &Args, source: &source::Given) -> Result<String, Vec<Diagnostic>> {
    let (schema, layers) = source.parts()?;
    scaffold(&layers, &schema, &args.name, args.kind.as_deref())
}
