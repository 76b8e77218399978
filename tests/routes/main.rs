//! The ways to a Teleport, against small real servers in this process: whom TLS trusts, forward proxies, answers of the
//! web API, connection upgrades, and all of it together by every route.
mod forward;
mod lines;
mod noise;
mod peer;
mod route;
mod support;
mod trust;
mod upgrade;
mod web;
