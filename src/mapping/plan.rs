//! The plan: mappings resolved against the descriptors. Every name has become a descriptor; nothing is looked up later.
//! Plain values without behaviour beyond finding one's way in them.
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, MethodDescriptor, Value};

use super::errors::Errors;
use super::policy::Policies;
use super::repr::{Json, Repr};
use super::stream::{Stream, Watched};
use crate::schema::FieldPath;

/// All that one process syncs to: a target's words and its kinds.
#[derive(Debug)]
pub struct Target {
    /// The folder's name, for people.
    pub name: String,
    /// What is the same for all of its kinds on the Kubernetes side.
    pub words: Words,
    /// How a resource says that it is ours.
    pub ownership: Ownership,
    /// How it is reached.
    pub connection: Connection,
    /// How to learn what the server can do.
    pub features: Features,
    /// The stream that tells of changes, where there is one.
    pub stream: Option<Stream>,
    /// What gRPC codes mean.
    pub errors: Errors,
    /// How much at once.
    pub limits: Limits,
    /// The role that the operator needs, where the target has such a thing.
    pub role: Option<Role>,
    /// What else lets the operator in, where the target has such a thing.
    pub setup: Option<Setup>,
    /// Kinds of resources that have no mapping, and why.
    pub absent: BTreeMap<String, String>,
    /// One for each Kubernetes kind, by name.
    pub kinds: Vec<Arc<Kind>>,
    /// The part of it that this process works in: a setting, in no file.
    pub within: Within,
}

/// The part of a target that a process works in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Within {
    /// What is in no scope.
    #[default]
    Whole,
    /// This scope alone.
    Part(String),
    /// Whatever the scope: to try things out.
    Any,
}

impl Target {
    /// The target for a process that works in this part of it. Within a scope that is only kinds that have one.
    #[must_use]
    pub fn within(mut self, within: Within) -> Self {
        if matches!(within, Within::Part(_)) {
            self.kinds.retain(|kind| kind.resource.scope.is_some());
        }
        Self { within, ..self }
    }

    /// The target for a process that is known by these words: what labels say of it.
    #[must_use]
    pub fn known_as(mut self, words: &[(&str, String)]) -> Self {
        for text in self.ownership.scoped.values_mut() {
            for (word, value) in words {
                *text = text.replace(word, value);
            }
        }
        self
    }

    /// The kind that a document of the target's own is of: the one whose constants it has.
    pub fn kind_of_document(&self, document: &serde_json::Value) -> Option<&Arc<Kind>> {
        let fits = |kind: &&Arc<Kind>| {
            kind.constants.iter().all(|constant| document[&constant.json] == constant.value)
        };
        self.kinds.iter().find(fits)
    }

    /// The kind that objects of this API version (`group/version`) and kind are.
    pub fn kind_of(&self, api_version: &str, kind: &str) -> Option<&Arc<Kind>> {
        let (group, version) = api_version.split_once('/')?;
        self.kinds.iter().find(|found| {
            let k = &found.kubernetes;
            k.kind == kind && k.group == group && k.versions.iter().any(|served| served == version)
        })
    }
}

/// Names on the Kubernetes side, and the texts of conditions.
#[derive(Debug, Clone)]
pub struct Words {
    /// API group of all kinds.
    pub group: String,
    /// What the names of all kinds start with.
    pub kind_prefix: String,
    /// Category of all kinds (`kubectl get CATEGORY`).
    pub category: String,
    /// Finalizer that holds an object until its resource is gone.
    pub finalizer: String,
    /// Name of the Lease by which one of several replicas is chosen.
    pub lease: String,
    /// Annotation: leave the object alone altogether.
    pub ignore: String,
    /// Annotation: deleting the object leaves the resource.
    pub keep: String,
    /// Annotation that becomes the resource's description.
    pub description: String,
    /// Annotation on a Secret: names of the objects that may read it, or `*`.
    pub lookup: String,
    /// Annotation on the CRD of a kind that has scopes: `true`.
    pub scoped_kind: Option<String>,
    /// Annotation: what may be done to the resource.
    pub management: String,
    /// Annotation: what becomes of a change made elsewhere.
    pub drift: String,
    /// Annotation: whether a resource that is not marked as ours is taken over.
    pub adopt: String,
    /// Annotation: do nothing until further notice.
    pub paused: String,
    /// Annotation: each new value has the object compared now.
    pub sync_requested: String,
    /// Integers that a status may hold beside what the engine writes there, and their formats (`int64`): others write or
    /// expect them.
    pub status: BTreeMap<String, String>,
    /// Whether the specification could be translated.
    pub decoded: Condition,
    /// Whether the object's scope is ours.
    pub scoped: Option<Condition>,
    /// Whether the resource is ours.
    pub owned: Condition,
    /// Whether the last write went through.
    pub synced: Condition,
}

/// One condition type and what it can say: outcomes by name (`true`, `false`, and further ones of its own).
#[derive(Debug, Clone)]
pub struct Condition {
    /// The condition's type.
    pub type_: String,
    /// Reason and message by outcome; `{error}` in a message stands for the error's text, and so on.
    pub says: BTreeMap<String, Says>,
}

/// A reason and a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Says {
    /// CamelCase reason.
    pub reason: String,
    /// Text; `{error}` stands for the error's.
    pub message: String,
}

/// The label that marks a resource as ours.
#[derive(Debug, Clone)]
pub struct Ownership {
    /// Its key.
    pub label: String,
    /// Its value.
    pub value: String,
    /// Further labels of what is in a scope, that people see whose it is; [`Ownership::WORDS`] stand in their texts.
    pub scoped: BTreeMap<String, String>,
}

impl Ownership {
    /// What stands for who this process is; a label with one that nobody has said is left out.
    pub const OF_PROCESS: [&str; 3] = ["{owner-email}", "{token}", "{operator-namespace}"];
    /// What can stand in a label: the same, and what stands for the object.
    pub const WORDS: [&str; 7] = [
        "{owner-email}",
        "{token}",
        "{operator-namespace}",
        "{name}",
        "{namespace}",
        "{api-version}",
        "{kind}",
    ];
}

/// How a target is reached, unless flags say otherwise.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The way in.
    pub way: Way,
    /// `host:port`.
    pub address: String,
    /// What TLS and calls carry; empty unless the way is [`Way::Grpc`].
    pub credentials: Credentials,
}

/// The ways into a target that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// gRPC over TLS, with credentials in files.
    Grpc,
    /// As a member of a Teleport cluster.
    Teleport,
}

impl Way {
    /// Their names in `target.toml`.
    pub const NAMES: [(&str, Self); 2] = [("grpc", Self::Grpc), ("teleport", Self::Teleport)];
}

/// Files that say whom to trust and who we are. They are read when a connection is made, and again when they change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Authorities of the server's certificate (PEM); none: the system's.
    pub authorities: Option<PathBuf>,
    /// Our certificate with its chain, and its private key (PEM).
    pub identity: Option<(PathBuf, PathBuf)>,
    /// A token that every call carries.
    pub token: Option<PathBuf>,
    /// The name in the server's certificate; none: the address's host.
    pub server_name: Option<String>,
}

/// How to learn what the server can do: a call, and where its answer says so.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// Calls in order of preference; the request is empty.
    pub call: Vec<MethodDescriptor>,
    /// For each feature its places in the answer: the first that is there says whether it is on.
    pub paths: BTreeMap<String, Vec<AnswerPath>>,
    /// Where the answer names the cluster.
    pub cluster: Option<AnswerPath>,
    /// Where the answer gives the server's version.
    pub version: Option<AnswerPath>,
}

/// A place in an answer: fields, then possibly an entry of a map, then fields of that.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerPath {
    /// From the answer to a scalar, or to a map.
    pub to: FieldPath,
    /// The key of the map's entry, and the way on from there (empty: the entry itself).
    pub entry: Option<(String, FieldPath)>,
}

/// The role that the operator needs in the target: a document of the target's own, which gets a rule for each permission.
#[derive(Debug, Clone)]
pub struct Role {
    /// The role without rules.
    pub document: serde_json::Value,
    /// The members that lead to its list of rules.
    pub rules: Vec<String>,
    /// A rule; `{permission}` and `{verbs}` stand in it for those of a resource.
    pub rule: serde_json::Value,
    /// What a role must allow for each of the calls, by the name that mappings use.
    pub verbs: BTreeMap<String, Vec<String>>,
    /// The members that lead to the object that selectors are put into.
    pub within: Vec<String>,
    /// Selectors of all resources of a type, by the member that holds them.
    pub selectors: BTreeMap<String, serde_json::Value>,
}

/// What lets the operator in beside its role: documents of the target's own. Texts such as `{token}` stand in them for
/// what is asked for.
#[derive(Debug, Clone)]
pub struct Setup {
    /// In the order in which they must be made.
    pub documents: Vec<serde_json::Value>,
    /// How the operator may prove who it is, by the word that people choose: what `{way}` stands for.
    pub ways: BTreeMap<String, serde_json::Value>,
}

impl Setup {
    /// What can be asked for in documents and ways.
    pub const WORDS: [&str; 7] =
        ["{role}", "{name}", "{token}", "{service-account}", "{way}", "{jwks}", "{issuer}"];
}

/// What the target's roles must say for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// What a rule calls it.
    pub permission: String,
    /// The selector that the role needs beside the rule.
    pub selector: Option<String>,
}

/// How much at once.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Resources a page of a list.
    pub page_size: i32,
    /// Largest message that the server takes, in bytes.
    pub message_bytes: usize,
    /// Calls in flight for the whole target.
    pub concurrent: usize,
    /// Passes at a time of one kind.
    pub concurrent_kind: usize,
}

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

/// A resource of the target.
#[derive(Debug)]
pub struct Resource {
    /// The mapping's name: its file without the extension.
    pub name: String,
    /// Its message.
    pub message: MessageDescriptor,
    /// Its JSON form and that of everything below it.
    pub shapes: Shapes,
    /// Where the specification stands.
    pub spec: Spec,
    /// Members at the root that stand beside the specification in the custom resource too.
    pub root: Vec<String>,
    /// The one of them that holds its scope.
    pub scope: Option<String>,
    /// Where its sub-kind follows from what is set.
    pub sub_kinds: Option<SubKinds>,
    /// Where name, labels and so on stand.
    pub metadata: Metadata,
    /// The one name that it can have.
    pub singleton: Option<String>,
    /// How it is known to be ours.
    pub owned_by: OwnedBy,
    /// The API has no call that changes one.
    pub immutable: bool,
    /// How to call the target.
    pub calls: Calls,
    /// Fields copied from live when it is updated.
    pub preserve: Vec<FieldPath>,
    /// Features of which the server must have one; none: always.
    pub requires: Vec<String>,
    /// What the target's roles must say for it.
    pub access: Access,
    /// How it is in the target's event stream, where it is.
    pub watched: Option<Watched>,
}

/// How a resource is known to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OwnedBy {
    /// It carries our mark.
    #[default]
    Mark,
    /// Its object's status has the record of a write of ours: it has no place for a mark.
    Record,
    /// Whoever writes the custom resource claims the only resource: the API puts its own mark in the place of ours.
    Object,
}

impl OwnedBy {
    /// Their names in mappings.
    pub const NAMES: [(&str, Self); 3] =
        [("mark", Self::Mark), ("record", Self::Record), ("object", Self::Object)];
}

/// Members at the root of every custom resource.
pub const TOP: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

impl Resource {
    /// What identifies a resource beside its name: the members that a read asks for.
    pub fn parts(&self) -> impl Iterator<Item = &FieldPath> {
        let asked = self.calls.get.first().map(|call| call.request.as_slice()).unwrap_or_default();
        asked.iter().filter_map(|assign| match &assign.from {
            From::Member(path) => Some(path),
            _ => None,
        })
    }
}

/// A sub-kind that follows from which alternative of a choice is set.
#[derive(Debug, Clone, PartialEq)]
pub struct SubKinds {
    /// The member of the JSON form that holds it.
    pub json: String,
    /// Where it stands in the message.
    pub field: FieldPath,
    /// The alternatives, each with its path in the JSON form (`spec.disk`) and what follows from it.
    pub of: Vec<(FieldPath, String, String)>,
}

impl SubKinds {
    /// What follows from what is set; none where nothing is.
    pub fn of(&self, message: &DynamicMessage) -> Option<&str> {
        let set = self.of.iter().find(|(path, ..)| path.get(message).is_some());
        set.map(|(.., sub_kind)| sub_kind.as_str())
    }
}

/// Where a specification stands in the JSON form of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    /// One member, which is a message.
    Member(String),
    /// These members stand at the root.
    Root(Vec<String>),
}

/// Where a resource keeps what Kubernetes keeps in `metadata`.
#[derive(Debug, Clone)]
pub struct Metadata {
    /// The members of the JSON form: the one that is a message of metadata, or those of the root that are its parts.
    pub json: Vec<String>,
    /// The message keeps them itself: people see a member `metadata`, and all the rest under `spec`.
    pub bare: bool,
    /// Its name.
    pub name: FieldPath,
    /// A map of strings.
    pub labels: Option<FieldPath>,
    /// A text.
    pub description: Option<FieldPath>,
    /// The revision that a conditional update carries.
    pub revision: Option<FieldPath>,
    /// When it expires.
    pub expires: Option<FieldPath>,
    /// A constant that the API asks for.
    pub namespace: Option<(FieldPath, String)>,
}

impl Metadata {
    /// What it holds, by the names that Kubernetes and people have for it.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &FieldPath)> {
        let Self { name, labels, description, revision, expires, .. } = self;
        let parts = [
            ("name", Some(name)),
            ("labels", labels.as_ref()),
            ("description", description.as_ref()),
            ("revision", revision.as_ref()),
            ("expires", expires.as_ref()),
        ];
        parts.into_iter().filter_map(|(name, part)| Some((name, part?)))
    }
}

/// Calls by what they do, each in order of preference: the next is tried when the server answers UNIMPLEMENTED.
#[derive(Debug, Default)]
pub struct Calls {
    /// Reads one.
    pub get: Vec<Call>,
    /// Reads all, in pages.
    pub list: Vec<Call>,
    /// Creates, and fails where the name exists.
    pub create: Vec<Call>,
    /// Updates, and fails where it does not exist or the revision is another.
    pub update: Vec<Call>,
    /// Creates or replaces, whatever is there.
    pub upsert: Vec<Call>,
    /// Deletes.
    pub delete: Vec<Call>,
}

impl Calls {
    /// What a new resource is made with: a call that fails on an existing name, where there is one.
    pub fn creating(&self) -> &[Call] {
        if self.create.is_empty() { &self.upsert } else { &self.create }
    }

    /// All of them by the names that mappings use, those that there are none of included.
    pub fn by_name(&self) -> [(&'static str, &[Call]); 6] {
        [
            ("get", &self.get),
            ("list", &self.list),
            ("create", &self.create),
            ("update", &self.update),
            ("upsert", &self.upsert),
            ("delete", &self.delete),
        ]
    }

    /// What an existing resource is replaced with: a conditional call, where there is one.
    pub fn updating(&self) -> &[Call] {
        if self.update.is_empty() { &self.upsert } else { &self.update }
    }
}

/// One method, how its request is filled, and where its answer holds the resource.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: MethodDescriptor,
    /// What goes where in the request.
    pub request: Vec<Assign>,
    /// What the answer holds.
    pub answer: Answer,
}

/// One assignment in a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Assign {
    /// The field; the empty path is the request itself.
    pub to: FieldPath,
    /// What it gets.
    pub from: From,
}

/// What a request's field gets.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    /// The resource.
    Resource,
    /// The resource's name.
    Name,
    /// The revision that was read.
    Revision,
    /// The token of the page asked for.
    Page,
    /// How many resources a page.
    PageSize,
    /// A text that the resource holds: a part of what identifies it, beside its name.
    Member(FieldPath),
    /// Always the same.
    Constant(Value),
}

/// What an answer holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// No resource.
    Nothing,
    /// One; the empty path is the answer itself.
    Resource(FieldPath),
    /// A page of them.
    Page {
        /// The repeated field.
        items: FieldPath,
        /// From one item to the resource; empty: the item is it.
        item: FieldPath,
        /// The token of the next page; none where the list is not paged.
        next: Option<FieldPath>,
    },
}

/// An index into [`Shapes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShapeId(pub usize);

/// The JSON forms of a resource's messages; the first one is the resource's own.
#[derive(Debug, Clone, Default)]
pub struct Shapes(pub Vec<MessageShape>);

impl Shapes {
    /// The resource's own.
    pub fn root(&self) -> &MessageShape {
        &self.0[0]
    }

    /// One of them.
    pub fn get(&self, id: ShapeId) -> &MessageShape {
        &self.0[id.0]
    }

    /// Follows members down through single messages: the way to the last, and the last.
    ///
    /// # Errors
    /// The first name that is no member, and the members that there are in its place.
    pub fn follow(&self, names: &[String]) -> Result<(FieldPath, &Member), (String, Vec<&str>)> {
        let mut shape = Some(self.root());
        let (mut fields, mut last) = (Vec::new(), None);
        for name in names {
            let Some(member) = shape.and_then(|shape| shape.member(name)) else {
                let members = shape.map(|shape| shape.members.as_slice()).unwrap_or_default();
                return Err((name.clone(), members.iter().map(|member| member.json.as_str()).collect()));
            };
            fields.extend(member.path.fields().iter().cloned());
            shape = match (&member.value, member.many) {
                (Shape::Message(id), Many::One) => Some(self.get(*id)),
                _ => None,
            };
            last = Some(member);
        }
        last.map(|member| (FieldPath::new(fields), member)).ok_or_else(|| (String::new(), Vec::new()))
    }
}

/// The JSON form of a message.
#[derive(Debug, Clone)]
pub struct MessageShape {
    /// The message.
    pub message: MessageDescriptor,
    /// Whose rules: by Go's an unknown member is refused, by protobuf's it is dropped.
    pub json: Json,
    /// Its members, in field order, inlined ones in the place of what inlines them.
    pub members: Vec<Member>,
    /// Members by JSON name and by the other name accepted.
    pub by_name: HashMap<String, usize>,
}

impl MessageShape {
    /// The same message, of which these members alone can be said.
    #[must_use]
    pub fn of(&self, members: Vec<Member>) -> Self {
        let mut by_name = HashMap::new();
        for (index, member) in members.iter().enumerate() {
            by_name.extend(
                [Some(&member.json), member.also.as_ref()].into_iter().flatten().map(|n| (n.clone(), index)),
            );
        }
        Self { message: self.message.clone(), json: self.json, members, by_name }
    }

    /// The member that a JSON key means.
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.by_name.get(key).map(|index| &self.members[*index])
    }
}

/// One member of a JSON object.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its JSON name.
    pub json: String,
    /// Another name that is accepted: lowerCamelCase where protobuf's rules hold.
    pub also: Option<String>,
    /// From the object's message to the field: of length one unless messages are inlined on the way.
    pub path: FieldPath,
    /// The field itself, the path's last.
    pub field: FieldDescriptor,
    /// One, many, or by key.
    pub many: Many,
    /// What one value is.
    pub value: Shape,
    /// False: the Go field is no pointer: absent and empty are the same, and a zero time is an absent one.
    pub nullable: bool,
    /// What the mapping says of it.
    pub rules: Rules,
}

/// How many values a member has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Many {
    /// One; also where a representation takes a repeated field as a whole.
    One,
    /// A list.
    List,
    /// An object of values by key.
    Map,
}

/// What one value is.
#[derive(Debug, Clone)]
pub enum Shape {
    /// An object.
    Message(ShapeId),
    /// Anything else.
    Repr(Repr),
}

/// What a mapping says of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Not part of the custom resource.
    pub omit: bool,
    /// May be a reference to a Secret's key; its value is never shown, hashed or compared.
    pub secret: bool,
    /// Sent even when empty, because the server refuses a resource without it.
    pub present: bool,
    /// Written by the server alone: takes no part in comparisons.
    pub server: bool,
    /// Part of what identifies the resource: with another value it would be another one.
    pub fixed: bool,
}
