//! What we may do, as Kubernetes itself says.
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use super::call::call;
use super::errors::Error;

/// One thing that one may be allowed to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Action {
    /// The verb.
    pub verb: String,
    /// The API group; empty for the core one.
    pub group: String,
    /// The resource, with its subresource after a slash.
    pub resource: String,
    /// The namespace; none: in all of them.
    pub namespace: Option<String>,
    /// The object; none: any of them.
    pub name: Option<String>,
}

/// Asks whether we may.
///
/// # Errors
/// When Kubernetes does not answer.
pub async fn may(client: &Client, action: &Action) -> Result<bool, Error> {
    let (resource, subresource) = match action.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (action.resource.as_str(), None),
    };
    let attributes = ResourceAttributes {
        verb: Some(action.verb.clone()),
        group: Some(action.group.clone()),
        resource: Some(resource.to_owned()),
        subresource,
        namespace: action.namespace.clone(),
        name: action.name.clone(),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer =
        call("create", "a review of our own access", api.create(&PostParams::default(), &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
