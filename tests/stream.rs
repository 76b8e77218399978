//! What events say, by the plan alone: events of the embedded target as its server sends them, and of another target
//! whose events have no type.
use std::sync::Arc;

use prost_reflect::{DynamicMessage, MessageDescriptor, Value};
use teleport_operator::cli::source::Given;
use teleport_operator::mapping;
use teleport_operator::mapping::plan::{Resource, Target};
use teleport_operator::target::stream::{Event, read};

fn resources(target: &Target) -> Vec<Arc<Resource>> {
    let mut found: Vec<Arc<Resource>> = Vec::new();
    for kind in &target.kinds {
        if kind.resource.watched.is_some() && !found.iter().any(|other| Arc::ptr_eq(other, &kind.resource)) {
            found.push(Arc::clone(&kind.resource));
        }
    }
    found
}

/// An event in text format.
fn event(descriptor: &MessageDescriptor, text: &str) -> DynamicMessage {
    DynamicMessage::parse_text_format(descriptor.clone(), text).expect("an event")
}

/// What an event says, in short.
fn said(target: &Target, text: &str) -> String {
    let stream = target.stream.as_ref().expect("it has a stream");
    match read(stream, &resources(target), &event(&stream.method.output(), text)) {
        Event::Begun(kinds) => format!("begun {kinds:?}"),
        Event::Written(found, live) => {
            let names = found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(" or ");
            format!("written {names} {}", found[0].metadata.name.text(&live))
        }
        Event::Deleted(found, name) => {
            let names = found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(" or ");
            format!("deleted {names} {name}")
        }
        Event::Other => "nothing".to_owned(),
    }
}

#[test]
fn events_with_a_type_say_what_happened_to_what() {
    let target = mapping::embedded().expect("the embedded mappings are sound");
    for (text, expected) in [
        ("Type: INIT", "begun Some({})"),
        (
            r#"WatchStatus { Spec { Kinds { Kind: "role" } Kinds { Kind: "user" } } }"#,
            r#"begun Some({"role", "user"})"#,
        ),
        (r#"Type: PUT Role { Kind: "role" Metadata { Name: "dev" } }"#, "written role dev"),
        (
            r#"Type: PUT Server { Kind: "node" SubKind: "teleport" Metadata { Name: "n" } }"#,
            "written node-openssh-ec2-ice or node-openssh n",
        ),
        (r#"Type: PUT Server { Kind: "git_server" Metadata { Name: "g" } }"#, "written git_server g"),
        (r#"Type: PUT Server { Kind: "proxy" Metadata { Name: "p" } }"#, "nothing"),
        (r#"Type: PUT AppServer { Kind: "app_server" }"#, "nothing"),
        ("Type: PUT", "nothing"),
        (r#"Type: DELETE ResourceHeader { Kind: "role" Metadata { Name: "dev" } }"#, "deleted role dev"),
        (r#"Type: DELETE ResourceHeader { Kind: "namespace" Metadata { Name: "x" } }"#, "nothing"),
        (r#"Type: DELETE User { Kind: "user" Metadata { Name: "bob" } }"#, "deleted user bob"),
        (r#"Type: 7 Role { Kind: "role" Metadata { Name: "dev" } }"#, "nothing"),
    ] {
        let said = said(&target, text);
        let sorted = |text: &str| {
            let mut words: Vec<_> = text.split(' ').map(str::to_owned).collect();
            words.sort();
            words
        };
        assert_eq!(sorted(&said), sorted(expected), "{text}");
    }
}

#[test]
fn events_without_a_type_say_it_by_what_they_hold() {
    let given = Given { target: Some("examples/widgets".into()), ..Given::default() };
    let target = given.target().expect("the example is sound").0;
    for (text, expected) in [
        (r#"written { info { id: "drill" } }"#, "written widget drill"),
        (r#"deleted_id: "drill""#, "deleted widget drill"),
        ("", "nothing"),
    ] {
        assert_eq!(said(&target, text), expected, "{text}");
    }
}

/// Every mapping that says so is in the stream, under a word of its own but for those that share a message and a kind.
#[test]
fn most_kinds_are_in_the_embedded_stream() {
    let target = mapping::embedded().expect("the embedded mappings are sound");
    let watched = resources(&target);
    assert!(watched.len() >= 29, "{}", watched.len());
    let stream = target.stream.as_ref().expect("it has a stream");
    for resource in watched {
        let event = &resource.watched.as_ref().expect("it is watched").event;
        let mut message = DynamicMessage::new(stream.method.output());
        event.set(&mut message, Value::Message(DynamicMessage::new(resource.message.clone())));
        assert!(event.message(&message).is_some(), "{}", resource.name);
    }
}
