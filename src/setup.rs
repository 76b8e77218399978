//! Brings documents of the target's own into it, once, before the operator can join: what would change is known before
//! anything is written. What they create carries no mark: it is the administrator's, not the operator's.
use prost_reflect::{DynamicMessage, MapKey, Value};
use serde_json::{Map, Value as Json, json};

use crate::diagnostic::{Severity, refused};
use crate::mapping::plan::{Kind, Target};
use crate::target::client::Client;
use crate::target::error::Error;
use crate::target::gate::{Gate, Refusal, Write};
use crate::target::proof::{Owned, Vacant};
use crate::translate::{compare, manifest};

/// What a document needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// There is nothing of the name.
    Create,
    /// What is there says otherwise at these paths.
    Update(Vec<String>),
    /// All is as the document says.
    Nothing,
}

/// A document, and what it needs.
pub struct Step<'a> {
    /// What it is to people: the target's word for its kind, and its name.
    pub what: String,
    /// What it needs.
    pub change: Change,
    kind: &'a Kind,
    desired: DynamicMessage,
    live: Option<DynamicMessage>,
}

/// Why a document can't be brought in.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No mapping is for such documents.
    #[error("no mapping is for {0}: the target's setup names a document that this build can't create")]
    Unknown(String),
    /// The document is not what its mapping takes.
    #[error("{what}: {why}")]
    Refused {
        /// Which document.
        what: String,
        /// All that is wrong with it.
        why: String,
    },
    /// It can't be read whether it is there.
    #[error("{what} can't be read: {error}")]
    Unread {
        /// Which document.
        what: String,
        /// The target's answer.
        error: Error,
    },
    /// It can't be written.
    #[error(
        "{what} can't be written: {why}; what was done before it stays, and the same command goes on from there"
    )]
    Unwritten {
        /// Which document.
        what: String,
        /// Why.
        why: Refusal,
    },
}

/// Looks what each document needs. Writes nothing.
///
/// # Errors
/// For the first document that can't be understood or read.
pub async fn plan<'a>(
    target: &'a Target,
    client: &Client,
    documents: &[Json],
) -> Result<Vec<Step<'a>>, Failure> {
    let mut steps = Vec::new();
    for document in documents {
        let what = what(document);
        let kind = target.kind_of_document(document).ok_or_else(|| Failure::Unknown(what.clone()))?;
        let mut desired = desired(target, kind, document, &what)?;
        let name = kind.resource.metadata.name.text(&desired);
        let live = client.get(&kind.resource, &name, Some(&desired)).await;
        let live = live.map_err(|error| Failure::Unread { what: what.clone(), error })?;
        if let Some(live) = &live {
            keep(kind, &mut desired, live, document);
        }
        let change = match &live {
            None => Change::Create,
            Some(live) => match compare::differences(&kind.resource, &desired, live) {
                none if none.is_empty() => Change::Nothing,
                paths => Change::Update(paths),
            },
        };
        steps.push(Step { what, change, kind, desired, live });
    }
    Ok(steps)
}

/// Does what a step needs.
///
/// # Errors
/// When the target refuses or can't be reached.
pub async fn apply(gate: &Gate, step: &Step<'_>) -> Result<(), Failure> {
    let (paths, write) = match (&step.change, &step.live) {
        (Change::Create, None) => (&[][..], Write::Create(step.desired.clone(), Vacant::unread())),
        (Change::Update(paths), Some(live)) => {
            // A person asked for exactly this, and has seen what it changes.
            let proof = Owned::adopted(&step.kind.resource, live);
            (paths.as_slice(), Write::Update(step.desired.clone(), proof))
        }
        _ => return Ok(()),
    };
    let name = step.kind.resource.metadata.name.text(&step.desired);
    let written = gate.write(step.kind, &name, paths, write).await;
    written.map(drop).map_err(|why| Failure::Unwritten { what: step.what.clone(), why })
}

/// What a document is to people.
pub fn what(document: &Json) -> String {
    let text = |value: &Json| value.as_str().unwrap_or("(none)").to_owned();
    format!("{} {}", text(&document["kind"]), text(&document["metadata"]["name"]))
}

fn desired(target: &Target, kind: &Kind, document: &Json, what: &str) -> Result<DynamicMessage, Failure> {
    let beside = kind.constants.iter().map(|constant| constant.json.as_str());
    let beside: Vec<_> = beside.chain(["metadata", "spec"]).collect();
    let rest = document.as_object().into_iter().flatten();
    let rest = rest.filter(|(name, _)| !beside.contains(&name.as_str()));
    let mut object: Map<_, _> = rest.map(|(name, value)| (name.clone(), value.clone())).collect();
    object.insert("metadata".to_owned(), document["metadata"].clone());
    object.insert("spec".to_owned(), document["spec"].clone());
    let made = manifest::desired(kind, &target.words, &target.ownership, &json!(object));
    if refused(&made.diagnostics) {
        let errors = made.diagnostics.iter().filter(|problem| problem.severity == Severity::Error);
        let why = errors.map(ToString::to_string).collect::<Vec<_>>().join("; ");
        return Err(Failure::Refused { what: what.to_owned(), why });
    }
    let mut message = made.message;
    if let Some(labels) = &kind.resource.metadata.labels {
        let mut left = labels.get(&message).map(|labels| labels.into_owned());
        if let Some(Value::Map(entries)) = &mut left {
            entries.remove(&MapKey::String(target.ownership.label.clone()));
            labels.set(&mut message, Value::Map(std::mem::take(entries)));
        }
    }
    Ok(message)
}

/// Takes over from live what the document does not speak of.
fn keep(kind: &Kind, desired: &mut DynamicMessage, live: &DynamicMessage, document: &Json) {
    let labels = kind.resource.metadata.labels.iter().filter(|_| document["metadata"]["labels"].is_null());
    for path in kind.resource.preserve.iter().chain(labels) {
        match path.get(live) {
            Some(value) => path.set(desired, value.into_owned()),
            None => path.clear(desired),
        }
    }
}
