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
    labels.insert(MapKey::String(ownership.label.clone()), Value::String(ownership.value.clone()));
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
    let labels = resource.metadata.labels.as_ref().and_then(|labels| labels.get(live));
    let Some(labels) = labels else { return false };
    let key = MapKey::String(ownership.label.clone());
    labels.as_map().and_then(|labels| labels.get(&key)).and_then(Value::as_str) == Some(&ownership.value)
}
