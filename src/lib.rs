//! Keeps Kubernetes custom resources and a remote gRPC API in step, driven by declarative mapping tables.
pub mod diagnostic;
pub mod mapping;
pub mod schema;
pub mod target;
pub mod translate;
