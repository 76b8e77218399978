//! The cluster's authorities are rotated under the operator.
use crate::joiner::{Joiner, Method, Way};
use crate::teleport::Teleport;

const PHASES: [&str; 4] = ["init", "update_clients", "update_servers", "standby"];

#[test]
fn a_rotation_that_takes_its_time_is_not_noticed() {
    for (method, way) in [(Method::Token, Way::Direct), (Method::Keys, Way::Proxy)] {
        let name = format!("rotation-{method:?}").to_lowercase();
        let mut joiner = Joiner::new(&name, Teleport::joining("18", &[]), way, method);
        // Pins are of the old authority.
        joiner.drop_flag("--ca-pin");
        joiner.run(&[]);
        joiner.until_renewed(1);
        for phase in PHASES {
            joiner.target.rotate(phase);
            joiner.until_renewed(2);
        }
        let joins = joiner.attempts().into_iter().filter(|attempt| attempt.is_join()).count();
        assert!(method != Method::Token || joins == 1, "{:#?}", joiner.attempts());
    }
}

#[test]
fn a_rotation_at_one_stroke_is_survived_by_joining_anew() {
    for way in [Way::Proxy, Way::Balancer, Way::Direct] {
        let name = format!("rotation-at-once-{way:?}").to_lowercase();
        let mut joiner = Joiner::new(&name, Teleport::joining("18.5", &[]), way, Method::Keys);
        joiner.drop_flag("--ca-pin");
        joiner.run(&[]);
        joiner.until_renewed(1);
        for phase in PHASES {
            joiner.target.rotate(phase);
        }
        joiner.edit("after");
        joiner.until_renewed(2);
        joiner.until_operator_ready();
    }
}
