//! All that speaks gRPC to a target: requests, the dynamic codec, calls, and the one gate that every write goes through.
//! Knows plans and descriptors, but not Kubernetes and not how a product is reached.
pub mod call;
pub mod client;
pub mod codec;
pub mod connection;
pub mod error;
pub mod features;
pub mod gate;
pub mod limiter;
pub mod proof;
pub mod reach;
pub mod request;
mod secret;
pub mod stream;
