//! The fleet at a glance: how many objects of each kind are in which state, and which need a person, out of what the
//! cluster itself keeps: their statuses. Pure; reads nothing, and knows no kind.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::kube::object::Object;
use crate::kube::status::{Condition, read};

/// The condition that sums up the others, where there is one; the official operator writes none.
const READY: &str = "Ready";

/// Conditions that are good news when they are false. The state that they make of an object, and whether it needs a
/// person, come with them.
const BAD: [(&str, State, bool); 6] = [
    ("Paused", State::Paused, false),
    ("Conflict", State::Failed, true),
    ("Stalled", State::Failed, true),
    ("UpdateLoop", State::Failed, true),
    ("Drifted", State::Drifted, true),
    ("FieldsIgnored", State::Ready, true),
];

/// How an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The target has what it asks for.
    Ready,
    /// It does not, and the status says why.
    Failed,
    /// Somebody changed the resource, and it is to stay so.
    Drifted,
    /// Nobody has looked at it as it is now.
    Waiting,
    /// It asks to be left alone.
    Paused,
    /// It is on its way out.
    Deleting,
}

impl State {
    /// All of them, with a word for each.
    pub const ALL: [(&str, Self); 6] = [
        ("ready", Self::Ready),
        ("failed", Self::Failed),
        ("drifted", Self::Drifted),
        ("waiting", Self::Waiting),
        ("paused", Self::Paused),
        ("deleting", Self::Deleting),
    ];
}

/// An object that needs a person, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// The condition that says so.
    pub condition: String,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
    /// Since when.
    pub since: String,
}

/// How one object stands.
#[derive(Debug, Clone)]
pub struct Seen {
    state: State,
    case: Option<Case>,
}

/// What is known of all objects.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// By kind, how many there are in each state.
    pub kinds: BTreeMap<String, BTreeMap<State, usize>>,
    /// Those that need a person, in the order in which they came.
    pub cases: Vec<Case>,
    /// Kinds that the cluster does not have.
    pub missing: Vec<String>,
    /// Kinds that could not be read, and why.
    pub unread: BTreeMap<String, String>,
}

impl Fleet {
    /// How an object stands: little enough to be kept of all objects of a kind.
    pub fn seen(object: &Object) -> Seen {
        let conditions = read(&object.status());
        let (state, wrong) = judge(object, &conditions);
        let case = wrong.map(|wrong| Case {
            kind: String::new(),
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            state,
            condition: wrong.type_.clone(),
            reason: wrong.reason.clone(),
            message: wrong.message.clone(),
            since: wrong.last_transition_time.0.to_string(),
        });
        Seen { state, case }
    }

    /// Takes in objects of a kind.
    pub fn add(&mut self, kind: &str, seen: Vec<Seen>) {
        for Seen { state, case } in seen {
            *self.kinds.entry(kind.to_owned()).or_default().entry(state).or_default() += 1;
            self.cases.extend(case.map(|case| Case { kind: kind.to_owned(), ..case }));
        }
    }

    /// Whether nothing needs a person.
    pub fn is_well(&self) -> bool {
        self.cases.is_empty() && self.unread.is_empty()
    }

    /// All of it.
    pub fn json(&self) -> Value {
        let kinds = self.kinds.iter().map(|(kind, states)| {
            let counts: serde_json::Map<_, _> = State::ALL
                .iter()
                .map(|(word, state)| ((*word).to_owned(), count(states, *state).into()))
                .collect();
            json!({"kind": kind, "objects": states.values().sum::<usize>(), "states": counts})
        });
        let cases = self.cases.iter().map(|case| {
            let Case { kind, namespace, name, state, condition, reason, message, since } = case;
            json!({
                "kind": kind, "namespace": namespace, "name": name, "state": word(*state),
                "condition": condition, "reason": reason, "message": message, "since": since,
            })
        });
        json!({
            "kinds": kinds.collect::<Vec<_>>(),
            "needsAPerson": cases.collect::<Vec<_>>(),
            "notInstalled": self.missing,
            "unread": self.unread,
        })
    }

    /// The same for people: a table of kinds, then a line for each object that needs one.
    pub fn text(&self) -> String {
        let mut rows = vec![["KIND".to_owned(), "OBJECTS".to_owned()].to_vec()];
        rows[0].extend(State::ALL.iter().map(|(word, _)| word.to_uppercase()));
        for (kind, states) in &self.kinds {
            let mut row = vec![kind.clone(), states.values().sum::<usize>().to_string()];
            row.extend(State::ALL.iter().map(|(_, state)| count(states, *state).to_string()));
            rows.push(row);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
        let mut text = String::new();
        for row in &rows {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            text += &format!("{}\n", cells.collect::<Vec<_>>().join("  "));
        }
        if self.kinds.is_empty() {
            text = "there are no objects\n".to_owned();
        }
        if !self.cases.is_empty() {
            text += "\nNeed a person:\n";
        }
        for case in &self.cases {
            let Case { kind, namespace, name, condition, reason, message, since, .. } = case;
            let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
            text += &format!("{kind} {namespace}/{name}: {condition} {reason}, since {since}: {message}\n");
        }
        for (kind, why) in &self.unread {
            text += &format!("\n{kind} could not be read: {why}\n");
        }
        if !self.missing.is_empty() {
            text += &format!("\n{} kinds are not installed in the cluster\n", self.missing.len());
        }
        text
    }
}

fn count(states: &BTreeMap<State, usize>, state: State) -> usize {
    states.get(&state).copied().unwrap_or_default()
}

fn word(state: State) -> &'static str {
    State::ALL.iter().find(|(_, named)| *named == state).map_or("", |(word, _)| word)
}

/// How an object stands, and the condition for which it needs a person.
fn judge<'a>(object: &Object, conditions: &'a [Condition]) -> (State, Option<&'a Condition>) {
    let bad = BAD.iter().find_map(|(type_, state, person)| {
        let says = conditions.iter().find(|found| found.type_ == *type_ && found.status == "True")?;
        Some((*state, Some(says).filter(|_| *person)))
    });
    let is_bad = |found: &Condition| BAD.iter().any(|(type_, ..)| found.type_ == *type_);
    let plain = || conditions.iter().filter(|found| !is_bad(found));
    let ready = plain().find(|found| found.type_ == READY);
    // The condition that says what is wrong goes before the one that only says that something is.
    let wrong = plain().filter(|found| found.status != "True");
    let wrong = wrong.min_by_key(|found| found.type_ == READY);
    let seen = object.status()["observedGeneration"].as_i64();
    // The official operator says nothing of generations.
    let is_old = match ready {
        Some(_) => seen != Some(object.generation()),
        None => conditions.is_empty(),
    };
    match (bad, wrong) {
        _ if object.is_deleting() => (State::Deleting, wrong.filter(|_| !is_old)),
        _ if is_old => (State::Waiting, None),
        (Some((State::Paused, why)), _) => (State::Paused, why),
        (_, Some(wrong)) => (State::Failed, Some(wrong)),
        (Some((state, why)), None) => (state, why),
        (None, None) => (State::Ready, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, deleting: bool, status: Value) -> Object {
        let mut object = json!({
            "metadata": {"name": name, "namespace": "ns", "generation": 2},
            "status": status,
        });
        if deleting {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:04:05Z");
        }
        serde_json::from_value(object).unwrap()
    }

    fn condition(type_: &str, status: &str, reason: &str) -> Value {
        json!({
            "type": type_, "status": status, "reason": reason, "message": format!("the\nmessage of {type_}"),
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        })
    }

    fn seen(generation: i64, conditions: &[Value]) -> Value {
        json!({"observedGeneration": generation, "conditions": conditions})
    }

    #[test]
    fn statuses_of_both_operators_say_how_an_object_stands() {
        let ok = condition("Ready", "True", "InSync");
        let bad = condition("Ready", "False", "TeleportError");
        let synced = |status| condition("SuccessfullyReconciled", status, "R");
        for (name, deleting, status, state, person) in [
            ("ready", false, seen(2, &[ok.clone(), synced("True")]), State::Ready, None),
            ("new", false, Value::Null, State::Waiting, None),
            ("edited", false, seen(1, std::slice::from_ref(&bad)), State::Waiting, None),
            (
                "failed",
                false,
                seen(2, &[bad.clone(), synced("False")]),
                State::Failed,
                Some("SuccessfullyReconciled"),
            ),
            ("bare", false, seen(2, std::slice::from_ref(&bad)), State::Failed, Some("Ready")),
            (
                "drifted",
                false,
                seen(2, &[ok.clone(), condition("Drifted", "True", "X")]),
                State::Drifted,
                Some("Drifted"),
            ),
            ("was", false, seen(2, &[ok.clone(), condition("Drifted", "False", "X")]), State::Ready, None),
            (
                "ignored",
                false,
                seen(2, &[ok.clone(), condition("FieldsIgnored", "True", "X")]),
                State::Ready,
                Some("FieldsIgnored"),
            ),
            (
                "loop",
                false,
                seen(2, &[ok.clone(), condition("UpdateLoop", "True", "X")]),
                State::Failed,
                Some("UpdateLoop"),
            ),
            ("paused", false, seen(2, &[bad.clone(), condition("Paused", "True", "X")]), State::Paused, None),
            ("going", true, seen(2, std::slice::from_ref(&ok)), State::Deleting, None),
            (
                "stuck",
                true,
                seen(2, &[bad.clone(), synced("False")]),
                State::Deleting,
                Some("SuccessfullyReconciled"),
            ),
            ("official", false, json!({"conditions": [synced("True")]}), State::Ready, None),
            (
                "refused",
                false,
                json!({"conditions": [synced("False")]}),
                State::Failed,
                Some("SuccessfullyReconciled"),
            ),
        ] {
            let object = object(name, deleting, status);
            let conditions = read(&object.status());
            let (found, why) = judge(&object, &conditions);
            assert_eq!((found, why.map(|why| why.type_.as_str())), (state, person), "{name}");
        }
    }

    #[test]
    fn the_fleet_is_counted_and_says_who_needs_a_person() {
        let mut fleet = Fleet::default();
        let ok = seen(2, &[condition("Ready", "True", "InSync")]);
        let refused = seen(2, &[condition("Ready", "False", "Refused")]);
        let widgets = [object("a", false, ok.clone()), object("b", false, refused)];
        fleet.add("Widget", widgets.iter().map(Fleet::seen).collect());
        fleet.add("Crate", vec![Fleet::seen(&object("c", false, ok))]);
        fleet.missing.push("Shelf".to_owned());
        assert_eq!(
            fleet.text(),
            "\
KIND    OBJECTS  READY  FAILED  DRIFTED  WAITING  PAUSED  DELETING
Crate         1      1       0        0        0       0         0
Widget        2      1       1        0        0       0         0

Need a person:
Widget ns/b: Ready Refused, since 2026-01-02T03:04:05Z: the message of Ready

1 kinds are not installed in the cluster
"
        );
        assert!(!fleet.is_well());
        let json = fleet.json();
        assert_eq!(json["kinds"][1]["states"]["failed"], 1);
        assert_eq!(json["needsAPerson"][0]["name"], "b");
        assert!(Fleet::default().is_well());
    }
}
