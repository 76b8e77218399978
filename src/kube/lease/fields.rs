//! What stands in a Lease, and what it means: the fields are those of client-go. Pure.
use std::time::Duration;

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::api::ObjectMeta;

use super::Config;

/// Who has it; empty where nobody does.
pub(super) fn holder(lease: &Lease) -> &str {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
}

/// Whether we may write ourselves in: it is ours, nobody's, or its holder let it run out.
pub(super) fn may_claim(lease: &Lease, config: &Config, unchanged: Duration) -> bool {
    let holder = holder(lease);
    holder.is_empty() || holder == config.identity || unchanged >= promised(lease, config)
}

/// How long its holder has it without a renewal.
pub(super) fn promised(lease: &Lease, config: &Config) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    seconds.and_then(|seconds| u64::try_from(seconds).ok()).map_or(config.duration, Duration::from_secs)
}

/// One that is not there yet.
pub(super) fn named(name: &str) -> Lease {
    Lease { metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }, spec: None }
}

/// The Lease with us as its holder.
pub(super) fn claimed(mut lease: Lease, config: &Config, now: MicroTime) -> Lease {
    let ours = holder(&lease) == config.identity;
    let spec = lease.spec.get_or_insert_default();
    if !ours {
        spec.acquire_time = Some(now.clone());
        spec.lease_transitions = spec.lease_transitions.map(|count| count.saturating_add(1)).or(Some(0));
    }
    // Kubernetes counts whole seconds, and refuses zero.
    let seconds = config.duration.as_secs().max(1);
    spec.holder_identity = Some(config.identity.clone());
    spec.lease_duration_seconds = Some(i32::try_from(seconds).unwrap_or(i32::MAX));
    spec.renew_time = Some(now);
    lease
}

/// The Lease without a holder.
pub(super) fn vacated(mut lease: Lease, now: MicroTime) -> Lease {
    let spec = lease.spec.take().unwrap_or_default();
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(String::new()),
        lease_duration_seconds: Some(1),
        acquire_time: Some(now.clone()),
        renew_time: Some(now),
        ..spec
    });
    lease
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn config() -> Config {
        Config::new("ns", "lease", "me")
    }

    fn held_by(holder: &str, seconds: Option<i32>) -> Lease {
        let spec = LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: seconds,
            lease_transitions: Some(4),
            preferred_holder: Some("somebody".to_owned()),
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    #[test]
    fn only_what_is_free_ours_or_run_out_may_be_claimed() {
        let second = Duration::from_secs(1);
        for (lease, unchanged, may) in [
            (Lease::default(), Duration::ZERO, true),
            (held_by("", Some(15)), Duration::ZERO, true),
            (held_by("me", Some(15)), Duration::ZERO, true),
            (held_by("you", Some(15)), 15 * second - Duration::from_millis(1), false),
            (held_by("you", Some(15)), 15 * second, true),
            (held_by("you", Some(30)), 29 * second, false),
            (held_by("you", None), 14 * second, false),
            (held_by("you", Some(-1)), 14 * second, false),
            (held_by("you", None), 15 * second, true),
        ] {
            assert_eq!(may_claim(&lease, &config(), unchanged), may, "{lease:?} {unchanged:?}");
        }
    }

    #[test]
    fn a_renewal_is_no_transition_and_leaves_the_rest_alone() {
        let now = MicroTime(Timestamp::UNIX_EPOCH);
        let taken = claimed(held_by("you", Some(15)), &config(), now.clone()).spec.unwrap();
        assert_eq!((taken.lease_transitions, taken.acquire_time), (Some(5), Some(now.clone())));
        let renewed = claimed(held_by("me", Some(15)), &config(), now.clone()).spec.unwrap();
        assert_eq!((renewed.lease_transitions, renewed.acquire_time), (Some(4), None));
        assert_eq!(renewed.renew_time, Some(now));
        assert_eq!(renewed.preferred_holder.as_deref(), Some("somebody"));
    }

    #[test]
    fn what_is_given_up_may_be_claimed_at_once() {
        let lease = vacated(held_by("me", Some(15)), MicroTime(Timestamp::UNIX_EPOCH));
        let other = Config { identity: "you".to_owned(), ..config() };
        assert!(may_claim(&lease, &other, Duration::ZERO));
        assert_eq!(lease.spec.unwrap().preferred_holder.as_deref(), Some("somebody"));
    }
}
