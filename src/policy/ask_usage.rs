//! Asks an upstream to report what a stream uses, for a project whose tokens count.
//!
//! OpenAI's chat reports usage at the end of a stream only when the request says so. The bytes that say it are put
//! between the pieces of the body; its client does not see the event that comes of it (`usage/hide.rs`). Where the
//! client says it itself nothing is changed.

use crate::body::Outgoing;
use crate::denial::{Denial, Reason, RuleId};
use crate::endpoint::API_VERSION;
use crate::exchange::Scoped;
use crate::peek::{ModelAt, Said, StreamOptions};
use crate::snapshot::Upstream;

/// Azure's first version that knows the option.
const FIRST_AZURE_VERSION: &str = "2024-09-01";

/// The body that asks, and whether the report is to be hidden. `model_at` is moved where bytes are put before it.
///
/// # Errors
/// When readers could differ on what the body says.
pub(super) fn ask(
    said: Option<Said>,
    upstream: &Upstream,
    scoped: &Scoped,
    body: &mut Outgoing,
    model_at: Option<&mut ModelAt>,
) -> Result<bool, Denial> {
    let Some(Said { options, top }) = said else { return Ok(false) };
    if options == StreamOptions::Odd {
        return Err(Denial::by(Reason::BodyInvalid, RuleId::BUILT_IN)
            .because("'stream_options' is not an object that says once whether usage is reported"));
    }
    if !upstream.provider.facts().reports_if_asked || !version_knows(&scoped.query) {
        return Ok(false);
    }
    let (Some((from, to, bytes)), Outgoing::Held(frames)) = (options.asking(top), body) else {
        return Ok(false);
    };
    *frames = frames.with(from, to, bytes.into());
    if let Some(at) = model_at.filter(|at| at.from >= to) {
        let moved = |place: usize| place + bytes.len() - (to - from);
        (at.from, at.to) = (moved(at.from), moved(at.to));
    }
    Ok(true)
}

/// Whether the version of Azure's API knows the option; elsewhere there is none.
fn version_knows(query: &str) -> bool {
    let version = query.split('&').find_map(|one| one.strip_prefix(API_VERSION)?.strip_prefix('='));
    // Dates can be compared as they are written; what begins with none is newer.
    version.is_none_or(|version| version >= FIRST_AZURE_VERSION)
}
