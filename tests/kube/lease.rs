//! A Lease has at most one holder at a time.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use teleport_operator::kube::lease;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    corner::{Corner, PATIENCE},
    line::Line,
};

/// Short timings, so that a test sees a Lease run out.
fn election(namespace: &str, who: &str) -> lease::Config {
    lease::Config {
        duration: Duration::from_secs(3),
        renew_within: Duration::from_secs(2),
        retry: Duration::from_millis(200),
        ..lease::Config::new(namespace, "leader", lease::identity(who))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_one_holder_and_is_handed_over_at_once() {
    let corner = Corner::new("handover").await;
    let (stop_first, stop_second) = (CancellationToken::new(), CancellationToken::new());
    let (mut first, first_task) =
        lease::start(&corner.client, election(corner.name, "first"), stop_first.clone());
    timeout(PATIENCE, first.wait_for(lease::Claim::is_current)).await.unwrap().unwrap();
    let (mut second, second_task) =
        lease::start(&corner.client, election(corner.name, "second"), stop_second.clone());
    // For longer than the Lease lasts: renewals keep it.
    for _ in 0..50 {
        assert!(first.borrow().is_current());
        assert!(!second.borrow().is_current());
        sleep(Duration::from_millis(100)).await;
    }
    assert!(second.borrow().holder.as_deref().unwrap().starts_with("first_"));

    stop_first.cancel();
    timeout(PATIENCE, first_task).await.unwrap().unwrap();
    assert!(!first.borrow().is_current());
    let released = Instant::now();
    timeout(PATIENCE, second.wait_for(lease::Claim::is_current)).await.unwrap().unwrap();
    assert!(
        released.elapsed() < Duration::from_secs(2),
        "not waited for to run out: {:?}",
        released.elapsed()
    );
    stop_second.cancel();
    timeout(PATIENCE, second_task).await.unwrap().unwrap();
    let lease = corner.kubernetes.kubectl(&["get", "lease", "-n", corner.name, "leader", "-o", "json"]);
    let lease: Value = serde_json::from_str(&lease).unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "");
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_is_cut_off_stops_before_another_takes_over() {
    let corner = Corner::new("takeover").await;
    let line = Line::to(&corner.kubernetes).await;
    let stop = CancellationToken::new();
    let (mut first, _) = lease::start(&line.client(), election(corner.name, "first"), stop.clone());
    timeout(PATIENCE, first.wait_for(lease::Claim::is_current)).await.unwrap().unwrap();
    let (mut second, _) = lease::start(&corner.client, election(corner.name, "second"), stop.clone());
    let both = Arc::new(AtomicU32::new(0));
    let (a, b, count) = (first.clone(), second.clone(), both.clone());
    let observer = tokio::spawn(async move {
        loop {
            // Read in this order: the first one's claim can only have run out since.
            let second = b.borrow().is_current();
            if second && a.borrow().is_current() {
                count.fetch_add(1, Ordering::SeqCst);
            }
            sleep(Duration::from_millis(1)).await;
        }
    });
    line.close();
    timeout(PATIENCE, second.wait_for(lease::Claim::is_current)).await.unwrap().unwrap();
    assert!(!first.borrow().is_current());
    // Back again, it finds that it has lost.
    line.reopen();
    let knows =
        |claim: &lease::Claim| claim.holder.as_deref().is_some_and(|holder| holder.starts_with("second_"));
    let found_out = async {
        while !knows(&first.borrow()) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, found_out).await.unwrap();
    assert!(second.borrow().is_current() && !first.borrow().is_current());
    observer.abort();
    assert_eq!(both.load(Ordering::SeqCst), 0, "two holders at one time");
    stop.cancel();
}
