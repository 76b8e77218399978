//! What the operator has done so far, as the servers tell: the API server's audit log, and the target's own counts.
use crate::world::World;

/// Counts since the beginning of a run.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Reads of single objects that it syncs.
    pub reads: usize,
    /// Writes to such objects: finalizers and statuses.
    pub objects: usize,
    /// Events.
    pub events: usize,
    /// Writes to anything else, its Lease left out.
    pub others: usize,
    /// Calls of the target for one object.
    pub calls: u64,
    /// Pages that scans asked the target for.
    pub pages: u64,
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
        let (mut calls, mut pages) = (0, 0);
        for (method, count) in world.target.calls() {
            let (_, call) = method.rsplit_once('/').expect("a service and a method");
            *(if call.starts_with("List") { &mut pages } else { &mut calls }) += count;
        }
        let target = world.target.writes();
        let target = target.iter().filter(|write| write.method != "control").count();
        Self { reads: world.kubernetes_reads().len(), objects, events, others, calls, pages, target }
    }

    /// What was done since an earlier time.
    pub fn since(self, before: Self) -> Self {
        Self {
            reads: self.reads - before.reads,
            objects: self.objects - before.objects,
            events: self.events - before.events,
            others: self.others - before.others,
            calls: self.calls - before.calls,
            pages: self.pages - before.pages,
            target: self.target - before.target,
        }
    }
}
