//! What must be in hand before a write: evidence, taken from a read, that nothing is touched that isn't ours.
//! Plain values; the gate takes no write without one.
use prost_reflect::{DynamicMessage, MapKey, Value};

use crate::mapping::plan::{OwnedBy, Ownership, Resource};

/// Nothing stands under the name: leave to create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vacant {
    pub(super) read: bool,
}

impl Vacant {
    /// Nothing has been read: only a call that fails on an existing name can be used.
    pub fn unread() -> Self {
        Self { read: false }
    }

    /// Nothing was found: a call that would replace may be used where there is no other.
    pub fn read(live: Option<&DynamicMessage>) -> Option<Self> {
        live.is_none().then_some(Self { read: true })
    }
}

/// What stands under the name is ours: leave to update or delete it, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Owned {
    pub(super) name: String,
    pub(super) revision: String,
    /// What identifies it beside its name, in a message of its type that holds nothing else.
    pub(super) parts: DynamicMessage,
}

impl Owned {
    /// The resource that was read, if it carries the mark.
    pub fn marked(ownership: &Ownership, resource: &Resource, live: &DynamicMessage) -> Option<Self> {
        is_marked(ownership, resource, live).then(|| Self::of(resource, live))
    }

    /// The resource that was read, if it has no place for a mark: the caller has the record of a write of ours that made it
    /// what it is.
    pub fn recorded(resource: &Resource, live: &DynamicMessage) -> Option<Self> {
        (resource.owned_by == OwnedBy::Record).then(|| Self::of(resource, live))
    }

    /// The resource that was read, mark or not, because somebody asked for its adoption.
    pub fn adopted(resource: &Resource, live: &DynamicMessage) -> Self {
        Self::of(resource, live)
    }

    /// The name that it was read under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The revision that was read; empty where the API has none.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    fn of(resource: &Resource, live: &DynamicMessage) -> Self {
        let revision = resource.metadata.revision.as_ref().map(|path| path.text(live));
        let mut parts = DynamicMessage::new(resource.message.clone());
        for part in resource.parts() {
            part.set(&mut parts, Value::String(part.text(live)));
        }
        Self { name: resource.metadata.name.text(live), revision: revision.unwrap_or_default(), parts }
    }
}

/// The resource as it would be if it were marked as ours, where it has a place for the mark.
pub fn mark(ownership: &Ownership, resource: &Resource, live: &DynamicMessage) -> DynamicMessage {
    let mut marked = live.clone();
    let Some(place) = &resource.metadata.labels else { return marked };
    let labels = place.get(live).map(std::borrow::Cow::into_owned);
    let mut labels = labels.as_ref().and_then(Value::as_map).cloned().unwrap_or_default();
    for (label, value) in marks(ownership, resource, live) {
        labels.insert(MapKey::String(label.to_owned()), Value::String(value.to_owned()));
    }
    place.set(&mut marked, Value::Map(labels));
    marked
}

/// Whether a resource says that it is ours, or there is only one and its object claims it. Of one without a place for a
/// mark this is never so: only the record of its object can tell.
pub fn is_marked(ownership: &Ownership, resource: &Resource, live: &DynamicMessage) -> bool {
    match resource.owned_by {
        OwnedBy::Object => return true,
        OwnedBy::Record => return false,
        OwnedBy::Mark => {}
    }
    lacking(ownership, resource, live).is_none()
}

/// What a resource must be labelled with to be ours; in a scope that is more than elsewhere.
fn marks<'a>(
    ownership: &'a Ownership,
    resource: &Resource,
    live: &DynamicMessage,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let in_scope = resource.scope.is_some() && resource.parts().any(|part| !part.text(live).is_empty());
    let identity = ownership.identity_mark().filter(|_| in_scope);
    std::iter::once((&*ownership.label, &*ownership.value)).chain(identity)
}

fn label(resource: &Resource, live: &DynamicMessage, key: &str) -> Option<String> {
    let labels = resource.metadata.labels.as_ref()?.get(live)?;
    Some(labels.as_map()?.get(&MapKey::String(key.to_owned()))?.as_str()?.to_owned())
}

/// The first of the labels of what is ours that a resource doesn't have.
fn lacking<'a>(ownership: &'a Ownership, resource: &Resource, live: &DynamicMessage) -> Option<&'a str> {
    let mut marks = marks(ownership, resource, live);
    marks.find(|(key, value)| label(resource, live, key).as_deref() != Some(value)).map(|(key, _)| key)
}

/// How a resource that isn't ours says that it is another operator's, where it is one of ours but for that.
pub fn other_operator(ownership: &Ownership, resource: &Resource, live: &DynamicMessage) -> Option<String> {
    let key = lacking(ownership, resource, live).filter(|key| *key != ownership.label)?;
    Some(match label(resource, live, key) {
        Some(other) => format!("`{key}` is `{other}`"),
        None => format!("`{key}` is missing"),
    })
}
