//! What a Teleport issues: a certificate and the authorities that come with it, in the forms of its several answers, and
//! what a certificate says of its holder. Teleport writes that into the subject's names, under identifiers of its own.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::proto;

/// So many authorities are more than any cluster has.
const MOST: usize = 256;

/// A certificate, and the authorities that were given with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Ours.
    pub certificate: CertificateDer<'static>,
    /// By whom servers of the cluster are known, among others.
    pub authorities: Vec<CertificateDer<'static>>,
}

/// An answer to a join over HTTP, as far as it matters here.
#[derive(Deserialize)]
struct Json {
    #[serde(default)]
    tls: String,
    #[serde(default)]
    tls_ca_certs: Option<Vec<String>>,
}

impl Issued {
    /// From the answer to a join over HTTP.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn json(body: &[u8]) -> Result<Self, &'static str> {
        let json: Json = serde_json::from_slice(body).map_err(|_| "it is no JSON with certificates")?;
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| "its certificates are not in base64");
        let authorities = json.tls_ca_certs.unwrap_or_default();
        Self::pem(&decode(&json.tls)?, authorities.iter().map(|pem| decode(pem)))
    }

    /// From the answer to the older calls.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn certs(certs: proto::Certs) -> Result<Self, &'static str> {
        Self::pem(&certs.tls, certs.tls_authorities.into_iter().map(Ok))
    }

    /// From the answer to the newest way to join.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn der(certificates: proto::Certificates) -> Result<Self, &'static str> {
        let proto::Certificates { tls, tls_authorities } = certificates;
        if tls.is_empty() {
            return Err("it has no certificate");
        }
        let authorities = tls_authorities.into_iter().take(MOST).map(CertificateDer::from).collect();
        Ok(Self { certificate: tls.into(), authorities })
    }

    fn pem<I>(certificate: &[u8], authorities: I) -> Result<Self, &'static str>
    where
        I: Iterator<Item = Result<Vec<u8>, &'static str>>,
    {
        // One alone, if there were more: what follows the first is its chain, and Teleport wants none of a client.
        let certificate = parse(certificate)?.into_iter().next().ok_or("it has no certificate")?;
        let mut all = Vec::new();
        for pem in authorities.take(MOST) {
            all.extend(parse(&pem?)?);
        }
        Ok(Self { certificate, authorities: all })
    }
}

/// The certificates in a PEM text.
///
/// # Errors
/// What is wrong with it, without quoting it.
pub fn parse(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates = CertificateDer::pem_slice_iter(pem).take(MOST);
    certificates.collect::<Result<_, _>>().map_err(|_| "a certificate in it is no PEM")
}

/// What a certificate says of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The user.
    pub user: String,
    /// The user's roles.
    pub roles: Vec<String>,
    /// The cluster that issued it.
    pub cluster: Option<String>,
    /// From when it is valid.
    pub from: OffsetDateTime,
    /// Until when.
    pub until: OffsetDateTime,
    /// Whether its holder may have it renewed without joining again.
    pub renewable: bool,
    /// How often that was done, from 1; Teleport locks a user who shows an old one.
    pub generation: Option<u64>,
}

impl About {
    /// Reads a certificate.
    ///
    /// # Errors
    /// What the parser says.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        const RENEWABLE: &str = "1.3.9999.1.13";
        const GENERATION: &str = "1.3.9999.1.14";
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
        let time = |seconds| OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| error.to_string());
        let (from, until) = (parsed.validity().not_before, parsed.validity().not_after);
        let subject = parsed.subject();
        let own = |wanted: &str| {
            let mut attributes = subject.iter_attributes();
            attributes
                .find(|attribute| attribute.attr_type().to_id_string() == wanted)
                .and_then(|attribute| attribute.as_str().ok())
        };
        let user = subject.iter_common_name().find_map(|name| name.as_str().ok());
        let roles = subject.iter_organization().filter_map(|name| name.as_str().ok());
        // Teleport's authorities carry the cluster's name as their organization (observed on Teleport 14).
        let cluster = parsed.issuer().iter_organization().find_map(|name| name.as_str().ok());
        Ok(Self {
            user: user.unwrap_or_default().to_owned(),
            roles: roles.map(str::to_owned).collect(),
            cluster: cluster.map(str::to_owned),
            from: time(from.timestamp())?,
            until: time(until.timestamp())?,
            renewable: own(RENEWABLE) == Some("true"),
            generation: own(GENERATION).and_then(|text| text.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CertifiedIssuer, DnType, KeyPair};

    use super::*;

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::OrganizationName, "one");
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
    }

    fn certificate(issuer: &CertifiedIssuer<'static, KeyPair>) -> rcgen::Certificate {
        let mut params = CertificateParams::default();
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "bot-operator");
        name.push(DnType::OrganizationName, "bot-operator");
        for (number, value) in [(13, "true"), (7, "one"), (14, "3"), (15, "none")] {
            name.push(DnType::CustomDnType(vec![1, 3, 9999, 1, number]), value);
        }
        params.signed_by(&KeyPair::generate().expect("a key"), issuer).expect("signs")
    }

    #[test]
    fn a_certificate_says_who_its_holder_is() {
        let about = About::of(certificate(&authority()).der()).expect("a certificate");
        assert_eq!((about.user.as_str(), about.cluster.as_deref()), ("bot-operator", Some("one")));
        assert_eq!(about.roles, ["bot-operator"]);
        assert_eq!((about.renewable, about.generation), (true, Some(3)));
        let about = About::of(authority().der()).expect("a certificate");
        assert_eq!((about.renewable, about.generation), (false, None));
        assert!(About::of(&CertificateDer::from(vec![48, 3, 2, 1, 1])).is_err());
    }

    #[test]
    fn all_forms_of_an_answer_come_to_the_same() {
        let issuer = authority();
        let (ours, other) = (certificate(&issuer), authority());
        let expected = Issued {
            certificate: ours.der().clone(),
            authorities: vec![issuer.der().clone(), other.der().clone()],
        };
        let base64 = |pem: String| STANDARD.encode(pem);
        let json = serde_json::json!({
            "ssh": "eA==", "ssh_ca_certs": null, "tls": base64(ours.pem()),
            "tls_ca_certs": [base64(issuer.pem()), base64(other.pem())],
        });
        assert_eq!(Issued::json(json.to_string().as_bytes()).as_ref(), Ok(&expected));
        let both = format!("{}{}", issuer.pem(), other.pem());
        let certs = proto::Certs { tls: ours.pem().into(), tls_authorities: vec![both.into()] };
        assert_eq!(Issued::certs(certs).as_ref(), Ok(&expected));
        let certificates = proto::Certificates {
            tls: ours.der().to_vec(),
            tls_authorities: vec![issuer.der().to_vec(), other.der().to_vec()],
        };
        assert_eq!(Issued::der(certificates).as_ref(), Ok(&expected));
        let no_list = serde_json::json!({"tls": base64(ours.pem()), "tls_ca_certs": null});
        let no_list = Issued::json(no_list.to_string().as_bytes()).expect("a certificate");
        assert!(no_list.authorities.is_empty());
    }

    #[test]
    fn what_is_no_answer_is_said() {
        for (body, why) in [
            ("", "it is no JSON with certificates"),
            ("{}", "it has no certificate"),
            (r#"{"tls":"hunter2!"}"#, "its certificates are not in base64"),
            (r#"{"tls":"aHVudGVyMg=="}"#, "it has no certificate"),
            (r#"{"tls":1}"#, "it is no JSON with certificates"),
        ] {
            assert_eq!(Issued::json(body.as_bytes()), Err(why), "{body}");
        }
        assert!(Issued::der(proto::Certificates::default()).is_err());
        assert!(Issued::certs(proto::Certs::default()).is_err());
    }

    proptest::proptest! {
        /// Whatever an answer holds, an error comes of it or something that reads as certificates.
        #[test]
        fn no_answer_is_too_broken(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Issued::json(&bytes);
            let _ = About::of(&CertificateDer::from(bytes.clone()));
            let wrapped = serde_json::json!({"tls": STANDARD.encode(&bytes)}).to_string();
            let _ = Issued::json(wrapped.as_bytes());
        }
    }
}
