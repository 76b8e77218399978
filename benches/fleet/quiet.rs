//! Waits until a running operator has nothing more to do, as its own page of its state says.
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::operator::Operator;
use crate::roles::API;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// Looking costs the operator time, too.
const LOOK: Duration = Duration::from_millis(50);

/// Waits until it is ready, knows so many roles, and nothing is queued or runs.
///
/// # Panics
/// When it takes too long.
pub fn until_quiet(operator: &Operator, roles: usize) -> Instant {
    let began = Instant::now();
    let ready = || operator.health("/readyz").is_some_and(|(status, _)| status == 200);
    while !(ready() && is_quiet(operator, roles)) {
        assert!(
            began.elapsed() < PATIENCE,
            "not quiet after {PATIENCE:?}: {}",
            operator.metrics("/debug/state")
        );
        sleep(LOOK);
    }
    Instant::now()
}

fn is_quiet(operator: &Operator, roles: usize) -> bool {
    let state: Value = serde_json::from_str(&operator.metrics("/debug/state")).expect("JSON");
    let (_, kind, _) = API;
    let waits = ["edit", "background", "running"].iter().any(|of| state["queue"][of] != 0);
    !waits && state["kinds"][kind]["objects"] == roles && state["kinds"][kind]["ready"] == roles
}
