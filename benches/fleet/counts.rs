//! What the operator has done so far, as the servers tell: the API server's audit log, and the target's own counts.
use crate::world::World;

/// Counts since the beginning of a run.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Writes to objects that it syncs, finalizers and statuses.
    pub objects: usize,
    /// Events.
    pub events: usize,
    /// Writes to anything else, its Lease left out.
    pub others: usize,
    /// Calls of the target, those aside that say nothing of an object.
    pub calls: u64,
    /// Writes to the target's store.
    pub target: usize,
}

impl Counts {
    /// Now.
    pub fn of(world: &World) -> Self {
        let (mut objects, mut events, mut others) = (0, 0, 0);
        for entry in world.all_kubernetes_writes() {
            match &*entry.resource {
                resource if resource.starts_with("teleport") => objects += 1,
                "events" => events += 1,
                _ => others += 1,
            }
        }
        let (calls, target) = (world.target.calls().values().sum(), world.target.writes());
        let target = target.iter().filter(|write| write.method != "control").count();
        Self { objects, events, others, calls, target }
    }

    /// What was done since an earlier time.
    pub fn since(self, before: Self) -> Self {
        Self {
            objects: self.objects - before.objects,
            events: self.events - before.events,
            others: self.others - before.others,
            calls: self.calls - before.calls,
            target: self.target - before.target,
        }
    }
}
