//! Names of a Kubernetes kind, by the rules that the official operator's generator has.
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
