//! Durations and times between their wire values and their texts. Ranges are those of the well-known types.
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};
use prost_types::{Duration, Timestamp};
use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::refusal::Refusal;
use crate::mapping::repr::Json as Rules;

const SECOND: i64 = 1_000_000_000;
/// Longest `google.protobuf.Duration`, in seconds: about 10,000 years.
const LONGEST: i64 = 315_576_000_000;
/// 0001-01-01T00:00:00Z in seconds: the least `google.protobuf.Timestamp`, and Go's zero time.
const FIRST: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z in seconds.
const LAST: i64 = 253_402_300_799;

/// The wire value of so many nanoseconds: a number or a `google.protobuf.Duration`, as the field is.
pub fn from_nanoseconds(field: &FieldDescriptor, nanos: i64) -> Option<Value> {
    let Kind::Message(_) = field.kind() else { return Some(Value::I64(nanos)) };
    let part = i32::try_from(nanos % SECOND).ok()?;
    message(field, &Duration { seconds: nanos / SECOND, nanos: part })
}

/// The nanoseconds of a wire value; the nearest there are where it is longer than they can say.
pub fn nanoseconds(value: &Value) -> Option<i64> {
    if let Value::I64(nanos) = value {
        return Some(*nanos);
    }
    let Duration { seconds, nanos } = value.as_message()?.transcode_to().ok()?;
    Some(seconds.saturating_mul(SECOND).saturating_add(nanos.into()))
}

/// The wire value of `1.5s`: seconds with up to nine decimals, as the protobuf JSON mapping has them.
pub fn from_seconds_text(field: &FieldDescriptor, text: &str) -> Option<Value> {
    let decimals = text.split_once('.').map_or(0, |(_, after)| after.len().saturating_sub(1));
    let duration: Duration = text.parse().ok().filter(|_| decimals <= 9)?;
    if duration.seconds.abs() > LONGEST {
        return None;
    }
    match field.kind() {
        Kind::Message(_) => message(field, &duration),
        _ => {
            let nanos = duration.seconds.checked_mul(SECOND)?.checked_add(duration.nanos.into())?;
            Some(Value::I64(nanos))
        }
    }
}

/// `1.5s` of a wire value, with three, six or nine decimals where there are any.
pub fn seconds_text(value: &Value) -> Option<String> {
    let duration = match value {
        Value::I64(nanos) => Duration { seconds: nanos / SECOND, nanos: i32::try_from(nanos % SECOND).ok()? },
        _ => value.as_message()?.transcode_to::<Duration>().ok()?,
    };
    (duration.seconds.unsigned_abs() <= LONGEST.unsigned_abs()).then(|| duration.to_string())
}

/// An RFC 3339 time as a `google.protobuf.Timestamp`. By Go's rules its zero time is the unset one.
///
/// # Errors
/// What is no such text, or out of the type's range.
pub fn read_time(rules: Rules, field: &FieldDescriptor, json: &Json) -> Result<Option<Value>, Refusal> {
    if json.is_null() {
        return Ok(None);
    }
    let time = json.as_str().and_then(parse_time);
    let stamp = time.ok_or_else(|| Refusal::new("a time such as `2030-01-02T15:04:05Z`"))?;
    if rules == Rules::Go && is_zero(&stamp) {
        return Ok(None);
    }
    Ok(message(field, &stamp))
}

/// The text of a time; none where it is out of range, and by Go's rules where it is the zero time.
pub fn time_text(rules: Rules, value: &Value) -> Option<String> {
    let stamp = value.as_message()?.transcode_to::<Timestamp>().ok()?;
    if !(FIRST..=LAST).contains(&stamp.seconds) || !(0..1_000_000_000).contains(&stamp.nanos) {
        return None;
    }
    match rules {
        Rules::Go if is_zero(&stamp) => None,
        Rules::Go => {
            let nanos = i128::from(stamp.seconds) * i128::from(SECOND) + i128::from(stamp.nanos);
            OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?.format(&Rfc3339).ok()
        }
        Rules::Proto => Some(stamp.to_string()),
    }
}

/// Whether a time is Go's zero time, which its types write where a time is not set.
pub fn is_zero_time(value: &Value) -> bool {
    value.as_message().and_then(|time| time.transcode_to().ok()).is_some_and(|stamp| is_zero(&stamp))
}

fn is_zero(stamp: &Timestamp) -> bool {
    (stamp.seconds, stamp.nanos) == (FIRST, 0)
}

fn parse_time(text: &str) -> Option<Timestamp> {
    // The parser takes small letters, other separators and leap seconds, which the official one does not.
    let letters = text.as_bytes().get(10) == Some(&b'T') && !text.contains('z');
    if !letters || text.get(17..19) == Some("60") {
        return None;
    }
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let stamp = Timestamp { seconds: time.unix_timestamp(), nanos: i32::try_from(time.nanosecond()).ok()? };
    (FIRST..=LAST).contains(&stamp.seconds).then_some(stamp)
}

fn message<T: prost_reflect::prost::Message>(field: &FieldDescriptor, value: &T) -> Option<Value> {
    let Kind::Message(descriptor) = field.kind() else { return None };
    let mut message = DynamicMessage::new(descriptor);
    message.transcode_from(value).ok()?;
    Some(Value::Message(message))
}
