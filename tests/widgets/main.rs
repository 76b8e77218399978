//! A target that is not Teleport: the inventory of `examples/widgets`, with its own server, a real Kubernetes API and the
//! operator as a process between them; and each way to connect to it.
#[path = "../../examples/widgets/inventory.rs"]
mod inventory;
#[path = "../support/kubernetes.rs"]
mod kubernetes;
#[path = "../support/operator.rs"]
mod operator;

mod authority;
mod connections;
mod life;
mod revisions;
mod settings;
mod stream;
mod workshop;
