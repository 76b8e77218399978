//! What people do with the operator, on the real peers: kube-apiserver, etcd and kubectl on one side, an auth server made
//! of Teleport's own types on the other, the operator as a process between them.
//! Each test has a namespace, an auth server and an operator of its own. Time is only waited for, and asserted nowhere but where a
//! bound is promised: the hand-over in `replicas`.
#[path = "../support/audit.rs"]
mod audit;
#[path = "../support/control.rs"]
mod control;
#[path = "../support/joining.rs"]
mod joining;
#[path = "../support/kubernetes.rs"]
mod kubernetes;
#[path = "../support/operator.rs"]
mod operator;

#[path = "../support/teleport.rs"]
mod teleport;
#[path = "../support/world.rs"]
mod world;

mod apply;
mod deletion;
mod drift;
mod economy;
mod edits;
mod features;
mod fleet;
mod invalid;
mod manifests;
mod older;
mod outages;
mod ownership;
mod policies;
mod process;
mod pruned;
mod records;
mod references;
mod replicas;
mod rest;
mod restarts;
mod rivals;
mod sandbox;
mod scopes;
mod secrets;
mod stream;
mod unknown;
