//! A Kubernetes kind, and the resource it stands for.
use std::sync::Arc;

use super::Resource;
use crate::mapping::policy::Policies;
use crate::schema::FieldPath;

/// One Kubernetes kind and the resource it stands for.
#[derive(Debug)]
pub struct Kind {
    /// The Kubernetes side.
    pub kubernetes: Kubernetes,
    /// What is written into every resource of this kind, and must be found in it.
    pub constants: Vec<Constant>,
    /// The target's side, shared by the kinds of one mapping.
    pub resource: Arc<Resource>,
    /// How its objects are synced, unless somebody says otherwise.
    pub sync: Syncing,
}

/// How the objects of a kind are synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Syncing {
    /// What may be done to its resources.
    pub policies: Policies,
    /// Passes at a time, in the place of what holds for all kinds.
    pub concurrent: Option<usize>,
}

/// A Kubernetes kind.
#[derive(Debug, Clone)]
pub struct Kubernetes {
    /// API group.
    pub group: String,
    /// Kind, as in manifests.
    pub kind: String,
    /// Plural name, as in URLs.
    pub plural: String,
    /// Singular name.
    pub singular: String,
    /// Short names.
    pub short_names: Vec<String>,
    /// Served versions; the first one is stored.
    pub versions: Vec<String>,
    /// Columns of `kubectl get`.
    pub columns: Vec<Column>,
    /// Whether the CRD itself refuses other names than the singleton's.
    pub name_rule: bool,
}

impl Kubernetes {
    /// `group/version` of the version that is stored.
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.versions[0])
    }
}

/// One column of `kubectl get`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub name: String,
    /// The place in the object, as a CRD writes it: `.spec.roles`.
    pub path: String,
    /// What it shows.
    pub description: String,
}

/// A value written into every resource of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constant {
    /// The member of the JSON form.
    pub json: String,
    /// Its value.
    pub value: String,
    /// Where it stands in the message; some messages have no field for it.
    pub field: Option<FieldPath>,
}
