//! `kube` against a real kube-apiserver: watches, guarded writes, secrets, events, definitions and the leader lease.
mod corner;
mod identity;
#[path = "../support/kubernetes.rs"]
mod kubernetes;
mod lease;
mod line;
mod watches;
mod writes;
