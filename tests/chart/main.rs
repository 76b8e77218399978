//! The chart, by the real Helm: what it makes of values, which it refuses, and what becomes of releases on a real
//! kube-apiserver.
#[path = "../support/control.rs"]
mod control;
#[path = "../support/kubernetes.rs"]
mod kubernetes;
#[path = "../support/teleport.rs"]
mod teleport;

mod helm;
mod monitoring;
mod node;
mod official;
mod place;
mod pod;
mod refusals;
mod releases;
mod rendering;
mod values;
