//! Key pairs for certificates that a Teleport is to issue, by the cluster's suite of algorithms. The private half never
//! leaves the TLS library, which wipes it when it is dropped, and shows nowhere.
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::SigningKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::ping::Suite;

/// A key pair. Clones share it.
#[derive(Clone)]
pub struct KeyPair {
    signer: Arc<dyn SigningKey>,
    public: Arc<[u8]>,
    ssh: Arc<[u8]>,
    algorithm: &'static str,
}

impl KeyPair {
    /// A new pair. For RSA this takes a while: not to be called where other tasks wait.
    ///
    /// # Errors
    /// When the cryptographic library fails, which it does not say more of.
    pub fn generate(suite: Suite) -> Result<Self, NoKey> {
        let signer = match suite {
            Suite::Unspecified | Suite::Legacy => {
                let pair = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(|_| NoKey)?;
                signer(pair.as_der().map_err(|_| NoKey)?.as_ref())
            }
            Suite::Balanced | Suite::Fips | Suite::Hsm | Suite::Other => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| NoKey)?;
                signer(pair.to_pkcs8v1().map_err(|_| NoKey)?.as_ref())
            }
        }?;
        let public = signer.public_key().ok_or(NoKey)?;
        let (algorithm, ssh) = ssh(&public).ok_or(NoKey)?;
        let public = Arc::from(public.as_ref());
        Ok(Self { signer, public, ssh: ssh.into(), algorithm })
    }

    /// The private half, to sign with.
    pub fn signer(&self) -> &Arc<dyn SigningKey> {
        &self.signer
    }

    /// The public half as PKIX, in DER.
    pub fn der(&self) -> &[u8] {
        &self.public
    }

    /// The public half as PKIX, in PEM.
    pub fn pem(&self) -> String {
        let text = STANDARD.encode(&self.public);
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.extend(line.iter().map(|byte| char::from(*byte)));
            pem.push('\n');
        }
        pem + "-----END PUBLIC KEY-----\n"
    }

    /// The public half as SSH has it on the wire.
    pub fn ssh_wire(&self) -> &[u8] {
        &self.ssh
    }

    /// The public half as a line of SSH's `authorized_keys`.
    pub fn ssh_line(&self) -> String {
        format!("{} {}\n", self.algorithm, STANDARD.encode(&self.ssh))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// No key could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic library can't make a key")]
pub struct NoKey;

fn signer(pkcs8: &[u8]) -> Result<Arc<dyn SigningKey>, NoKey> {
    any_supported_type(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8))).map_err(|_| NoKey)
}

/// A public key as SSH writes it, and the name that SSH has for its algorithm.
fn ssh(public: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    let (_, info) = SubjectPublicKeyInfo::from_der(public).ok()?;
    let (algorithm, parts) = match info.parsed().ok()? {
        PublicKey::EC(point) => ("ecdsa-sha2-nistp256", vec![b"nistp256".to_vec(), point.data().to_vec()]),
        PublicKey::RSA(key) => ("ssh-rsa", vec![integer(key.exponent), integer(key.modulus)]),
        _ => return None,
    };
    let mut wire = Vec::new();
    for part in std::iter::once(algorithm.as_bytes()).chain(parts.iter().map(Vec::as_slice)) {
        wire.extend(u32::try_from(part.len()).ok()?.to_be_bytes());
        wire.extend(part);
    }
    Some((algorithm, wire))
}

/// A positive number as SSH writes it: no zeros in front but one where the first bit would be a sign.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    let sign = digits.first().is_some_and(|first| first & 0x80 != 0);
    sign.then_some(0).into_iter().chain(digits).collect()
}

#[cfg(test)]
mod tests {
    use rustls::SignatureAlgorithm;
    use rustls_pki_types::SubjectPublicKeyInfoDer;
    use rustls_pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn the_public_half_has_all_its_forms() {
        for (suite, name, algorithm) in [
            (Suite::Legacy, "ssh-rsa", SignatureAlgorithm::RSA),
            (Suite::Balanced, "ecdsa-sha2-nistp256", SignatureAlgorithm::ECDSA),
        ] {
            let pair = KeyPair::generate(suite).expect("a key");
            assert_eq!(pair.signer().algorithm(), algorithm);
            let pem = SubjectPublicKeyInfoDer::from_pem_slice(pair.pem().as_bytes()).expect("PEM");
            assert_eq!(pem.as_ref(), pair.der());
            let line = pair.ssh_line();
            let (named, text) = line.trim_end().split_once(' ').expect("two words");
            assert_eq!((named, STANDARD.decode(text).expect("base64")), (name, pair.ssh_wire().to_vec()));
            let (length, rest) = pair.ssh_wire().split_at(4);
            assert_eq!(length, u32::try_from(name.len()).expect("small").to_be_bytes());
            assert!(rest.starts_with(name.as_bytes()));
            let shown = format!("{pair:?}");
            assert!(shown.contains(name) && shown.len() < 60, "{shown}");
        }
    }

    #[test]
    fn numbers_are_written_as_ssh_does() {
        assert_eq!(integer(&[0, 0, 1, 0, 1]), [1, 0, 1]);
        assert_eq!(integer(&[0x80, 1]), [0, 0x80, 1]);
        assert_eq!(integer(&[0, 0]), [0u8; 0]);
    }
}
