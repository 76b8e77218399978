//! The mapping language: TOML read with its places (`raw`), checked and resolved against descriptors, all mistakes at
//! once (`lint`), into a plan (`plan`). Does no input or output, and never panics on what somebody wrote.
mod calls;
mod discover;
pub mod errors;
pub mod explain;
pub mod grammar;
pub mod json_schema;
mod kind;
mod lint;
mod naming;
mod path;
pub mod plan;
pub mod policy;
mod raw;
pub mod repr;
pub mod scaffold;
mod shape;
pub mod stream;
mod target;
mod types;

pub use lint::load;

use crate::diagnostic::{Diagnostic, Source};
use crate::schema::Schema;
use plan::Target;

/// The interface that the binary carries, as an encoded descriptor set.
static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/teleport.binpb"));

/// The mappings that the binary carries: names and texts.
static MAPPINGS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/mappings.rs"));

/// The interface that the binary carries.
///
/// # Errors
/// Never for a binary that was built and tested.
pub fn embedded_schema() -> Result<Schema, Vec<Diagnostic>> {
    let broken = |error| vec![Diagnostic::error(format!("the embedded interface can't be read: {error}"))];
    Schema::from_descriptor_set(DESCRIPTORS).map_err(broken)
}

/// The interface that the binary carries, as an encoded descriptor set.
pub fn embedded_descriptors() -> &'static [u8] {
    DESCRIPTORS
}

/// The mapping files that the binary carries.
pub fn embedded_sources() -> Vec<Source> {
    MAPPINGS
        .iter()
        .map(|(name, text)| Source { name: (*name).to_owned(), text: (*text).to_owned() })
        .collect()
}

/// The target that the binary carries.
///
/// # Errors
/// Never for a binary that was built and tested.
pub fn embedded() -> Result<Target, Vec<Diagnostic>> {
    load(&[embedded_sources()], &embedded_schema()?).map(|(target, _)| target)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_embedded_is_sound() {
        let files = super::embedded_sources();
        let (target, warnings) = super::load(&[files], &super::embedded_schema().unwrap()).unwrap();
        assert_eq!(warnings, []);
        assert!(target.kinds.len() >= 12);
    }
}
