//! Whether an object needs no pass, because all is as it should be: tried out by a pass that may touch nothing. So neither
//! a start nor a standby holds the bodies of objects that nothing is to be done for.
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt as _;
use prost_reflect::DynamicMessage;
use serde_json::Value;

use super::decide::{Failure, Outcome};
use super::execute::{Ended, Pass, run};
use super::memory::Memory;
use super::policy::Policy;
use super::ports::{Cluster, Note, Patched, Remote, SecretValue};
use crate::kube::object::{Key, Object};
use crate::mapping::errors::Class;
use crate::mapping::plan::{Kind, Resource, Target};
use crate::target::gate::Write;

/// What a pass would leave in memory that finds all in step without a look at anything but the object itself; none where
/// it would not.
pub fn at_rest(
    target: &Target,
    (kind, key): (&Kind, &Key),
    policy: Policy,
    unsupported: Option<String>,
    object: &Object,
) -> Option<Memory> {
    // Most that fail do so here.
    if !object.finalizers().contains(&target.words.finalizer) {
        return None;
    }
    let still = Still::default();
    let pass = Pass {
        target,
        kind,
        key,
        cluster: &still,
        remote: &still,
        unsupported,
        policy,
        conditions_only: false,
        young: false,
        fresh: false,
        rival: None,
        heirs: Vec::new(),
    };
    let mut memory = Memory::default();
    // It waits for nothing but what would be another reason to have a pass.
    let ended = run(&pass, object.clone(), &mut memory).now_or_never()?;
    let in_step = matches!(&ended, Ended::Finished(finish, _) if finish.outcome == Outcome::InSync);
    (in_step && !still.touched.into_inner()).then_some(memory)
}

/// Both sides, for a pass that may touch neither: notes that it would have.
#[derive(Debug, Default)]
struct Still {
    touched: AtomicBool,
}

impl Still {
    fn touch(&self) -> String {
        self.touched.store(true, Ordering::Relaxed);
        "nothing is to be touched".to_owned()
    }

    fn fail(&self) -> Failure {
        Failure { class: Class::Other, message: self.touch() }
    }
}

impl Cluster for Still {
    async fn get(&self, _: &Kind, _: &Key) -> Result<Option<Object>, String> {
        Err(self.touch())
    }

    async fn add_finalizer(&self, _: &Kind, _: &Object) -> Result<Patched, String> {
        Err(self.touch())
    }

    async fn remove_finalizer(&self, _: &Kind, _: &Object) -> Result<Patched, String> {
        Err(self.touch())
    }

    async fn patch_status(&self, _: &Kind, _: &Object, _: &Value) -> Result<Patched, String> {
        Err(self.touch())
    }

    async fn secret(&self, _: &Object, _: &str, _: &str) -> Result<SecretValue, String> {
        Err(self.touch())
    }

    fn tell(&self, _: &Kind, _: &Object, _: Note) {
        self.touch();
    }
}

impl Remote for Still {
    async fn get(
        &self,
        _: &Resource,
        _: &str,
        _: Option<&DynamicMessage>,
    ) -> Result<Option<DynamicMessage>, Failure> {
        Err(self.fail())
    }

    async fn list(&self, _: &Resource, _: &mut (dyn FnMut(&DynamicMessage) + Send)) -> Result<(), Failure> {
        Err(self.fail())
    }

    async fn write(
        &self,
        _: &Kind,
        _: &Key,
        _: &[String],
        _: Write,
    ) -> Result<Option<DynamicMessage>, Failure> {
        Err(self.fail())
    }
}
