//! Whom TLS trusts, shown by handshakes with servers that show this and that.
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use rustls_pki_types::{CertificateDer, ServerName};
use teleport_operator::teleport::address::Environment;
use teleport_operator::teleport::failure::Problem;
use teleport_operator::teleport::pin::{self, Pin, PinError};
use teleport_operator::teleport::trust::{self, SystemRoots, Trust, TrustError};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::support::{Authority, HOST_NAMES, Pair, own_certificate, own_certificate_of, serve, tls};

/// The problem of a handshake, if there is one.
async fn handshake(trust: &Trust, name: &str, address: SocketAddr) -> Result<(), Problem> {
    let config = trust::config(trust, None, &[]).expect("somebody to trust");
    let stream = TcpStream::connect(address).await.expect("connects");
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let done = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    done.map(drop).map_err(|error| Problem::of(&error))
}

async fn shown(pair: &Pair, trust: &Trust, name: &str) -> Result<(), Problem> {
    handshake(trust, name, tls(pair.config(&[], None)).await).await
}

fn roots(certificate: &CertificateDer<'static>) -> Trust {
    Trust::Roots(vec![certificate.clone()])
}

#[tokio::test]
async fn a_chain_and_a_name_are_asked_for() {
    let (known, other) = (Authority::new("known"), Authority::new("other"));
    let pair = known.server(&["a.example", "*.b.example", "127.0.0.1"]);
    let trust = roots(&known.der());
    for name in ["a.example", "x.b.example", "127.0.0.1"] {
        assert_eq!(shown(&pair, &trust, name).await, Ok(()), "{name}");
    }
    for name in ["c.example", "::1"] {
        let names = ["a.example", "*.b.example", "127.0.0.1"].map(str::to_owned).to_vec();
        let asked = name.to_owned();
        assert_eq!(shown(&pair, &trust, name).await, Err(Problem::WrongName { asked, names }));
    }
    match shown(&pair, &roots(&other.der()), "a.example").await {
        Err(Problem::UnknownAuthority { issuer, trusted, .. }) => {
            assert!(issuer.contains("O=known"), "{issuer}");
            assert_eq!(trusted, "the identity's authorities");
        }
        other => panic!("{other:?}"),
    }
    // After a rotation the name is the same.
    let again = shown(&pair, &roots(&Authority::new("known").der()), "a.example").await;
    assert!(matches!(again, Err(Problem::UnknownAuthority { .. })), "{again:?}");
    assert_eq!(shown(&pair, &Trust::Insecure, "c.example").await, Ok(()));
}

#[tokio::test]
async fn times_are_told() {
    let known = Authority::new("known");
    let early = shown(&known.server_in(&["a.example"], 1, 2), &roots(&known.der()), "a.example").await;
    let late = shown(&known.server_in(&["a.example"], -2, -1), &roots(&known.der()), "a.example").await;
    let now = OffsetDateTime::now_utc();
    let about =
        |time: OffsetDateTime, expected: OffsetDateTime| (time - expected).abs() < Duration::minutes(1);
    match (early, late) {
        (Err(Problem::NotYetValid { from, now: here }), Err(Problem::Expired { until, .. })) => {
            assert!(
                about(from, now + Duration::days(1))
                    && about(here, now)
                    && about(until, now - Duration::days(1))
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_authority_shown_as_a_server_is_taken_when_it_is_exactly_a_root() {
    let own = own_certificate(&["localhost", "127.0.0.1"], 1);
    let trust = roots(&own.certificate);
    assert_eq!(shown(&own, &trust, "localhost").await, Ok(()));
    assert_eq!(shown(&own, &trust, "127.0.0.1").await, Ok(()));
    let elsewhere = shown(&own, &trust, "a.example").await;
    assert!(matches!(elsewhere, Err(Problem::WrongName { .. })), "{elsewhere:?}");
    let twin = own_certificate(&["localhost", "127.0.0.1"], 1);
    let of_twin = shown(&own, &roots(&twin.certificate), "localhost").await;
    assert!(matches!(of_twin, Err(Problem::UnknownAuthority { .. })), "{of_twin:?}");
    let old = own_certificate(&["localhost"], -1);
    let expired = shown(&old, &roots(&old.certificate), "localhost").await;
    assert!(matches!(expired, Err(Problem::Expired { .. })), "{expired:?}");
    // A root that is no reason to take what it did not sign.
    let both = Trust::Roots(vec![own.certificate.clone(), Authority::new("known").der()]);
    assert!(shown(&twin, &both, "localhost").await.is_err());
}

/// As older proxies make theirs, behind what speaks an older TLS.
#[tokio::test]
async fn rsa_and_the_older_tls_do() {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
    let own = own_certificate_of(key, &["localhost"], 1);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let address = tls(own.config_of(&[version], &[], None)).await;
        for trust in [roots(&own.certificate), Trust::Insecure] {
            assert_eq!(handshake(&trust, "localhost", address).await, Ok(()), "{version:?}");
        }
        let twin = handshake(&roots(&Authority::new("known").der()), "localhost", address).await;
        assert!(matches!(twin, Err(Problem::UnknownAuthority { .. })), "{twin:?}");
    }
}

#[tokio::test]
async fn a_host_certificate_need_not_be_known_but_must_be_one() {
    let known = Authority::new("known");
    assert_eq!(shown(&known.server(&HOST_NAMES), &Trust::HostName, "anything.example").await, Ok(()));
    let other = shown(&known.server(&["a.example"]), &Trust::HostName, "a.example").await;
    assert!(matches!(other, Err(Problem::WrongName { .. })), "{other:?}");
    let old = shown(&known.server_in(&HOST_NAMES, -2, -1), &Trust::HostName, "anything.example").await;
    assert!(matches!(old, Err(Problem::Expired { .. })), "{old:?}");
}

#[tokio::test]
async fn files_and_folders_of_the_environment_are_trusted() {
    let folder = TempDir::new().expect("a folder");
    let (in_file, in_folder) = (Authority::new("in file"), Authority::new("in folder"));
    let (file, sub) = (folder.path().join("ca.pem"), folder.path().join("certs"));
    fs::write(&file, format!("# mine\n{}", in_file.pem())).expect("writes");
    fs::create_dir(&sub).expect("a folder");
    fs::write(sub.join("a.pem"), in_folder.pem()).expect("writes");
    let system = |file: Option<&std::path::Path>, folders: Option<&std::path::Path>| {
        Trust::System(SystemRoots::new(&Environment {
            certificate_file: file.map(Into::into),
            certificate_folders: folders.map(Into::into),
            ..Environment::default()
        }))
    };
    let (one, two) = (in_file.server(&["a.example"]), in_folder.server(&["a.example"]));
    let both = system(Some(&file), Some(&sub));
    assert_eq!(shown(&one, &both, "a.example").await, Ok(()));
    assert_eq!(shown(&two, &both, "a.example").await, Ok(()));
    let only = system(Some(&file), Some(&folder.path().join("none")));
    assert_eq!(shown(&one, &only, "a.example").await, Ok(()));
    match shown(&two, &only, "a.example").await {
        Err(Problem::UnknownAuthority { trusted, .. }) => {
            assert!(trusted.contains(&format!("SSL_CERT_FILE={}", file.display())), "{trusted}");
        }
        other => panic!("{other:?}"),
    }
    let none = system(Some(&folder.path().join("missing.pem")), Some(&sub.join("none")));
    match trust::config(&none, None, &[]) {
        Err(TrustError::NoRoots(text)) => assert!(text.contains("missing.pem"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_no_tls_is_told_apart() {
    use tokio::io::AsyncWriteExt;
    let http = serve(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await;
    assert_eq!(handshake(&Trust::Insecure, "a.example", http).await, Err(Problem::NotTls));
    let closed = serve(|stream| async move { drop(stream) }).await;
    assert_eq!(handshake(&Trust::Insecure, "a.example", closed).await, Err(Problem::Closed));
}

#[test]
fn pins_choose_among_authorities() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let now = OffsetDateTime::now_utc();
    let pin = |authority: &Authority| Pin::of(&authority.der()).expect("a pin");
    let both = || vec![one.der(), two.der()];
    assert_eq!(pin::pinned(both(), &[pin(&two)], now), Ok(vec![two.der()]));
    assert_eq!(pin::pinned(both(), &[pin(&two), pin(&one)], now), Ok(both()));
    let stranger = pin(&Authority::new("one"));
    let error = pin::pinned(both(), &[stranger], now).expect_err("unpinned");
    assert_eq!(error, PinError::Unpinned { pinned: vec![stranger], seen: vec![pin(&one), pin(&two)] });
    let text = error.to_string();
    assert!(text.contains(&stranger.to_string()) && text.contains(&pin(&two).to_string()), "{text}");
    assert_eq!(pin::pinned(Vec::new(), &[stranger], now), Err(PinError::NoAuthorities));
    let junk = vec![CertificateDer::from(b"junk".to_vec())];
    assert_eq!(pin::pinned(junk, &[stranger], now), Err(PinError::NoAuthorities));
    let late = own_certificate(&["late"], -1);
    let pins = [Pin::of(&late.certificate).expect("a pin")];
    let late = pin::pinned(vec![late.certificate.clone()], &pins, now);
    assert!(matches!(late, Err(PinError::NotNow(Problem::Expired { .. }))), "{late:?}");
}
