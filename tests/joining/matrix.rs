//! Every method over every way to every generation: it joins, renews, and reconciles in between without a failed call.
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::joiner::{Joiner, Method, Way};
use crate::teleport::Teleport;

/// Renewals that are waited for.
const RENEWALS: usize = 3;

/// By which endpoint a generation is joined at first.
fn endpoint(profile: &str, way: Way, method: Method) -> &'static str {
    let new = match profile {
        "18.3" => method == Method::Token,
        "18.5" | "19" | "20" => true,
        _ => false,
    };
    match (way, profile) {
        (Way::Direct, _) if new => "auth-join",
        (Way::Direct, "15" | "16") => "auth-http",
        (Way::Direct, _) => "auth-register",
        _ if new => "proxy-join",
        _ => "proxy-http",
    }
}

/// Cells that run at once, so that a certificate of ten seconds is no race on a small machine.
static RUNNING: Mutex<usize> = Mutex::new(0);
static DONE: Condvar = Condvar::new();

/// A place to run in, held until it is dropped.
struct Place;

impl Place {
    fn take() -> Self {
        let most = 2 * thread::available_parallelism().map_or(1, usize::from);
        let running = RUNNING.lock().expect("no cell panics with it");
        let mut running = DONE.wait_while(running, |running| *running >= most).expect("as above");
        *running += 1;
        Self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *RUNNING.lock().expect("as above") -= 1;
        DONE.notify_one();
    }
}

fn cell(profile: &str, teleport: &Arc<Teleport>, way: Way, method: Method) {
    let _place = Place::take();
    let name = format!("join-{}-{way:?}-{method:?}", profile.replace('.', "-")).to_lowercase();
    let mut joiner = Joiner::new(&name, Arc::clone(teleport), way, method);
    joiner.run(&[]);
    joiner.until_operator_ready();
    joiner.until_renewed(RENEWALS);
    joiner.all_went_well();

    let attempts = joiner.attempts();
    assert_eq!(attempts[0].endpoint, endpoint(profile, way, method), "{attempts:#?}");
    let joins: Vec<_> = attempts.iter().filter(|attempt| attempt.is_join()).collect();
    match method {
        // The token works once, so all else was renewal.
        Method::Token => {
            assert_eq!(joins.len(), 1, "{attempts:#?}");
            let given = attempts.iter().map(|attempt| attempt.generation).filter(|given| *given > 0);
            let given: Vec<_> = given.collect();
            assert!(given.iter().zip(1..).all(|(given, n)| *given == n), "{given:?}");
        }
        Method::Keys | Method::Review => assert!(joins.len() > RENEWALS, "{attempts:#?}"),
    }
    // Before that nobody can join anew as whom it is; each join makes one more instance.
    if !matches!(profile, "15" | "16") {
        let instances: std::collections::BTreeSet<_> =
            attempts.iter().filter(|attempt| attempt.is_join()).map(|attempt| &attempt.instance).collect();
        assert_eq!(instances.len(), 1, "it stays the same instance: {attempts:#?}");
    }
}

fn generation(profile: &str) {
    let teleport = Arc::new(Teleport::joining(profile, &[]));
    thread::scope(|scope| {
        let mut cells = Vec::new();
        for way in [Way::Direct, Way::Proxy, Way::Balancer] {
            // How a service account is verified is not the client's business: once is enough.
            let review = (way == Way::Direct).then_some(Method::Review);
            for method in [Method::Token, Method::Keys].into_iter().chain(review) {
                let teleport = &teleport;
                cells.push((way, method, scope.spawn(move || cell(profile, teleport, way, method))));
            }
        }
        let failed: Vec<_> = cells
            .into_iter()
            .filter_map(|(way, method, cell)| cell.join().is_err().then_some((way, method)))
            .collect();
        assert!(failed.is_empty(), "{profile}: {failed:?}");
    });
}

#[test]
fn version_15() {
    generation("15");
}

#[test]
fn version_16() {
    generation("16");
}

#[test]
fn version_17() {
    generation("17");
}

#[test]
fn version_18() {
    generation("18");
}

#[test]
fn version_18_with_the_new_service_for_tokens() {
    generation("18.3");
}

#[test]
fn version_18_with_the_new_service_for_all() {
    generation("18.5");
}

#[test]
fn version_19() {
    generation("19");
}

#[test]
fn a_version_that_has_only_the_new_service() {
    generation("20");
}

#[test]
fn a_proxy_that_tells_to_route_otherwise() {
    let teleport = Arc::new(Teleport::joining("17", &["-separate"]));
    let mut joiner = Joiner::new("join-separate", teleport, Way::Proxy, Method::Keys);
    joiner.run(&[]);
    joiner.until_renewed(1);
    joiner.all_went_well();
}

#[test]
fn a_proxy_with_the_certificate_that_it_made_itself() {
    let teleport = Arc::new(Teleport::joining("18", &["-web-certificate", "self"]));
    let mut joiner = Joiner::new("join-self-made", teleport, Way::Proxy, Method::Keys);
    joiner.run(&[]);
    joiner.until_renewed(1);
    joiner.all_went_well();
}

#[test]
fn pins_hold_through_a_proxy_too() {
    for way in [Way::Proxy, Way::Balancer] {
        let name = format!("join-pinned-{way:?}").to_lowercase();
        let mut joiner = Joiner::new(&name, Teleport::joining("18", &[]), way, Method::Keys);
        let pins = joiner.teleport.pins().join(",");
        joiner.set("--ca-pin", &pins);
        joiner.run(&[]);
        joiner.until_renewed(1);
        joiner.all_went_well();
    }
}

#[test]
fn replicas_join_each_on_their_own() {
    let mut joiner = Joiner::new("join-replicas", Teleport::joining("18.5", &[]), Way::Proxy, Method::Keys);
    joiner.run(&[]);
    joiner.until_operator_ready();
    let flags = joiner.flags(&[]);
    let second = joiner.replica("second.log", &flags.iter().map(String::as_str).collect::<Vec<_>>());
    let instances = || {
        let joins = joiner.attempts().into_iter().filter(|attempt| attempt.is_join());
        joins.map(|join| join.instance).collect::<std::collections::BTreeSet<_>>()
    };
    joiner.until("both have joined", || (instances().len() == 2).then_some(()));
    joiner.until_renewed(3);
    assert_eq!(instances().len(), 2);
    joiner.all_went_well();
    second.kill();
}
