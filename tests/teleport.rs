//! The way to a Teleport: identity files, and the direct route to an auth server made of Teleport's own types.
#[path = "support/teleport.rs"]
mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{DynamicMessage, MapKey, Value};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_RSA_SHA256, RsaKeySize,
};
use support::Teleport;
use teleport_operator::mapping;
use teleport_operator::mapping::errors::Class;
use teleport_operator::mapping::plan::{Kind, Target};
use teleport_operator::target::call::Options;
use teleport_operator::target::client::Client;
use teleport_operator::target::connection::{Connection, Trouble};
use teleport_operator::target::gate::{Gate, Refusal, Write};
use teleport_operator::target::proof::{Owned, Vacant};
use teleport_operator::target::reach::State;
use teleport_operator::teleport::address::Environment;
use teleport_operator::teleport::identity::{Identity, IdentityError};
use teleport_operator::teleport::session::Session;
use teleport_operator::teleport::settings::{Means, Settings};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::time::{sleep, timeout};

/// What identities are made of here.
struct Maker {
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Maker {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::OrganizationName, "one");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self { authority: CertifiedIssuer::self_signed(params, key).expect("an authority") }
    }

    /// A certificate for the key, valid from and until these days from now.
    fn certificate(&self, key: &KeyPair, from: i64, until: i64) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "operator");
        let now = OffsetDateTime::now_utc();
        params.not_before = now + time::Duration::days(from);
        params.not_after = now + time::Duration::days(until);
        params.signed_by(key, &self.authority).expect("signs").pem()
    }

    fn authority(&self) -> String {
        self.authority.pem()
    }
}

/// In the order and with the lines of SSH of an identity file.
fn file(key: &str, certificate: &str, authorities: &str) -> String {
    let ssh = "ecdsa-sha2-nistp256-cert-v01@openssh.com AAAAKGVjZHNh operator";
    let host = "@cert-authority one,*.one ecdsa-sha2-nistp256 AAAAE2VjZHNh type=host";
    format!("{key}{ssh}\n{certificate}{host}\n{authorities}")
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// What a PKCS#8 key wraps: PKCS#1 for RSA, SEC1 for elliptic curves.
fn unwrapped(pkcs8: &[u8]) -> Vec<u8> {
    let (_, wrapper) = x509_parser::der_parser::parse_der(pkcs8).expect("DER");
    wrapper.as_sequence().expect("a sequence")[2].as_slice().expect("octets").to_vec()
}

#[test]
fn every_form_of_key_is_read() {
    let maker = Maker::new();
    let curve = KeyPair::generate().expect("a key");
    let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
    let (curve_der, rsa_der) = (curve.serialize_der(), rsa.serialize_der());
    for (key, text) in [
        (&curve, pem("PRIVATE KEY", &curve_der)),
        (&curve, pem("EC PRIVATE KEY", &unwrapped(&curve_der))),
        (&rsa, pem("PRIVATE KEY", &rsa_der)),
        (&rsa, pem("RSA PRIVATE KEY", &unwrapped(&rsa_der))),
    ] {
        let text = file(&text, &maker.certificate(key, -1, 1), &maker.authority());
        let identity = Identity::parse(text.as_bytes()).expect("an identity");
        assert_eq!((identity.user(), identity.cluster()), ("operator", Some("one")));
        identity.check(OffsetDateTime::now_utc()).expect("valid now");
        let shown = format!("{identity:?}");
        assert!(shown.contains("operator") && !shown.to_lowercase().contains("key"), "{shown}");
    }
}

#[test]
fn what_is_wrong_with_an_identity_is_said() {
    let maker = Maker::new();
    let key = KeyPair::generate().expect("a key");
    let (private, authorities) = (key.serialize_pem(), maker.authority());
    let certificate = maker.certificate(&key, -1, 1);
    let error = |text: String| Identity::parse(text.as_bytes()).expect_err("broken");
    assert_eq!(error(String::new()), IdentityError::NoKey);
    assert_eq!(error(file("", &certificate, &authorities)), IdentityError::NoKey);
    let encrypted = pem("ENCRYPTED PRIVATE KEY", &key.serialize_der());
    assert_eq!(error(file(&encrypted, &certificate, &authorities)), IdentityError::NoKey);
    assert_eq!(error(file(&private, "", "")), IdentityError::NoCertificate);
    assert_eq!(error(file(&private, &certificate, "")), IdentityError::NoAuthority);
    let other = KeyPair::generate().expect("a key").serialize_pem();
    assert_eq!(error(file(&other, &certificate, &authorities)), IdentityError::Mismatch);
    let cut = private.replace("-----END", "");
    assert!(matches!(error(file(&cut, "", "")), IdentityError::BadPem(_)));
    let nonsense = pem("PRIVATE KEY", b"hunter2");
    assert!(matches!(error(file(&nonsense, &certificate, &authorities)), IdentityError::BadKey(_)));
    let nonsense = pem("CERTIFICATE", b"nonsense");
    let bad = error(file(&private, &nonsense, &authorities)).to_string();
    assert!(bad.starts_with("certificate 1 of the identity can't be read"), "{bad}");
    let bad = error(file(&private, &certificate, &nonsense)).to_string();
    assert!(bad.starts_with("certificate 2 of the identity can't be read"), "{bad}");
}

proptest::proptest! {
    /// Whatever the file holds, an error comes of it, not a panic; and never a line of the file.
    #[test]
    fn no_file_is_too_broken(noise in "(-----BEGIN [A-Z ]{0,12}-----|[A-Za-z0-9+/=-]{0,40}|\n|\\PC{0,9}){0,40}", cut in 0usize..400) {
        let key = pem("PRIVATE KEY", noise.as_bytes());
        for text in [noise.clone(), key.clone(), key[..key.floor_char_boundary(cut)].to_owned() + &noise] {
            let error = Identity::parse(text.as_bytes()).expect_err("noise is no identity").to_string();
            proptest::prop_assert!(noise.len() < 20 || !error.contains(&noise));
        }
    }
}

#[test]
fn an_identity_is_valid_for_a_time() {
    let (maker, now) = (Maker::new(), OffsetDateTime::now_utc());
    let key = KeyPair::generate().expect("a key");
    let check = |from, until| {
        let text = file(&key.serialize_pem(), &maker.certificate(&key, from, until), &maker.authority());
        Identity::parse(text.as_bytes()).expect("an identity").check(now)
    };
    check(-1, 1).expect("valid");
    let (early, late) = (check(1, 2).expect_err("not yet"), check(-2, -1).expect_err("no longer"));
    assert!(early.to_string().contains("check this machine's clock"), "{early}");
    let day = (now - time::Duration::days(1)).date().to_string();
    assert!(late.to_string().starts_with(&format!("the identity expired at {day}T")), "{late}");
}

/// A client that goes to `address` with the identity in a file.
fn client(path: &Path, address: &str) -> (Arc<Target>, Client, Session) {
    let target = Arc::new(mapping::embedded().expect("the embedded mappings are sound"));
    let settings = Settings {
        address: address.parse().expect("an address"),
        means: Means::File(path.to_owned()),
        pins: Vec::new(),
        insecure: false,
        environment: Environment::default(),
    };
    let session = Session::start(settings).expect("an environment to follow");
    let client = Client::new(&target, Arc::new(session.clone()), Options::default());
    (target, client, session)
}

/// The first answer, within a while.
async fn soon(client: &Client) {
    let asked = async {
        while client.facts().await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(20), asked).await.expect("an answer");
}

/// The error of any call to `address` with this identity.
async fn failure(identity: &str, address: &str) -> String {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("identity");
    fs::write(&path, identity).expect("writes");
    let (_, client, _) = client(&path, address);
    let error = client.facts().await.expect_err("no way");
    assert_eq!(error.class, Class::Unavailable, "{error}");
    error.message
}

fn identity(maker: &Maker, until: i64) -> String {
    let key = KeyPair::generate().expect("a key");
    file(&key.serialize_pem(), &maker.certificate(&key, -2, until), &maker.authority())
}

#[tokio::test]
async fn why_there_is_no_connection_is_said() {
    let maker = Maker::new();
    let good = identity(&maker, 1);
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("bound").to_string();
    let expired = failure(&identity(&maker, -1), &address).await;
    assert!(expired.contains("the identity expired at"), "{expired}");

    free.set_nonblocking(true).expect("a socket");
    let open = tokio::net::TcpListener::from_std(free).expect("a socket");
    let plain = tokio::spawn(async move {
        loop {
            let (mut stream, _) = open.accept().await.expect("a connection");
            let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            // Whoever has gone meanwhile needs no answer.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
        }
    });
    let text = failure(&good, &address).await;
    assert!(text.contains("does not speak TLS"), "{text}");
    plain.abort();
    let _ = plain.await;
    let text = failure(&good, &address).await;
    assert!(text.starts_with(&format!("cannot connect to {address}: Connection refused")), "{text}");
    let (_, client, _) = client(Path::new("no/such/file"), &address);
    let text = client.facts().await.expect_err("no file").message;
    assert!(text.starts_with("identity file `no/such/file`: No such file"), "{text}");
}

fn role(target: &Target, kind: &Kind, name: &str) -> DynamicMessage {
    let metadata = &kind.resource.metadata;
    let mut role = DynamicMessage::new(kind.resource.message.clone());
    metadata.name.set(&mut role, Value::String(name.to_owned()));
    let mark = (target.ownership.label.clone(), target.ownership.value.clone());
    let labels = [(MapKey::String(mark.0), Value::String(mark.1))].into();
    metadata.labels.as_ref().expect("roles have labels").set(&mut role, Value::Map(labels));
    for constant in &kind.constants {
        constant.field.as_ref().unwrap().set(&mut role, Value::String(constant.value.clone()));
    }
    role
}

#[tokio::test]
async fn a_role_lives_on_an_auth_server() {
    let peer = Teleport::start("0");
    let (target, client, connection) = client(&peer.identity(), peer.address());
    let facts = client.facts().await.expect("answers a ping");
    assert_eq!(facts.cluster.as_deref(), Some("teleport.example.com"));
    assert!(facts.version.is_some());

    let kind = target.kinds.iter().find(|kind| kind.kubernetes.kind == "TeleportRoleV7").expect("embedded");
    let gate = Gate::new(client.clone(), Arc::new(|| Ok(())));
    let resource = &kind.resource;
    assert_eq!(client.get(resource, "one", None).await.expect("reads"), None);
    let create = Write::Create(role(&target, kind, "one"), Vacant::unread());
    let made = gate.write(kind, "default/one", &[], create.clone()).await.expect("creates");
    let live = client.get(resource, "one", None).await.expect("reads").expect("is there");
    assert_eq!(made.as_ref(), Some(&live));
    assert_eq!(class(gate.write(kind, "default/one", &[], create).await), Class::Exists);

    let proof = Owned::marked(&target.ownership, resource, &live).expect("ours");
    assert!(!proof.revision().is_empty());
    let mut changed = live.clone();
    resource.metadata.description.as_ref().unwrap().set(&mut changed, Value::String("new".into()));
    let update = Write::Update(changed, proof);
    let made = gate.write(kind, "default/one", &[], update.clone()).await.expect("updates").expect("tells");
    assert_eq!(class(gate.write(kind, "default/one", &[], update).await), Class::Conflict);

    // A replaced channel goes on where the old one was.
    let link = connection.link().await.expect("a channel");
    connection.report(link.number, Trouble::Silent);
    let mut names = Vec::new();
    let mut pages = client.pages(resource);
    while let Some(page) = pages.next().await.expect("lists") {
        names.extend(page.iter().map(|role| resource.metadata.name.text(role)));
    }
    assert!(names.contains(&"one".to_owned()), "{names:?}");
    assert_eq!(connection.link().await.expect("a channel").number, link.number + 1);

    let proof = Owned::marked(&target.ownership, resource, &made).expect("ours");
    gate.write(kind, "default/one", &[], Write::Delete(proof.clone())).await.expect("deletes");
    assert_eq!(client.get(resource, "one", None).await.expect("reads"), None);
    assert_eq!(class(gate.write(kind, "default/one", &[], Write::Delete(proof)).await), Class::Absent);
}

fn class(outcome: Result<Option<DynamicMessage>, Refusal>) -> Class {
    match outcome {
        Err(Refusal::Target(error)) => error.class,
        other => panic!("not the target's error: {other:?}"),
    }
}

#[tokio::test]
async fn authorities_are_checked_on_both_sides() {
    let (peer, maker) = (Teleport::start("0"), Maker::new());
    let real = fs::read_to_string(peer.identity()).expect("an identity");
    let text = failure(&identity(&maker, 1), peer.address()).await;
    assert!(text.contains("of none of the identity's authorities"), "{text}");

    let key = KeyPair::generate().expect("a key");
    let authorities = real.rsplit_once("@cert-authority").expect("SSH before the authorities").1;
    let authorities = authorities.split_once('\n').expect("lines").1;
    let stranger = file(&key.serialize_pem(), &maker.certificate(&key, -1, 1), authorities);
    let text = failure(&stranger, peer.address()).await;
    assert!(text.contains("the server refuses the identity"), "{text}");
}

#[tokio::test]
async fn a_file_that_becomes_good_is_taken() {
    let (peer, maker) = (Teleport::start("0"), Maker::new());
    let path = peer.path("mine");
    fs::write(&path, identity(&maker, -1)).expect("writes");
    let (_, client, _) = client(&path, peer.address());
    let text = client.facts().await.expect_err("expired").message;
    assert!(text.contains("expired"), "{text}");
    fs::write(&path, "half a file").expect("writes");
    let text = client.facts().await.expect_err("no identity").message;
    assert!(text.contains("identity file"), "{text}");
    fs::copy(peer.identity(), &path).expect("copies");
    soon(&client).await;
}

#[tokio::test]
async fn a_server_with_new_authorities_is_reached_with_the_new_file() {
    let mut peer = Teleport::start("0");
    let (_, client, _) = client(&peer.identity(), peer.address());
    let (kept, mut state) = (client.clone(), client.reach().subscribe());
    let prober = tokio::spawn(async move { kept.keep_reaching().await });
    client.reach().up().await;
    let replaced = tokio::task::spawn_blocking(move || {
        peer.replace();
        peer
    });
    let peer = replaced.await.expect("another peer");
    // Somebody has to notice: a call, or the connection itself.
    let first = client.facts().await;
    if first.is_err() {
        state.wait_for(|state| matches!(state, State::Down(_))).await.expect("open");
    }
    timeout(Duration::from_secs(20), client.reach().up()).await.expect("comes back");
    client.facts().await.expect("answers");
    prober.abort();
    drop(peer);
}
