//! Conditional deletion, which the inventory's API has: what was read is deleted, and nothing newer.
use std::sync::Arc;

use prost_reflect::{DynamicMessage, MapKey, Value};
use teleport_operator::cli::source::Given;
use teleport_operator::mapping::errors::Class;
use teleport_operator::sandbox::server::Sandbox;
use teleport_operator::target::call::Options;
use teleport_operator::target::client::Client;
use teleport_operator::target::connection::Plaintext;
use teleport_operator::target::gate::{Gate, Refusal, Write};
use teleport_operator::target::proof::{Owned, Vacant};
use tokio::net::TcpListener;

#[tokio::test]
async fn the_sandbox_deletes_only_what_was_read() {
    let given = Given { target: Some("examples/widgets".into()), ..Given::default() };
    let target = Arc::new(given.target().expect("the example is sound").0);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let connection = Plaintext::new(&listener.local_addr().expect("bound").to_string()).expect("an address");
    tokio::spawn(Sandbox::new(Arc::clone(&target)).serve(listener, std::future::pending()));
    let client = Client::new(&target, Arc::new(connection), Options::default());
    let gate = Gate::new(client.clone(), Arc::new(|| Ok(())));

    let kind = target.kinds.iter().find(|kind| kind.kubernetes.kind == "InventoryWidget").expect("mapped");
    let (resource, metadata) = (&kind.resource, &kind.resource.metadata);
    let mut widget = DynamicMessage::new(resource.message.clone());
    metadata.name.set(&mut widget, Value::String("drill".to_owned()));
    let mark = (target.ownership.label.clone(), target.ownership.value.clone());
    let labels = metadata.labels.as_ref().expect("widgets have labels");
    labels.set(&mut widget, Value::Map([(MapKey::String(mark.0), Value::String(mark.1))].into()));
    let write = |write| gate.write(kind, "default/drill", &[], write);
    let made = write(Write::Create(widget.clone(), Vacant::unread())).await.expect("creates").expect("tells");
    let proof = |live: &DynamicMessage| Owned::marked(&target.ownership, resource, live).expect("ours");
    let newer = write(Write::Update(widget, proof(&made))).await.expect("updates").expect("tells");
    match write(Write::Delete(proof(&made))).await {
        Err(Refusal::Target(error)) => assert_eq!(error.class, Class::Conflict, "{error}"),
        other => panic!("not the target's error: {other:?}"),
    }
    assert!(client.get(resource, "drill", None).await.expect("reads").is_some());
    write(Write::Delete(proof(&newer))).await.expect("deletes");
    assert_eq!(client.get(resource, "drill", None).await.expect("reads"), None);
}
