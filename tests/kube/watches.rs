//! Watches see all there is and every change, however the server and the line to it behave.
use std::{collections::BTreeSet, pin::Pin, time::Duration};

use futures::{Stream, StreamExt};
use kube::api::{ApiResource, DynamicObject, PostParams};
use serde_json::json;
use teleport_operator::kube::{
    connect,
    errors::Class,
    watch::{self, Event, Lists},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{Instant, timeout},
};

use crate::{
    corner::{Corner, PATIENCE},
    line::Line,
};

/// A watch read one event at a time.
pub struct Reader<T>(Pin<Box<dyn Stream<Item = Event<T>> + Send>>);

impl<T: std::fmt::Debug> Reader<T> {
    pub fn new(stream: impl Stream<Item = Event<T>> + Send + 'static) -> Self {
        Self(stream.boxed())
    }

    pub async fn next(&mut self) -> Event<T> {
        timeout(PATIENCE, self.0.next()).await.expect("an event in time").expect("a watch never ends")
    }

    /// The first event that the function knows what to make of.
    pub async fn until<U>(&mut self, pick: impl Fn(&Event<T>) -> Option<U>) -> U {
        let found = async {
            loop {
                if let Some(found) = pick(&self.next().await) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, found).await.expect("the event in time")
    }

    /// The objects of a list, up to where it is complete.
    pub async fn list<U>(&mut self, name: impl Fn(&T) -> U) -> Vec<U> {
        let mut all = Vec::new();
        loop {
            match self.next().await {
                Event::Restarted => all.clear(),
                Event::Applied(object) => all.push(name(&object)),
                Event::Synced => return all,
                event => panic!("{event:?} in a list"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_streams_the_list_and_sees_every_change() {
    let corner = Corner::with_kind("streamed").await;
    assert_eq!(Lists::of(&corner.client).await.unwrap(), Lists::Streaming);
    corner.apply("a", &json!({"spec": {"n": 1}}));
    corner.apply("b", &json!({"spec": {"n": 1}}));
    let listed = corner.requests("LIST");
    let watch = watch::watch(&corner.client, &corner.resource, Some(corner.name), Lists::Streaming);
    let mut events = Reader::new(watch);
    assert_eq!(events.list(|object| object.name().to_owned()).await, ["a", "b"]);
    assert_eq!(corner.requests("LIST"), listed, "the list was streamed");

    corner.apply("a", &json!({"spec": {"n": 2}}));
    let Event::Applied(a) = events.next().await else { panic!("no change seen") };
    assert_eq!((a.json()["spec"]["n"].as_i64(), a.generation()), (Some(2), 2));
    assert_eq!(a.annotation("kubectl.kubernetes.io/last-applied-configuration"), None);
    corner.delete("b");
    let Event::Deleted(b) = events.next().await else { panic!("no deletion seen") };
    assert_eq!(b.name(), "b");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_holds_all_that_was_written_before_it() {
    let corner = Corner::with_kind("fresh").await;
    let api =
        kube::Api::<DynamicObject>::namespaced_with(corner.client.clone(), corner.name, &corner.resource);
    for round in 1..=10 {
        let creates = (0..100).map(|n| {
            let object = DynamicObject::new(&format!("n{round}-{n}"), &corner.resource);
            let api = &api;
            async move { api.create(&PostParams::default(), &object).await.unwrap() }
        });
        let created = futures::stream::iter(creates).buffer_unordered(8).count().await;
        // One client paces its watches; the list must come right after the write.
        let client = connect::client(Some(&corner.kubernetes.kubeconfig()), None).await.unwrap();
        let watch = watch::watch(&client, &corner.resource, Some(corner.name), Lists::Streaming);
        assert_eq!(Reader::new(watch).list(|_| ()).await.len(), round * created);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_in_pages_gives_all_pages_and_then_changes() {
    let corner = Corner::with_kind("paged").await;
    let kind = &corner.resource.kind;
    let manifests: Vec<_> = (0..250)
        .map(|n| json!({"apiVersion": "example.dev/v1", "kind": kind, "metadata": {"name": format!("n{n}")}}))
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
    corner.kubernetes.kubectl_with(&["create", "-n", corner.name, "-f", "-"], &list.to_string());
    let listed = corner.requests("LIST");
    let watch = watch::watch(&corner.client, &corner.resource, None, Lists::Paged);
    let mut events = Reader::new(watch);
    let all: BTreeSet<_> = events.list(|object| object.name().to_owned()).await.into_iter().collect();
    assert_eq!(all.len(), 250);
    assert_eq!(corner.requests("LIST") - listed, 3, "pages of 100");
    corner.delete("n7");
    assert!(matches!(events.next().await, Event::Deleted(object) if object.name() == "n7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_is_not_installed_is_waited_for_also_when_it_goes_and_comes_back() {
    let corner = Corner::new("latecomers").await;
    let watch = watch::watch(&corner.client, &corner.resource, Some(corner.name), Lists::Streaming);
    let mut events = Reader::new(watch);
    assert!(matches!(events.next().await, Event::Missing));
    corner.install().await;
    assert_eq!(events.list(|_| ()).await.len(), 0);
    corner.apply("a", &json!({}));
    assert!(matches!(events.next().await, Event::Applied(object) if object.name() == "a"));

    let definition = format!("{}.example.dev", corner.name);
    corner.kubernetes.kubectl(&["delete", "crd", &definition]);
    assert!(matches!(events.next().await, Event::Deleted(object) if object.name() == "a"));
    events.until(|event| matches!(event, Event::Missing).then_some(())).await;
    corner.install().await;
    corner.apply("b", &json!({}));
    events.until(|event| matches!(event, Event::Applied(object) if object.name() == "b").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_survives_an_outage_and_misses_nothing() {
    let corner = Corner::with_kind("outages").await;
    let line = Line::to(&corner.kubernetes).await;
    let watch = watch::watch(&line.client(), &corner.resource, Some(corner.name), Lists::Streaming);
    let mut events = Reader::new(watch);
    assert_eq!(events.list(|_| ()).await.len(), 0);
    line.close();
    corner.apply("a", &json!({}));
    let error = events
        .until(|event| match event {
            Event::Failed(error) => Some(error.clone()),
            _ => None,
        })
        .await;
    assert_eq!(error.class, Class::Unavailable, "{error}");
    line.reopen();
    events.until(|event| matches!(event, Event::Applied(object) if object.name() == "a").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_cut_as_soon_as_it_begins_does_not_spin() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let cluster = json!({"server": format!("http://{}", listener.local_addr().unwrap())});
    let config = json!({
        "clusters": [{"name": "x", "cluster": cluster}],
        "contexts": [{"name": "x", "context": {"cluster": "x"}}],
        "current-context": "x",
    });
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let client = connect::client(Some(&kubeconfig), None).await.unwrap();
    let resource = ApiResource::erase::<k8s_openapi::api::core::v1::ConfigMap>(&());
    let watch = tokio::spawn(watch::watch(&client, &resource, None, Lists::Streaming).count());
    let begun = Instant::now();
    for _ in 0..4 {
        let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.expect("the next try").unwrap();
        assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
    }
    assert!(begun.elapsed() > Duration::from_secs(2), "four tries in {:?}", begun.elapsed());
    watch.abort();
}
