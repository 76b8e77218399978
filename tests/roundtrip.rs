//! Properties of the translation, on resources of every kind made at random from the shapes of its plan: what is printed
//! is read back, and nothing that comes in makes it panic.
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as FieldKind, MapKey, ReflectMessage as _, Value};
use serde_json::{Value as Json, json};
use teleport_operator::cli::manifest;
use teleport_operator::diagnostic::Source;
use teleport_operator::mapping::embedded;
use teleport_operator::mapping::plan::{Kind, Many, Member, Shape, ShapeId, Target};
use teleport_operator::mapping::repr::{EnumWords, Form, Printed, Repr};
use teleport_operator::translate::ordered::Ordered;
use teleport_operator::translate::{Place, compare, desired, print, read, repr};

static TARGET: LazyLock<Target> = LazyLock::new(|| embedded().expect("the embedded mappings are sound"));

/// Texts that YAML, JSON and paths could trip over.
const TEXTS: [&str; 20] = [
    "a",
    "root",
    "*",
    "{{internal.logins}}",
    "yes",
    "off",
    "null",
    "~",
    "0755",
    "1e3",
    "1_000",
    "0x1f",
    "-",
    "a: b",
    "# no comment",
    "Zoë 日本",
    "two\nlines\n",
    " spaces ",
    "\"'\\",
    "2030-01-02",
];

/// Makes values of a kind. `wild`: also those that have no JSON form.
struct Maker<'a> {
    kind: &'a Kind,
    rng: TestRng,
    wild: bool,
    /// Names of the forms that values were made of.
    made: BTreeSet<&'static str>,
}

impl<'a> Maker<'a> {
    fn new(kind: &'a Kind, seed: [u8; 32], wild: bool) -> Self {
        Self { kind, rng: TestRng::from_seed(RngAlgorithm::ChaCha, &seed), wild, made: BTreeSet::new() }
    }

    fn resource(&mut self) -> DynamicMessage {
        let mut message = self.message(ShapeId(0), 0);
        for constant in &self.kind.constants {
            if let Some(field) = &constant.field {
                field.set(&mut message, Value::String(constant.value.clone()));
            }
        }
        let sub_kinds = self.kind.resource.sub_kinds.as_ref();
        if let Some((sub_kinds, follows)) = sub_kinds.and_then(|s| Some((s, s.of(&message)?.to_owned()))) {
            sub_kinds.field.set(&mut message, Value::String(follows));
        }
        if let Some((field, value)) = &self.kind.resource.metadata.namespace {
            field.set(&mut message, Value::String(value.clone()));
        }
        message
    }

    fn message(&mut self, id: ShapeId, depth: usize) -> DynamicMessage {
        let shape = self.kind.resource.shapes.get(id);
        let mut message = DynamicMessage::new(shape.message.clone());
        for member in &shape.members {
            if self.one_in(if depth < 2 { 2 } else { 2 + depth as u32 })
                && let Some(value) = self.member(member, depth)
            {
                member.path.set(&mut message, value);
            }
        }
        // What was read knows no difference between a zero that was set and none.
        DynamicMessage::decode(shape.message.clone(), message.encode_to_vec().as_slice()).unwrap()
    }

    fn member(&mut self, member: &Member, depth: usize) -> Option<Value> {
        let field = &member.field;
        match member.many {
            Many::One => self.value(member, field, depth),
            Many::List => Some(Value::List(
                (0..self.below(3)).filter_map(|_| self.value(member, field, depth)).collect(),
            )),
            Many::Map => {
                let FieldKind::Message(entry) = field.kind() else { return None };
                let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
                let mut entries = HashMap::new();
                for _ in 0..self.below(3) {
                    let key = self.scalar(&key.kind()).into_map_key()?;
                    entries.insert(key, self.value(member, &value, depth)?);
                }
                Some(Value::Map(entries))
            }
        }
    }

    fn value(&mut self, member: &Member, field: &FieldDescriptor, depth: usize) -> Option<Value> {
        match &member.value {
            Shape::Message(_) if depth > 6 => None,
            Shape::Message(id) => Some(Value::Message(self.message(*id, depth + 1))),
            Shape::Repr(repr) => Some(self.represented(repr, field)),
        }
    }

    fn represented(&mut self, repr: &Repr, field: &FieldDescriptor) -> Value {
        self.made.insert(repr.form.name());
        let inner = repr.within.as_ref().unwrap_or(field);
        let value = match &repr.form {
            Form::BoolWord | Form::Plain(_) => self.scalar(&inner.kind()),
            Form::DurationWords | Form::GoDuration | Form::Nanoseconds => {
                let nanos = self.whole();
                self.pair(inner, nanos / 1_000_000_000, (nanos % 1_000_000_000) as i32, nanos)
            }
            Form::Seconds => {
                let (seconds, nanos) =
                    (self.whole() % 315_576_000_000, (self.whole() % 1_000_000_000) as i32);
                let nanos = if seconds < 0 { -nanos.abs() } else { nanos.abs() };
                self.pair(inner, seconds, nanos, seconds.saturating_mul(1_000_000_000))
            }
            Form::Time(_) => {
                let range = 253_402_300_799 + 62_135_596_800_i64;
                let seconds = self.whole().rem_euclid(range) - 62_135_596_799;
                let nanos = self.whole().rem_euclid(1_000_000_000) as i32;
                self.pair(inner, seconds, nanos, seconds)
            }
            Form::StringOrList | Form::StringList => self.strings(),
            Form::MapOfStringOrList { strings } | Form::MapOfStringLists { strings } => {
                let entries = (0..self.below(3)).map(|_| {
                    let mut entry = DynamicMessage::new(strings.parent_message().clone());
                    entry.set_field(strings, self.strings());
                    (MapKey::String(self.text()), Value::Message(entry))
                });
                Value::Map(entries.collect())
            }
            Form::KeyedLists { key, strings } => {
                let names: BTreeSet<String> = (0..self.below(3)).map(|_| self.text()).collect();
                let items = names.into_iter().map(|name| {
                    let mut item = DynamicMessage::new(key.parent_message().clone());
                    item.set_field(key, Value::String(name));
                    item.set_field(strings, self.strings());
                    Value::Message(item)
                });
                Value::List(items.collect())
            }
            Form::EnumWords(words) => {
                let known: Vec<i32> = words.print.keys().copied().filter(|n| comes_back(words, *n)).collect();
                Value::EnumNumber(if self.wild {
                    self.whole() as i32
                } else {
                    known[self.below(known.len())]
                })
            }
            Form::EnumNames(_) => match inner.kind() {
                FieldKind::Enum(found) => {
                    let index = self.below(found.values().len());
                    Value::EnumNumber(found.values().nth(index).unwrap().number())
                }
                other => Value::default_value(&other),
            },
            Form::OnOffText => Value::String(self.text()),
            Form::Tagged(choices) => {
                let choice = &choices[self.below(choices.len())];
                let FieldKind::Message(of) = choice.field.kind() else {
                    unreachable!("a choice of messages")
                };
                let mut chosen = DynamicMessage::new(of);
                for (_, member) in &choice.members {
                    chosen.set_field(member, self.scalar(&member.kind()));
                }
                let mut message = DynamicMessage::new(choice.field.parent_message().clone());
                message.set_field(&choice.field, Value::Message(chosen));
                Value::Message(message)
            }
            Form::FreeForm => {
                let FieldKind::Message(message) = inner.kind() else { unreachable!("a Struct is a message") };
                let json = json!({ "text": self.text(), "number": self.below(9) as f64 + 0.5, "list": [null, true] });
                Value::Message(DynamicMessage::deserialize(message, json).unwrap())
            }
        };
        match (&repr.within, field.kind()) {
            (Some(within), FieldKind::Message(message)) => {
                let mut wrapped = DynamicMessage::new(message);
                wrapped.set_field(within, value);
                Value::Message(wrapped)
            }
            _ => value,
        }
    }

    fn scalar(&mut self, kind: &FieldKind) -> Value {
        match kind {
            FieldKind::Bool => Value::Bool(self.one_in(2)),
            FieldKind::String => Value::String(self.text()),
            FieldKind::Bytes => Value::Bytes(self.text().into_bytes().into()),
            FieldKind::Int32 | FieldKind::Sint32 | FieldKind::Sfixed32 => Value::I32(self.whole() as i32),
            FieldKind::Int64 | FieldKind::Sint64 | FieldKind::Sfixed64 => Value::I64(self.whole()),
            FieldKind::Uint32 | FieldKind::Fixed32 => Value::U32(self.whole() as u32),
            FieldKind::Uint64 | FieldKind::Fixed64 => Value::U64(self.whole() as u64),
            FieldKind::Double if self.wild => Value::F64(f64::from_bits(self.whole() as u64)),
            FieldKind::Double => Value::F64(self.whole() as f64 / 8.0),
            FieldKind::Float if self.wild => Value::F32(f32::from_bits(self.whole() as u32)),
            FieldKind::Float => Value::F32(self.whole() as f32 / 8.0),
            FieldKind::Enum(found) if !self.one_in(4) => {
                let index = self.below(found.values().len());
                Value::EnumNumber(found.values().nth(index).unwrap().number())
            }
            FieldKind::Enum(_) => Value::EnumNumber(self.whole() as i32),
            FieldKind::Message(message) => Value::Message(DynamicMessage::new(message.clone())),
        }
    }

    /// Seconds and nanoseconds as the field has them: a well-known type, or a number.
    fn pair(&mut self, field: &FieldDescriptor, seconds: i64, nanos: i32, number: i64) -> Value {
        let FieldKind::Message(message) = field.kind() else { return Value::I64(number) };
        let mut pair = DynamicMessage::new(message);
        let (seconds, nanos) = if self.wild { (self.whole(), self.whole() as i32) } else { (seconds, nanos) };
        pair.set_field_by_number(1, Value::I64(seconds));
        pair.set_field_by_number(2, Value::I32(nanos));
        Value::Message(pair)
    }

    fn strings(&mut self) -> Value {
        Value::List((0..self.below(4)).map(|_| Value::String(self.text())).collect())
    }

    fn text(&mut self) -> String {
        let known = TEXTS[self.below(TEXTS.len())].to_owned();
        if self.one_in(4) { known + &self.below(100).to_string() } else { known }
    }

    /// Any size is as likely as any other.
    fn whole(&mut self) -> i64 {
        let bits = self.below(64) as u32;
        (self.rng.next_u64() as i64) >> bits
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.rng.next_u64() % limit as u64) as usize
    }

    fn one_in(&mut self, many: u32) -> bool {
        self.rng.next_u32().is_multiple_of(many)
    }
}

/// Whether the word for a number is read as that number again: some are aliases.
fn comes_back(words: &EnumWords, number: i32) -> bool {
    match &words.print[&number] {
        Printed::Word(word) => words.words.get(&words.fold.apply(word)) == Some(&number),
        Printed::Bool(flag) => words.bools.get(flag) == Some(&number),
        Printed::Number => words.numbers.get(&number) == Some(&number),
    }
}

fn any_kind() -> impl Strategy<Value = Arc<Kind>> {
    (0..TARGET.kinds.len()).prop_map(|index| Arc::clone(&TARGET.kinds[index]))
}

fn any_json() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        proptest::sample::select(TEXTS.to_vec()).prop_map(str::to_owned),
        "secret://[a-z]{0,2}/?[a-z]{0,2}",
        "-?[0-9]{1,20}[a-zµ.]{0,3}",
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        text.prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::btree_map("[a-z_.]{0,5}", inner, 0..3)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// Puts `json` in the place of the value that `choice` finds on its way down.
fn replace(within: &mut Json, mut choice: u64, json: Json) {
    let children = match within {
        Json::Object(members) => members.len(),
        Json::Array(items) => items.len(),
        _ => 0,
    } as u64;
    if children == 0 || choice.is_multiple_of(4) {
        *within = json;
        return;
    }
    choice /= 4;
    let (index, rest) = ((choice % children) as usize, choice / children);
    match within {
        Json::Object(members) => replace(members.values_mut().nth(index).unwrap(), rest, json),
        Json::Array(items) => replace(&mut items[index], rest, json),
        _ => unreachable!("it has children"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_resource_that_is_printed_is_read_back(kind in any_kind(), seed: [u8; 32]) {
        let resource = &kind.resource;
        let message = Maker::new(&kind, seed, false).resource();
        let printed = print::resource(&kind, &message);
        let (again, diagnostics) = read::resource(&kind, &printed);
        prop_assert_eq!(diagnostics, [], "{}", printed);
        let (ours, theirs) = (compare::normalise(resource, &again), compare::normalise(resource, &message));
        prop_assert!(ours == theirs, "{}\n{}\n{}", printed, ours.to_text_format(), theirs.to_text_format());
        prop_assert_eq!(&print::resource(&kind, &again), &printed);
        prop_assert_eq!(compare::differences(resource, &again, &message), [] as [&str; 0]);
        prop_assert_eq!(compare::hash(resource, &again), compare::hash(resource, &message));
    }

    /// Each representation by itself, also the values that a whole resource leaves out because they are zero.
    #[test]
    fn a_value_that_is_printed_is_read_back(kind in any_kind(), seed: [u8; 32]) {
        let mut maker = Maker::new(&kind, seed, false);
        for member in kind.resource.shapes.0.iter().flat_map(|shape| &shape.members) {
            let (Shape::Repr(form), true) = (&member.value, member.many != Many::Map) else { continue };
            let value = maker.represented(form, &member.field);
            let printed = repr::print(form, &member.field, &value);
            let mut problems = Vec::new();
            let again = repr::read(form, &member.field, &printed, &Place::Root, &mut problems);
            prop_assert_eq!(&problems, &[], "{} {:?}", printed, form.form);
            let again = again.unwrap_or_else(|| Value::default_value_for_field(&member.field));
            prop_assert_eq!(repr::print(form, &member.field, &again), printed);
        }
    }

    #[test]
    fn what_has_no_form_makes_nothing_panic(kind in any_kind(), seed: [u8; 32], other: [u8; 32]) {
        let message = Maker::new(&kind, seed, true).resource();
        let (again, _) = read::resource(&kind, &print::resource(&kind, &message));
        let other = Maker::new(&kind, other, true).resource();
        for (a, b) in [(&message, &again), (&message, &other), (&other, &message)] {
            compare::differences(&kind.resource, a, b);
            compare::hash(&kind.resource, a);
        }
    }

    #[test]
    fn no_manifest_makes_it_panic(kind in any_kind(), seed: [u8; 32], places: [u64; 3], json in any_json()) {
        let message = Maker::new(&kind, seed, false).resource();
        let mut manifest = print::resource(&kind, &message);
        for place in places {
            replace(&mut manifest, place, json.clone());
        }
        desired(&kind, &TARGET.words, &TARGET.ownership, &manifest);
        desired(&kind, &TARGET.words, &TARGET.ownership, &json);
        read::resource(&kind, &manifest);
    }

    #[test]
    fn yaml_says_what_json_says(kind in any_kind(), seed: [u8; 32]) {
        let printed = print::resource(&kind, &Maker::new(&kind, seed, false).resource());
        let text = serde_saphyr::to_string(&printed).unwrap();
        let parsed = manifest::parse(&Arc::new(Source { name: "a".to_owned(), text: text.clone() }));
        prop_assert_eq!(&parsed.problems, &[], "{}", text);
        prop_assert_eq!(parsed.documents.len(), 1);
        prop_assert_eq!(&parsed.documents[0].json, &printed, "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(kind in any_kind(), seed: [u8; 32], cut in 0_usize..2000, put in "[-:&*!|>'\"\\[{},# \na-c\u{e9}]{0,4}") {
        let printed = print::resource(&kind, &Maker::new(&kind, seed, false).resource());
        let mut text = serde_saphyr::to_string(&printed).unwrap();
        let cut = text.char_indices().map(|(at, _)| at).nth(cut % text.chars().count().max(1)).unwrap_or(0);
        text.insert_str(cut, &put);
        let parsed = manifest::parse(&Arc::new(Source { name: "a".to_owned(), text }));
        for document in parsed.documents {
            let found = desired(&kind, &TARGET.words, &TARGET.ownership, &document.json);
            let document = document.hiding(&found.literals);
            for problem in found.diagnostics {
                teleport_operator::cli::report::render(&document.locate(problem), false);
            }
        }
    }

    #[test]
    fn ordered_messages_say_the_same(kind in any_kind(), seed: [u8; 32]) {
        let message = Maker::new(&kind, seed, false).resource();
        let ordered = Ordered::new(message.descriptor().parent_pool()).unwrap();
        let bytes = ordered.sort(&message).unwrap().encode_to_vec();
        let again = DynamicMessage::decode(message.descriptor(), bytes.as_slice()).unwrap();
        prop_assert!(again == message);
        // Decoded maps come in another order every time.
        prop_assert_eq!(ordered.sort(&again).unwrap().encode_to_vec(), bytes);
    }
}

/// The generator is only worth something if it makes values of every form that there is.
#[test]
fn every_form_is_made() {
    let members =
        TARGET.kinds.iter().flat_map(|kind| kind.resource.shapes.0.iter().flat_map(|shape| &shape.members));
    let forms = members.filter_map(|member| match &member.value {
        Shape::Repr(repr) => Some(repr.form.name()),
        Shape::Message(_) => None,
    });
    let forms: BTreeSet<&str> = forms.collect();
    let mut made = BTreeSet::new();
    for (index, kind) in TARGET.kinds.iter().enumerate() {
        for number in 0..100 {
            let mut seed = [number; 32];
            seed[0] = index as u8;
            let mut maker = Maker::new(kind, seed, false);
            maker.resource();
            made.extend(maker.made);
        }
    }
    assert_eq!(made, forms);
    assert!(forms.len() >= 10, "{forms:?}");
}
