//! The command line: one file a subcommand. Parses and prints only; what it prints is made elsewhere.
pub mod crds;
pub mod flags;
pub mod kinds;
pub mod manifest;
pub mod report;
pub mod translate;
