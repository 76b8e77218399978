//! The mapping language: TOML read with its places (`raw`), checked and resolved against descriptors, all mistakes at
//! once (`lint`), into a plan (`plan`). Does no input or output, and never panics on what somebody wrote.
pub mod errors;
pub mod plan;
pub mod repr;
