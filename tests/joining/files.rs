//! An identity file instead of joining, over every way.
use std::fs;

use crate::joiner::{Joiner, Method, Way};
use crate::teleport::Teleport;

/// The operator with the peer's identity file, which is written by Teleport's own package.
fn with_file(name: &str, way: Way) -> Joiner {
    let mut joiner = Joiner::new(name, Teleport::joining("18", &[]), way, Method::Token);
    for flag in ["--join-method", "--token", "--certificate-ttl", "--renewal-interval", "--ca-pin"] {
        joiner.drop_flag(flag);
    }
    let identity = joiner.teleport.identity().display().to_string();
    joiner.set("--identity", &identity);
    joiner
}

#[test]
fn an_identity_file_works_over_every_way() {
    for way in [Way::Direct, Way::Proxy, Way::Balancer] {
        let mut joiner = with_file(&format!("file-{way:?}").to_lowercase(), way);
        joiner.run(&["--log-level", "TRACE"]);
        joiner.edit("by-file");
        joiner.all_went_well();
        let identity = fs::read_to_string(joiner.teleport.identity()).expect("the file");
        let key: Vec<_> = identity.lines().skip(1).take_while(|line| !line.starts_with("-----")).collect();
        assert!(key.len() > 1);
        let log = joiner.log();
        assert!(key.iter().all(|line| !log.contains(line)), "the key is told");
    }
}
