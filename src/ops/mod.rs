//! Process plumbing: logs, metrics, health, the HTTP endpoints for both, and shutdown. Knows nothing of what the process
//! is for.
pub mod health;
pub mod log;
pub mod metrics;
pub mod server;
pub mod shutdown;
