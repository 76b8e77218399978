//! The chart, by the real Helm: what it makes of values, which it refuses, and what becomes of releases on a real
//! kube-apiserver.
#[path = "../support/kubernetes.rs"]
mod kubernetes;

mod helm;
mod monitoring;
mod official;
mod place;
mod refusals;
mod releases;
mod rendering;
mod values;
