//! All that talks to Kubernetes: reads, watches, patches, events, the lease. Takes and gives plain values; knows neither
//! plans nor targets, and decides nothing.
pub mod apply;
pub mod call;
pub mod connect;
pub mod crds;
pub mod errors;
pub mod events;
pub mod finalizer;
pub mod identity;
pub mod issuer;
pub mod lease;
pub mod namespaces;
pub mod object;
mod pace;
mod patch;
pub mod review;
pub mod secrets;
pub mod served;
pub mod status;
pub mod watch;
