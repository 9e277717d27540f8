//! Tells the client what is left of its limits, in the headers that its SDK's users know: OpenAI's, or Anthropic's on
//! Anthropic's endpoints. Of several limits on the same thing the one with the least left is told.

use std::time::Duration;

use http::HeaderValue;
use http::header::{HeaderMap, HeaderName, InvalidHeaderValue};
use smallvec::SmallVec;

use crate::clock::Moment;
use crate::dialect::Surface;
use crate::limits::{Counted, Limit, Limits};
use crate::record::Record;

/// The names of one limit's headers.
struct Names {
    limit: HeaderName,
    remaining: HeaderName,
    reset: HeaderName,
}

macro_rules! openai {
    ($what:literal) => {
        Names {
            limit: const { HeaderName::from_static(concat!("x-ratelimit-limit-", $what)) },
            remaining: const { HeaderName::from_static(concat!("x-ratelimit-remaining-", $what)) },
            reset: const { HeaderName::from_static(concat!("x-ratelimit-reset-", $what)) },
        }
    };
}

macro_rules! anthropic {
    ($what:literal) => {
        Names {
            limit: const { HeaderName::from_static(concat!("anthropic-ratelimit-", $what, "-limit")) },
            remaining: const { HeaderName::from_static(concat!("anthropic-ratelimit-", $what, "-remaining")) },
            reset: const { HeaderName::from_static(concat!("anthropic-ratelimit-", $what, "-reset")) },
        }
    };
}

/// The names by which a dialect tells a limit; OpenAI's does not tell input from output.
const fn names(counts: Counted, anthropic: bool) -> Option<Names> {
    Some(match (counts, anthropic) {
        (Counted::Requests, false) => openai!("requests"),
        (Counted::Tokens, false) => openai!("tokens"),
        (Counted::Input | Counted::Output, false) => return None,
        (Counted::Requests, true) => anthropic!("requests"),
        (Counted::Tokens, true) => anthropic!("tokens"),
        (Counted::Input, true) => anthropic!("input-tokens"),
        (Counted::Output, true) => anthropic!("output-tokens"),
    })
}

/// Puts in what is left of the limits of a request's project and key.
pub(super) fn tell(headers: &mut HeaderMap, record: &Record) {
    let (Some(project), Some(key)) = (record.project(), record.key()) else { return };
    let none =
        |limits: &Limits| limits.requests.is_empty() && limits.tokens.is_empty() && limits.models.is_empty();
    if none(&project.limits) && none(&key.limits) {
        return;
    }
    let model = record.model.as_deref();
    let of_models = [key.limits.of_model(model), project.limits.of_model(model)];
    let all = [Some(&key.limits), Some(&project.limits)].into_iter().chain(of_models).flatten();
    let anthropic = record.endpoint.is_some_and(|endpoint| endpoint.surface == Surface::Anthropic);
    let mut tightest: [Option<(u32, &Limit)>; 4] = [None; 4];
    let now = record.begun;
    for limit in all.flat_map(|limits| limits.requests.iter().chain(&limits.tokens)) {
        let left = limit.meter.left(now);
        if let Some(slot) = tightest.get_mut(limit.counts as usize)
            && slot.is_none_or(|(least, _)| left < least)
        {
            *slot = Some((left, limit));
        }
    }
    for (left, limit) in tightest.into_iter().flatten() {
        let Some(names) = names(limit.counts, anthropic) else { continue };
        let full_in = limit.meter.full_in(now);
        let reset = if anthropic { HeaderValue::try_from(at(now, full_in)) } else { short(full_in) };
        headers.insert(names.limit, number(limit.meter.quota().amount.get()));
        headers.insert(names.remaining, number(left));
        if let Ok(reset) = reset {
            headers.insert(names.reset, reset);
        }
    }
}

/// A number, for half of what the header's own conversion takes: it makes two allocations.
fn number(number: u32) -> HeaderValue {
    let mut digits = itoa::Buffer::new();
    HeaderValue::from_str(digits.format(number)).unwrap_or_else(|_| number.into())
}

/// A time as OpenAI writes it: `120ms`, `2.5s`, `6m0s`.
fn short(time: Duration) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut out = SmallVec::<[u8; 24]>::new();
    let mut digits = itoa::Buffer::new();
    let ms = time.as_millis();
    if ms < 1_000 {
        out.extend_from_slice(digits.format(ms).as_bytes());
        out.extend_from_slice(b"ms");
        return HeaderValue::from_bytes(&out);
    }
    let (minutes, seconds, rest) = (ms / 60_000, ms / 1_000 % 60, ms % 1_000);
    if minutes > 0 {
        out.extend_from_slice(digits.format(minutes).as_bytes());
        out.push(b'm');
    }
    out.extend_from_slice(digits.format(seconds).as_bytes());
    if rest > 0 && minutes == 0 {
        // A thousand above, so that there are always three digits behind the first.
        let rest = digits.format(1_000 + rest).trim_end_matches('0').as_bytes();
        out.push(b'.');
        out.extend_from_slice(rest.get(1..).unwrap_or_default());
    }
    out.push(b's');
    HeaderValue::from_bytes(&out)
}

/// A moment as Anthropic writes it, to the second.
fn at(now: Moment, later: Duration) -> String {
    let seconds = now.later(later).unix_seconds();
    jiff::Timestamp::from_second(seconds).map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_openai_does() {
        for (ms, text) in [
            (0, "0ms"),
            (120, "120ms"),
            (1_000, "1s"),
            (2_500, "2.5s"),
            (3_007, "3.007s"),
            (360_000, "6m0s"),
            (61_700, "1m1s"),
        ] {
            assert_eq!(short(Duration::from_millis(ms)).unwrap(), text);
        }
    }
}
