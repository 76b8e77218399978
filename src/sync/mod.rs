//! The engine: objects come from watches into a queue, each has its passes, and every pass is decided by one pure
//! function. Knows neither how Kubernetes nor how a target is spoken to beyond the traits in `ports`.
pub mod cluster;
pub mod decide;
pub mod engine;
pub mod execute;
pub mod feed;
pub mod memory;
pub mod policy;
pub mod ports;
pub mod queue;
pub mod remote;
pub mod rest;
pub mod retry;
pub mod rivals;
pub mod scan;
pub mod scope;
pub mod settings;
pub mod shards;
pub mod sight;
mod state;
pub mod status;
pub mod store;
