//! What must be so before this process is of use: facts that the parts of it report, and that `/readyz` shows. Decides
//! nothing by them.
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

/// All facts of the process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, Result<(), String>>>>);

/// One fact, for the part of the process that knows it.
#[derive(Debug, Clone)]
pub struct Fact {
    health: Health,
    name: String,
}

impl Health {
    /// Adds a fact that must be so; at first it isn't.
    pub fn require(&self, name: impl Into<String>) -> Fact {
        let fact = Fact { health: self.clone(), name: name.into() };
        fact.lacks("not yet");
        fact
    }

    /// Whether all facts are so; if not, which ones aren't and why, a line each.
    ///
    /// # Errors
    /// Those lines.
    pub fn ready(&self) -> Result<(), String> {
        let mut lines = String::new();
        for (name, state) in self.lock().iter() {
            if let Err(reason) = state {
                // Writing to a string never fails.
                let _ = writeln!(lines, "{name}: {reason}");
            }
        }
        if lines.is_empty() { Ok(()) } else { Err(lines) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Result<(), String>>> {
        // The map is whole even if a thread died with the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, name: &str, state: Result<(), String>) {
        self.lock().insert(name.to_owned(), state);
    }
}

impl Fact {
    /// It is so.
    pub fn holds(&self) {
        self.health.set(&self.name, Ok(()));
    }

    /// It isn't so, and why; the reason is shown to whoever may ask, so it says no secret.
    pub fn lacks(&self, reason: impl Into<String>) {
        self.health.set(&self.name, Err(reason.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_said_until_it_is_there() {
        let health = Health::default();
        assert_eq!(health.ready(), Ok(()));
        let (synced, reached) = (health.require("watches synced"), health.require("target reached"));
        synced.holds();
        assert_eq!(health.ready(), Err("target reached: not yet\n".to_owned()));
        reached.lacks("connection refused");
        assert_eq!(health.ready(), Err("target reached: connection refused\n".to_owned()));
        reached.holds();
        assert_eq!(health.ready(), Ok(()));
        synced.lacks("broken");
        assert!(health.ready().is_err());
    }
}
