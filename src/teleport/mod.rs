//! How to reach a Teleport: who we are, and by which way. Knows nothing about the kinds of its resources.
pub mod address;
pub mod anonymous;
pub mod connect;
pub mod dialer;
pub mod failure;
pub mod identity;
pub mod pin;
pub mod ping;
pub mod route;
pub mod trust;
pub mod upgrade;
pub mod web;
