//! The target, once there is a way to it: does it answer, and may we do what the mappings need.
use std::collections::BTreeSet;

use serde_json::Value;

use super::kubernetes::some;
use super::permissions::lacking;
use super::{Check, Told};
use crate::access::verbs;
use crate::app::{Connect, connection};
use crate::mapping::errors::Class;
use crate::mapping::plan::{Role, Target};
use crate::target::call::Options;
use crate::target::client::Client;
use crate::target::error::Error;
use crate::translate::print;

const PERMISSIONS: &str = "target permissions";

/// A target that is reached by plain gRPC.
pub(super) async fn examine(connect: &Connect, plan: &Target, tell: Told<'_>) {
    const REACHED: &str = "target reached";
    let connection = match connection(connect.clone()) {
        Ok((connection, _)) => connection,
        Err(error) => return tell(Check::failed(REACHED, format!("{error:#}"))),
    };
    let client = Client::new(plan, connection, Options::default());
    let first = plan.kinds.first().map(|kind| &kind.resource);
    let answered = match first {
        Some(resource) => client.pages(resource).next().await.map(drop),
        None => Ok(()),
    };
    match answered {
        Err(error) if error.class == Class::Unavailable => tell(Check::failed(REACHED, error.message)),
        _ => {
            tell(Check::passed(REACHED, "it answers"));
            tell(listable(&client, plan).await);
        }
    }
}

/// Whether these roles let us do what the mappings need. Where they can't be read, it is tried out as far as reading goes.
pub(super) async fn permissions(client: &Client, plan: &Target, roles: &[String]) -> Check {
    let Some(role) = &plan.role else { return listable(client, plan).await };
    let kinds: Vec<_> = plan.kinds.iter().collect();
    let documents = match read(client, plan, role, roles).await {
        Some(documents) => documents,
        None => return listable(client, plan).await,
    };
    let missing = lacking(role, &kinds, &documents);
    let needed = verbs(role, &kinds).len();
    if missing.is_empty() {
        return Check::passed(PERMISSIONS, format!("the rules of {} allow all {needed}", roles.join(", ")));
    }
    let words = missing.iter().map(Value::to_string).collect::<Vec<_>>();
    let detail = format!("{} of {needed} rules are missing or lack verbs", missing.len());
    Check::failed(PERMISSIONS, detail).advice(format!(
        "add to one of the roles ({}), or take the role that `teleport-operator rbac --for target` prints: {}",
        roles.join(", "),
        some(words)
    ))
}

/// The documents of all roles; none where one can't be had.
async fn read(client: &Client, plan: &Target, role: &Role, names: &[String]) -> Option<Vec<Value>> {
    let kind = plan.kind_of_document(&role.document)?;
    let mut documents = Vec::new();
    for name in names {
        let live = client.get(&kind.resource, name, None).await.ok()??;
        documents.push(print::resource(kind, &live));
    }
    Some(documents)
}

/// Lists one page of everything.
async fn listable(client: &Client, plan: &Target) -> Check {
    let (mut refused, mut done) = (BTreeSet::new(), BTreeSet::new());
    for kind in &plan.kinds {
        if kind.resource.calls.list.is_empty() || !done.insert(&kind.resource.name) {
            continue;
        }
        match client.pages(&kind.resource).next().await {
            Err(Error { class: Class::Denied, .. }) => {
                refused.insert(&*kind.resource.access.permission);
            }
            Err(error) if error.class == Class::Unavailable => {
                return Check::failed(PERMISSIONS, error.message);
            }
            _ => {}
        }
    }
    if refused.is_empty() {
        return Check::passed(
            PERMISSIONS,
            format!("all {} can be listed; writing was not tried", done.len()),
        );
    }
    let detail = format!("{} of {} can't be listed: {}", refused.len(), done.len(), some(refused));
    Check::failed(PERMISSIONS, detail)
        .advice("the rules that are needed are in the role that `teleport-operator rbac --for target` prints")
}
