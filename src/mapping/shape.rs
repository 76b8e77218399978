//! Resolves the JSON form of a resource: which members its objects have, how each is written, and which rules of the
//! mapping hold for it. A message is resolved once for each set of rules that reaches it.
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::path::Step;
use super::plan::{Many, Member, MessageShape, Rules, Shape, ShapeId, Shapes};
use super::repr::{Form, Json, Repr};
use super::types::{Rule as TypeRule, Types, Written};
use crate::diagnostic::{Source, did_you_mean};
use crate::schema::{FieldOptions, FieldPath};

/// What a mapping says of the members at a path.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// The path.
    pub steps: Vec<Step>,
    /// What it says.
    pub word: Word,
    /// Where the mapping says it.
    pub span: Range<usize>,
}

/// The words of `[fields]` that hold for members, and what reads are asked for by (`Fixed`). `preserve` holds for paths and is resolved elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Omit,
    Secret,
    Present,
    Server,
    Fixed,
}

/// A rule, as far as it has been followed: its number and how many of its steps are behind.
type Followed = (usize, usize);

/// Shapes with what went wrong: rules that name nothing, and types that have no form.
pub(super) struct Resolved {
    pub shapes: Shapes,
    pub problems: Vec<Problem>,
}

/// Something that went wrong.
pub(super) struct Problem {
    pub at: At,
    pub message: String,
    pub help: Option<String>,
}

/// Where a problem stands.
pub(super) enum At {
    /// In `[fields]` of the mapping.
    Rule(Range<usize>),
    /// In `types.toml`.
    Types(Arc<Source>, Range<usize>),
    /// It is the message's own.
    Message,
}

pub(super) fn resolve(message: &MessageDescriptor, json: Json, types: &Types, rules: &[Rule]) -> Resolved {
    let mut build = Build {
        json,
        types,
        rules,
        reached: vec![0; rules.len()],
        nearest: BTreeMap::new(),
        memo: HashMap::new(),
        shapes: Vec::new(),
        problems: Vec::new(),
    };
    build.message(message, (0..rules.len()).map(|rule| (rule, 0)).collect());
    // What is wrong with a path in a request is said where the call is resolved.
    let written = |(rule, _): &(&Rule, &usize)| rule.word != Word::Fixed;
    for (rule, reached) in rules.iter().zip(&build.reached).filter(written) {
        let Some(Step::Member(missing)) = rule.steps.get(*reached) else { continue };
        let known = build.nearest.remove(&(rule.span.start, *reached)).unwrap_or_default();
        let help = did_you_mean(missing, known.iter().map(String::as_str));
        let message = format!("there is no `{missing}` in the JSON form of {}", message.full_name());
        build.problems.push(Problem { at: At::Rule(rule.span.clone()), message, help });
    }
    for (rule, reached) in rules.iter().zip(&build.reached).filter(written) {
        if matches!(rule.steps.get(*reached), Some(Step::Each)) {
            let message = "`[*]` stands for the elements of a list or map, and this is neither".to_owned();
            build.problems.push(Problem { at: At::Rule(rule.span.clone()), message, help: None });
        }
    }
    Resolved { shapes: Shapes(build.shapes), problems: build.problems }
}

struct Build<'a> {
    json: Json,
    types: &'a Types,
    rules: &'a [Rule],
    /// How many steps of each rule have led somewhere.
    reached: Vec<usize>,
    /// The members that a step could have named, by the rule's place and the step.
    nearest: BTreeMap<(usize, usize), Vec<String>>,
    memo: HashMap<(String, Vec<Followed>), ShapeId>,
    shapes: Vec<MessageShape>,
    problems: Vec<Problem>,
}

impl Build<'_> {
    fn problem(&mut self, at: At, message: String, help: Option<String>) {
        self.problems.push(Problem { at, message, help });
    }

    fn message(&mut self, message: &MessageDescriptor, rules: Vec<Followed>) -> ShapeId {
        let memo = (message.full_name().to_owned(), rules.clone());
        if let Some(known) = self.memo.get(&memo) {
            return *known;
        }
        let id = ShapeId(self.shapes.len());
        self.memo.insert(memo, id);
        self.shapes.push(MessageShape {
            message: message.clone(),
            json: self.json,
            members: Vec::new(),
            by_name: HashMap::new(),
        });
        let mut members = Vec::new();
        self.members(message, &FieldPath::default(), &rules, &mut members);
        for (rule, steps) in &rules {
            let names = members.iter().map(|member| member.json.clone()).collect();
            self.nearest.insert((self.rules[*rule].span.start, *steps), names);
        }
        let mut by_name = HashMap::new();
        for (index, member) in members.iter().enumerate() {
            for name in [Some(&member.json), member.also.as_ref()].into_iter().flatten() {
                by_name.entry(name.clone()).or_insert(index);
            }
        }
        self.shapes[id.0].members = members;
        self.shapes[id.0].by_name = by_name;
        id
    }

    /// The members of a message; those of messages inlined in it in their place.
    fn members(
        &mut self,
        of: &MessageDescriptor,
        way: &FieldPath,
        rules: &[Followed],
        into: &mut Vec<Member>,
    ) {
        for field in of.fields() {
            let options = FieldOptions::of(&field);
            let path = way.join(field.clone());
            let written = self.types.written(&field, &options);
            if let (true, Kind::Message(inner)) = (self.inlined(&options, written), field.kind()) {
                self.members(&inner, &path, rules, into);
                continue;
            }
            let Some(json) = self.json_name(&field, &options) else { continue };
            let (member_rules, below) = self.follow(&json, rules, &field);
            let also =
                (self.json == Json::Proto && field.json_name() != json).then(|| field.json_name().to_owned());
            let nullable = self.nullable(of, &options);
            let Some((many, value)) = self.value(&field, &options, written, below, member_rules) else {
                continue;
            };
            into.push(Member { json, also, path, field, many, value, nullable, rules: member_rules });
        }
    }

    /// Go's rules for a message that carries no Go options of its own are those of a Go type beside it, which holds
    /// values, no pointers.
    fn nullable(&self, of: &MessageDescriptor, options: &FieldOptions) -> bool {
        match self.json {
            Json::Proto => true,
            Json::Go => options.nullable && self.types.json(of) == Json::Go,
        }
    }

    fn inlined(&self, options: &FieldOptions, rule: Option<&TypeRule>) -> bool {
        let embedded = self.json == Json::Go && options.embed && options.json_key() == Some("");
        embedded || rule.is_some_and(|rule| matches!(rule.written, Written::Inline))
    }

    /// None where Go's rules give the field no JSON form.
    fn json_name(&self, field: &FieldDescriptor, options: &FieldOptions) -> Option<String> {
        match (self.json, options.json_key()) {
            (Json::Go, Some("-")) => None,
            (Json::Go, Some(key)) if !key.is_empty() => Some(key.to_owned()),
            _ => Some(field.name().to_owned()),
        }
    }

    /// The rules that end at this member, and those that go on below it.
    fn follow(&mut self, json: &str, rules: &[Followed], field: &FieldDescriptor) -> (Rules, Vec<Followed>) {
        let (mut here, mut below) = (Rules::default(), Vec::new());
        for (rule, behind) in rules {
            let Rule { steps, word, .. } = &self.rules[*rule];
            if !matches!(&steps[*behind], Step::Member(name) if name == json) {
                continue;
            }
            let mut behind = behind + 1;
            if steps.get(behind) == Some(&Step::Each) && (field.is_list() || field.is_map()) {
                behind += 1;
            }
            self.reached[*rule] = self.reached[*rule].max(behind);
            if behind < steps.len() {
                below.push((*rule, behind));
                continue;
            }
            match word {
                Word::Omit => here.omit = true,
                Word::Secret => {
                    here.secret = true;
                    self.check_secret(field, *rule);
                }
                Word::Present => here.present = true,
                Word::Server => here.server = true,
                Word::Fixed => here.fixed = true,
            }
        }
        (here, below)
    }

    fn check_secret(&mut self, field: &FieldDescriptor, rule: usize) {
        let is_text = match field.kind() {
            Kind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind() == Kind::String,
            kind => kind == Kind::String,
        };
        if !is_text {
            let message = format!("a secret must be a string, and {} is none", field.full_name());
            self.problem(At::Rule(self.rules[rule].span.clone()), message, None);
        }
    }

    /// How many values the field has and what each is; none where it has no JSON form, which is reported unless the
    /// member is not for users anyway.
    fn value(
        &mut self,
        field: &FieldDescriptor,
        options: &FieldOptions,
        written: Option<&TypeRule>,
        below: Vec<Followed>,
        rules: Rules,
    ) -> Option<(Many, Shape)> {
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else { return None };
            let value = entry.map_entry_value_field();
            let written = self.types.written(&value, &FieldOptions::of(&value)).cloned();
            let shape = self.single(&value, options, written.as_ref(), below, rules)?;
            return Some((Many::Map, shape));
        }
        let shape = self.single(field, options, written, below, rules)?;
        let whole = matches!(&shape, Shape::Repr(Repr { form: Form::KeyedLists { .. }, .. }));
        let many = if field.is_list() && !whole { Many::List } else { Many::One };
        Some((many, shape))
    }

    fn single(
        &mut self,
        field: &FieldDescriptor,
        options: &FieldOptions,
        rule: Option<&TypeRule>,
        below: Vec<Followed>,
        rules: Rules,
    ) -> Option<Shape> {
        if let Some(rule) = rule {
            let repr = rule.written.repr(field).map_err(|message| {
                self.problem(At::Types(Arc::clone(&rule.source), rule.span.clone()), message, None);
            });
            return repr.ok().map(Shape::Repr);
        }
        let plain = |form| Some(Shape::Repr(Repr { form, within: None }));
        let Kind::Message(message) = field.kind() else { return plain(Form::Plain(self.json)) };
        match message.full_name() {
            "google.protobuf.Timestamp" => plain(Form::Time(self.json)),
            "google.protobuf.Duration" if options.std_duration || self.json == Json::Go => {
                plain(Form::Nanoseconds)
            }
            "google.protobuf.Duration" => plain(Form::Seconds),
            "google.protobuf.Struct" => plain(Form::FreeForm),
            name if is_wrapper(name) => {
                let within = message.get_field_by_name("value");
                Some(Shape::Repr(Repr { form: Form::Plain(self.json), within }))
            }
            name if has_no_form(name) && !rules.omit && !rules.server => {
                let message = format!("{} has no JSON form here: {name}", field.full_name());
                let help = "leave it out with `omit`".to_owned();
                self.problem(At::Message, message, Some(help));
                None
            }
            name if has_no_form(name) => None,
            _ => Some(Shape::Message(self.message(&message, below))),
        }
    }
}

fn is_wrapper(name: &str) -> bool {
    let Some(name) = name.strip_prefix("google.protobuf.").and_then(|name| name.strip_suffix("Value")) else {
        return false;
    };
    ["Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes"].contains(&name)
}

pub(super) fn has_no_form(name: &str) -> bool {
    ["google.protobuf.Any", "google.protobuf.Value", "google.protobuf.ListValue"].contains(&name)
}
