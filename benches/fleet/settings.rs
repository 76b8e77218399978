//! What is to be run: how many roles, and whether the row of memory is wanted. From the environment.
use std::env;

/// What the environment asks for.
pub struct Settings {
    /// Numbers of roles, each a run of its own on fresh servers (`FLEET`).
    pub sizes: Vec<usize>,
    /// Objects of the synthetic row (`FLEET_MEMORY`; 0: none).
    pub memory: usize,
}

impl Settings {
    /// Reads it, with what is usual where nothing is said.
    pub fn read() -> Self {
        let text = |name: &str, usual: &str| env::var(name).unwrap_or_else(|_| usual.to_owned());
        let number = |text: &str| text.trim().parse().unwrap_or_else(|_| panic!("{text:?} is no number"));
        let sizes: Vec<usize> = text("FLEET", "100,1000,5000,10000").split(',').map(number).collect();
        assert!(sizes.iter().all(|size| *size > 0), "FLEET: a fleet has a role at least");
        Self { sizes, memory: number(&text("FLEET_MEMORY", "100000")) }
    }
}
