//! How a target is reached, unless flags say otherwise.
use std::path::PathBuf;

/// How a target is reached, unless flags say otherwise.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The way in.
    pub way: Way,
    /// `host:port`.
    pub address: String,
    /// What TLS and calls carry; empty unless the way is [`Way::Grpc`].
    pub credentials: Credentials,
}

/// The ways into a target that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// gRPC over TLS, with credentials in files.
    Grpc,
    /// As a member of a Teleport cluster.
    Teleport,
}

impl Way {
    /// Their names in `target.toml`.
    pub const NAMES: [(&str, Self); 2] = [("grpc", Self::Grpc), ("teleport", Self::Teleport)];
}

/// Files that say whom to trust and who we are. They are read when a connection is made, and again when they change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Authorities of the server's certificate (PEM); none: the system's.
    pub authorities: Option<PathBuf>,
    /// Our certificate with its chain, and its private key (PEM).
    pub identity: Option<(PathBuf, PathBuf)>,
    /// A token that every call carries.
    pub token: Option<PathBuf>,
    /// The name in the server's certificate; none: the address's host.
    pub server_name: Option<String>,
}
