//! Keeps Kubernetes custom resources and a remote gRPC API in step, driven by declarative mapping tables.
pub mod access;
pub mod app;
pub mod cli;
pub mod crd;
pub mod diagnostic;
pub mod docs;
pub mod doctor;
pub mod kube;
pub mod mapping;
pub mod ops;
pub mod sandbox;
pub mod schema;
pub mod setup;
pub mod sync;
pub mod target;
pub mod teleport;
pub mod translate;
