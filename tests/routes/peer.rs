//! The same ways to a Teleport made of its own types, with its proxy and a load balancer that breaks routes by ALPN.
#[path = "../support/teleport.rs"]
mod support;

use std::fs;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use support::Teleport;
use teleport_operator::teleport::address::{Address, Environment};
use teleport_operator::teleport::anonymous;
use teleport_operator::teleport::failure::{Failure, Problem};
use teleport_operator::teleport::pin::{Pin, PinError};
use teleport_operator::teleport::route::{Route, Undiscovered, Unpinned, Ways};
use teleport_operator::teleport::trust::{ClientIdentity, Trust};
use teleport_operator::teleport::web::WebError;

const CLUSTER: &str = "teleport.example.com";

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

fn identity(peer: &Teleport) -> ClientIdentity {
    let text = fs::read(peer.identity()).expect("an identity file");
    let key = PrivateKeyDer::from_pem_slice(&text).expect("a key");
    let own = CertificateDer::pem_slice_iter(&text).next().expect("a certificate").expect("a certificate");
    let signer = aws_lc_rs::sign::any_supported_type(&key).expect("a key");
    Arc::new(CertifiedKey::new(vec![own], signer))
}

#[tokio::test]
async fn each_way_leads_to_the_auth_server() {
    let peer = Teleport::joining("18", &[]);
    let certificate_file = Some(peer.web_authorities().into());
    let ways = Ways::new(&Environment { certificate_file, ..Environment::default() }, false).expect("ways");
    let pins = Pin::list(&peer.pins().join(",")).expect("pins");
    let stranger: Pin = format!("sha256:{}", "0".repeat(64)).parse().expect("a pin");
    let identity = identity(&peer);
    let [auth, proxy, balancer] = [peer.address(), peer.proxy(), peer.balancer()].map(address);
    for expected in [Route::Direct(auth), Route::Proxy(proxy), Route::Upgraded(balancer)] {
        let found = ways.discover(expected.address()).await.expect("a Teleport");
        assert_eq!((&found.route, found.cluster.as_deref()), (&expected, Some(CLUSTER)));
        assert!(found.version.is_some());
        let route = found.route;
        let authorities = ways.pinned(&route, Some(CLUSTER), &pins).await.expect("pinned");
        match ways.pinned(&route, Some(CLUSTER), &[stranger]).await {
            Err(Unpinned::Pin(PinError::Unpinned { seen, .. })) => assert_eq!(seen, pins),
            other => panic!("{other:?}"),
        }
        for identity in [None, Some(&identity)] {
            let trust = Trust::Roots(authorities.clone());
            let channel = ways.auth(&route, Some(CLUSTER), &trust, identity).expect("a channel");
            assert_eq!(anonymous::ping(channel).await.expect("answers").cluster, CLUSTER);
        }
        if route.is_by_proxy() {
            let trust = Trust::Roots(authorities);
            let elsewhere = ways.auth(&route, Some("elsewhere"), &trust, None).expect("a channel");
            let status = anonymous::ping(elsewhere).await.expect_err("no such cluster");
            let failure = anonymous::failure(&status);
            assert!(matches!(failure, Some(Failure::Tls { problem: Problem::Closed, .. })), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_not_asked() {
    let peer = Teleport::joining("18", &[]);
    let ways = Ways::new(&Environment::default(), false).expect("ways");
    for at in [peer.proxy(), peer.balancer()] {
        match ways.discover(&address(at)).await {
            Err(Undiscovered::NoProxy(WebError::Failure(Failure::Tls { problem, .. }))) => {
                assert!(matches!(problem, Problem::UnknownAuthority { .. }), "{problem:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}
