//! What a process hears of Kubernetes, and how it goes wrong: changes come late, some twice, those of different objects in
//! another order, and some only as a new list. Those of one object keep their order, as a real watch has it.
use std::sync::Arc;
use std::time::Duration;

use teleport_operator::kube::object::Object;
use teleport_operator::kube::secrets::Version;
use teleport_operator::kube::watch::Event;
use tokio::time::sleep;

use super::bugs::Bug;
use super::kubernetes::{Change, NAMESPACE, read};
use super::process::TheEngine;
use super::world::{Line, World};

/// How long a change is held back at most, when nothing else comes.
const HELD: Duration = Duration::from_secs(2);

/// Follows the changes of a kind.
pub async fn watch(line: Line, kind: Arc<str>, engine: Arc<TheEngine>) {
    loop {
        connected(&line).await;
        follow(&line, &kind, &engine).await;
    }
}

/// Lists, then tells of changes, until the watch breaks.
async fn follow(line: &Line, kind: &Arc<str>, engine: &TheEngine) {
    let world = &line.world;
    tell(world, engine, kind, Event::Restarted);
    let (mut place, list) = {
        let state = world.state();
        (state.kubernetes.log(kind).len(), state.kubernetes.list(kind))
    };
    for object in list {
        lag(world).await;
        tell(world, engine, kind, Event::Applied(read(&object)));
    }
    tell(world, engine, kind, Event::Synced);
    let mut held: Option<Change> = None;
    loop {
        let news = world.news.notified();
        let change = world.state().kubernetes.log(kind).get(place).cloned();
        let Some(change) = change else {
            match held.take() {
                None => news.await,
                Some(late) => {
                    let _ = tokio::time::timeout(HELD, news).await;
                    tell(world, engine, kind, event(&late));
                }
            }
            continue;
        };
        place += 1;
        lag(world).await;
        if is_cut_off(line) {
            return;
        }
        let (breaks, again, holds, forgets) = {
            let mut state = world.state();
            let rate = state.weather.watches;
            let forgets = state.has(Bug::LoseEvent) && state.dice.u8(..8) == 0;
            (state.mishap(rate / 2.0), state.mishap(rate), state.mishap(rate), forgets)
        };
        if breaks {
            return;
        }
        if forgets {
            continue;
        }
        if let Some(late) = held.take_if(|late| late.name() == change.name()) {
            tell(world, engine, kind, event(&late));
        }
        if holds && held.is_none() {
            held = Some(change);
            continue;
        }
        for _ in 0..=usize::from(again) {
            tell(world, engine, kind, event(&change));
        }
        if let Some(late) = held.take() {
            tell(world, engine, kind, event(&late));
        }
    }
}

fn tell(world: &World, engine: &TheEngine, kind: &Arc<str>, event: Event<Object>) {
    world.state().note(format_args!("      {kind} {event:?}"));
    engine.event(kind, Some(NAMESPACE), event);
}

fn event(change: &Change) -> Event<Object> {
    match change {
        Change::Applied(object) => Event::Applied(read(object)),
        Change::Deleted(object) => Event::Deleted(read(object)),
    }
}

async fn lag(world: &World) {
    let lag = {
        let mut state = world.state();
        let rate = state.weather.watches;
        let longest = if state.mishap(rate) { 3000 } else { 5 };
        state.dice.u64(0..longest)
    };
    sleep(Duration::from_millis(lag)).await;
}

fn is_cut_off(line: &Line) -> bool {
    line.world.state().weather.cut_off == Some(line.replica)
}

/// Waits until this replica can reach Kubernetes.
async fn connected(line: &Line) {
    while is_cut_off(line) {
        sleep(Duration::from_secs(1)).await;
    }
}

/// Follows the changes of Secrets.
pub async fn watch_secrets(line: Line, engine: Arc<TheEngine>) {
    let world = &line.world;
    if world.state().has(Bug::LoseSecret) {
        return;
    }
    let tell = |event| engine.secret(Some(NAMESPACE), event);
    loop {
        connected(&line).await;
        tell(Event::Restarted);
        let (mut place, list) = {
            let state = world.state();
            (state.kubernetes.secret_log().len(), state.kubernetes.secrets())
        };
        for (name, version) in list {
            lag(world).await;
            tell(Event::Applied(secret(name, version)));
        }
        tell(Event::Synced);
        loop {
            let news = world.news.notified();
            let change = world.state().kubernetes.secret_log().get(place).cloned();
            let Some((name, version)) = change else {
                news.await;
                continue;
            };
            place += 1;
            lag(world).await;
            if is_cut_off(&line) {
                break;
            }
            let is_gone = version.is_empty();
            let secret = secret(name, version);
            tell(if is_gone { Event::Deleted(secret) } else { Event::Applied(secret) });
        }
    }
}

fn secret(name: String, resource_version: String) -> Version {
    Version { namespace: NAMESPACE.to_owned(), name, resource_version }
}
