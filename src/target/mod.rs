//! All that speaks gRPC to a target: requests, the dynamic codec, calls, and the one gate that every write goes through.
//! Knows plans and descriptors, but not Kubernetes and not how a product is reached.
pub mod request;
