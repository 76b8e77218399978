//! Durations as Go writes them: `1h30m`, down to nanoseconds. Signed 64-bit nanoseconds, nothing longer.

/// Nanoseconds of Go's own units.
const GO: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Nanoseconds of the longer units that duration words have besides: a day of 24 hours, 30 of them, 365 of them.
const LONG: [(&str, u64); 3] =
    [("d", 86_400_000_000_000), ("mo", 2_592_000_000_000_000), ("y", 31_536_000_000_000_000)];

/// The largest magnitude: that of the smallest `i64`.
const MOST: u64 = 1 << 63;

/// Nanoseconds of a text as Go's `time.ParseDuration` reads it; none where it is no such text or too long.
pub fn parse_go(text: &str) -> Option<i64> {
    parse(text, &GO)
}

/// The same with days, months and years, and `never` for zero.
pub fn parse_words(text: &str) -> Option<i64> {
    if text == "never" {
        return Some(0);
    }
    let units: Vec<_> = GO.into_iter().chain(LONG).collect();
    parse(text, &units)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<i64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned == "0" {
        return Some(0);
    }
    if unsigned.is_empty() {
        return None;
    }
    let (mut rest, mut total) = (unsigned, 0_u64);
    while !rest.is_empty() {
        let (amount, after) = term(rest, units)?;
        total = total.checked_add(amount).filter(|total| *total <= MOST)?;
        rest = after;
    }
    if text.starts_with('-') { 0_i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() }
}

/// One number with its unit, in nanoseconds, and what comes after.
fn term<'a>(text: &'a str, units: &[(&str, u64)]) -> Option<(u64, &'a str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at(end);
    let (_, nanos) = units.iter().find(|(name, _)| *name == unit)?;
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()?.checked_mul(*nanos)? };
    Some((whole.checked_add(part(fraction, *nanos))?, after))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The fraction of a unit, cut off below a nanosecond. Digits beyond the 18th are below that for every unit.
fn part(fraction: &str, nanos: u64) -> u64 {
    let digits = &fraction[..fraction.len().min(18)];
    let Ok(number) = digits.parse::<u128>() else { return 0 };
    let scaled = number * u128::from(nanos) / 10_u128.pow(u32::try_from(digits.len()).unwrap_or(0));
    u64::try_from(scaled).unwrap_or(0)
}

/// The text that Go's `Duration.String` gives: `1h30m0s`, `1.5s`, `3µs`, `0s`.
pub fn print(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let size = nanos.unsigned_abs();
    match size {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{size}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(size, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(size, 1_000_000)),
        _ => {
            let (minutes, rest) = (size / 60_000_000_000, size % 60_000_000_000);
            let seconds = decimal(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// `size / unit` with as many decimals as it has; `unit` is a power of ten.
fn decimal(size: u64, unit: u64) -> String {
    let (whole, fraction) = (size / unit, size % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{}", format!("{fraction:0width$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::{parse_go, parse_words, print};
    use proptest::prelude::*;

    // Observed on the official types: what goes in, and what its text is then.
    const WORDS: [(&str, &str); 16] = [
        ("1h30m", "1h30m0s"),
        ("1d", "24h0m0s"),
        ("2d12h", "60h0m0s"),
        ("1mo", "720h0m0s"),
        ("1y", "8760h0m0s"),
        ("never", "0s"),
        ("30h0m0s", "30h0m0s"),
        ("1.5h", "1h30m0s"),
        (".5s", "500ms"),
        ("-5m", "-5m0s"),
        ("0", "0s"),
        ("100ns", "100ns"),
        ("3us", "3µs"),
        ("3µs", "3µs"),
        ("9223372036854775807ns", "2562047h47m16.854775807s"),
        ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
    ];

    const REFUSED: [&str; 14] = [
        "10",
        "1 h",
        "1w",
        "1H",
        "9999999999999999h",
        "300y",
        "1",
        "",
        "yes",
        "bogus",
        ".",
        "-",
        "1h.",
        "1h2",
    ];

    #[test]
    fn words_are_read_and_printed_as_go_does() {
        for (text, printed) in WORDS {
            assert_eq!(parse_words(text).map(print).as_deref(), Some(printed), "{text}");
        }
        for text in REFUSED {
            assert_eq!(parse_words(text), None, "{text:?}");
        }
    }

    #[test]
    fn gos_own_durations_have_no_days() {
        assert_eq!(parse_go("336h"), Some(336 * 3_600_000_000_000));
        for text in ["14d", "1mo", "1y", "never"] {
            assert_eq!(parse_go(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_duration_comes_back(nanos: i64) {
            prop_assert_eq!(parse_go(&print(nanos)), Some(nanos));
        }

        #[test]
        fn no_text_panics(text in "[-+]?[0-9.]{0,30}[a-zµ]{0,3}[0-9.]{0,3}\\PC{0,3}") {
            let _ = parse_words(&text);
        }
    }
}
