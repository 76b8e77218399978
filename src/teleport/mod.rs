//! How to reach a Teleport: who we are, and by which way. Knows nothing about the kinds of its resources.
pub mod connect;
pub mod identity;
