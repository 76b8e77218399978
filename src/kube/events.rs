//! Tells people about an object through Kubernetes events: repeats are counted instead of repeated, and events never slow
//! anything down. An event that can't be sent is dropped: what counts stands in the status.
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource,
    api::ApiResource,
    runtime::events::{Event, Recorder, Reporter},
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{interval, timeout},
};
use tracing::debug;

use super::{call::call, object::Object};

/// Whether an event is bad news.
pub use kube::runtime::events::EventType;

/// Events that wait to be sent; more are dropped.
const QUEUE: usize = 512;

/// Time between two events, so that a storm of them can't crowd out other writes.
const PACE: Duration = Duration::from_millis(50);

/// When nothing was sent for so long, the recorder's memory of past events is stale, and is given back.
const IDLE: Duration = Duration::from_secs(6 * 60);

/// The longest note that the API takes, in bytes.
const NOTE: usize = 1024;

/// What to tell about an object.
#[derive(Debug, Clone)]
pub struct Note {
    /// Good or bad news.
    pub kind: EventType,
    /// Why, as one CamelCase word.
    pub reason: String,
    /// What was being done, as one CamelCase word.
    pub action: String,
    /// The whole story, for people. Cut off after 1024 bytes.
    pub note: String,
}

/// What an event is about, where that is no object that we hold.
#[derive(Debug, Clone)]
pub struct Subject(ObjectReference);

impl Subject {
    /// A pod. Without its `uid` it is found by its name alone.
    pub fn pod(namespace: &str, name: &str, uid: Option<String>) -> Self {
        Self(ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            uid,
            ..ObjectReference::default()
        })
    }
}

/// Sends events in the background. Clones share one queue.
#[derive(Debug, Clone)]
pub struct Events(mpsc::Sender<(ObjectReference, Event)>);

impl Events {
    /// Starts the background task; it ends when all clones of the sender are gone and the queue is empty.
    pub fn start(client: Client, controller: &str, instance: &str) -> (Self, JoinHandle<()>) {
        let reporter = Reporter { controller: controller.to_owned(), instance: Some(instance.to_owned()) };
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), tokio::spawn(send_all(client, reporter, receiver)))
    }

    /// Hands over an event about an object. Never waits.
    pub fn tell(&self, resource: &ApiResource, object: &Object, note: Note) {
        self.hand_over(object.object_ref(resource), note);
    }

    /// Hands over an event about something else. Never waits.
    pub fn tell_of(&self, subject: &Subject, note: Note) {
        self.hand_over(subject.0.clone(), note);
    }

    fn hand_over(&self, about: ObjectReference, note: Note) {
        let event = Event {
            type_: note.kind,
            reason: note.reason,
            action: note.action,
            note: Some(cut(note.note)),
            secondary: None,
        };
        if let Err(error) = self.0.try_send((about, event)) {
            let (mpsc::error::TrySendError::Full((about, _)) | mpsc::error::TrySendError::Closed((about, _))) =
                error;
            let [kind, namespace, name] =
                [about.kind, about.namespace, about.name].map(Option::unwrap_or_default);
            debug!(kind, namespace, name, "too many events wait to be sent: dropped one");
        }
    }
}

/// As much of the text as an event's note may hold, with no character cut in half.
fn cut(mut text: String) -> String {
    let end = (0..=NOTE.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.truncate(end.unwrap_or_default());
    text
}

async fn send_all(client: Client, reporter: Reporter, mut queue: mpsc::Receiver<(ObjectReference, Event)>) {
    let mut recorder = Recorder::new(client.clone(), reporter.clone());
    let mut pace = interval(PACE);
    loop {
        match timeout(IDLE, queue.recv()).await {
            Err(_) => recorder = Recorder::new(client.clone(), reporter.clone()),
            Ok(None) => return,
            Ok(Some((reference, event))) => {
                pace.tick().await;
                send(&recorder, &reference, &event).await;
            }
        }
    }
}

async fn send(recorder: &Recorder, reference: &ObjectReference, event: &Event) {
    let name = reference.name.as_deref().unwrap_or_default();
    if let Err(error) =
        call("publish", format!("an event for {name}"), recorder.publish(event, reference)).await
    {
        debug!(%error, reason = event.reason, "an event was lost");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_between_characters() {
        assert_eq!(cut("short".to_owned()), "short");
        let long = cut("é".repeat(600));
        assert_eq!(long.len(), 1024);
        let odd = cut(format!("a{}", "é".repeat(600)));
        assert_eq!(odd.len(), 1023);
    }
}
