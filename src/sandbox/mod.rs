//! A target in this process, driven by the plans: for trying out and for tests. Kubernetes is always a real one.
//! Knows of resources only what their mappings say.
pub mod kubernetes;
pub mod process;
pub mod server;
mod store;
mod wire;
