//! What must hold when nothing has happened for a while: every object is in step, or says why not; what is gone is gone.
//! Judges by the plan, the translation and the truth of both sides, never by what the operator remembers.
use serde_json::Value;
use teleport_operator::diagnostic::refused;
use teleport_operator::mapping::plan::{Condition, Kind, Target};
use teleport_operator::translate::{compare, manifest, secrets};

use super::history::kind_of;
use super::kubernetes::{Id, NAMESPACE};
use super::process::place;
use super::target::{Place, revision};
use super::world::State;

/// All that is not as it should be. What nobody has looked at since it was written may have an open record.
pub fn wrongs(state: &State, plan: &Target, looked: bool) -> Vec<String> {
    let objects = state.kubernetes.objects();
    let mut wrongs: Vec<_> = objects
        .filter(|(id, _)| state.kubernetes.ignored_for(id).is_none())
        .flat_map(|(id, object)| {
            let kind = kind_of(plan, &id.0);
            let judge = Judge { state, plan, looked, kind, object, place: place(&kind.resource, &id.1) };
            let name = name(id);
            judge.wrongs().into_iter().map(move |wrong| format!("{name}: {wrong}"))
        })
        .collect();
    wrongs.extend(orphans(state, plan));
    wrongs
}

fn name(id: &Id) -> String {
    format!("{} {}", id.0, id.1)
}

/// Resources of ours that no object stands for.
fn orphans<'a>(state: &'a State, plan: &'a Target) -> impl Iterator<Item = String> + 'a {
    let asked = |found: &Place| {
        let here = |id: &Id| place(&kind_of(plan, &id.0).resource, &id.1) == *found;
        state.kubernetes.objects().any(|(id, _)| here(id)) || state.kubernetes.unheld.iter().any(here)
    };
    let ours = state.server.all().filter(|(place, live)| {
        let kind = plan.kinds.iter().find(|kind| kind.resource.name == place.0).expect("a kind");
        state.server.is_ours(&kind.resource, live)
    });
    let left = ours.filter(move |(place, _)| !state.server.kept.contains(place) && !asked(place));
    left.map(|(place, _)| format!("{} {}: the resource is left behind", place.0, place.1))
}

struct Judge<'a> {
    state: &'a State,
    plan: &'a Target,
    looked: bool,
    kind: &'a Kind,
    object: &'a Value,
    place: Place,
}

impl Judge<'_> {
    fn wrongs(&self) -> Vec<String> {
        let words = &self.plan.words;
        if !self.object["metadata"]["deletionTimestamp"].is_null() {
            let held = self.live_is_ours() == Some(true) && self.state.server.is_used(&self.place);
            let wrong = match held {
                true => self.says(&words.synced, "False"),
                false => Some("it does not go, though nothing holds it".to_owned()),
            };
            return wrong.into_iter().collect();
        }
        let made = manifest::desired(self.kind, words, &self.plan.ownership, self.object);
        if refused(&made.diagnostics) {
            return self.says_not(&words.decoded);
        }
        if let Some(keeper) = self.keeper() {
            return self.says_taken(keeper);
        }
        let read = made.secrets.iter().map(|reference| {
            let found = self.state.kubernetes.secret(&reference.name, &reference.key);
            found.map(|found| (reference.clone(), found.value))
        });
        let Ok(values) = read.collect::<Result<Vec<_>, _>>() else {
            return self.says_not(&words.synced);
        };
        let mut desired = made.message;
        secrets::fill(&mut desired, &values);
        if self.live_is_ours() == Some(false) {
            return self.says_not(&words.owned);
        }
        if self.state.server.lacks_reference(&self.kind.resource, &desired) {
            return self.says_not(&words.synced);
        }
        self.in_step(&desired)
    }

    /// The object that has the resource, where that is another one: who wrote it has it, then who was first.
    fn keeper(&self) -> Option<&Id> {
        let asks = |(id, object): &(&Id, &Value)| {
            let here = place(&kind_of(self.plan, &id.0).resource, &id.1) == self.place;
            let stays = object["metadata"]["deletionTimestamp"].is_null();
            here && stays && self.state.kubernetes.ignored_for(id).is_none()
        };
        let all = self.state.kubernetes.objects().filter(asks);
        let (keeper, object) = all.min_by_key(|(_, object)| {
            let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
            (object["status"]["record"].is_null(), uid)
        })?;
        (object != self.object).then_some(keeper)
    }

    fn says_taken(&self, keeper: &Id) -> Vec<String> {
        let conditions = self.object["status"]["conditions"].as_array().into_iter().flatten();
        let told = conditions.into_iter().find(|condition| condition["type"] == "Conflict");
        let text = told.and_then(|told| told["message"].as_str()).unwrap_or_default();
        let named = text.contains(&format!("{} {NAMESPACE}/{}", keeper.0, keeper.1));
        let wrong =
            (!named).then(|| format!("{} {} has the resource, which it does not say", keeper.0, keeper.1));
        wrong.into_iter().chain(self.ready("False")).collect()
    }

    fn live_is_ours(&self) -> Option<bool> {
        let live = self.state.server.latest(&self.place)?;
        Some(self.state.server.is_ours(&self.kind.resource, live))
    }

    fn in_step(&self, desired: &prost_reflect::DynamicMessage) -> Vec<String> {
        let resource = &self.kind.resource;
        let Some(live) = self.state.server.latest(&self.place) else {
            return vec!["there is no resource".to_owned()];
        };
        let mut wrongs = Vec::new();
        for path in compare::differences(resource, desired, live) {
            wrongs.push(format!("the resource differs at {path}"));
        }
        let text = |message| secret_text(message);
        if text(desired) != text(live) {
            wrongs.push("the resource has another secret".to_owned());
        }
        let record = &self.object["status"]["record"];
        let hash = compare::hash(resource, live);
        let open = record["live"] == "" && !self.looked;
        if !open && record["live"] != hash.as_str() && record["revision"] != revision(resource, live) {
            wrongs.push(format!("the record is not of the resource: {record}"));
        }
        // What somebody adds before an answerless write is first seen can't be told from a default of the server's.
        if !self.state.server.is_silent(resource) && hash != compare::hash(resource, desired) {
            wrongs.push("the resource has more than is asked for".to_owned());
        }
        let words = &self.plan.words;
        for condition in [&words.decoded, &words.owned, &words.synced] {
            wrongs.extend(self.says(condition, "True"));
        }
        wrongs.extend(self.ready("True"));
        wrongs
    }

    fn says_not(&self, condition: &Condition) -> Vec<String> {
        self.says(condition, "False").into_iter().chain(self.ready("False")).collect()
    }

    fn says(&self, condition: &Condition, status: &str) -> Option<String> {
        self.condition(&condition.type_, status)
    }

    fn ready(&self, status: &str) -> Option<String> {
        let generation = &self.object["metadata"]["generation"];
        let observed = &self.object["status"]["observedGeneration"];
        let late = (observed != generation).then(|| format!("it is of {generation}, and says {observed}"));
        self.condition("Ready", status).or(late)
    }

    fn condition(&self, type_: &str, status: &str) -> Option<String> {
        let conditions = self.object["status"]["conditions"].as_array().into_iter().flatten();
        let found = conditions.into_iter().find(|condition| condition["type"] == type_);
        let said = found.map_or(&Value::Null, |condition| &condition["status"]);
        (said != status).then(|| format!("{type_} should be {status}, and is {said}"))
    }
}

/// The texts that a resource of any kind may keep secret here.
fn secret_text(message: &prost_reflect::DynamicMessage) -> Option<String> {
    let spec = message.get_field_by_name("Spec")?;
    let secret = spec.as_message()?.get_field_by_name("ClientSecret")?;
    secret.as_str().map(str::to_owned)
}
