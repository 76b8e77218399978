//! The plain way to a gRPC server, against a real one: whom we trust, who we are, and what is said when that fails.
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use teleport_operator::cli::source::Given;
use teleport_operator::mapping::errors::Class;
use teleport_operator::mapping::plan::Credentials;
use teleport_operator::target::call::Options;
use teleport_operator::target::client::Client;
use teleport_operator::target::connection::Connection;
use teleport_operator::target::connection::secure::Secure;
use tempfile::TempDir;

use crate::authority::Authority;
use crate::inventory::Guard;
use crate::workshop::{Workshop, tls};

const TOKEN: &str = "rain-check-4711";

fn client(credentials: Credentials, address: &str) -> (Client, Arc<Secure>) {
    let given = Given { target: Some("examples/widgets".into()), ..Given::default() };
    let (target, warnings) = given.target().expect("the example is sound");
    assert_eq!(warnings, []);
    let way = Arc::new(Secure::new(credentials, address).expect("an address"));
    (Client::new(&target, way.clone(), Options::default()), way)
}

/// What a call to the server gives: who it says it is, or the error's class and text.
async fn reach(credentials: Credentials, address: &str) -> Result<String, (Class, String)> {
    let (client, _) = client(credentials, address);
    let facts = client.facts().await.map_err(|error| (error.class, error.message))?;
    Ok(facts.cluster.expect("it has a name"))
}

async fn unreachable(credentials: Credentials, address: &str) -> String {
    let (class, text) = reach(credentials, address).await.expect_err("no way");
    assert_eq!(class, Class::Unavailable, "{text}");
    text
}

/// A test that has a server of its own runtime beside it.
fn with<F: Future>(guard: Guard, test: impl FnOnce(String) -> F) {
    let workshop = Workshop::start(guard);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(test(workshop.address().to_owned()));
}

#[test]
fn a_server_is_known_by_its_authority_and_its_name() {
    let (authority, folder) = (Authority::new(), TempDir::new().expect("a folder"));
    let ours = Credentials { authorities: Some(authority.write(folder.path())), ..Credentials::default() };
    with(tls(&authority.issue(&["127.0.0.1"]), None), |address| async move {
        assert_eq!(reach(ours.clone(), &address).await.as_deref(), Ok("workshop"));
        let text = unreachable(Credentials::default(), &address).await;
        assert!(text.contains("--ca-file"), "the system does not know this authority: {text}");
        let (other, elsewhere) = (Authority::new(), TempDir::new().expect("a folder"));
        let others = Credentials { authorities: Some(other.write(elsewhere.path())), ..ours.clone() };
        let text = unreachable(others, &address).await;
        assert!(text.contains("of no authority that is trusted"), "{text}");
        let named = Credentials { server_name: Some("inventory.example".to_owned()), ..ours };
        let text = unreachable(named, &address).await;
        assert!(text.contains("is for another name"), "{text}");
    });
    let ours = Credentials {
        authorities: Some(authority.write(folder.path())),
        server_name: Some("inventory.example".to_owned()),
        ..Credentials::default()
    };
    with(tls(&authority.issue(&["inventory.example"]), None), |address| async move {
        assert_eq!(reach(ours, &address).await.as_deref(), Ok("workshop"));
    });
}

#[test]
fn a_server_may_ask_who_we_are() {
    let (authority, strangers, folder) =
        (Authority::new(), Authority::new(), TempDir::new().expect("a folder"));
    let nobody = Credentials { authorities: Some(authority.write(folder.path())), ..Credentials::default() };
    let identity = authority.issue(&["operator"]).write(folder.path());
    let us = Credentials { identity: Some(identity), ..nobody.clone() };
    let elsewhere = TempDir::new().expect("a folder");
    let strange = strangers.issue(&["operator"]).write(elsewhere.path());
    let stranger = Credentials { identity: Some(strange), ..nobody.clone() };
    with(tls(&authority.issue(&["127.0.0.1"]), Some(&authority)), |address| async move {
        assert_eq!(reach(us.clone(), &address).await.as_deref(), Ok("workshop"));
        for refused in [nobody, stranger] {
            let text = unreachable(refused, &address).await;
            assert!(text.contains("refuses who we are"), "{text}");
        }
    });
}

#[test]
fn a_token_that_becomes_good_is_taken() {
    let (authority, folder) = (Authority::new(), TempDir::new().expect("a folder"));
    let token = folder.path().join("token");
    fs::write(&token, "of-yesterday\n").expect("writes");
    let ours = Credentials {
        authorities: Some(authority.write(folder.path())),
        token: Some(token.clone()),
        ..Credentials::default()
    };
    let guard = Guard { token: Some(TOKEN.to_owned()), ..tls(&authority.issue(&["127.0.0.1"]), None) };
    with(guard, |address| async move {
        let none = Credentials { token: None, ..ours.clone() };
        assert!(unreachable(none, &address).await.contains("no token"));
        let (client, way) = client(ours, &address);
        assert_eq!(client.facts().await.expect_err("of yesterday").class, Class::Unavailable);
        fs::write(&token, format!("{TOKEN}\n")).expect("writes");
        client.facts().await.expect("a refusal makes it look at the file again");
        let link = way.link().await.expect("a link");
        assert!(link.number > 1 && !format!("{link:?}").contains(TOKEN), "{link:?}");
        // What can't be used is not taken, and what was used goes on.
        fs::write(&token, "").expect("writes");
        tokio::time::sleep(Duration::from_millis(5100)).await;
        client.facts().await.expect("the old token");
        assert_eq!(way.link().await.expect("a link").number, link.number);
    });
}

#[test]
fn what_is_wrong_with_a_file_is_said_without_its_content() {
    let (authority, folder) = (Authority::new(), TempDir::new().expect("a folder"));
    let put = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("writes");
        path
    };
    let (one, other) = (authority.issue(&["a"]), authority.issue(&["b"]));
    let (certificate, key) = (put("certificate", &one.certificate), put("key", &one.key));
    let strange = put("strange", &other.key);
    let nonsense = put("nonsense", "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n");
    let empty = put("empty", "");
    let missing = folder.path().join("missing");
    let identity = |certificate: &PathBuf, key: &PathBuf| Credentials {
        identity: Some((certificate.clone(), key.clone())),
        ..Credentials::default()
    };
    let authorities =
        |path: &PathBuf| Credentials { authorities: Some(path.clone()), ..Credentials::default() };
    let token = |path: &PathBuf| Credentials { token: Some(path.clone()), ..Credentials::default() };
    let cases = [
        (authorities(&missing), "authorities", &missing, "No such file"),
        (authorities(&empty), "authorities", &empty, "no certificate"),
        (identity(&empty, &key), "certificate", &empty, "no certificate"),
        (identity(&certificate, &certificate), "key", &certificate, "no unencrypted private key"),
        (identity(&certificate, &nonsense), "key", &nonsense, ""),
        (identity(&certificate, &strange), "key", &strange, ""),
        (token(&missing), "token", &missing, "No such file"),
        (token(&empty), "token", &empty, "empty"),
    ];
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        for (credentials, what, path, why) in cases {
            let credentials = match credentials.authorities {
                None => Credentials { authorities: Some(authority.write(folder.path())), ..credentials },
                Some(_) => credentials,
            };
            let text = unreachable(credentials, "127.0.0.1:9").await;
            assert!(text.starts_with(&format!("{what} file `{}`: ", path.display())), "{text}");
            assert!(text.contains(why) && !text.contains("hunter2"), "{text}");
        }
    });
}
