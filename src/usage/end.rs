//! Finds an answer's report from where the answer ends.
//!
//! 1. Most providers put it near the end, and what is closed behind it tells how deep it stands: nothing of what the
//!    model wrote is walked through.
//! 2. A name's quote cannot be mistaken: within a string it would stand behind a backslash.
//! 3. Where anything is not as it is most often, the text is walked through.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::report::Report;
use super::scan::{next_mark, string_end};
use super::walk::{Told, Words};
use crate::tier::Served;

pub(super) static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage"));

static SERVICE_TIER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"service_tier\""));

/// What the end of a text tells of all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All that is to be found.
    Enough,
    /// Too little: it has to be walked through.
    TooLittle,
}

/// Looks for the report of a text that is all here.
pub(super) fn at_the_end(text: &[u8], words: Words, told: &mut Told<'_>) -> End {
    if words != Words::Usual {
        return End::TooLittle;
    }
    let Some(here) = USAGE.find(text) else { return End::Enough };
    let rest = text.get(here + USAGE.needle().len()..).unwrap_or_default();
    if here > 0 && text.get(here - 1) == Some(&b'\\') || USAGE.find(rest).is_some() {
        return End::TooLittle;
    }
    let Some(rest) = ["\":", "Metadata\":", "_metadata\":", "_info\":"]
        .iter()
        .find_map(|behind| rest.strip_prefix(behind.as_bytes()))
    else {
        return End::TooLittle;
    };
    let rest = rest.trim_ascii_start();
    let Some((report, end)) = Report::read(rest) else { return End::TooLittle };
    let mut rest = rest.get(end..).unwrap_or_default();
    let mut open = 0_usize;
    let mut served = None;
    loop {
        let Some(mark) = next_mark(rest, 0) else { return End::TooLittle };
        let behind = mark + 1;
        let next = match rest.get(mark) {
            Some(b'{') => {
                open += 1;
                behind
            }
            Some(b'}') if open == 0 => {
                rest = rest.get(behind..).unwrap_or_default();
                break;
            }
            Some(b'}') => {
                open -= 1;
                behind
            }
            _ => match string_end(rest, behind) {
                Ok(end) => {
                    if open == 0 && rest.get(mark..end) == Some(SERVICE_TIER.needle()) {
                        served = value_of_tier(rest.get(end..).unwrap_or_default()).or(served);
                    }
                    end
                }
                Err(_) => return End::TooLittle,
            },
        };
        rest = rest.get(next..).unwrap_or_default();
    }
    if !rest.trim_ascii_start().is_empty() {
        return End::TooLittle;
    }
    if let Some(report) = report {
        *told.served = served.or_else(|| tier_before(text.get(..here)?)).or(*told.served);
        told.take(report);
    }
    End::Enough
}

/// The tier that stands before the report, in the same object.
fn tier_before(text: &[u8]) -> Option<Served> {
    let at = SERVICE_TIER.find_iter(text).last()?;
    // In a string it would stand behind a backslash.
    if at > 0 && text.get(at - 1) == Some(&b'\\') {
        return None;
    }
    let mut rest = text.get(at + SERVICE_TIER.needle().len()..)?;
    let served = value_of_tier(rest)?;
    let mut open = 0_usize;
    while let Some(mark) = next_mark(rest, 0) {
        let behind = mark + 1;
        let next = match rest.get(mark)? {
            b'{' => {
                open += 1;
                behind
            }
            b'}' => {
                open = open.checked_sub(1)?;
                behind
            }
            _ => string_end(rest, behind).ok()?,
        };
        rest = rest.get(next..)?;
    }
    (open == 0).then_some(served)
}

/// The tier behind its field's name.
fn value_of_tier(rest: &[u8]) -> Option<Served> {
    let value = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    Served::told(value.get(..string_end(value, 0).ok()? - 1)?)
}
