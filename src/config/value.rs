//! The small forms that settings are written in: lists, sizes, durations, dates.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::clock::Moment;

/// A text, or a list of texts. An entry that could not be read is `None`.
#[derive(Clone, Debug)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<Option<String>>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    entries.push(entry);
                }
                Ok(OneOrMany::Many(entries))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

/// A number of bytes, or a text with a unit.
#[derive(Clone, Debug)]
pub(super) enum Size {
    Bytes(u64),
    Text(String),
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl Visitor<'_> for Reads {
            type Value = Size;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a size in quotes, or a number of bytes")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
                Ok(Size::Text(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size::Bytes(bytes))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

impl Size {
    /// The number of bytes.
    pub(super) fn bytes(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(*bytes),
            Self::Text(text) => {
                let (number, unit) = split_number(text)?;
                let factor: u64 = match unit {
                    "" | "B" => 1,
                    "kB" | "KB" => 1_000,
                    "MB" => 1_000_000,
                    "GB" => 1_000_000_000,
                    "TB" => 1_000_000_000_000,
                    "KiB" => 1 << 10,
                    "MiB" => 1 << 20,
                    "GiB" => 1 << 30,
                    "TiB" => 1 << 40,
                    _ => return None,
                };
                number.checked_mul(factor)
            }
        }
    }
}

/// A duration such as `10s`, `500ms`, `15m`, `2h` or `1d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_number(text)?;
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// A time in milliseconds since 1970, written as how long ago it is (`2h`) or as a date.
#[must_use]
pub fn before(now: SystemTime, text: &str) -> Option<i64> {
    if let Some(ago) = duration(text) {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).ok()?.saturating_sub(ago);
        return i64::try_from(since.as_millis()).ok();
    }
    date(text)?.checked_mul(1000)
}

/// The day a year from now, in UTC: until then a key that is made now may well be used.
#[must_use]
pub fn a_year_ahead(now: Moment) -> jiff::civil::Date {
    let today = jiff::Timestamp::from_second(now.unix_seconds()).unwrap_or_default();
    let today = jiff::tz::Offset::UTC.to_datetime(today).date();
    today.checked_add(jiff::Span::new().years(1)).unwrap_or(today)
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

/// A date (its first second in UTC) or a date with time (in UTC if it has no offset), as seconds
/// since 1970.
pub(super) fn date(text: &str) -> Option<i64> {
    let zulu = |at: jiff::civil::DateTime| jiff::tz::Offset::UTC.to_timestamp(at).ok();
    let parsed = if text.len() == "YYYY-MM-DD".len() {
        text.parse::<jiff::civil::Date>().ok().and_then(|date| zulu(date.at(0, 0, 0, 0)))
    } else {
        text.parse::<jiff::Timestamp>()
            .ok()
            .or_else(|| text.parse::<jiff::civil::DateTime>().ok().and_then(zulu))
    };
    Some(parsed?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_have_units() {
        let size = |text: &str| Size::Text(text.to_owned()).bytes();
        assert_eq!(size("32 MiB"), Some(32 << 20));
        assert_eq!(size("5kB"), Some(5_000));
        assert_eq!(size("1 TiB"), Some(1 << 40));
        assert_eq!(size("MiB"), None);
        assert_eq!(size("99999999999 GiB"), None);
        assert_eq!(duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(duration("15 m"), Some(Duration::from_mins(15)));
        assert_eq!(duration("10"), None);
        assert_eq!(duration("-1s"), None);
    }

    #[test]
    fn a_time_is_a_date_or_how_long_ago_it_is() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24);
        assert_eq!(before(now, "2h"), Some(22 * 3_600_000));
        assert_eq!(before(now, "2d"), Some(0));
        assert_eq!(before(now, "1970-01-02"), Some(86_400_000));
        assert_eq!(before(now, "yesterday"), None);
    }

    #[test]
    fn a_year_ahead_is_the_same_day_where_there_is_one() {
        let after = |text: &str| {
            let seconds = date(text).unwrap().unsigned_abs();
            a_year_ahead(Moment::now().dated(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
                .to_string()
        };
        assert_eq!(after("2026-11-22T23:59:59"), "2027-11-22");
        assert_eq!(after("2028-02-29"), "2029-02-28");
    }

    #[test]
    fn dates_are_in_utc() {
        assert_eq!(date("1970-01-02"), Some(86_400));
        assert_eq!(date("1970-01-02T00:00:00"), Some(86_400));
        assert_eq!(date("1970-01-02T01:00:00+01:00"), Some(86_400));
        assert_eq!(date("07:32:00"), None);
        assert_eq!(date("tomorrow"), None);
    }
}
