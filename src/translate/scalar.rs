//! Scalars and enums without a form of their own: by Go's rules or by those of the protobuf JSON mapping.
//! Null is not read here: what it means depends on the place.
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};
use prost_reflect::{DynamicMessage, EnumDescriptor, Kind, Value};
use serde_json::Value as Json;

use super::refusal::Refusal;
use crate::diagnostic::did_you_mean;
use crate::mapping::repr::Json as Rules;

/// One value of that kind.
///
/// # Errors
/// What the value should have been.
pub fn read(rules: Rules, kind: &Kind, json: &Json) -> Result<Value, Refusal> {
    let refused = || Refusal::new(accepts(rules, kind));
    let value = match kind {
        Kind::Bool => json.as_bool().map(Value::Bool),
        Kind::String => return text(json).map(Value::String),
        Kind::Bytes => bytes(rules, json).map(|bytes| Value::Bytes(bytes.into())),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => whole(rules, json).map(Value::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => whole(rules, json).map(Value::I64),
        Kind::Uint32 | Kind::Fixed32 => whole(rules, json).map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => whole(rules, json).map(Value::U64),
        Kind::Double => number(rules, json).map(Value::F64),
        Kind::Float => number(rules, json).and_then(single).map(Value::F32),
        Kind::Enum(found) => return enumerated(rules, found, json).map(Value::EnumNumber),
        Kind::Message(message) => DynamicMessage::deserialize(message.clone(), json).ok().map(Value::Message),
    };
    value.ok_or_else(refused)
}

/// What values of that kind may be, in words.
pub fn accepts(rules: Rules, kind: &Kind) -> String {
    let range = |least: i128, most: i128| format!("a whole number from {least} to {most}");
    match kind {
        Kind::Bool => "a boolean".to_owned(),
        Kind::String => "a string".to_owned(),
        Kind::Bytes => "base64 text".to_owned(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => range(i32::MIN.into(), i32::MAX.into()),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => range(i64::MIN.into(), i64::MAX.into()),
        Kind::Uint32 | Kind::Fixed32 => range(0, u32::MAX.into()),
        Kind::Uint64 | Kind::Fixed64 => range(0, u64::MAX.into()),
        Kind::Double | Kind::Float => "a number".to_owned(),
        Kind::Enum(_) if rules == Rules::Go => "the number of an enum value".to_owned(),
        Kind::Enum(found) => format!("the name or number of a value of {}", found.name()),
        Kind::Message(message) => format!("the JSON form of {}", message.full_name()),
    }
}

/// One value of that kind in JSON.
pub fn print(rules: Rules, kind: &Kind, value: &Value) -> Json {
    match value {
        Value::Bool(flag) => Json::Bool(*flag),
        Value::I32(number) => Json::from(*number),
        Value::U32(number) => Json::from(*number),
        Value::I64(number) if rules == Rules::Proto => Json::String(number.to_string()),
        Value::U64(number) if rules == Rules::Proto => Json::String(number.to_string()),
        Value::I64(number) => Json::from(*number),
        Value::U64(number) => Json::from(*number),
        // The shortest text of the single-precision number, not the digits that widening it shows.
        Value::F32(number) => real(rules, number.to_string().parse().unwrap_or(f64::from(*number))),
        Value::F64(number) => real(rules, *number),
        Value::String(text) => Json::String(text.clone()),
        Value::Bytes(bytes) => Json::String(general_purpose::STANDARD.encode(bytes)),
        Value::EnumNumber(number) => match (rules, kind) {
            (Rules::Proto, Kind::Enum(found)) => found
                .get_value(*number)
                .map_or_else(|| Json::from(*number), |value| Json::String(value.name().to_owned())),
            _ => Json::from(*number),
        },
        Value::Message(message) => serde_json::to_value(message).unwrap_or_default(),
        Value::List(_) | Value::Map(_) => Json::Null,
    }
}

/// A string as it stands.
///
/// # Errors
/// What is no string, with how to make a scalar one.
pub fn text(json: &Json) -> Result<String, Refusal> {
    // What was written is not known here: YAML reads `yes` as true, and `0777` as 511.
    let quote = (json.is_boolean() || json.is_number()).then(|| "put it in quotes".to_owned());
    json.as_str().map(str::to_owned).ok_or_else(|| Refusal::new("a string").help(quote))
}

/// By Go's rules a literal with a point or an exponent is no whole number; by protobuf's its value decides, and numbers
/// may be written as strings.
fn whole<T: TryFrom<i128>>(rules: Rules, json: &Json) -> Option<T> {
    let number = match (rules, json) {
        (_, Json::Number(number)) => number.clone(),
        (Rules::Proto, Json::String(text)) => number_in(text)?,
        _ => return None,
    };
    let exact = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    let value = match (exact, rules) {
        (Some(exact), _) => exact,
        (None, Rules::Go) => return None,
        (None, Rules::Proto) => {
            number.as_f64().filter(|real| real.fract() == 0.0).map(|real| real as i128)?
        }
    };
    T::try_from(value).ok()
}

/// A number written as a string: no spaces around it.
fn number_in(text: &str) -> Option<serde_json::Number> {
    let bare =
        text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && !text.ends_with(char::is_whitespace);
    if bare { serde_json::from_str(text).ok() } else { None }
}

fn number(rules: Rules, json: &Json) -> Option<f64> {
    match (rules, json) {
        (_, Json::Number(number)) => number.as_f64(),
        (Rules::Proto, Json::String(text)) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => number_in(text)?.as_f64(),
        },
        _ => None,
    }
}

/// None where the number is too large for single precision.
fn single(number: f64) -> Option<f32> {
    let single = number as f32;
    (single.is_finite() || !number.is_finite()).then_some(single)
}

/// JSON has no words for what is no number; by Go's rules there is no form for it at all.
fn real(rules: Rules, number: f64) -> Json {
    let word = match (rules, number) {
        (Rules::Go, _) => return Json::from(number),
        (_, number) if number.is_nan() => "NaN",
        (_, f64::INFINITY) => "Infinity",
        (_, f64::NEG_INFINITY) => "-Infinity",
        (_, number) => return Json::from(number),
    };
    Json::String(word.to_owned())
}

/// By Go's rules standard base64 with padding, or a list of the bytes; by protobuf's either alphabet, padded or not.
fn bytes(rules: Rules, json: &Json) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    match (rules, json) {
        (Rules::Go, Json::String(text)) => {
            general_purpose::STANDARD.decode(text.replace(['\r', '\n'], "")).ok()
        }
        (Rules::Go, Json::Array(items)) => items.iter().map(|item| whole::<u8>(rules, item)).collect(),
        (Rules::Proto, Json::String(text)) => {
            let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
            GeneralPurpose::new(alphabet, lenient).decode(text).ok()
        }
        _ => None,
    }
}

/// By Go's rules any number and no name; by protobuf's both.
fn enumerated(rules: Rules, found: &EnumDescriptor, json: &Json) -> Result<i32, Refusal> {
    let refused = || Refusal::new(accepts(rules, &Kind::Enum(found.clone())));
    let Json::String(name) = json else { return whole(rules, json).ok_or_else(refused) };
    let by_name = found.get_value_by_name(name).map(|value| value.number());
    if rules == Rules::Go {
        let help = by_name.map(|number| format!("write {number}"));
        return Err(refused().help(help));
    }
    let names: Vec<_> = found.values().map(|value| value.name().to_owned()).collect();
    by_name.ok_or_else(|| refused().help(did_you_mean(name, names.iter().map(String::as_str))))
}

#[cfg(test)]
mod tests {
    use super::{print, read};
    use crate::mapping::repr::Json as Rules;
    use prost_reflect::Kind;
    use serde_json::{Value as Json, json};

    /// What is printed after reading; null where it is refused.
    fn turn(rules: Rules, kind: &Kind, json: &Json) -> Json {
        read(rules, kind, json).map_or(Json::Null, |value| print(rules, kind, &value))
    }

    #[test]
    fn whole_numbers_are_exact_and_in_range() {
        use Rules::{Go, Proto};
        let table = [
            (Go, Kind::Int32, json!(1), json!(1)),
            (Go, Kind::Int32, json!(2_147_483_648_i64), json!(null)),
            (Go, Kind::Int32, json!(-2_147_483_649_i64), json!(null)),
            (Go, Kind::Int32, json!(1.0), json!(null)),
            (Go, Kind::Int32, json!(1.5), json!(null)),
            (Go, Kind::Int32, json!("1"), json!(null)),
            (Go, Kind::Int32, json!(true), json!(null)),
            (Go, Kind::Uint32, json!(-1), json!(null)),
            (Go, Kind::Uint32, json!(4_294_967_296_u64), json!(null)),
            (Go, Kind::Int64, json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_993_i64)),
            (Go, Kind::Int64, json!(9_223_372_036_854_775_808_u64), json!(null)),
            (Proto, Kind::Int32, json!("4"), json!(4)),
            (Proto, Kind::Int32, json!(4.0), json!(4)),
            (Proto, Kind::Int32, json!("4e0"), json!(4)),
            (Proto, Kind::Int32, json!(4.5), json!(null)),
            (Proto, Kind::Int32, json!(" 4"), json!(null)),
            (Proto, Kind::Int32, json!(2_147_483_648_i64), json!(null)),
            (Proto, Kind::Int64, json!(1000), json!("1000")),
            (Proto, Kind::Int64, json!("9007199254740993"), json!("9007199254740993")),
            (Proto, Kind::Int64, json!(1e300), json!(null)),
            (Proto, Kind::Uint64, json!("18446744073709551615"), json!("18446744073709551615")),
        ];
        for (rules, kind, given, printed) in table {
            assert_eq!(turn(rules, &kind, &given), printed, "{rules:?} {kind:?} {given}");
        }
    }

    #[test]
    fn text_and_bytes_are_what_they_are() {
        use Rules::{Go, Proto};
        let table = [
            (Go, Kind::String, json!("a"), json!("a")),
            (Go, Kind::String, json!(1), json!(null)),
            (Go, Kind::Bool, json!("true"), json!(null)),
            (Go, Kind::Bytes, json!("aGk="), json!("aGk=")),
            (Go, Kind::Bytes, json!([104, 105]), json!("aGk=")),
            (Go, Kind::Bytes, json!([256]), json!(null)),
            (Go, Kind::Bytes, json!("aGk"), json!(null)),
            (Go, Kind::Bytes, json!("-_-_"), json!(null)),
            (Proto, Kind::Bytes, json!("aGk"), json!("aGk=")),
            (Proto, Kind::Bytes, json!("-_-_"), json!("+/+/")),
            (Proto, Kind::Bytes, json!("+_"), json!(null)),
        ];
        for (rules, kind, given, printed) in table {
            assert_eq!(turn(rules, &kind, &given), printed, "{rules:?} {kind:?} {given}");
        }
    }

    #[test]
    fn reals_keep_their_shortest_text() {
        use Rules::{Go, Proto};
        assert_eq!(turn(Go, &Kind::Float, &json!(0.1)), json!(0.1));
        assert_eq!(turn(Go, &Kind::Float, &json!(1e300)), json!(null));
        assert_eq!(turn(Go, &Kind::Double, &json!("NaN")), json!(null));
        assert_eq!(turn(Proto, &Kind::Double, &json!("NaN")), json!("NaN"));
        assert_eq!(turn(Proto, &Kind::Float, &json!("-Infinity")), json!("-Infinity"));
        assert_eq!(turn(Proto, &Kind::Double, &json!("1.5")), json!(1.5));
    }
}
