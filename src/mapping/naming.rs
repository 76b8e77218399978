//! Names: those of a Kubernetes kind, by the rules that the official operator's generator has, and that of a call that was
//! probably meant.
use crate::diagnostic::did_you_mean;
use crate::schema::Schema;

/// What to say of a call that there is not: a method of the same service, else one of the same name, else a service.
pub(super) fn call_meant(written: &str, schema: &Schema) -> Option<String> {
    let (service, method) = written.split_once('/')?;
    let calls = schema.calls();
    let of_service = calls.iter().filter(|call| call.split_once('/').is_some_and(|(of, _)| of == service));
    let methods: Vec<&str> = of_service.map(String::as_str).collect();
    if !methods.is_empty() {
        return did_you_mean(written, methods);
    }
    let of_name = calls.iter().find(|call| call.split_once('/').is_some_and(|(_, name)| name == method));
    let services = calls.iter().filter_map(|call| Some(call.split_once('/')?.0));
    of_name.map(|call| format!("did you mean `{call}`?")).or_else(|| did_you_mean(service, services))
}

/// Plural name of a kind, given the prefix that all kinds start with: English plural, before a version at the end.
pub(super) fn plural(kind: &str, prefix: &str) -> String {
    let name = kind.strip_prefix(prefix).unwrap_or(kind);
    let (stem, version) = split_version(name);
    format!("{}{}{}", prefix.to_lowercase(), english_plural(&stem.to_lowercase()), version.to_lowercase())
}

/// `RoleV6` is `Role` and `V6`; a name without a version at its end is itself and nothing.
pub(super) fn split_version(name: &str) -> (&str, &str) {
    let digits = name.trim_end_matches(|c: char| c.is_ascii_digit());
    match digits.strip_suffix('V') {
        Some(stem) if digits.len() < name.len() && !stem.is_empty() => name.split_at(stem.len()),
        _ => (name, ""),
    }
}

pub(super) fn english_plural(word: &str) -> String {
    let before_y = word.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']));
    if let Some(stem) = before_y {
        return format!("{stem}ies");
    }
    let hisses = ["s", "x", "z", "ch", "sh"].iter().any(|end| word.ends_with(end));
    format!("{word}{}", if hisses { "es" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_keep_versions_at_the_end() {
        for (kind, expected) in [
            ("PreRole", "preroles"),
            ("PreRoleV6", "prerolesv6"),
            ("PreInferencePolicy", "preinferencepolicies"),
            ("PreWorkloadIdentityV1", "preworkloadidentitiesv1"),
            ("PreOpenSSHEICEServerV2", "preopenssheiceserversv2"),
            ("PreBox", "preboxes"),
            ("PreKey", "prekeys"),
            ("PreV2", "prev2s"),
        ] {
            assert_eq!(plural(kind, "Pre"), expected);
        }
    }
}
