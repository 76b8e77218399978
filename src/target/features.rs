//! What the server says of itself: its features, the cluster, its version; read from its answer by the plan's paths.
use std::collections::BTreeSet;

use prost_reflect::{DynamicMessage, MapKey, Value};

use crate::mapping::plan::{AnswerPath, Features};

/// What is known of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Features that are on.
    pub features: BTreeSet<String>,
    /// Name of the cluster.
    pub cluster: Option<String>,
    /// The server's version.
    pub version: Option<String>,
}

impl Facts {
    /// Reads an answer.
    pub fn read(features: &Features, answer: &DynamicMessage) -> Self {
        let on = |paths: &[AnswerPath]| {
            paths.iter().any(|path| value(path, answer).is_some_and(|value| value == Value::Bool(true)))
        };
        let text = |path: &Option<AnswerPath>| {
            let value = value(path.as_ref()?, answer)?;
            value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let on = features.paths.iter().filter(|(_, paths)| on(paths)).map(|(name, _)| name.clone());
        Self { features: on.collect(), cluster: text(&features.cluster), version: text(&features.version) }
    }

    /// Whether a resource that asks for one of these features can be had; one that asks for none always can.
    pub fn allow(&self, requires: &[String]) -> bool {
        requires.is_empty() || requires.iter().any(|feature| self.features.contains(feature))
    }
}

fn value(path: &AnswerPath, answer: &DynamicMessage) -> Option<Value> {
    let found = path.to.get(answer)?;
    let Some((key, rest)) = &path.entry else { return Some(found.into_owned()) };
    let entry = found.as_map()?.get(&MapKey::String(key.clone()))?;
    if rest.is_empty() {
        return Some(entry.clone());
    }
    rest.get(entry.as_message()?).map(std::borrow::Cow::into_owned)
}
