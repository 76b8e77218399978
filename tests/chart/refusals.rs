//! Values that the chart refuses, and what it says of them.
use crate::helm::Helm;

/// Values, and what is said of them: where it is wrong, and how.
const REFUSED: &[(&str, &[&str])] = &[
    ("teleportAdress: a:443", &["teleportAdress", "not allowed"]),
    ("tls: {existingCaSecretName: x}", &["/tls", "existingCaSecretName", "not allowed"]),
    ("installCRDs: sometimes", &["/installCRDs", "'dynamic', 'always', 'never'"]),
    ("installCRDs: true", &["/installCRDs", "'dynamic', 'always', 'never'"]),
    ("enabled: \"yes\"", &["/enabled", "got string, want boolean"]),
    ("token: 5", &["/token", "got number, want string"]),
    ("caPins: sha256:abc", &["/caPins", "got string, want array"]),
    (
        "highAvailability: {replicaCount: two}",
        &["/highAvailability/replicaCount", "got string, want integer"],
    ),
    ("highAvailability: {replicaCount: -1}", &["/highAvailability/replicaCount", "minimum"]),
    ("image: {repository: x}", &["/image", "got object, want string"]),
    ("imagePullPolicy: Sometimes", &["/imagePullPolicy", "'Always', 'IfNotPresent', 'Never'"]),
    ("imagePullSecrets: [registry]", &["/imagePullSecrets/0", "got string, want object"]),
    ("extraEnv: {A: b}", &["/extraEnv", "got object, want array"]),
    ("extraEnv: [{value: b}]", &["/extraEnv/0", "missing property 'name'"]),
    ("resources: {limit: {cpu: 1}}", &["/resources", "limit", "not allowed"]),
    ("annotations: {pods: {}}", &["/annotations", "pods", "not allowed"]),
    ("labels: {pod: {a: [b]}}", &["/labels/pod/a", "got array, want boolean or number or string"]),
    ("kinds: TeleportUser", &["/kinds", "got string, want array"]),
    ("kinds: [\"Teleport[UR]*\"]", &["/kinds/0", "does not match pattern"]),
    ("watchNamespaces: [Team_A]", &["/watchNamespaces/0", "does not match pattern"]),
    ("watchNamespaces: [a, a]", &["/watchNamespaces", "equal"]),
    ("extraMappings: {shelf.yaml: x}", &["/extraMappings", "shelf.yaml", "not allowed"]),
    ("podMonitor: {interval: 30}", &["/podMonitor/interval", "got number, want string"]),
    ("podDisruptionBudget: {maxUnavailable: half}", &["/podDisruptionBudget/maxUnavailable", "pattern"]),
    (
        "rbac: {extraRules: [{verbs: [get]}]}",
        &["/rbac/extraRules/0", "missing properties 'apiGroups', 'resources'"],
    ),
    ("keepCRDs: keep", &["/keepCRDs", "got string, want boolean"]),
];

#[test]
fn values_are_refused_by_their_names() {
    let helm = Helm::alone();
    for (values, expected) in REFUSED {
        let said = helm.refusal(values);
        for part in *expected {
            assert!(said.contains(part), "{values}: {part:?} is not in: {said}");
        }
    }
}

/// Values that are of the right types and make no sense together.
#[test]
fn what_is_missing_is_named() {
    let helm = Helm::alone();
    let cases = [
        ("{}", "teleportAddress is missing"),
        ("teleportAddress: example.teleport.sh:443", "teleportClusterName is missing"),
        (
            "{teleportAddress: 'a:3025', kinds: [TeleportUser, TeleportUsr]}",
            "no kind that matches teleportusr",
        ),
        ("{teleportAddress: 'a:3025', kinds: ['*Widget?']}", "no kind that matches *widget?"),
    ];
    for (values, expected) in cases {
        let said = helm.refusal(values);
        assert!(said.contains(expected), "{values}: {expected:?} is not in: {said}");
    }
}
