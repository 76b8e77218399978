//! A plan for people: every value that a mapping says or that was inferred, as one JSON value.
use prost_reflect::FieldDescriptor;
use serde_json::{Map, Value, json};

use super::plan::{
    Answer, Call, Calls, From, Kind, Many, Member, MessageShape, OwnedBy, Resource, Shape, ShapeId, Spec,
};
use super::policy::Named;
use super::repr::Form;

/// All of a kind's plan. Members stand by their JSON path.
pub fn explain(kind: &Kind) -> Value {
    let (kubernetes, resource) = (&kind.kubernetes, &kind.resource);
    let policies = &kind.sync.policies;
    let constants: Map<_, _> = kind.constants.iter().map(|c| (c.json.clone(), json!(c.value))).collect();
    json!({
        "kubernetes": {
            "group": kubernetes.group,
            "kind": kubernetes.kind,
            "plural": kubernetes.plural,
            "singular": kubernetes.singular,
            "short-names": kubernetes.short_names,
            "versions": kubernetes.versions,
            "columns": kubernetes.columns.iter().map(|c| json!({"name": c.name, "path": c.path})).collect::<Vec<_>>(),
            "name-rule": kubernetes.name_rule,
        },
        "resource": {
            "mapping": resource.name,
            "message": resource.message.full_name(),
            "constants": constants,
            "sub-kinds": sub_kinds(resource),
            "singleton": resource.singleton,
            "requires": resource.requires,
            "permission": resource.access.permission,
            "selector": resource.access.selector,
            "owned-by": OwnedBy::NAMES.iter().find(|(_, by)| *by == resource.owned_by).map(|(name, _)| name),
            "immutable": resource.immutable,
            "spec": spec(resource),
            "root": resource.root,
            "scope": resource.scope,
            "metadata": metadata(resource),
        },
        "rpc": calls(&resource.calls),
        "sync": {
            "management": policies.management.unwrap_or_default().word(),
            "drift": policies.drift.unwrap_or_default().word(),
            "adopt": policies.adopt.unwrap_or_default().word(),
            "concurrent": kind.sync.concurrent,
        },
        "watch": resource.watched.as_ref().map(|watched| json!({"kind": watched.word, "event": watched.event.to_string()})),
        "preserve": resource.preserve.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "members": members(resource),
    })
}

fn spec(resource: &Resource) -> Value {
    match &resource.spec {
        Spec::Member(name) => json!(format!("$.{name}")),
        Spec::Root(names) => names.iter().map(|name| format!("$.{name}")).collect(),
    }
}

fn sub_kinds(resource: &Resource) -> Value {
    let of = resource.sub_kinds.iter().flat_map(|sub_kinds| &sub_kinds.of);
    of.map(|(_, path, sub_kind)| (format!("$.{path}"), json!(sub_kind))).collect::<Map<_, _>>().into()
}

fn metadata(resource: &Resource) -> Value {
    let metadata = &resource.metadata;
    let optional = |path: &Option<_>| path.as_ref().map(|path: &crate::schema::FieldPath| path.to_string());
    json!({
        "name": metadata.name.to_string(),
        "labels": optional(&metadata.labels),
        "description": optional(&metadata.description),
        "revision": optional(&metadata.revision),
        "expires": optional(&metadata.expires),
        "namespace": metadata.namespace.as_ref().map(|(_, value)| value),
    })
}

fn calls(calls: &Calls) -> Value {
    let all = |calls: &[Call]| calls.iter().map(call).collect::<Vec<_>>();
    calls
        .by_name()
        .into_iter()
        .filter(|(_, calls)| !calls.is_empty())
        .map(|(name, calls)| (name.to_owned(), all(calls).into()))
        .collect::<Map<_, Value>>()
        .into()
}

fn call(call: &Call) -> Value {
    let request: Map<_, _> = call
        .request
        .iter()
        .map(|assign| {
            let to = if assign.to.is_empty() { "(the request)".to_owned() } else { assign.to.to_string() };
            let from = match &assign.from {
                From::Resource => "{resource}".to_owned(),
                From::Name => "{name}".to_owned(),
                From::Revision => "{revision}".to_owned(),
                From::Page => "{page}".to_owned(),
                From::PageSize => "{page-size}".to_owned(),
                From::Member(path) => format!("{{the resource's {path}}}"),
                From::Constant(value) => value.to_string(),
            };
            (to, json!(from))
        })
        .collect();
    let whole = |path: &crate::schema::FieldPath| match path.is_empty() {
        true => "(the answer)".to_owned(),
        false => path.to_string(),
    };
    let answer = match &call.answer {
        Answer::Nothing => Value::Null,
        Answer::Resource(path) => json!(whole(path)),
        Answer::Page { items, item, next } => {
            let item = if item.is_empty() { String::new() } else { format!(".{item}") };
            json!({"items": format!("{items}[]{item}"), "next": next.as_ref().map(ToString::to_string)})
        }
    };
    json!({
        "call": format!("{}/{}", call.method.parent_service().full_name(), call.method.name()),
        "request": request,
        "resource-in-answer": answer,
    })
}

fn members(resource: &Resource) -> Value {
    let mut lines = Map::new();
    let mut open = Vec::new();
    walk(resource, resource.shapes.root(), ShapeId(0), "$", &mut open, &mut lines);
    lines.into()
}

fn walk(
    resource: &Resource,
    shape: &MessageShape,
    id: ShapeId,
    at: &str,
    open: &mut Vec<ShapeId>,
    lines: &mut Map<String, Value>,
) {
    open.push(id);
    for member in &shape.members {
        let each = if member.many == Many::One { "" } else { "[*]" };
        let path = format!("{at}.{}{each}", member.json);
        lines.insert(path.clone(), line(member).into());
        if let Shape::Message(below) = member.value
            && !member.rules.omit
            && !open.contains(&below)
        {
            walk(resource, resource.shapes.get(below), below, &path, open, lines);
        }
    }
    open.pop();
}

fn line(member: &Member) -> String {
    let what = match &member.value {
        Shape::Message(_) => kind_name(&member.field),
        Shape::Repr(repr) => match &repr.form {
            Form::Plain(_) | Form::Time(_) => kind_name(&member.field),
            form => form.name().to_owned(),
        },
    };
    let rules = [
        ("omit", member.rules.omit),
        ("secret", member.rules.secret),
        ("present", member.rules.present),
        ("server", member.rules.server),
        ("fixed", member.rules.fixed),
    ];
    let rules =
        rules.iter().filter(|(_, holds)| *holds).map(|(name, _)| format!(", {name}")).collect::<String>();
    format!("{what}, field {}{rules}", member.path)
}

fn kind_name(field: &FieldDescriptor) -> String {
    use prost_reflect::Kind;
    match field.kind() {
        Kind::Message(message) if field.is_map() => {
            let value = message.map_entry_value_field();
            format!("map of {}", kind_name(&value))
        }
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(found) => found.full_name().to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}
