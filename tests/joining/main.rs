//! The operator joins a Teleport and stays joined: the program as a process, the peer that joins as each generation of Teleport
//! does, and a real Kubernetes API whose service account tokens prove who a pod is.
//! Certificates live ten seconds here, so that what takes hours elsewhere takes seconds. Time is never asserted, only waited for.
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

mod joiner;

mod errors;
mod files;
mod locks;
mod matrix;
mod outages;
mod rotation;
mod secrecy;
