//! The messages of the few calls that joining needs, with the fields that it uses. None of them shows what it holds: there
//! are tokens among it.
use std::fmt;

use prost_types::Timestamp;

/// What a call is named on the wire.
pub mod method {
    /// Joins, by any auth server since 18.x.
    pub const JOIN: &str = "/teleport.join.v1.JoinService/Join";
    /// Joins by a token, by auth servers since 17.
    pub const REGISTER: &str = "/proto.JoinService/RegisterUsingToken";
    /// Tells who may join whom: the server's authorities.
    pub const AUTHORITIES: &str = "/proto.AuthService/GetClusterCACert";
    /// Tells the cluster's name and the server's version.
    pub const PING: &str = "/proto.AuthService/Ping";
    /// Reads a role.
    pub const ROLE: &str = "/proto.AuthService/GetRole";
    /// Issues certificates for a user.
    pub const ISSUE: &str = "/proto.AuthService/GenerateUserCerts";
}

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field:meta])* $member:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, prost::Message)]
        #[prost(skip_debug)]
        pub struct $name {
            $($(#[$field])* pub $member: $kind,)*
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

messages! {
    /// `types.RegisterUsingTokenRequest`.
    Register {
        /// The system role that is asked for.
        #[prost(string, tag = "3")]
        role: String,
        /// Name of the token; with the method `token` it is the secret itself.
        #[prost(string, tag = "4")]
        token: String,
        /// PKIX in PEM.
        #[prost(bytes = "vec", tag = "7")]
        public_tls_key: Vec<u8>,
        /// A line of `authorized_keys`.
        #[prost(bytes = "vec", tag = "8")]
        public_ssh_key: Vec<u8>,
        /// The proof of methods that need one.
        #[prost(string, tag = "11")]
        id_token: String,
        /// Until when the certificates are to be valid.
        #[prost(message, optional, tag = "12")]
        expires: Option<Timestamp>,
    }

    /// `proto.Certs`.
    Certs {
        /// The certificate, PEM.
        #[prost(bytes = "vec", tag = "2")]
        tls: Vec<u8>,
        /// Authorities, PEM, one or more in each.
        #[prost(bytes = "vec", repeated, tag = "3")]
        tls_authorities: Vec<Vec<u8>>,
    }

    /// `proto.UserCertsRequest`.
    UserCerts {
        /// A line of `authorized_keys`, for servers older than 17.
        #[prost(bytes = "vec", tag = "1")]
        public_key: Vec<u8>,
        /// Who asks.
        #[prost(string, tag = "2")]
        user: String,
        /// Until when the certificates are to be valid.
        #[prost(message, optional, tag = "3")]
        expires: Option<Timestamp>,
        /// The cluster that they are for.
        #[prost(string, tag = "5")]
        cluster: String,
        /// The roles to take on.
        #[prost(string, repeated, tag = "12")]
        roles: Vec<String>,
        /// Whether `roles` is meant.
        #[prost(bool, tag = "14")]
        use_roles: bool,
        /// A line of `authorized_keys`.
        #[prost(bytes = "vec", tag = "22")]
        ssh_public_key: Vec<u8>,
        /// PKIX in PEM.
        #[prost(bytes = "vec", tag = "23")]
        tls_public_key: Vec<u8>,
    }

    /// `proto.GetRoleRequest`.
    GetRole {
        /// Which.
        #[prost(string, tag = "1")]
        name: String,
    }

    /// `types.RoleV6`, as far as impersonation goes.
    Role {
        /// What it says.
        #[prost(message, optional, tag = "5")]
        spec: Option<RoleSpec>,
    }

    /// `types.RoleSpecV6`.
    RoleSpec {
        /// What it allows.
        #[prost(message, optional, tag = "2")]
        allow: Option<RoleConditions>,
    }

    /// `types.RoleConditions`.
    RoleConditions {
        /// Who may be impersonated.
        #[prost(message, optional, tag = "14")]
        impersonate: Option<Impersonate>,
    }

    /// `types.ImpersonateConditions`.
    Impersonate {
        /// Roles that may be taken on.
        #[prost(string, repeated, tag = "2")]
        roles: Vec<String>,
    }

    /// `proto.GetClusterCACertResponse`.
    Authorities {
        /// PEM, one or more.
        #[prost(bytes = "vec", tag = "1")]
        pem: Vec<u8>,
    }

    /// `proto.PingResponse`.
    Pong {
        /// The cluster's name.
        #[prost(string, tag = "1")]
        cluster: String,
        /// The server's version.
        #[prost(string, tag = "2")]
        version: String,
        /// Number of the cluster's suite of algorithms; servers since 17.
        #[prost(int32, tag = "9")]
        suite: i32,
    }

    /// `teleport.join.v1.JoinRequest`.
    JoinRequest {
        /// One of its members.
        #[prost(oneof = "Say", tags = "1, 2, 6, 8")]
        say: Option<Say>,
    }

    /// `teleport.join.v1.JoinResponse`.
    JoinResponse {
        /// One of its members.
        #[prost(oneof = "Answer", tags = "1, 2, 3")]
        answer: Option<Answer>,
    }

    /// `teleport.join.v1.ClientInit`.
    ClientInit {
        /// How to join; the token's way where it is absent.
        #[prost(string, optional, tag = "1")]
        method: Option<String>,
        /// Name of the token.
        #[prost(string, tag = "2")]
        token: String,
        /// The system role that is asked for.
        #[prost(string, tag = "3")]
        role: String,
    }

    /// `teleport.join.v1.ServerInit`.
    ServerInit {
        /// The way that the server takes.
        #[prost(string, tag = "1")]
        method: String,
        /// Name of the cluster's suite of algorithms.
        #[prost(string, tag = "2")]
        suite: String,
    }

    /// `teleport.join.v1.TokenInit`.
    TokenInit {
        /// Keys and lifetime.
        #[prost(message, optional, tag = "1")]
        parameters: Option<ClientParameters>,
    }

    /// `teleport.join.v1.OIDCInit`.
    TokenProof {
        /// Keys and lifetime.
        #[prost(message, optional, tag = "1")]
        parameters: Option<ClientParameters>,
        /// The proof.
        #[prost(bytes = "vec", tag = "2")]
        id_token: Vec<u8>,
    }

    /// `teleport.join.v1.ClientParams`.
    ClientParameters {
        /// Those of a bot.
        #[prost(message, optional, tag = "2")]
        bot: Option<BotParameters>,
    }

    /// `teleport.join.v1.BotParams`.
    BotParameters {
        /// For whom.
        #[prost(message, optional, tag = "1")]
        keys: Option<PublicKeys>,
        /// Until when the certificates are to be valid; needed.
        #[prost(message, optional, tag = "2")]
        expires: Option<Timestamp>,
    }

    /// `teleport.join.v1.PublicKeys`.
    PublicKeys {
        /// PKIX in DER.
        #[prost(bytes = "vec", tag = "1")]
        tls: Vec<u8>,
        /// As on SSH's wire.
        #[prost(bytes = "vec", tag = "2")]
        ssh: Vec<u8>,
    }

    /// `teleport.join.v1.GivingUp`.
    GivingUp {
        /// Why, as a number.
        #[prost(int32, tag = "1")]
        reason: i32,
        /// Why, in words.
        #[prost(string, tag = "2")]
        text: String,
    }

    /// `teleport.join.v1.Result`.
    Joined {
        /// What a bot is given.
        #[prost(message, optional, tag = "2")]
        bot: Option<BotResult>,
    }

    /// `teleport.join.v1.BotResult`.
    BotResult {
        /// The certificates.
        #[prost(message, optional, tag = "1")]
        certificates: Option<Certificates>,
    }

    /// `teleport.join.v1.Certificates`.
    Certificates {
        /// DER.
        #[prost(bytes = "vec", tag = "1")]
        tls: Vec<u8>,
        /// DER.
        #[prost(bytes = "vec", repeated, tag = "2")]
        tls_authorities: Vec<Vec<u8>>,
    }
}

/// What a joining client says.
#[derive(Clone, PartialEq, prost::Oneof)]
#[prost(skip_debug)]
pub enum Say {
    /// First of all.
    #[prost(message, tag = "1")]
    Client(ClientInit),
    /// The method `token` needs no more.
    #[prost(message, tag = "2")]
    Token(TokenInit),
    /// It stops.
    #[prost(message, tag = "6")]
    GivingUp(GivingUp),
    /// Methods whose proof is a token of a third party's.
    #[prost(message, tag = "8")]
    Proof(TokenProof),
}

impl fmt::Debug for Say {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Say")
    }
}

/// What it is answered.
#[derive(Clone, PartialEq, prost::Oneof)]
#[prost(skip_debug)]
pub enum Answer {
    /// First of all.
    #[prost(message, tag = "1")]
    Server(ServerInit),
    /// Something to solve, which none of our methods needs.
    #[prost(bytes = "vec", tag = "2")]
    Challenge(Vec<u8>),
    /// At the end.
    #[prost(message, tag = "3")]
    Result(Joined),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

/// A time as messages have it.
pub fn timestamp(time: time::OffsetDateTime) -> Timestamp {
    Timestamp { seconds: time.unix_timestamp(), nanos: 0 }
}
