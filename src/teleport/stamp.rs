//! A time as people read it.
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// To the second.
pub(super) fn stamp(time: OffsetDateTime) -> String {
    let time = time.truncate_to_second();
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}
