//! The Kubernetes side: is it there, may we do what the operator does, and are the definitions as new as the mappings.
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use kube::Client;
use serde_json::{Value, json};

use super::schema::lacking;
use super::{Check, Told};
use crate::access::{identity_rule, kubernetes_rules};
use crate::app::{self, Config, Kept};
use crate::crd::crd;
use crate::kube::errors::Error;
use crate::kube::identity::is_there;
use crate::kube::review::{Action, may};
use crate::kube::served;
use crate::mapping::plan::Target;

/// Questions to Kubernetes at a time.
const AT_ONCE: usize = 16;
/// So many of a list are named.
const NAMED: usize = 10;

pub(super) async fn examine(client: &Client, config: &Config, plan: &Target, tell: Told<'_>) {
    const REACHED: &str = "Kubernetes reached";
    match served::version(client).await {
        Ok(version) => tell(Check::passed(REACHED, version)),
        Err(error) => {
            let advice =
                "check the kubeconfig, or the pod's service account, and the network to the API server";
            tell(Check::failed(REACHED, error.to_string()).advice(advice));
            tell(Check::skipped("Kubernetes permissions", "Kubernetes is not reached"));
            tell(Check::skipped("CRDs", "Kubernetes is not reached"));
            return;
        }
    }
    let lease = config.lease.as_ref().map(|(namespace, _)| namespace.as_str());
    for namespace in &config.namespaces {
        tell(permissions(client, plan, namespace.as_deref(), lease).await);
    }
    match app::kept(config, plan) {
        Ok(Some(kept)) => tell(identity(client, &kept).await),
        Ok(None) => {}
        Err(error) => tell(Check::failed(IDENTITY, format!("{error:#}"))),
    }
    tell(definitions(client, plan).await);
}

const IDENTITY: &str = "Operator's identity";

/// An operator of a scope is to find who it is, or to write it down.
async fn identity(client: &Client, kept: &Kept) -> Check {
    let Kept { namespace, secret, .. } = kept;
    let rule = identity_rule(secret);
    let advice = format!(
        "the Role in {namespace} needs the rule {rule}, and there must be the Secret; the chart makes both"
    );
    let asked = async {
        let mut needed = actions(&json!([rule]), Some(namespace), None);
        needed.iter_mut().for_each(|action| action.name = Some(secret.clone()));
        for action in &needed {
            if !may(client, action).await? {
                return Ok(Some(action.verb.clone()));
            }
        }
        // A Role can't name what is yet to be made.
        let (verb, resource) = ("create".to_owned(), "secrets".to_owned());
        let namespace = Some(namespace.clone());
        let make = Action { verb, group: String::new(), resource, namespace, name: None };
        let made = is_there(client, &kept.namespace, secret).await? || may(client, &make).await?;
        Ok::<_, Error>((!made).then_some(make.verb))
    };
    match asked.await {
        Ok(None) => Check::passed(IDENTITY, format!("kept in the Secret {namespace}/{secret}")),
        Ok(Some(verb)) => {
            Check::failed(IDENTITY, format!("may not {verb} the Secret {namespace}/{secret}")).advice(advice)
        }
        Err(error) => Check::failed(IDENTITY, error.to_string()),
    }
}

/// Everything that the Role has, in one namespace or in all; of Leases, what is needed where the Lease is.
async fn permissions(client: &Client, plan: &Target, namespace: Option<&str>, lease: Option<&str>) -> Check {
    let (name, how) = match namespace {
        Some(namespace) => {
            let name = format!("Kubernetes permissions in {namespace}");
            (name, format!("`teleport-operator rbac | kubectl apply -n {namespace} -f -` makes the Role"))
        }
        None => {
            let how = "`teleport-operator rbac --cluster | kubectl apply -f -` makes the ClusterRole";
            ("Kubernetes permissions in all namespaces".to_owned(), how.to_owned())
        }
    };
    let rules = kubernetes_rules(&plan.kinds.iter().collect::<Vec<_>>(), false);
    let actions = actions(&rules, namespace, lease);
    let asked = stream::iter(&actions).map(|action| async move {
        let allowed = may(client, action).await?;
        Ok::<_, Error>((!allowed).then_some(action))
    });
    let missing: Vec<_> = match asked.buffered(AT_ONCE).try_collect::<Vec<_>>().await {
        Ok(answers) => answers.into_iter().flatten().collect(),
        Err(error) => return Check::failed(&name, error.to_string()),
    };
    if missing.is_empty() {
        return Check::passed(&name, format!("all {} are granted", actions.len()));
    }
    let mut verbs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for action in &missing {
        verbs.entry(&action.resource).or_default().insert(&action.verb);
    }
    let lines = verbs.iter().map(|(resource, verbs)| {
        format!("{resource} ({})", verbs.iter().copied().collect::<Vec<_>>().join(", "))
    });
    let detail = format!("{} of {} are missing: {}", missing.len(), actions.len(), some(lines));
    Check::failed(&name, detail).advice(format!(
        "{how}, which is then to be bound to the operator's service account; the chart does both"
    ))
}

fn actions(rules: &Value, namespace: Option<&str>, lease: Option<&str>) -> Vec<Action> {
    let texts = |rule: &Value, key: &str| -> Vec<String> {
        let texts = rule[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let mut actions = Vec::new();
    for rule in rules.as_array().into_iter().flatten() {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                for verb in texts(rule, "verbs") {
                    let is_lease = resource == "leases";
                    if is_lease && lease.is_none() {
                        continue;
                    }
                    let namespace = if is_lease { lease } else { namespace };
                    let (group, resource) = (group.clone(), resource.clone());
                    actions.push(Action {
                        verb,
                        group,
                        resource,
                        namespace: namespace.map(str::to_owned),
                        name: None,
                    });
                }
            }
        }
    }
    actions
}

/// The definitions of all kinds: are they there, and do they have all members that the mappings know.
async fn definitions(client: &Client, plan: &Target) -> Check {
    const NAME: &str = "CRDs";
    let mut served: BTreeMap<(&str, &str), Vec<Value>> = BTreeMap::new();
    let (mut absent, mut old) = (BTreeSet::new(), Vec::new());
    for kind in &plan.kinds {
        let definition = crd(kind, &plan.words);
        let kubernetes = &kind.kubernetes;
        for version in definition["spec"]["versions"].as_array().into_iter().flatten() {
            let Some(word) = kubernetes.versions.iter().find(|word| version["name"] == word.as_str()) else {
                continue;
            };
            let schemas = match served.entry((kubernetes.group.as_str(), word.as_str())) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => match served::schemas(client, &kubernetes.group, word).await {
                    Ok(schemas) => unknown.insert(schemas),
                    Err(error) => return Check::failed(NAME, error.to_string()),
                },
            };
            match served::of_kind(schemas, &kubernetes.kind) {
                None => drop(absent.insert(kubernetes.kind.as_str())),
                Some(schema) => {
                    let paths = lacking(&version["schema"]["openAPIV3Schema"], schema);
                    let paths = paths.into_iter().filter(|path| !path.starts_with("status"));
                    old.extend(paths.map(|path| format!("{}/{word} {path}", kubernetes.kind)));
                }
            }
        }
    }
    const ADVICE: &str = "`teleport-operator crds | kubectl apply --server-side -f -` installs them as they should be; \
                          so does the chart. Kinds that are not wanted are left out by --kinds or --exclude-kinds";
    if !absent.is_empty() {
        let detail = format!("{} of {} are not installed: {}", absent.len(), plan.kinds.len(), some(absent));
        return Check::failed(NAME, detail).advice(ADVICE);
    }
    if !old.is_empty() {
        let detail = format!("some are older than the mappings; they lack {}", some(old));
        return Check::failed(NAME, detail).advice(ADVICE);
    }
    Check::passed(NAME, format!("all {} are installed, and as new as the mappings", plan.kinds.len()))
}

/// The first few, and how many more there are.
pub(super) fn some<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<_> = all.into_iter().map(|one| one.to_string()).collect();
    let named = all.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
