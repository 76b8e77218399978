//! Pins: authorities that are known by their keys before anything else of a cluster is. Fetches nothing.
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::failure::Problem;
use super::trust::{parse, valid_now};

/// The hash of an authority's public key, by which it is known before anything else is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; 32]);

/// A text that is no pin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no pin of an authority: write sha256: and 64 hex digits, as `tctl status` shows it")]
pub struct BadPin {
    /// As it was given.
    pub given: String,
}

impl Pin {
    /// That of a certificate; none if it can't be read.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        parse(certificate).map(|parsed| Self(Sha256::digest(parsed.public_key().raw).into()))
    }

    /// Several, with commas or blanks between them.
    ///
    /// # Errors
    /// With the first that is none.
    pub fn list(text: &str) -> Result<Vec<Self>, BadPin> {
        let parts = text.split(|c: char| c == ',' || c.is_whitespace());
        parts.filter(|part| !part.is_empty()).map(str::parse).collect()
    }
}

impl FromStr for Pin {
    type Err = BadPin;

    fn from_str(given: &str) -> Result<Self, BadPin> {
        let bad = || BadPin { given: given.chars().take(100).collect() };
        let (algorithm, hex) = given.split_once(':').ok_or_else(bad)?;
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
        let is_sized = hex.len() == 64 && algorithm.eq_ignore_ascii_case("sha256");
        let bytes: Option<Vec<u8>> = hex.as_bytes().chunks_exact(2).map(byte).collect();
        let bytes = bytes.filter(|_| is_sized).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(bad)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why the authorities of a cluster are not those that were pinned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// The cluster has none.
    #[error("the cluster shows no certificate authority; check that the address is of a Teleport")]
    NoAuthorities,
    /// None has the key.
    #[error(
        "no authority of the cluster has a pinned key: pinned {}, seen {}; if the cluster is the right one, take its \
         pin from `tctl status`",
        join(.pinned), join(.seen)
    )]
    Unpinned {
        /// Those that were given.
        pinned: Vec<Pin>,
        /// Those that the cluster has.
        seen: Vec<Pin>,
    },
    /// The one that is pinned is not valid now.
    #[error("the pinned authority can't be used: {0}; check the clocks of both machines")]
    NotNow(Problem),
}

fn join(pins: &[Pin]) -> String {
    pins.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Those of a cluster's authorities whose keys are pinned, and which are valid now. The rest is not to be trusted: while
/// authorities are rotated there are two, of which only one may be known.
///
/// # Errors
/// When none is left.
pub fn pinned(
    authorities: Vec<CertificateDer<'static>>,
    pins: &[Pin],
    now: OffsetDateTime,
) -> Result<Vec<CertificateDer<'static>>, PinError> {
    let seen: Vec<Pin> = authorities.iter().filter_map(Pin::of).collect();
    if seen.is_empty() {
        return Err(PinError::NoAuthorities);
    }
    let known = |authority: &CertificateDer<'_>| Pin::of(authority).is_some_and(|pin| pins.contains(&pin));
    let mut known: Vec<_> = authorities.into_iter().filter(known).collect();
    if known.is_empty() {
        return Err(PinError::Unpinned { pinned: pins.to_vec(), seen });
    }
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let mut last = None;
    known.retain(|authority| valid_now(authority, now).map_err(|problem| last = Some(problem)).is_ok());
    match last {
        Some(problem) if known.is_empty() => Err(PinError::NotNow(problem)),
        _ => Ok(known),
    }
}
