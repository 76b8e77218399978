//! Looks up one value in a Secret that allows it, and tells which Secrets changed. A value leaves here only as the result:
//! never in an error, a log line or a debug print.
use std::{collections::BTreeMap, fmt};

use futures::{Stream, StreamExt};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client, Resource,
    api::{ObjectMeta, PartialObjectMeta},
    core::Request,
};
use serde::Deserialize;

use super::{
    call::call,
    errors::{Class, Error},
    watch::{Event, Lists, watch_api},
};

/// What to look up, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Lookup<'a> {
    /// The namespace of the object that refers to the Secret, and so of the Secret.
    pub namespace: &'a str,
    /// The Secret's name.
    pub secret: &'a str,
    /// Which of its values.
    pub key: &'a str,
    /// The annotation by which a Secret allows look-ups: `*`, or the names of the objects that may, with commas between.
    pub annotation: &'a str,
    /// The name of the object that refers to it.
    pub reader: &'a str,
}

/// A value found. Its debug print doesn't show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// The value.
    pub value: String,
    /// The version of the Secret that it was read from.
    pub resource_version: String,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found(«secret»@{})", self.resource_version)
    }
}

/// Why there is no value. The texts are those that the official operator's users know from its statuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such Secret.
    #[error("secrets \"{0}\" not found")]
    Missing(String),
    /// The Secret allows no look-ups.
    #[error("secret \"{secret}\" doesn't have the \"{annotation}\" annotation")]
    NotAnnotated {
        /// The Secret.
        secret: String,
        /// What it lacks.
        annotation: String,
    },
    /// The Secret allows look-ups, but not this one.
    #[error("secret \"{secret}\" have the annotation \"{annotation}\" but it does not contain \"{reader}\"")]
    NotListed {
        /// The Secret.
        secret: String,
        /// Where the reader should stand.
        annotation: String,
        /// Who asked.
        reader: String,
    },
    /// The Secret has no such key.
    #[error("secret \"{secret}\" is missing key \"{key}\"")]
    NoKey {
        /// The Secret.
        secret: String,
        /// What it lacks.
        key: String,
    },
    /// The value is not text, and all that can refer to one is.
    #[error("secret \"{secret}\" key \"{key}\" is not valid UTF-8 text")]
    NotText {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// The Secret could not be read.
    #[error(transparent)]
    Kubernetes(#[from] Error),
}

/// The parts of a Secret that a look-up needs.
#[derive(Deserialize)]
struct Entry {
    metadata: ObjectMeta,
    #[serde(default)]
    data: BTreeMap<String, ByteString>,
}

/// Reads the value that is looked up.
///
/// # Errors
/// Why not: see [`Refused`].
pub async fn read(client: &Client, lookup: &Lookup<'_>) -> Result<Found, Refused> {
    let what = format!("secrets {}/{}", lookup.namespace, lookup.secret);
    let text = call("get", &what, text_of(client, lookup)).await;
    let text = text.map_err(|error| match error.class {
        Class::Gone => Refused::Missing(lookup.secret.to_owned()),
        _ => Refused::Kubernetes(error),
    })?;
    let entry = serde_json::from_str(&text).map_err(kube::Error::SerdeError);
    pick(entry.map_err(|error| Error::new("get", what, &error))?, lookup)
}

/// The Secret's JSON. Not `Api::get`: that logs the text of an answer that it can't decode.
async fn text_of(client: &Client, lookup: &Lookup<'_>) -> kube::Result<String> {
    let path = Secret::url_path(&(), Some(lookup.namespace));
    let request = Request::new(path).get(lookup.secret, &Default::default());
    client.request_text(request.map_err(kube::Error::BuildRequest)?).await
}

fn pick(mut entry: Entry, lookup: &Lookup<'_>) -> Result<Found, Refused> {
    let secret = lookup.secret.to_owned();
    let annotation = lookup.annotation.to_owned();
    let Some(allowed) = entry.metadata.annotations.unwrap_or_default().remove(lookup.annotation) else {
        return Err(Refused::NotAnnotated { secret, annotation });
    };
    if !allows(&allowed, lookup.reader) {
        return Err(Refused::NotListed { secret, annotation, reader: lookup.reader.to_owned() });
    }
    let key = lookup.key.to_owned();
    let Some(ByteString(bytes)) = entry.data.remove(lookup.key) else {
        return Err(Refused::NoKey { secret, key });
    };
    let value = String::from_utf8(bytes).map_err(|_| Refused::NotText { secret, key })?;
    Ok(Found { value, resource_version: entry.metadata.resource_version.unwrap_or_default() })
}

fn allows(annotation: &str, reader: &str) -> bool {
    annotation == "*" || annotation.split(',').any(|name| name.trim() == reader)
}

/// Which Secret, and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it is now; opaque.
    pub resource_version: String,
}

/// Watches which Secrets of a namespace, or of all, change. Only their metadata is asked for: no value comes over the wire.
pub fn watch(
    client: &Client,
    namespace: Option<&str>,
    lists: Lists,
) -> impl Stream<Item = Event<Version>> + Send + use<> {
    let api = match namespace {
        Some(namespace) => Api::<PartialObjectMeta<Secret>>::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    watch_api(api, "secrets".to_owned(), lists, None)
        .map(|event| event.map(|secret| version(secret.metadata)))
}

fn version(meta: ObjectMeta) -> Version {
    Version {
        namespace: meta.namespace.unwrap_or_default(),
        name: meta.name.unwrap_or_default(),
        resource_version: meta.resource_version.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const LOOKUP: Lookup<'_> =
        Lookup { namespace: "ns", secret: "s", key: "k", annotation: "allow", reader: "cr" };

    fn entry(annotation: Option<&str>, data: Value) -> Entry {
        let annotations = annotation.map(|value| json!({"allow": value}));
        serde_json::from_value(
            json!({"metadata": {"annotations": annotations, "resourceVersion": "5"}, "data": data}),
        )
        .unwrap()
    }

    #[test]
    fn an_annotation_allows_all_or_the_names_in_it() {
        for (annotation, allowed) in [
            ("*", true),
            ("cr", true),
            ("a, cr ,b", true),
            ("", false),
            ("crs", false),
            ("a,*", false),
            (" *", false),
        ] {
            assert_eq!(allows(annotation, "cr"), allowed, "{annotation:?}");
        }
    }

    #[test]
    fn a_value_is_decoded_and_comes_with_its_version_but_is_not_printed() {
        let found = pick(entry(Some("*"), json!({"k": "aHVudGVyMg=="})), &LOOKUP).unwrap();
        assert_eq!((found.value.as_str(), found.resource_version.as_str()), ("hunter2", "5"));
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn refusals_say_why_in_the_official_words() {
        let data = json!({"k": "aHVudGVyMg=="});
        let cases = [
            (entry(None, data.clone()), r#"secret "s" doesn't have the "allow" annotation"#),
            (
                entry(Some("x"), data.clone()),
                r#"secret "s" have the annotation "allow" but it does not contain "cr""#,
            ),
            (entry(Some("cr"), json!({})), r#"secret "s" is missing key "k""#),
            (entry(Some("cr"), json!({"k": "/w=="})), r#"secret "s" key "k" is not valid UTF-8 text"#),
        ];
        for (entry, message) in cases {
            assert_eq!(pick(entry, &LOOKUP).unwrap_err().to_string(), message);
        }
    }
}
