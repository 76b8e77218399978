//! The page of one Kubernetes kind.
use crate::diagnostic::Source;
use crate::mapping::plan::{Call, Kind, OwnedBy, Target};

use super::fields::{Fields, NEWER, SERVER, fields};
use super::{GENERATED, Observed, Younger, code, codes, fenced, table};

/// The page of a kind. `mapping` is the file that it comes from, `example` a manifest, `younger` what an older interface
/// lacks, `observed` what the types of that interface make of what is left out; what is absent is left out.
pub fn page(
    target: &Target,
    kind: &Kind,
    mapping: Option<&Source>,
    example: Option<&str>,
    younger: &Younger,
    observed: &Observed,
) -> String {
    let mut page = format!("{GENERATED}# {}\n\n", kind.kubernetes.kind);
    page += &introduction(target, kind, younger);
    page += &table(["", ""], &facts(target, kind, mapping));
    if let Some(example) = example {
        page += &format!("## Example\n\n{}", fenced("yaml", example));
    }
    page += &format!(
        "## Calls\n\nWhere there are several, the next is tried when the server has none of that name.\n\n{}",
        calls(kind)
    );
    page += &specification(kind, &fields(&kind.resource, younger), younger, observed);
    page
}

fn introduction(target: &Target, kind: &Kind, younger: &Younger) -> String {
    let resource = &kind.resource;
    let constants: Vec<String> =
        kind.constants.iter().map(|constant| format!("{} `{}`", constant.json, constant.value)).collect();
    let mut text = format!(
        "Stands for a resource of {} with {} (message `{}`).\n",
        target.name,
        constants.join(", "),
        resource.message.full_name()
    );
    if let Some(sub_kinds) = &resource.sub_kinds {
        let follows = sub_kinds.of.iter().map(|(_, path, sub_kind)| format!("`{sub_kind}` for `{path}`"));
        let follows: Vec<_> = follows.collect();
        text += &format!(
            "Its {} follows from which of these is given: {}.\n",
            sub_kinds.json,
            follows.join(", ")
        );
    }
    if let Some(name) = &resource.singleton {
        text += &format!("There is only one, and it is named `{name}`.\n");
    }
    text += match resource.owned_by {
        OwnedBy::Mark => "",
        OwnedBy::Object => {
            "It keeps no mark of its owner: the object takes it as it is, whoever wrote it before.\n"
        }
        OwnedBy::Record => {
            "It has no labels, and so no place for a mark of its owner: it is the operator's while the status of its \
             object has the record of a write. One that was there before, or whose record was lost (an object that was \
             restored without its status, or a create whose answer never came), is refused until the \
             [policy](../policies.md) `adopt` says otherwise. Labels stay with the object.\n"
        }
    };
    if resource.immutable {
        text += "The API has no call that changes one: Kubernetes refuses a change of the specification, and the object \
                 says so where the resource differs otherwise. To change it, delete the object and make another one; in \
                 between there is no such resource.\n";
    }
    if younger.has(&resource.message) {
        text += &format!(
            "Version {} of the interface does not have it yet: it takes a newer server.\n",
            younger.version
        );
    }
    text += "\n";
    text
}

fn facts(target: &Target, kind: &Kind, mapping: Option<&Source>) -> Vec<[String; 2]> {
    let (kubernetes, resource) = (&kind.kubernetes, &kind.resource);
    let row = |name: &str, value: String| [name.to_owned(), value];
    let versions: Vec<String> =
        kubernetes.versions.iter().map(|version| format!("{}/{version}", kubernetes.group)).collect();
    let names = [&kubernetes.plural, &kubernetes.singular].into_iter().chain(&kubernetes.short_names);
    let mut rows = vec![row("API versions", codes(&versions)), row("Names for kubectl", codes(names))];
    if !resource.requires.is_empty() {
        rows.push(row("The server must have", codes(&resource.requires).replace(", ", " or ")));
    }
    if let Some(scope) = &resource.scope {
        let text = format!("only by an operator of the scope that `{scope}` names");
        rows.push(row("Synced", text));
    }
    rows.push(row("Deleting it", deleting(&resource.calls.delete)));
    if target.role.is_some() {
        let access = &resource.access;
        let selector = access.selector.as_ref().map(|name| format!(", and `{name}`")).unwrap_or_default();
        rows.push(row("In the operator's role", format!("a rule for `{}`{selector}", access.permission)));
    }
    rows.extend(mapping.map(|mapping| row("Mapping", code(&mapping.name))));
    rows
}

/// What becomes of the resource when the object is deleted.
pub(super) fn deleting(calls: &[Call]) -> String {
    match calls.first() {
        Some(call) => format!("calls `{}`", call.method.name()),
        None => "leaves the resource".to_owned(),
    }
}

fn calls(kind: &Kind) -> String {
    let full = |call: &Call| format!("{}/{}", call.method.parent_service().full_name(), call.method.name());
    let rows: Vec<[String; 2]> = kind
        .resource
        .calls
        .by_name()
        .into_iter()
        .filter(|(_, calls)| !calls.is_empty())
        .map(|(name, calls)| [name.to_owned(), codes(&calls.iter().map(full).collect::<Vec<_>>())])
        .collect();
    table(["To", "Call"], &rows)
}

fn specification(kind: &Kind, fields: &Fields, younger: &Younger, observed: &Observed) -> String {
    let mut text = "## Fields\n\n".to_owned();
    if fields.rows.iter().any(|[.., notes]| notes.contains(NEWER)) {
        text += &format!(
            "What is called *newer* came after version {} of the interface: a server of that version drops it.\n\n",
            younger.version
        );
    }
    text += &match observed.has(kind) {
        true => with_defaults(kind, fields, younger, observed),
        false => table(["Path", "Type", "Takes", "Notes"], &fields.rows),
    };
    if !fields.omitted.is_empty() {
        text += "These fields of the resource are no part of the custom resource:\n\n";
        for (path, is_kept) in &fields.omitted {
            let kept = if *is_kept { " (an update keeps what the server has)" } else { "" };
            text += &format!("- `{path}`{kept}\n");
        }
        text += "\n";
    }
    text.trim_end().to_owned() + "\n"
}

/// The fields with what they are when they are left out. What the server writes itself has no default.
fn with_defaults(kind: &Kind, fields: &Fields, younger: &Younger, observed: &Observed) -> String {
    let paths: Vec<String> = fields.rows.iter().map(|[path, ..]| path.replace('`', "")).collect();
    let defaults = observed.defaults(kind, &paths);
    let row = |([path, type_, takes, notes], name): (&[String; 4], &String)| {
        let default = defaults.get(name).filter(|_| !notes.contains(SERVER)).cloned().unwrap_or_default();
        [path.clone(), type_.clone(), takes.clone(), default, notes.clone()]
    };
    let rows: Vec<_> = fields.rows.iter().zip(&paths).map(row).collect();
    let text = format!(
        "A default is what the types of version {} of the interface make of a field that is left out; a server may have \
         defaults of its own.\n\n",
        younger.version
    );
    text + &table(["Path", "Type", "Takes", "Default", "Notes"], &rows)
}
