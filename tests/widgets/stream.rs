//! The inventory's stream of events, whose shape is another one than Teleport's: no kinds to choose, no type, and the bare
//! id of what is gone.
use std::collections::BTreeSet;
use std::sync::Arc;

use teleport_operator::cli::source::Given;
use teleport_operator::mapping::plan::Resource;
use teleport_operator::target::call::Options;
use teleport_operator::target::client::Client;
use teleport_operator::target::connection::Plaintext;
use teleport_operator::target::stream::Event;

use crate::inventory::{Guard, ObjectInfo, Widget, WidgetSpec};
use crate::workshop::Workshop;

fn widget(id: &str) -> Widget {
    let info = ObjectInfo { id: id.to_owned(), ..ObjectInfo::default() };
    let spec = WidgetSpec { title: "A thing".to_owned(), ..WidgetSpec::default() };
    Widget { info: Some(info), spec: Some(spec), status: None }
}

#[test]
fn what_happens_to_a_widget_is_told() {
    let given = Given { target: Some("examples/widgets".into()), ..Given::default() };
    let target = given.target().expect("the example is sound").0;
    let resources: Vec<Arc<Resource>> = target.kinds.iter().map(|kind| Arc::clone(&kind.resource)).collect();
    let workshop = Workshop::start(Guard::default());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _within = runtime.enter();
    let connection = Plaintext::new(workshop.address()).expect("an address");
    let client = Client::new(&target, Arc::new(connection), Options::default());
    let mut events = runtime.block_on(client.events(&resources)).expect("it opens");
    let mut next = || runtime.block_on(events.next()).expect("it goes on").expect("an event");
    assert!(matches!(next(), Event::Begun(None)));
    workshop.create(widget("vise"));
    workshop.change("vise", |widget| widget.spec.get_or_insert_default().count = 2);
    workshop.delete("vise");
    let mut revisions = BTreeSet::new();
    for _ in 0..2 {
        let Event::Written(found, live) = next() else { panic!("it was written") };
        assert_eq!(found.iter().map(|resource| &*resource.name).collect::<Vec<_>>(), ["widget"]);
        assert_eq!(found[0].metadata.name.text(&live), "vise");
        revisions.insert(found[0].metadata.revision.as_ref().expect("it has one").text(&live));
    }
    assert_eq!(revisions.len(), 2);
    assert!(matches!(next(), Event::Deleted(_, name) if name == "vise"));
}
