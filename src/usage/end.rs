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

/// What the names of a report and of what tools used have in common: both are found in one pass.
static NAMED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"usage"));

const TOOL_USAGE: &[u8] = b"\"tool_usage\"";

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
    let (mut named, mut tools) = (None, None);
    for here in NAMED.find_iter(text) {
        let behind = here + NAMED.needle().len();
        let Some((before, rest)) = text.get(..here).zip(text.get(behind..)) else { continue };
        let twice = if let Some(before) = before.strip_suffix(b"\"") {
            // In a string it stands behind a backslash.
            before.ends_with(b"\\") || named.replace((before, rest)).is_some()
        } else if before.ends_with(b"\"tool_") && !before.ends_with(b"\\\"tool_") && rest.starts_with(b"\"") {
            tools.replace(behind + 1).is_some()
        } else {
            false
        };
        if twice {
            return End::TooLittle;
        }
    }
    let Some((before, rest)) = named else { return End::Enough };
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
    let (mut served, mut searches) = (None, None);
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
                    } else if open == 0 && rest.get(mark..end) == Some(TOOL_USAGE) {
                        searches = value_of_tools(rest.get(end..).unwrap_or_default());
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
        *told.served = served.or_else(|| tier_before(before)).or(*told.served);
        let between = tools.and_then(|from| text.get(from..before.len()));
        let searches = between.and_then(searches_before).or(searches.map(|(searches, _)| searches));
        told.take(report.with_searches(searches.unwrap_or_default()));
    }
    End::Enough
}

/// The searches of tools that stand before the report, in the same object; all that is between is given.
fn searches_before(between: &[u8]) -> Option<u64> {
    let (searches, rest) = value_of_tools(between)?;
    // Most often there were none.
    if searches == 0 || !is_level(rest) {
        return None;
    }
    Some(searches)
}

/// The searches in the object behind the name of what tools used, and what follows it.
fn value_of_tools(rest: &[u8]) -> Option<(u64, &[u8])> {
    let value = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let (searches, end) = Report::searches(value)?;
    Some((searches, value.get(end..)?))
}

/// Whether as many objects are closed in a text as are opened, and none before it is opened.
fn is_level(text: &[u8]) -> bool {
    let (mut rest, mut open) = (text, 0_usize);
    while let Some(mark) = next_mark(rest, 0) {
        let behind = mark + 1;
        let next = match rest.get(mark) {
            Some(b'{') => {
                open += 1;
                behind
            }
            Some(b'}') if open == 0 => return false,
            Some(b'}') => {
                open -= 1;
                behind
            }
            _ => match string_end(rest, behind) {
                Ok(end) => end,
                Err(_) => return false,
            },
        };
        rest = rest.get(next..).unwrap_or_default();
    }
    open == 0
}

/// The tier that stands before the report, in the same object.
fn tier_before(text: &[u8]) -> Option<Served> {
    let at = SERVICE_TIER.find_iter(text).last()?;
    // In a string it would stand behind a backslash.
    if at > 0 && text.get(at - 1) == Some(&b'\\') {
        return None;
    }
    let rest = text.get(at + SERVICE_TIER.needle().len()..)?;
    let served = value_of_tier(rest)?;
    is_level(rest).then_some(served)
}

/// The tier behind its field's name.
fn value_of_tier(rest: &[u8]) -> Option<Served> {
    let value = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    Served::told(value.get(..string_end(value, 0).ok()? - 1)?)
}
