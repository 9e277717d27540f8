//! How long an answer says that one is to wait before the next request.
//!
//! 1. `retry-after-ms` and `retry-after` are meant for exactly this, so they come first; then Google's
//!    `retryDelay`, which stands in the body.
//! 2. Else the reset of a limit of which nothing remains. It tells when the limit is full again, which is
//!    later than needed, so where several are used up the longest is the bound that surely helps.
//! 3. What cannot be read is as if it were not there. A time that has passed is no wait at all.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

use crate::clock::Moment;

/// The limits that providers name in headers: what remains, and when it is full again.
const LIMITS: [(&str, &str); 8] = [
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ("x-ratelimit-remaining-req-minute", "x-ratelimit-reset-req-minute"),
];
/// A number of seconds from here on is a date, not a wait.
const EARLIEST_DATE: f64 = 1e9;

/// How long an answer that came at `now` says to wait, if it says so.
#[must_use]
pub fn wait(headers: &HeaderMap, body: &[u8], now: Moment) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let millis = || seconds(text("retry-after-ms")?).map(|wait| wait / 1000);
    let after = || text("retry-after").and_then(|said| seconds(said).or_else(|| until_http_date(said, now)));
    let reset = || {
        let used_up = LIMITS.iter().filter(|(remaining, _)| text(remaining) == Some("0"));
        used_up.filter_map(|(_, reset)| until_reset(text(reset)?, now)).max()
    };
    millis().or_else(after).or_else(|| retry_delay(body)).or_else(reset)
}

/// Google's `details[].retryDelay`, such as `"17s"`.
fn retry_delay(body: &[u8]) -> Option<Duration> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let answer = answer.get(0).unwrap_or(&answer);
    let details = answer.pointer("/error/details")?.as_array()?;
    details.iter().find_map(|detail| written_duration(detail.get("retryDelay")?.as_str()?))
}

fn until_reset(said: &str, now: Moment) -> Option<Duration> {
    if let Ok(number) = said.parse::<f64>() {
        let date = number >= EARLIEST_DATE;
        // Some give milliseconds since 1970.
        let number = if number >= EARLIEST_DATE * 1e3 { number / 1e3 } else { number };
        let since_1970 = now.wall().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let wait = Duration::try_from_secs_f64(number).ok()?;
        return Some(if date { wait.saturating_sub(since_1970) } else { wait });
    }
    written_duration(said).or_else(|| Some(until(said.parse().ok()?, now)))
}

fn until_http_date(said: &str, now: Moment) -> Option<Duration> {
    Some(until(jiff::fmt::rfc2822::parse(said).ok()?.timestamp(), now))
}

fn until(date: Timestamp, now: Moment) -> Duration {
    let date = SystemTime::from(date);
    // The error is how long ago it was: nothing is left to wait for.
    date.duration_since(now.wall()).unwrap_or_default()
}

fn seconds(said: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(said.parse().ok()?).ok()
}

/// A duration as Go writes it: `12ms`, `17.28s`, `6m0s`, `1h2m3s`.
fn written_duration(said: &str) -> Option<Duration> {
    let mut whole = Duration::ZERO;
    let mut rest = said;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(letters)?;
        let unit = match unit {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()?;
        whole = whole.saturating_add(part);
        rest = behind;
    }
    (!said.is_empty()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;
    use proptest::prelude::*;

    /// 2026-11-21T04:00:00Z.
    fn now() -> Moment {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_233_600);
        Moment::now().dated(wall)
    }

    fn said(list: &[(&'static str, &str)], body: &str) -> Option<f64> {
        let headers: HeaderMap = list
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        wait(&headers, body.as_bytes(), now()).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn the_wait_is_read_as_each_provider_writes_it() {
        for (list, expected) in [
            (&[("retry-after", "7")][..], Some(7.0)),
            (&[("retry-after", "7"), ("retry-after-ms", "250")], Some(0.25)),
            (&[("retry-after", "Sat, 21 Nov 2026 04:00:30 GMT")], Some(30.0)),
            (&[("retry-after", "Fri, 20 Nov 2026 04:00:30 GMT")], Some(0.0)),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "-1")], None),
            (&[("retry-after-ms", "NaN")], None),
            (&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s")], Some(360.0)),
            (&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "17.5s")], Some(17.5)),
            (&[("x-ratelimit-remaining-tokens", "9"), ("x-ratelimit-reset-tokens", "17.5s")], None),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795233660")], Some(60.0)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795233660000")], Some(60.0)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "20")], Some(20.0)),
            (
                &[
                    ("anthropic-ratelimit-requests-remaining", "0"),
                    ("anthropic-ratelimit-requests-reset", "2026-11-21T04:00:10Z"),
                    ("anthropic-ratelimit-tokens-remaining", "0"),
                    ("anthropic-ratelimit-tokens-reset", "2026-11-21T04:00:40Z"),
                ],
                Some(40.0),
            ),
            (&[], None),
        ] {
            assert_eq!(said(list, ""), expected, "{list:?}");
        }
    }

    #[test]
    fn googles_wait_stands_in_the_body() {
        let body = r#"{"error":{"code":429,"details":[{"reason":"x"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17s"}]}}"#;
        assert_eq!(said(&[], body), Some(17.0));
        assert_eq!(said(&[], &format!("[{body}]")), Some(17.0));
        assert_eq!(said(&[("retry-after", "3")], body), Some(3.0));
        assert_eq!(said(&[], "{}"), None);
    }

    proptest! {
        #[test]
        fn nothing_that_is_said_makes_it_panic(text in "[ -~]{0,30}", number in any::<f64>()) {
            for value in [text, number.to_string(), format!("{number}h")] {
                let list = [("retry-after", value.as_str()), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &value)];
                let _ = said(&list, &value);
                let _ = said(&list[1..], &value);
            }
        }
    }
}
