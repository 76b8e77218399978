//! Every JSON form, value by value: what the official types (Teleport API 18.0.0-dev) were seen to accept, to refuse and to
//! print. `tests/probes.json` holds what was seen; the tables here say where such a value stands and what we do otherwise.
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use teleport_operator::diagnostic::{Diagnostic, refused};
use teleport_operator::mapping::embedded;
use teleport_operator::mapping::plan::Target;
use teleport_operator::translate::{Desired, desired, print};

/// Where a value of an official type stands in a custom resource.
const PLACES: [(&str, &str, &str); 24] = [
    ("wrappers.Strings", "TeleportRoleV7", "/spec/allow/node_labels/env"),
    ("types.Labels", "TeleportRoleV7", "/spec/allow/node_labels"),
    ("wrappers.Traits", "TeleportUser", "/spec/traits"),
    ("trait.Traits", "TeleportAccessList", "/spec/grants/traits"),
    ("types.Bool", "TeleportRoleV7", "/spec/options/forward_agent"),
    ("*types.BoolOption", "TeleportRoleV7", "/spec/options/port_forwarding"),
    ("types.Duration", "TeleportRoleV7", "/spec/options/max_session_ttl"),
    ("time.Duration", "TeleportRoleV7", "/spec/options/mfa_verification_interval"),
    ("time.Time", "TeleportAccessList", "/spec/audit/next_audit_date"),
    ("types.CreateHostUserMode", "TeleportRoleV7", "/spec/options/create_host_user_mode"),
    ("types.CreateDatabaseUserMode", "TeleportRoleV7", "/spec/options/create_db_user_mode"),
    ("types.RequireMFAType", "TeleportRoleV7", "/spec/options/require_session_mfa"),
    ("types.CertExtensionType", "TeleportRoleV7", "/spec/options/cert_extensions/0/type"),
    ("types.CertExtensionMode", "TeleportRoleV7", "/spec/options/cert_extensions/0/mode"),
    ("int32", "TeleportRoleV7", "/spec/allow/require_session_join/0/count"),
    ("uint32", "TeleportRoleV7", "/spec/allow/request/thresholds/0/approve"),
    ("int64", "TeleportRoleV7", "/spec/options/max_sessions"),
    ("string", "TeleportRoleV7", "/spec/options/lock"),
    ("accesslist.Audit", "TeleportAccessList", "/spec/audit"),
    ("accesslist.Recurrence", "TeleportAccessList", "/spec/audit/recurrence"),
    ("accesslist.Notifications", "TeleportAccessList", "/spec/audit/notifications"),
    ("accesslist.Owner", "TeleportAccessList", "/spec/owners/0"),
    ("kinds.LoginRuleSpec", "TeleportLoginRule", "/spec"),
    ("types.ProvisionTokenSpecV2 (kubernetes)", "TeleportProvisionToken", "/spec"),
];

/// Those that are read by protobuf's rules.
const PROTO_PLACES: [(&str, &str, &str); 2] = [
    ("teleport.machineid.v1.BotSpec (protojson, unknown fields discarded)", "TeleportBotV1", "/spec"),
    ("teleport.autoupdate.v1.AutoUpdateConfigSpec (protojson)", "TeleportAutoupdateConfigV1", "/spec"),
];

/// What we refuse though the official decoder takes it.
fn refused_here() -> Vec<(&'static str, Json)> {
    let half = |name| (name, json!(1.5));
    vec![
        // Cut off to 1 there, refused by the official operator, which decodes with the converter of Kubernetes.
        half("types.CreateHostUserMode"),
        half("types.CreateDatabaseUserMode"),
        half("types.RequireMFAType"),
        // Its own code forgets to look for unknown members.
        ("accesslist.Audit", json!({ "bogus": 1 })),
        ("accesslist.Audit", json!({ "recurrence": { "bogus": 1 } })),
        // A date-time in the CRD, so that no such text gets as far as the decoder.
        ("accesslist.Audit", json!({ "next_audit_date": "" })),
    ]
}

/// What we take though the official decoder refuses it.
fn accepted_here() -> Vec<(&'static str, Json)> {
    vec![
        // Nothing is said, so nothing can be wrong with it: the server chooses.
        ("accesslist.Notifications", json!({})),
        ("accesslist.Notifications", json!(null)),
    ]
}

/// What we print otherwise.
fn printed_here(given: &Json) -> Option<Json> {
    // Times go through the wire, which keeps no zone.
    let zoned = (json!("2030-01-02T03:04:05.123456789+02:00"), json!("2030-01-02T01:04:05.123456789Z"));
    // A field that the interface has got since.
    let younger = (json!({ "max_session_ttl": "3600s" }), json!({ "max_session_ttl": "3600s" }));
    [zoned, younger].into_iter().find(|(other, _)| other == given).map(|(_, printed)| printed)
}

#[test]
fn values_are_read_and_printed_as_the_official_types_do() {
    let target = embedded().unwrap();
    let probes: BTreeMap<String, Vec<Json>> = serde_json::from_str(include_str!("probes.json")).unwrap();
    let (mut seen, mut wrong) = (0, Vec::new());
    for (name, kind, place) in PLACES.iter().chain(&PROTO_PLACES) {
        for probe in &probes[*name] {
            seen += 1;
            let given = &probe["given"];
            let expected = match probe.get("printed") {
                _ if refused_here().contains(&(name, given.clone())) => None,
                None if accepted_here().contains(&(name, given.clone())) => Some(Json::Null),
                printed => printed.map(|printed| printed_here(given).unwrap_or_else(|| printed.clone())),
            };
            let found = turn(&target, kind, place, given);
            if expected.as_ref().map(without_zero) != found.as_ref().map(without_zero) {
                wrong.push(format!("{name}: {given} is {found:?}, not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{seen} values of {} types", PLACES.len() + PROTO_PLACES.len());
    assert!(seen > 300, "{seen}");
}

/// What a value at a place is printed as; null where nothing is, none where it is refused there or below.
fn turn(target: &Target, kind: &str, place: &str, given: &Json) -> Option<Json> {
    let kind = target.kinds.iter().find(|found| found.kubernetes.kind == kind).unwrap();
    let name = kind.resource.singleton.as_deref().unwrap_or("x");
    let mut manifest = nested(place, given.clone());
    manifest["metadata"] = json!({ "name": name });
    let Desired { message, diagnostics, .. } = desired(kind, &target.words, &target.ownership, &manifest);
    if refused(&diagnostics) {
        assert_places(&diagnostics, place);
        return None;
    }
    // Fields that stand at the root of the resource are printed there.
    let printed = print::resource(kind, &message);
    let at_root = printed.get("spec").is_none();
    let place = if at_root { place.trim_start_matches("/spec") } else { place };
    let mut found = printed.pointer(place).cloned().unwrap_or_default();
    if let (true, Json::Object(members)) = (at_root, &mut found) {
        members.retain(|member, _| !["kind", "version", "metadata"].contains(&member.as_str()));
    }
    Some(found)
}

fn nested(place: &str, value: Json) -> Json {
    place.rsplit('/').filter(|step| !step.is_empty()).fold(value, |inner, step| match step.parse::<usize>() {
        Ok(_) => json!([inner]),
        Err(_) => json!({ step: inner }),
    })
}

/// All errors are at the place or below it.
fn assert_places(diagnostics: &[Diagnostic], place: &str) {
    let dotted = place.trim_start_matches('/').replace("/0", "[0]").replace('/', ".");
    for diagnostic in diagnostics {
        let path = diagnostic.path.as_deref().unwrap_or_default();
        assert!(path.starts_with(&dotted), "{path} is not below {dotted}");
    }
}

/// What is not set is not printed here, and is printed as null or zero there.
fn without_zero(json: &Json) -> Json {
    let is_zero = |json: &Json| {
        [
            json!(null),
            json!(false),
            json!(0),
            json!(""),
            json!("0s"),
            json!("0001-01-01T00:00:00Z"),
            json!({}),
            json!([]),
        ]
        .contains(json)
    };
    let kept = match json {
        Json::Object(members) => {
            let kept = members.iter().map(|(key, value)| (key.clone(), without_zero(value)));
            Json::Object(kept.filter(|(_, value)| !is_zero(value)).collect::<Map<_, _>>())
        }
        Json::Array(items) => Json::Array(items.iter().map(without_zero).collect()),
        other => other.clone(),
    };
    if is_zero(&kept) { Json::Null } else { kept }
}
