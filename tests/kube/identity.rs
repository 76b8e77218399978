//! Who an operator is, kept in a Secret.
use serde_json::{Value, json};
use teleport_operator::kube::connect;
use teleport_operator::kube::errors::Class;
use teleport_operator::kube::identity::identity;

use crate::kubernetes::Kubernetes;

const NAME: &str = "teleport-shared-state";

fn keys() -> [String; 2] {
    [".operator-id", "operator-id"].map(str::to_owned)
}

fn secret(cluster: &Kubernetes, namespace: &str) -> Value {
    let text = cluster.kubectl(&["-n", namespace, "get", "secret", NAME, "-o", "json"]);
    serde_json::from_str(&text).expect("JSON")
}

fn apply(cluster: &Kubernetes, namespace: &str, data: &Value) {
    let secret =
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": NAME }, "stringData": data });
    cluster.kubectl_with(&["-n", namespace, "apply", "-f", "-"], &secret.to_string());
}

#[tokio::test]
async fn it_is_made_once_and_found_again() {
    let cluster = Kubernetes::shared();
    let client = connect::client(Some(&cluster.kubeconfig()), None).await.expect("a client");
    for (namespace, there) in [("identity-none", None), ("identity-empty", Some(json!({ "other": "value" })))]
    {
        cluster.namespace(namespace);
        if let Some(data) = &there {
            apply(&cluster, namespace, data);
        }
        // Replicas that start at once.
        let asked = || async { identity(&client, namespace, NAME, &keys()).await.expect("an identity") };
        let (one, other, third) = tokio::join!(asked(), asked(), asked());
        assert_eq!((&one, &one), (&other, &third));
        let secret = secret(&cluster, namespace);
        assert_eq!(secret["metadata"]["uid"], one.as_str());
        assert_eq!(secret["data"].as_object().expect("data").len(), 1 + usize::from(there.is_some()));
        assert_eq!(asked().await, one);
    }
}

#[tokio::test]
async fn what_another_wrote_is_kept() {
    let cluster = Kubernetes::shared();
    let client = connect::client(Some(&cluster.kubeconfig()), None).await.expect("a client");
    cluster.namespace("identity-there");
    apply(&cluster, "identity-there", &json!({ "operator-id": "of-before\n", ".operator-id": "" }));
    let asked = async || identity(&client, "identity-there", NAME, &keys()).await;
    let before = secret(&cluster, "identity-there");
    assert_eq!(asked().await.as_deref(), Ok("of-before"));
    assert_eq!(secret(&cluster, "identity-there"), before, "nothing is written");
    apply(&cluster, "identity-there", &json!({ ".operator-id": "not a label" }));
    let refused = asked().await.expect_err("it can't be used");
    assert_eq!(refused.class, Class::Invalid);
    assert!(!refused.to_string().contains("not a label"), "it may be a secret: {refused}");
}
