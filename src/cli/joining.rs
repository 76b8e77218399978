//! The flags by which a Teleport is reached and joined: the official operator's, with the same names, defaults and meaning.
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::run::duration;
use crate::teleport::address::Environment;
use crate::teleport::join::Method;
use crate::teleport::pin::Pin;
use crate::teleport::settings::{self, Means, Settings};
use crate::teleport::token::{self, TokenSource};

const TOKEN: &str = "teleport-operator";
const LIFETIME: Duration = Duration::from_secs(3600);
const INTERVAL: Duration = Duration::from_secs(1800);

/// How a Teleport is joined.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Joining a Teleport cluster")]
pub struct Joining {
    /// Identity file to connect with instead of joining (tbot's `identity` output, or `tctl auth sign --format=file`);
    /// it is read again when it changes
    #[arg(long, env = "TELEPORT_IDENTITY_FILE", value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Name of the token to join with, or the absolute path of a file with it [default: teleport-operator]
    #[arg(long, value_name = "TOKEN|FILE", conflicts_with = "identity")]
    token: Option<String>,
    /// What the token is used with: kubernetes (the pod's service account proves who we are) or token (it works once)
    /// [default: kubernetes]
    #[arg(long, value_name = "METHOD")]
    join_method: Option<Method>,
    /// For how long certificates are to be valid [default: 1h]
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    certificate_ttl: Option<Duration>,
    /// How often certificates are renewed [default: 30m]
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    renewal_interval: Option<Duration>,
    /// Authorities that the cluster's must be among (`tctl status` shows their pins), several separated by commas
    #[arg(long, value_delimiter = ',', value_name = "SHA256:HEX")]
    ca_pin: Vec<String>,
    /// Take any certificate of a proxy's web address: for a trial
    #[arg(long)]
    insecure: bool,
    #[arg(long, hide = true)]
    pprof_bind_address: Option<String>,
}

impl Joining {
    /// Names of those that were given and are for joining a Teleport.
    pub fn given(&self) -> Vec<&'static str> {
        let Self {
            identity, token, join_method, certificate_ttl, renewal_interval, ca_pin, insecure, ..
        } = self;
        let given = [
            ("--identity", identity.is_some()),
            ("--token", token.is_some()),
            ("--join-method", join_method.is_some()),
            ("--certificate-ttl", certificate_ttl.is_some()),
            ("--renewal-interval", renewal_interval.is_some()),
            ("--ca-pin", !ca_pin.is_empty()),
            ("--insecure", *insecure),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    /// The name of the token that is joined with, where that is no secret and is not kept in a file.
    pub fn token_name(&self) -> Option<String> {
        if self.identity.is_some() || self.join_method.unwrap_or_default() == Method::Token {
            return None;
        }
        let token = self.token.as_deref().unwrap_or(TOKEN);
        // One of a scope is called `/scope::name`.
        let name =
            token.rsplit_once("::").map(|(_, name)| name).or((!token.starts_with('/')).then_some(token));
        name.map(str::to_owned)
    }

    /// Names of those that were given and mean nothing here.
    pub fn unused(&self) -> Vec<&'static str> {
        let in_file = self.identity.is_some();
        let given = [
            ("--pprof-bind-address", self.pprof_bind_address.is_some()),
            ("--join-method", in_file && self.join_method.is_some()),
            ("--certificate-ttl", in_file && self.certificate_ttl.is_some()),
            ("--renewal-interval", in_file && self.renewal_interval.is_some()),
            ("--ca-pin", in_file && !self.ca_pin.is_empty()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    /// What they mean together, for a Teleport at this address.
    ///
    /// # Errors
    /// When one of them means nothing, or two do not fit.
    pub fn settings(&self, address: &str) -> Result<Settings> {
        let address = address.parse().context("--auth-server")?;
        let pins = self.ca_pin.join(",");
        let pins = Pin::list(&pins).context("--ca-pin")?;
        let means = match &self.identity {
            Some(file) => Means::File(file.clone()),
            None => Means::Join(self.means()?),
        };
        let environment = Environment::of_process();
        Ok(Settings { address, means, pins, insecure: self.insecure, environment })
    }

    fn means(&self) -> Result<settings::Joining> {
        let lifetime = self.certificate_ttl.unwrap_or(LIFETIME);
        let interval = self.renewal_interval.unwrap_or(INTERVAL);
        if interval >= lifetime {
            bail!(
                "--renewal-interval ({interval:?}) must be shorter than --certificate-ttl ({lifetime:?}): half of it is \
                 usual"
            );
        }
        let proof = std::env::var_os(token::ENVIRONMENT).filter(|path| !path.is_empty());
        Ok(settings::Joining {
            method: self.join_method.unwrap_or_default(),
            token: TokenSource::new(self.token.as_deref().unwrap_or(TOKEN)),
            proof: proof.map_or_else(|| PathBuf::from(token::SERVICE_ACCOUNT), PathBuf::from),
            lifetime,
            interval,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        joining: Joining,
    }

    fn settings(flags: &[&str]) -> Result<Settings> {
        let flags = ["x"].iter().chain(flags).copied();
        Flags::try_parse_from(flags)?.joining.settings("teleport.example.com:443")
    }

    #[test]
    fn defaults_are_the_official_ones() {
        let settings = settings(&[]).expect("settings");
        let Means::Join(joining) = settings.means else { panic!("no file was named") };
        assert_eq!(joining.method, Method::Kubernetes);
        assert_eq!(joining.token, TokenSource::new("teleport-operator"));
        assert_eq!((joining.lifetime.as_secs(), joining.interval.as_secs()), (3600, 1800));
        assert!(settings.pins.is_empty() && !settings.insecure);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let pin = format!("sha256:{}", "0".repeat(64));
        let flags =
            ["--ca-pin", &format!("{pin},{pin}"), "--join-method", "token", "--certificate-ttl", "10s"];
        let error = settings(&flags).expect_err("30m are longer than 10s").to_string();
        assert!(error.contains("must be shorter than --certificate-ttl (10s)"), "{error}");
        let fits = settings(&[&flags[..], &["--renewal-interval", "4s"]].concat()).expect("settings");
        assert_eq!(fits.pins.len(), 2);
        for (flags, why) in [
            (vec!["--join-method", "iam"], "`iam` is no method"),
            (vec!["--ca-pin", "abc"], "--ca-pin"),
            (vec!["--identity", "f", "--token", "t"], "--identity"),
            (vec!["--certificate-ttl", "soon"], "no duration"),
        ] {
            let error = format!("{:#}", settings(&flags).expect_err(why));
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn with_a_file_the_rest_has_no_effect() {
        let flags = ["x", "--identity", "f", "--ca-pin", "a", "--pprof-bind-address", ":1", "--insecure"];
        let joining = Flags::try_parse_from(flags).expect("flags").joining;
        assert_eq!(joining.unused(), ["--pprof-bind-address", "--ca-pin"]);
        assert_eq!(joining.given(), ["--identity", "--ca-pin", "--insecure"]);
    }
}
