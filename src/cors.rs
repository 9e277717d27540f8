//! Which web pages may read what they are answered.
//!
//! 1. Off unless a project lists origins, and then only what is listed, byte for byte. Nothing that a request
//!    says is repeated to it unless it is on a list of ours.
//! 2. The request must carry a key of a project that lists the origin, or its answer cannot be read. Refusals can
//!    be read too. One that knows no project can be read by every origin that some enabled project lists.
//! 3. None of this keeps anybody out: it lets browsers in. What a request may do, its key decides.

use http::header::{self, HeaderMap, HeaderValue};

use crate::record::{Alert, Record};
use crate::snapshot::WebOrigin;

/// What a page may read of an answer beside its body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, request-id, x-upstream-request-id, x-portcullis-reason, x-portcullis-diagnosis, \
     retry-after, retry-after-ms, x-should-retry, openai-version, openai-processing-ms, anthropic-version",
);
const ORIGIN: HeaderValue = HeaderValue::from_static("origin");

/// Lets a page read the answer, if its origin is listed.
pub(crate) fn let_read(headers: &mut HeaderMap, record: &Record) {
    if !record.snapshot.web_origins.is_empty() {
        let_listed_read(headers, record);
    }
}

#[cold]
fn let_listed_read(headers: &mut HeaderMap, record: &Record) {
    headers.append(header::VARY, ORIGIN);
    let Some(origin) = &record.origin else { return };
    // A decoy's project is nothing that the answer may tell of.
    let known = record.project().filter(|_| record.alert != Some(Alert::DecoyKey));
    let listed = match known {
        Some(project) => project.cors.as_ref().is_some_and(|cors| cors.origins.contains(origin)),
        None => listed(record).is_some(),
    };
    if listed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// The origin that the request comes from, if some enabled project lists it.
pub(crate) fn listed(record: &Record) -> Option<&WebOrigin> {
    let origin = record.origin.as_ref()?;
    record.snapshot.web_origins.iter().find(|known| known.origin == *origin)
}
