//! Finds the calls that read and write a message, by their types and names: what a first mapping is written from. A guess
//! by convention, for people to check; plans are made of what mappings say.
use prost_reflect::{Kind, MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use super::naming::{english_plural, split_version};

/// What a call does with a resource, in the order of the keys of `[rpc]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    List,
    Create,
    Update,
    Upsert,
    Delete,
}

impl Verb {
    pub const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::Get, "get", "Get"),
        (Self::List, "list", "List"),
        (Self::Create, "create", "Create"),
        (Self::Update, "update", "Update"),
        (Self::Upsert, "upsert", "Upsert"),
        (Self::Delete, "delete", "Delete"),
    ];
}

/// The calls for one verb, the most promising first.
pub(super) struct Found {
    pub verb: Verb,
    pub calls: Vec<MethodDescriptor>,
    /// They bear the message's own name.
    pub is_certain: bool,
}

/// The calls for a message, by verb; without those verbs that there are none for.
pub(super) fn calls(services: &[ServiceDescriptor], message: &MessageDescriptor) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (verb, ..) in Verb::ALL {
        let (same, other): (Vec<_>, Vec<_>) = services
            .iter()
            .flat_map(ServiceDescriptor::methods)
            .filter(|method| {
                does(verb, method, message) && (verb != Verb::Delete || is_beside(method, &found))
            })
            .partition(|method| is_named(verb, method, message.name()));
        let is_certain = !same.is_empty();
        let mut calls = if is_certain { same } else { other };
        calls.sort_by_key(|method| rank(method, message));
        if !calls.is_empty() {
            found.push(Found { verb, calls, is_certain });
        }
    }
    found
}

/// The messages that a service reads and writes.
pub(super) fn messages(service: &ServiceDescriptor) -> Vec<MessageDescriptor> {
    let mut found: Vec<MessageDescriptor> = Vec::new();
    for method in service.methods() {
        let (input, output) = (method.input(), method.output());
        let near = input.fields().chain(output.fields()).filter(|field| !field.is_map());
        let near = near.filter_map(|field| field.kind().as_message().cloned());
        for message in near.chain([input.clone(), output.clone()]) {
            let verbs = |verb| service.methods().any(|method| does(verb, &method, &message));
            let is_written = [Verb::Create, Verb::Update, Verb::Upsert].into_iter().any(verbs);
            if !found.contains(&message) && is_written && verbs(Verb::Get) {
                found.push(message);
            }
        }
    }
    found
}

/// Whether a method's types and the beginning of its name are those of the verb.
fn does(verb: Verb, method: &MethodDescriptor, message: &MessageDescriptor) -> bool {
    if method.is_client_streaming() || method.is_server_streaming() {
        return false;
    }
    let begins = |prefix| method.name().starts_with(prefix);
    let (input, output) = (method.input(), method.output());
    match verb {
        Verb::Get => begins("Get") && gives(&output, message),
        Verb::List => (begins("List") || begins("Get")) && holds(&output, message, true) == 1,
        Verb::Create => begins("Create") && takes(&input, message),
        Verb::Update => begins("Update") && takes(&input, message),
        Verb::Upsert => begins("Upsert") && takes(&input, message),
        Verb::Delete => begins("Delete") && !takes(&input, message),
    }
}

fn takes(input: &MessageDescriptor, message: &MessageDescriptor) -> bool {
    input == message || (!is_resource(input) && holds(input, message, false) > 0)
}

fn gives(output: &MessageDescriptor, message: &MessageDescriptor) -> bool {
    output == message || (!is_resource(output) && holds(output, message, false) == 1)
}

/// Whether it is a resource itself: then what it holds is a part of it, not what its calls are about.
fn is_resource(message: &MessageDescriptor) -> bool {
    message.fields().any(|field| ["metadata", "header"].contains(&field.name().to_lowercase().as_str()))
}

/// How many fields are the message, or lists of it.
fn holds(within: &MessageDescriptor, message: &MessageDescriptor, lists: bool) -> usize {
    let fields = within.fields().filter(|field| field.is_list() == lists && !field.is_map());
    fields.filter(|field| matches!(field.kind(), Kind::Message(found) if found == *message)).count()
}

/// What a method's name is about: all but the verb, and a version at its end.
fn noun(method: &MethodDescriptor) -> &str {
    let prefixes = Verb::ALL.iter().map(|(_, _, prefix)| prefix);
    let noun = prefixes.into_iter().find_map(|prefix| method.name().strip_prefix(prefix));
    split_version(noun.unwrap_or_default()).0
}

fn is_named(verb: Verb, method: &MethodDescriptor, message: &str) -> bool {
    let (noun, stem) = (noun(method).to_lowercase(), split_version(message).0.to_lowercase());
    noun == stem || (verb == Verb::List && noun == english_plural(&stem))
}

/// A call that deletes shows no type: it must stand in a service that was found by type, and be about the same.
fn is_beside(method: &MethodDescriptor, found: &[Found]) -> bool {
    let mut known = found.iter().flat_map(|found| &found.calls);
    known.any(|known| known.parent_service() == method.parent_service() && noun(known) == noun(method))
}

/// Before others: what is not deprecated, stands beside the message, in a package with a version, and is younger.
fn rank(
    method: &MethodDescriptor,
    message: &MessageDescriptor,
) -> (bool, bool, bool, std::cmp::Reverse<u32>) {
    let service = method.parent_service();
    let is_deprecated = method.options().get_field_by_name("deprecated").and_then(|value| value.as_bool());
    let version = split_version(method.name()).1.trim_start_matches('V').parse().unwrap_or_default();
    (
        is_deprecated.unwrap_or_default(),
        service.package_name() != message.package_name(),
        package_version(service.package_name()).is_none(),
        std::cmp::Reverse(version),
    )
}

/// The version at the end of a package's name: `v1`.
pub(super) fn package_version(package: &str) -> Option<&str> {
    let last = package.rsplit('.').next()?;
    let digits = last.strip_prefix('v')?;
    (!digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())).then_some(last)
}
