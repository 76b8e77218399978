//! What the server says of itself: its features, the cluster, its version; read from its answer by the plan's paths.
use std::collections::BTreeSet;

use prost_reflect::{DynamicMessage, MapKey, Value};

use crate::mapping::plan::{AnswerPath, Features};
use crate::schema::FieldPath;

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
        // The first place that there is decides: where a newer word says no, an older one has no say.
        let on = |paths: &[AnswerPath]| {
            let decides = paths.iter().find_map(|path| value(path, answer));
            decides == Some(Value::Bool(true))
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

/// What stands in a place, if the answer has it. A map's entry is there or not; a scalar of a message that is there always
/// is, because its zero value is not sent.
fn value(path: &AnswerPath, answer: &DynamicMessage) -> Option<Value> {
    let Some((key, rest)) = &path.entry else { return scalar(&path.to, answer) };
    let map = path.to.get(answer)?;
    let entry = map.as_map()?.get(&MapKey::String(key.clone()))?;
    if rest.is_empty() { Some(entry.clone()) } else { scalar(rest, entry.as_message()?) }
}

fn scalar(path: &FieldPath, message: &DynamicMessage) -> Option<Value> {
    let (last, way) = path.fields().split_last()?;
    let message = FieldPath::new(way.to_vec()).message(message)?.clone();
    (!last.supports_presence() || message.has_field(last)).then(|| message.get_field(last).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::embedded;

    fn features(text: &str) -> BTreeSet<String> {
        let target = embedded().expect("sound");
        let message = target.features.call[0].output();
        let text = format!("ServerFeatures {{ {text} }}");
        let answer = DynamicMessage::parse_text_format(message, &text).expect("an answer");
        Facts::read(&target.features, &answer).features
    }

    #[test]
    fn the_first_place_that_there_is_decides() {
        let entry =
            |name: &str, on: bool| format!("entitlements {{ key: \"{name}\" value {{ enabled: {on} }} }}");
        let has = |text: &str, feature: &str| features(text).contains(feature);
        let (policy, new) = ("policy", "SessionSummaries");
        for (text, expected) in [
            (String::new(), false),
            (entry(new, true), true),
            (entry("Policy", true), true),
            (entry("Policy", false), false),
            (format!("{} {}", entry(new, false), entry("Policy", true)), false),
            (format!("{} {}", entry(new, true), entry("Policy", false)), true),
        ] {
            assert_eq!(has(&text, policy), expected, "{text}");
        }
        assert!(has("OIDC: true", "oidc"), "an older server has no entitlements");
        assert!(has("AdvancedAccessWorkflows: true", "advanced-access-workflows"));
        assert!(!has(&format!("OIDC: true {}", entry("OIDC", false)), "oidc"));
    }
}
