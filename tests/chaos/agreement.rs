//! Whether custom resources and the peer's resources agree: judged by the plan and the translation, from what kubectl and
//! the peer's control port show, never by what the operator remembers.
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use prost_reflect::DynamicMessage;
use serde_json::Value;
use teleport_operator::mapping;
use teleport_operator::mapping::plan::{Kind, Target};
use teleport_operator::target::proof::is_marked;
use teleport_operator::translate::{compare, manifest};

use crate::control::Stored;
use crate::world::{NAMESPACE, World};

/// Kinds that people edit, with the peer's names for their resources.
const KINDS: [(&str, &str); 3] =
    [("TeleportRoleV7", "role"), ("TeleportUser", "user"), ("TeleportProvisionToken", "token")];

/// The target.
pub fn plan() -> Arc<Target> {
    static PLAN: OnceLock<Arc<Target>> = OnceLock::new();
    Arc::clone(PLAN.get_or_init(|| Arc::new(mapping::embedded().expect("the embedded plan is sound"))))
}

/// The kind of that name.
pub fn kind_of<'a>(plan: &'a Target, kind: &str) -> &'a Kind {
    plan.kinds.iter().find(|found| found.kubernetes.kind == kind).expect("a kind of the plan")
}

/// All that is not as it should be; why nothing can be said, where a peer does not answer yet.
pub fn disagreements(world: &World) -> Vec<String> {
    let (plan, mut wrong) = (plan(), Vec::new());
    let dump = world.target().dump();
    for (kind, resource) in KINDS {
        let kind = kind_of(&plan, kind);
        let name = format!("{}.{}", kind.kubernetes.plural, kind.kubernetes.group);
        let output = world.kubernetes.try_kubectl(&["-n", NAMESPACE, "get", &name, "-o", "json"], "");
        if !output.status.success() {
            wrong.push(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)));
            continue;
        }
        let mut list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let Value::Array(objects) = list["items"].take() else { panic!("not a list: {list}") };
        let stored = dump.get(resource).cloned().unwrap_or_default();
        let peer = Peer { plan: &plan, dump: &dump };
        wrong.extend(peer.compare(kind, &objects, &stored));
    }
    wrong
}

/// What the peer has.
struct Peer<'a> {
    plan: &'a Target,
    dump: &'a BTreeMap<String, BTreeMap<String, Stored>>,
}

impl Peer<'_> {
    fn all(&self, resource: &str) -> impl Iterator<Item = (&String, &Stored)> {
        self.dump.get(resource).into_iter().flatten()
    }

    /// Whether a user has this role: then it can't go.
    fn is_used(&self, role: &str) -> bool {
        self.all("user").any(|(_, user)| roles(&user.json["spec"]).any(|other| other == role))
    }

    /// Whether an object asks for a role that does not exist: then it has to wait.
    fn lacks_role(&self, object: &Value) -> bool {
        roles(&object["spec"]).any(|role| !self.all("role").any(|(name, _)| name == role))
    }

    fn compare(&self, kind: &Kind, objects: &[Value], stored: &BTreeMap<String, Stored>) -> Vec<String> {
        let plan = self.plan;
        let resource = &kind.resource;
        let live: BTreeMap<_, _> =
            stored.iter().map(|(name, stored)| (name.as_str(), decode(kind, stored))).collect();
        let name_of = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let mut wrong: Vec<_> = live
            .iter()
            .filter(|(_, live)| is_marked(&plan.ownership, resource, live))
            .filter(|(name, _)| !objects.iter().any(|object| name_of(object) == **name))
            .map(|(name, _)| format!("{} {name}: the resource is left behind", resource.name))
            .collect();
        for object in objects {
            let name = name_of(object);
            let mut say = |what: String| wrong.push(format!("{} {name}: {what}", kind.kubernetes.kind));
            if !object["metadata"]["deletionTimestamp"].is_null() {
                let held = resource.name == "role" && self.is_used(&name);
                if !held || condition(object, &plan.words.synced.type_) != "False" {
                    say("it does not go".to_owned());
                }
                continue;
            }
            let desired = manifest::desired(kind, &plan.words, &plan.ownership, object).message;
            let ready = condition(object, "Ready");
            if resource.name == "user" && self.lacks_role(object) {
                if ready != "False" {
                    say("it lacks a role, and does not say so".to_owned());
                }
                continue;
            }
            let Some(live) = live.get(name.as_str()) else {
                say("there is no resource".to_owned());
                continue;
            };
            let changed = compare::differences(resource, &desired, live);
            if !changed.is_empty() {
                say(format!("the resource differs at {}", changed.join(", ")));
            }
            if ready != "True" || object["status"]["observedGeneration"] != object["metadata"]["generation"] {
                say(format!("its status is {}", object["status"]));
            }
        }
        wrong
    }
}

fn roles(spec: &Value) -> impl Iterator<Item = &str> {
    spec["roles"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn decode(kind: &Kind, stored: &Stored) -> DynamicMessage {
    let bytes = base64::prelude::BASE64_STANDARD.decode(&stored.resource_b64).expect("base64");
    DynamicMessage::decode(kind.resource.message.clone(), bytes.as_slice()).expect("a resource")
}

fn condition<'a>(object: &'a Value, name: &str) -> &'a str {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let found = conditions.into_iter().find(|condition| condition["type"] == name);
    found.and_then(|condition| condition["status"].as_str()).unwrap_or_default()
}
