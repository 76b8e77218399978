//! How a Teleport is to be reached, and as whom: what people say by flags and environment, checked. Does nothing with it.
use std::path::PathBuf;
use std::time::Duration;

use super::address::{Address, BadAddress, Environment};
use super::join::Method;
use super::pin::Pin;
use super::token::TokenSource;

/// Where to go and how to be let in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A proxy or an auth server.
    pub address: Address,
    /// How to come by an identity.
    pub means: Means,
    /// Authorities that the cluster's must be among; none: any.
    pub pins: Vec<Pin>,
    /// Whether any certificate of a proxy's web address will do.
    pub insecure: bool,
    /// What the process's environment says about ways.
    pub environment: Environment,
}

impl Settings {
    /// With the identity in a file, in this process's environment.
    ///
    /// # Errors
    /// When the address is none.
    pub fn of_file(file: PathBuf, address: &str) -> Result<Self, BadAddress> {
        Ok(Self {
            address: address.parse()?,
            means: Means::File(file),
            pins: Vec::new(),
            insecure: false,
            environment: Environment::of_process(),
        })
    }
}

/// How to come by an identity.
#[derive(Debug, Clone)]
pub enum Means {
    /// It is in a file, and somebody else keeps it current.
    File(PathBuf),
    /// By joining.
    Join(Joining),
}

/// How to join.
#[derive(Debug, Clone)]
pub struct Joining {
    /// What proves that the token may be used.
    pub method: Method,
    /// The token.
    pub token: TokenSource,
    /// Where the service account's token is.
    pub proof: PathBuf,
    /// For how long certificates are to be valid.
    pub lifetime: Duration,
    /// How often they are renewed.
    pub interval: Duration,
}
