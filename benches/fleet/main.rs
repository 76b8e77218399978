//! What a fleet of roles costs, on the real peers: kube-apiserver and etcd, the auth server made of Teleport's own types,
//! and the operator as a process of its own. Prints one table; must not hold assertions about time: people judge.
//!
//! `FLEET=100,1000` says how many roles, a run each; `FLEET_MEMORY=0` leaves out the row of memory.
#[path = "../../tests/support/audit.rs"]
mod audit;
#[path = "../../tests/support/control.rs"]
mod control;
#[path = "../../tests/support/kubernetes.rs"]
mod kubernetes;
#[path = "../../tests/support/operator.rs"]
mod operator;
#[path = "../../tests/support/teleport.rs"]
mod teleport;
#[path = "../../tests/support/world.rs"]
mod world;

mod api;
mod counts;
mod edits;
mod life;
mod machine;
mod memory;
mod process;
mod quiet;
mod roles;
mod samples;
mod settings;
mod synthetic;
mod table;

use settings::Settings;
use table::Table;

fn main() {
    // Test runs start benchmarks too, without this flag, only to see that they start.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    // It fails only if there is one already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (settings, load, mut table) = (Settings::read(), machine::load(), Table::default());
    for size in &settings.sizes {
        let role = life::live(*size, &mut table);
        if Some(size) == settings.sizes.last() && settings.memory > 0 {
            memory::hold(settings.memory, &role, &mut table);
        }
    }
    println!("\n{}\n\n{}", machine::describe(&load), table.print());
    println!("Bold: the goal is missed.");
}
