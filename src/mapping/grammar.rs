//! What can stand in a mapping, in `target.toml` and in `types.toml`: one table of keys drives the check of a file, the
//! suggestions for a slip, and what is documented of a key.
use super::errors::Class;
use super::plan::{OwnedBy, Way};
use super::policy::{Adopt, Drift, Management};
use super::repr;

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// A string.
    Text,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A list of strings.
    Texts,
    /// An integer.
    Whole,
    /// A boolean.
    Flag,
    /// A string, a boolean or an integer.
    Constant,
    /// Calls in order of preference: each a string, or a table of these keys.
    Calls(&'static [Key]),
    /// A table of these keys.
    Table(&'static [Key]),
    /// A list of tables of these keys.
    Tables(&'static [Key]),
    /// A table of any keys, each with one of these.
    Map(&'static Takes),
    /// Anything: a part of a document of the target's own.
    Any,
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Whether it must be there.
    pub required: bool,
    /// What it means, in a sentence.
    pub doc: &'static str,
}

const fn key(name: &'static str, takes: Takes, doc: &'static str) -> Key {
    Key { name, takes, required: false, doc }
}

const fn required(name: &'static str, takes: Takes, doc: &'static str) -> Key {
    Key { name, takes, required: true, doc }
}

/// A kind's mapping.
pub static MAPPING: &[Key] = &[
    required("resource", Takes::Table(RESOURCE), "The target's resource."),
    required("kubernetes", Takes::Tables(KUBERNETES), "The Kubernetes kinds that stand for it."),
    required("rpc", Takes::Table(RPC), "The calls that read and write it."),
    key("fields", Takes::Table(FIELDS), "What is special about some of its fields."),
    key("watch", Takes::Table(WATCHED), "It is in the target's event stream; an empty table will do."),
    key(
        "sync",
        Takes::Table(SYNC),
        "How its objects are synced, unless a flag or an annotation says otherwise.",
    ),
];

static RESOURCE: &[Key] = &[
    required("message", Takes::Text, "Full name of its message."),
    required("kind", Takes::Text, "The target's word for its kind, written into every resource."),
    key("sub-kind", Takes::Text, "A constant beside the kind; a resource with another one is left alone."),
    key(
        "sub-kinds",
        Takes::Map(&Takes::Text),
        "By JSONPaths of the alternatives of a choice: the sub-kind that follows from the one that is set.",
    ),
    key("version", Takes::Text, "The target's version, where all Kubernetes kinds share it."),
    key("namespace", Takes::Text, "A constant for the metadata's namespace, where the API asks for one."),
    key("name", Takes::Text, "The only name that it can have: there is one of these."),
    key(
        "places",
        Takes::Table(PLACES),
        "Where the message itself keeps what others have in a message of metadata, by JSONPaths.",
    ),
    key(
        "owned-by",
        Takes::Word(&OWNED_BY),
        "How a resource is known to be ours: by its `mark`, unless it has no place for one. By its `record`: the status \
         of its object says that we wrote it. By its `object`: whoever writes the custom resource claims the only \
         resource.",
    ),
    key(
        "immutable",
        Takes::Flag,
        "The API has no call that changes one: its CRD takes no other specification than the first.",
    ),
    key("json", Takes::Word(&["go", "proto"]), "Whose JSON rules hold, where its package does not say."),
    key(
        "spec",
        Takes::Texts,
        "Members at the root that make up the specification; otherwise it is `$.spec`.",
    ),
    key("root", Takes::Texts, "Members at the root that stand beside `spec` in the custom resource too."),
    key(
        "scope",
        Takes::Text,
        "The member at the root that says which part of the target it belongs to; it stands beside `spec`.",
    ),
    key("requires", Takes::Texts, "Features of which the server must have one."),
    key("permission", Takes::Text, "What the target's roles call it; otherwise its kind."),
    key(
        "selector",
        Takes::Text,
        "The selector of `access` in target.toml that a role needs beside the rule.",
    ),
];

static PLACES: &[Key] = &[
    required("name", Takes::Text, "Its name."),
    key("labels", Takes::Text, "Its labels, a map of strings."),
    key("description", Takes::Text, "Its description."),
    key("revision", Takes::Text, "Its revision."),
    key("expires", Takes::Text, "Its expiry."),
    key("version", Takes::Text, "The constant `version`."),
];

static KUBERNETES: &[Key] = &[
    required("kind", Takes::Text, "Kind, as in manifests."),
    key("versions", Takes::Texts, "Served versions, the stored one first; otherwise `v1`."),
    key("version", Takes::Text, "The target's version that this kind stands for."),
    key("plural", Takes::Text, "Plural name, where English is not regular."),
    key("short-names", Takes::Texts, "Short names; otherwise singular and plural without the prefix."),
    key("columns", Takes::Tables(COLUMN), "Columns of `kubectl get`; an age is added to them."),
    key("name-rule", Takes::Flag, "The CRD refuses other names than the resource's only one."),
];

static COLUMN: &[Key] = &[
    required("name", Takes::Text, "Heading."),
    required("path", Takes::Text, "JSONPath in the object."),
    required("description", Takes::Text, "What it shows."),
];

static RPC: &[Key] = &[
    required("get", Takes::Calls(CALL), "Reads one."),
    key("list", Takes::Calls(CALL), "Reads all, in pages."),
    key("create", Takes::Calls(CALL), "Creates, and fails where the name exists."),
    key("update", Takes::Calls(CALL), "Replaces if the revision is the one that was read."),
    key("upsert", Takes::Calls(CALL), "Creates or replaces, whatever is there."),
    required("delete", Takes::Calls(CALL), "Deletes."),
];

static CALL: &[Key] = &[
    required("call", Takes::Text, "`package.Service/Method`."),
    key(
        "request",
        Takes::Map(&Takes::Constant),
        "What fields of the request get: a constant, {name}, {revision}, {resource}, {page}, {page-size}, or a member \
         of the resource by its JSONPath: {$.spec.realm}.",
    ),
    key(
        "items",
        Takes::Text,
        "Where the answer lists resources: a repeated field, then the way to the resource.",
    ),
    key("next", Takes::Text, "Where the answer has the token of the next page."),
];

static FIELDS: &[Key] = &[
    key("omit", Takes::Texts, "JSONPaths that are no part of the custom resource."),
    key("preserve", Takes::Texts, "JSONPaths copied from live when the resource is updated."),
    key("secret", Takes::Texts, "JSONPaths that may name a Secret's key; never shown, hashed or compared."),
    key("present", Takes::Texts, "JSONPaths sent even when empty."),
    key("server", Takes::Texts, "JSONPaths that the server alone writes; not compared."),
];

static WATCHED: &[Key] = &[
    key("kind", Takes::Text, "The stream's word for its kind; otherwise its kind."),
    key("event", Takes::Text, "Where an event holds it; otherwise the only field of its message."),
];

static SYNC: &[Key] = &[
    key("management", Takes::Word(&MANAGEMENT), "What may be done to a resource."),
    key("drift", Takes::Word(&DRIFT), "What becomes of a change that was made elsewhere."),
    key("adopt", Takes::Word(&ADOPT), "Whether a resource that is not marked as ours is taken over."),
    key("concurrent", Takes::Whole, "Passes at a time, in the place of the target's `concurrent-kind`."),
];

/// A target.
pub static TARGET: &[Key] = &[
    required("kubernetes", Takes::Table(TARGET_KUBERNETES), "The Kubernetes side of all kinds."),
    required("ownership", Takes::Table(OWNERSHIP), "The label that marks a resource as ours."),
    required("connection", Takes::Table(CONNECTION), "How the target is reached."),
    required("metadata", Takes::Map(&Takes::Table(METADATA)), "Where metadata messages keep things."),
    key("features", Takes::Table(FEATURES), "How to learn what the server can do."),
    key("watch", Takes::Table(WATCH), "The stream of events that tells of changes."),
    required("errors", Takes::Table(ERRORS), "What gRPC codes mean, by operation."),
    required("limits", Takes::Table(LIMITS), "How much at once."),
    required("conditions", Takes::Table(CONDITIONS), "Condition types and their texts."),
    key("access", Takes::Table(ACCESS), "The role that the operator needs."),
    key("setup", Takes::Table(SETUP), "What lets the operator in, for `bootstrap`."),
    key("absent", Takes::Map(&Takes::Text), "Kinds of resources that have no mapping, and why."),
];

static TARGET_KUBERNETES: &[Key] = &[
    required("group", Takes::Text, "API group."),
    required("kind-prefix", Takes::Text, "What all kinds start with."),
    required("category", Takes::Text, "Category, for `kubectl get CATEGORY`."),
    required("finalizer", Takes::Text, "Finalizer that holds an object until its resource is gone."),
    required("lease", Takes::Text, "Name of the Lease by which one of several replicas is chosen."),
    required("annotations", Takes::Table(ANNOTATIONS), "Names of annotations."),
    key("status", Takes::Map(&Takes::Text), "Further integers that a status may hold, each with its format."),
];

static ANNOTATIONS: &[Key] = &[
    required("ignore", Takes::Text, "Leave the object alone altogether."),
    required("keep", Takes::Text, "Deleting the object leaves the resource."),
    required("description", Takes::Text, "Becomes the resource's description."),
    required("lookup", Takes::Text, "On a Secret: the objects that may read it."),
    key("scoped-kind", Takes::Text, "On the CRD of a kind that has a `scope`: true."),
    key("management", Takes::Text, "What may be done to the resource; otherwise `GROUP/management`."),
    key("drift", Takes::Text, "What becomes of a change made elsewhere; otherwise `GROUP/drift`."),
    key("adopt", Takes::Text, "Whether others' resources are taken over; otherwise `GROUP/adopt`."),
    key("paused", Takes::Text, "Do nothing until further notice; otherwise `GROUP/paused`."),
    key(
        "sync-requested",
        Takes::Text,
        "A new value has it compared now; otherwise `GROUP/sync-requested-at`.",
    ),
];

static OWNERSHIP: &[Key] = &[
    required("label", Takes::Text, "Its key."),
    required("value", Takes::Text, "Its value."),
    key(
        "scoped",
        Takes::Map(&Takes::Text),
        "Labels that a resource in a scope has beside it. In their texts stand {operator-id}, \
         {owner-email}, {token}, {operator-namespace}, {name}, {namespace}, {api-version} and {kind}; one for which there is nothing leaves its \
         label out.",
    ),
    key(
        "identity",
        Takes::Table(IDENTITY),
        "What {operator-id} stands for, by which operators of one scope tell their resources from each other's.",
    ),
];

static IDENTITY: &[Key] = &[
    required(
        "label",
        Takes::Text,
        "Of the labels in `scoped` the one that is `{operator-id}`: without it, a resource \
         in a scope is another's.",
    ),
    required(
        "secret",
        Takes::Text,
        "Secret that holds it; `{release}` stands for RELEASE_NAME, otherwise the target's name.",
    ),
    required(
        "keys",
        Takes::Texts,
        "Keys in the Secret: it is what the first has that is there, or else written under the first.",
    ),
];

static CONNECTION: &[Key] = &[
    required("kind", Takes::Word(&WAYS), "The way in; the files below are for `grpc`, which is TLS."),
    required("address", Takes::Text, "`host:port`, where no flag says another."),
    key("ca-file", Takes::Text, "grpc: authorities of the server's certificate; otherwise the system's."),
    key("certificate-file", Takes::Text, "grpc: our certificate, with the chain behind it."),
    key("key-file", Takes::Text, "grpc: the certificate's private key."),
    key("token-file", Takes::Text, "grpc: a token that is sent with every call, as a bearer's."),
    key(
        "server-name",
        Takes::Text,
        "grpc: the name in the server's certificate; otherwise the address's host.",
    ),
];

static METADATA: &[Key] = &[
    required("name", Takes::Text, "Field of the name."),
    key("labels", Takes::Text, "Field of the labels, a map of strings."),
    key("description", Takes::Text, "Field of the description."),
    key("revision", Takes::Text, "Field of the revision."),
    key("expires", Takes::Text, "Field of the expiry."),
    key("namespace", Takes::Text, "Field of the namespace."),
];

static FEATURES: &[Key] = &[
    required("call", Takes::Texts, "Calls in order of preference, with an empty request."),
    key(
        "paths",
        Takes::Map(&Takes::Texts),
        "For each feature its places in order: the first that the answer has says whether it is on.",
    ),
    key("cluster", Takes::Text, "Where the answer names the cluster."),
    key("version", Takes::Text, "Where the answer gives the server's version."),
];

static WATCH: &[Key] = &[
    required("call", Takes::Text, "`package.Service/Method`, which answers with a stream of events."),
    key("request", Takes::Map(&Takes::Constant), "Constants for fields of the request."),
    key(
        "kinds",
        Takes::Text,
        "Where the request lists the kinds that are wanted: a way through one repeated field to a string; otherwise \
         the stream always has all.",
    ),
    key(
        "begun",
        Takes::Text,
        "Where the first event lists the kinds that are in the stream; otherwise all that were asked for.",
    ),
    key(
        "type",
        Takes::Table(EVENT_TYPE),
        "Where an event says what happened; otherwise what it holds says it.",
    ),
    key("deleted", Takes::Table(DELETED), "Where an event names a resource that is gone."),
];

static EVENT_TYPE: &[Key] = &[
    required("field", Takes::Text, "A string or an enum."),
    key(
        "begin",
        Takes::Texts,
        "Its values that begin the stream; otherwise it has begun when it is answered.",
    ),
    required("write", Takes::Texts, "Its values for a resource that was made or changed."),
    required("delete", Takes::Texts, "Its values for a resource that is gone."),
];

static DELETED: &[Key] = &[
    required("name", Takes::Text, "Its name."),
    key("kind", Takes::Text, "The stream's word for its kind; needed where the stream has several."),
];

static CODES: Takes = Takes::Map(&Takes::Word(&CLASSES));

static CLASSES: [&str; Class::NAMES.len()] = names(&Class::NAMES);
static WAYS: [&str; Way::NAMES.len()] = names(&Way::NAMES);
static OWNED_BY: [&str; OwnedBy::NAMES.len()] = names(&OwnedBy::NAMES);
static MANAGEMENT: [&str; Management::NAMES.len()] = names(&Management::NAMES);
static DRIFT: [&str; Drift::NAMES.len()] = names(&Drift::NAMES);
static ADOPT: [&str; Adopt::NAMES.len()] = names(&Adopt::NAMES);

/// The words of a table of words.
const fn names<T, const N: usize>(of: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut at = 0;
    while at < N {
        names[at] = of[at].0;
        at += 1;
    }
    names
}

static ERRORS: &[Key] = &[
    key("any", CODES, "For all operations."),
    key("get", CODES, "For reading one."),
    key("list", CODES, "For reading all."),
    key("create", CODES, "For creating."),
    key("update", CODES, "For replacing."),
    key("delete", CODES, "For deleting."),
];

static LIMITS: &[Key] = &[
    required("page-size", Takes::Whole, "Resources a page."),
    required("message-bytes", Takes::Whole, "Largest message that the server takes."),
    required("concurrent", Takes::Whole, "Calls in flight."),
    required("concurrent-kind", Takes::Whole, "Passes at a time of one kind."),
];

static CONDITIONS: &[Key] = &[
    required("decoded", Takes::Table(DECODED), "Whether the specification could be translated."),
    key(
        "scoped",
        Takes::Table(SCOPED),
        "Whether the object is in the operator's scope; for kinds with a `scope`.",
    ),
    required("owned", Takes::Table(OWNED), "Whether the resource is ours."),
    required("synced", Takes::Table(SYNCED), "Whether the last write went through."),
];

static DECODED: &[Key] = &[TYPE, TRUE, FALSE];
static OWNED: &[Key] = &[
    TYPE,
    TRUE,
    FALSE,
    required("new", Takes::Table(SAYS), "True: there was none before."),
    key("other", Takes::Table(SAYS), "False: it is another operator's; otherwise as false."),
    key(
        "recorded",
        Takes::Table(SAYS),
        "True: the object's status has the record of a write; otherwise as true.",
    ),
    key("claimed", Takes::Table(SAYS), "True: there is only one, and it is the object's; otherwise as true."),
];
static SCOPED: &[Key] = &[
    TYPE,
    TRUE,
    required("none", Takes::Table(SAYS), "True: neither the object nor the operator has a scope."),
    FALSE,
    required("object-only", Takes::Table(SAYS), "False: the object alone has a scope."),
    required("operator-only", Takes::Table(SAYS), "False: the operator alone has a scope."),
];
static SYNCED: &[Key] =
    &[TYPE, TRUE, FALSE, required("mutation", Takes::Table(SAYS), "False: no call could be made.")];

const TYPE: Key = required("type", Takes::Text, "The condition's type.");
const TRUE: Key = required("true", Takes::Table(SAYS), "What it says when true.");
const FALSE: Key = required("false", Takes::Table(SAYS), "What it says when false.");

static SAYS: &[Key] = &[
    required("reason", Takes::Text, "CamelCase reason."),
    required(
        "message",
        Takes::Text,
        "Text; {error} stands for the error's, {adopt} for the annotation that adopts, {scope} and {operator-scope} for \
         scopes that differ.",
    ),
];

static ACCESS: &[Key] = &[
    required("document", Takes::Any, "The role without its rules."),
    required("rules", Takes::Text, "JSONPath of its list of rules."),
    required("rule", Takes::Any, "A rule: {permission} and {verbs} stand for those of a resource."),
    required("verbs", Takes::Table(VERBS), "What a role must allow for each of the calls."),
    key("within", Takes::Text, "JSONPath of the table that selectors are put into."),
    key(
        "selectors",
        Takes::Map(&Takes::Any),
        "Selectors of all resources of a type, by the member that holds them.",
    ),
];

static SETUP: &[Key] = &[
    required(
        "documents",
        Takes::Any,
        "A list of documents of the target's own, created after the role. A text that is nothing but {role}, {name}, \
         {token}, {service-account} (`namespace:name`) or {way} stands for that.",
    ),
    required(
        "ways",
        Takes::Map(&Takes::Any),
        "What {way} stands for, by the word that people choose; {jwks} and {issuer} are the Kubernetes cluster's.",
    ),
];

static VERBS: &[Key] = &[
    key("get", Takes::Texts, "For reading one."),
    key("list", Takes::Texts, "For reading all."),
    key("create", Takes::Texts, "For creating."),
    key("update", Takes::Texts, "For replacing what is there."),
    key("upsert", Takes::Texts, "For creating or replacing."),
    key("delete", Takes::Texts, "For deleting."),
    key("watch", Takes::Texts, "For being told of changes."),
];

/// How types are written.
pub static TYPES: &[Key] = &[
    key("json", Takes::Table(JSON), "Whose JSON rules hold by package."),
    key("casttype", Takes::Map(&TYPE_RULE), "By gogoproto.casttype."),
    key("customtype", Takes::Map(&TYPE_RULE), "By gogoproto.customtype."),
    key("message", Takes::Map(&TYPE_RULE), "By message."),
    key("enum", Takes::Map(&TYPE_RULE), "By enum."),
    key("field", Takes::Map(&TYPE_RULE), "By field: `package.Message.field`."),
];

static JSON: &[Key] = &[key("go", Takes::Texts, "Packages whose messages Go's encoding/json reads.")];

static REPRS: [&str; repr::NAMES.len() + 1] = {
    let mut words = ["inline"; repr::NAMES.len() + 1];
    let mut at = 0;
    while at < repr::NAMES.len() {
        words[at] = repr::NAMES[at];
        at += 1;
    }
    words
};

static TYPE_RULE: Takes = Takes::Table(&[
    required("repr", Takes::Word(&REPRS), "A representation."),
    key("words", Takes::Map(&Takes::Whole), "enum-words: accepted strings."),
    key("bools", Takes::Map(&Takes::Whole), "enum-words: accepted booleans."),
    key("renumber", Takes::Map(&Takes::Whole), "enum-words: numbers that become other ones."),
    key("numbers", Takes::Flag, "enum-words: whether numbers are accepted; they are unless this is false."),
    key("print", Takes::Map(&Takes::Constant), "enum-words: what is written for a number."),
    key("fold", Takes::Word(&["case", "case-and-spaces"]), "enum-words: what is looked over in strings."),
    key("unknown", Takes::Word(&["warn"]), "An unknown word is the zero value, with a warning."),
]);
