//! Writes hit the object that was read and nothing else; Secrets are read only with leave; errors say what is wrong.
use std::time::Duration;

use kube::{Client, Config, api::ApiResource, config::KubeConfigOptions};
use serde_json::{Value, json};
use teleport_operator::kube::{
    call::Outcome,
    crds,
    errors::Class,
    events::{EventType, Events, Note},
    finalizer,
    object::{self, Object},
    secrets::{self, Lookup, Refused},
    status::{self, Condition, Time},
    watch::{Event, Lists},
};
use tokio::time::timeout;

use crate::{
    corner::{Corner, PATIENCE},
    line::Line,
    watches::Reader,
};

#[tokio::test(flavor = "multi_thread")]
async fn definitions_are_installed_found_and_refused_with_the_reason() {
    let corner = Corner::new("definitions").await;
    let wanted = [corner.resource.clone()];
    assert_eq!(crds::served(&corner.client, &wanted).await.unwrap(), []);
    corner.install().await;
    corner.install().await;
    assert_eq!(crds::served(&corner.client, &wanted).await.unwrap(), wanted);
    let other = ApiResource {
        version: "v9".to_owned(),
        api_version: "example.dev/v9".to_owned(),
        ..wanted[0].clone()
    };
    assert_eq!(crds::served(&corner.client, &[other]).await.unwrap(), []);

    let mut clash = corner.definition();
    clash["metadata"]["name"] = json!("others.example.dev");
    clash["spec"]["names"]["plural"] = json!("others");
    let refused = crds::install(&corner.client, &[clash], "test", Duration::from_secs(2)).await.unwrap_err();
    assert!(refused.to_string().contains("is already in use"), "{refused}");

    let mut broken = corner.definition();
    broken["spec"]["scope"] = json!("Galactic");
    let refused = crds::install(&corner.client, &[broken], "test", PATIENCE).await.unwrap_err();
    assert!(
        matches!(&refused, crds::Failure::Kubernetes(error) if error.class == Class::Invalid),
        "{refused}"
    );
}

fn done(outcome: Outcome<Object>) -> Object {
    match outcome {
        Outcome::Done(object) => object,
        refused => panic!("not written: {refused:?}"),
    }
}

fn condition(kind: &str, value: &str) -> Condition {
    Condition {
        type_: kind.to_owned(),
        status: value.to_owned(),
        reason: "Reason".to_owned(),
        message: "Message.".to_owned(),
        observed_generation: Some(1),
        last_transition_time: Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_patch_keeps_what_is_not_ours_and_never_hits_a_successor() {
    let corner = Corner::with_kind("statuses").await;
    corner.apply("a", &json!({"spec": {"n": 1}}));
    let first = corner.get("a").await.unwrap();
    let theirs = json!({"conditions": [condition("Theirs", "True")], "theirs": 7});
    let object = done(corner.patch_status(&first, theirs).await);
    assert_eq!(object.generation(), 1);

    let old = status::read(&object.status());
    let now = k8s_openapi::jiff::Timestamp::now();
    let merged = status::merge(&old, vec![condition("Ready", "False")], now);
    assert!(status::changed(&old, &merged));
    let ours = json!({"conditions": merged, "record": "x"});
    let written = done(corner.patch_status(&object, ours.clone()).await);
    assert_eq!((&written.status()["theirs"], &written.status()["record"]), (&json!(7), &json!("x")));
    let read = status::read(&written.status());
    assert_eq!(read, merged);
    let again = status::merge(&read, vec![condition("Ready", "False")], k8s_openapi::jiff::Timestamp::now());
    assert!(!status::changed(&read, &again), "what was read back is what was written");
    let patches = corner.requests("PATCH");
    let same = done(corner.patch_status(&written, ours.clone()).await);
    assert_eq!(same.resource_version(), written.resource_version());
    assert_eq!(corner.requests("PATCH"), patches, "what changes nothing is not sent");

    // Somebody wrote one of these members since: refused. Another one, or an edit of the spec: no matter.
    assert!(matches!(corner.patch_status(&object, ours).await, Outcome::Conflict));
    corner.apply("a", &json!({"spec": {"n": 2}}));
    let written = done(corner.patch_status(&written, json!({"record": null, "more": {"x": 1}})).await);
    assert_eq!((written.status().get("record"), written.generation()), (None, 2));
    assert_eq!(written.status()["more"], json!({"x": 1}));

    corner.delete("a");
    assert!(matches!(corner.patch_status(&first, json!({"record": "y"})).await, Outcome::Gone));
    corner.apply("a", &json!({"spec": {"n": 1}}));
    assert!(matches!(corner.patch_status(&first, json!({"record": "y"})).await, Outcome::Conflict));
    assert_eq!(corner.get("a").await.unwrap().status(), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn finalizers_of_others_are_never_touched() {
    let corner = Corner::with_kind("finalizers").await;
    let (client, resource) = (&corner.client, &corner.resource);
    corner.apply("a", &json!({}));
    let bare = corner.get("a").await.unwrap();
    let ours = done(finalizer::add(client, resource, &bare, "x.dev/ours").await.unwrap());
    assert_eq!(ours.finalizers(), ["x.dev/ours"]);
    let again = finalizer::add(client, resource, &ours, "x.dev/ours").await.unwrap();
    assert!(matches!(again, Outcome::Done(object) if object.resource_version() == ours.resource_version()));
    // Read before ours was there, and again before theirs was.
    let stale = finalizer::add(client, resource, &bare, "x.dev/theirs").await.unwrap();
    assert!(matches!(stale, Outcome::Conflict), "{stale:?}");
    let both = done(finalizer::add(client, resource, &ours, "x.dev/theirs").await.unwrap());
    assert_eq!(both.finalizers(), ["x.dev/ours", "x.dev/theirs"]);
    let theirs = done(finalizer::remove(client, resource, &both, "x.dev/ours").await.unwrap());
    assert_eq!(theirs.finalizers(), ["x.dev/theirs"]);
    let stale = finalizer::remove(client, resource, &both, "x.dev/ours").await.unwrap();
    assert!(matches!(stale, Outcome::Conflict), "{stale:?}");

    corner.delete("a");
    assert!(corner.get("a").await.unwrap().is_deleting());
    let refused = finalizer::add(client, resource, &theirs, "x.dev/ours").await.unwrap();
    assert!(matches!(refused, Outcome::Conflict), "none is added to what is being deleted: {refused:?}");
    let last = finalizer::remove(client, resource, &theirs, "x.dev/theirs").await.unwrap();
    assert!(matches!(last, Outcome::Done(_)), "{last:?}");
    assert!(corner.get("a").await.is_none());
    let gone = finalizer::remove(client, resource, &theirs, "x.dev/theirs").await.unwrap();
    assert!(matches!(gone, Outcome::Gone), "{gone:?}");
    corner.apply(
        "a",
        &json!({"metadata": {
            "name": "a", "namespace": corner.name, "finalizers": ["x.dev/theirs"],
        }}),
    );
    let successor = finalizer::remove(client, resource, &theirs, "x.dev/theirs").await.unwrap();
    assert!(matches!(successor, Outcome::Conflict), "{successor:?}");
    corner.kubernetes.kubectl(&[
        "patch",
        "-n",
        corner.name,
        corner.name,
        "a",
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":null}}"#,
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_read_only_with_its_permission_and_watched_without_its_value() {
    let corner = Corner::new("secrets-test").await;
    let lookup =
        Lookup { namespace: corner.name, secret: "s", key: "k", annotation: "x.dev/allow", reader: "cr" };
    let mut events = Reader::new(secrets::watch(&corner.client, Some(corner.name), Lists::Streaming));
    assert_eq!(events.list(|version| version.name.clone()).await.len(), 0);
    let missing = secrets::read(&corner.client, &lookup).await.unwrap_err();
    assert_eq!(missing, Refused::Missing("s".to_owned()));

    corner.kubernetes.kubectl(&[
        "create",
        "secret",
        "generic",
        "-n",
        corner.name,
        "s",
        "--from-literal=k=hunter2",
    ]);
    let Event::Applied(created) = events.next().await else { panic!("no Secret seen") };
    assert_eq!((created.namespace.as_str(), created.name.as_str()), (corner.name, "s"));
    let refused = secrets::read(&corner.client, &lookup).await.unwrap_err();
    assert_eq!(refused.to_string(), r#"secret "s" doesn't have the "x.dev/allow" annotation"#);
    corner.kubernetes.kubectl(&["annotate", "secret", "-n", corner.name, "s", "x.dev/allow=other, cr"]);
    let Event::Applied(annotated) = events.next().await else { panic!("no change seen") };
    let found = secrets::read(&corner.client, &lookup).await.unwrap();
    assert_eq!((&*found.value, found.resource_version), ("hunter2", annotated.resource_version));
    let other = Lookup { reader: "third", ..lookup };
    assert!(matches!(secrets::read(&corner.client, &other).await, Err(Refused::NotListed { .. })));
    let key = Lookup { key: "none", ..lookup };
    assert!(matches!(secrets::read(&corner.client, &key).await, Err(Refused::NoKey { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_events_are_counted() {
    let corner = Corner::with_kind("told").await;
    corner.apply("a", &json!({}));
    let object = corner.get("a").await.unwrap();
    let (events, task) = Events::start(corner.client.clone(), "x.dev/operator", "pod-0");
    let note = Note {
        kind: EventType::Warning,
        reason: "SyncFailed".to_owned(),
        action: "Sync".to_owned(),
        note: "role x is not found".to_owned(),
    };
    for _ in 0..3 {
        events.tell(&corner.resource, &object, note.clone());
    }
    drop(events);
    timeout(PATIENCE, task).await.expect("the queue drains").unwrap();
    let list = corner.kubernetes.kubectl(&["get", "events.events.k8s.io", "-n", corner.name, "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let [event] = list["items"].as_array().unwrap().as_slice() else { panic!("not one event: {list}") };
    assert_eq!(event["series"]["count"], 3);
    assert_eq!(event["regarding"]["uid"], object.uid());
    assert_eq!((&event["reason"], &event["type"]), (&json!("SyncFailed"), &json!("Warning")));
    assert_eq!(event["note"], "role x is not found");
    assert_eq!(event["reportingController"], "x.dev/operator");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_who_may_not_do_what_and_what_can_not_be_reached() {
    let corner = Corner::with_kind("refusals").await;
    let kubeconfig = kube::config::Kubeconfig::read_from(corner.kubernetes.kubeconfig()).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.auth_info.impersonate = Some("nobody".to_owned());
    let client = Client::try_from(config).unwrap();
    let error = object::get(&client, &corner.resource, corner.name, "a").await.unwrap_err();
    assert_eq!(error.class, Class::Forbidden);
    assert!(error.to_string().contains("User \"nobody\" cannot get resource \"refusals\""), "{error}");

    let line = Line::to(&corner.kubernetes).await;
    line.close();
    let error = object::get(&line.client(), &corner.resource, corner.name, "a").await.unwrap_err();
    assert_eq!(error.class, Class::Unavailable, "{error}");
}
