//! The rules that a request must pass, one file each.
//!
//! A policy sees the request's head, the configuration and a reading of the clock; nothing else.
//! It takes the proof of the stage before it and yields its own, or says why not. What it finds
//! out on the way it notes in the record, so that a refusal tells all that was known.

mod ask_usage;
pub mod budget;
pub mod form;
pub mod key;
pub mod model;
pub mod network;
pub mod origin;
pub mod parameters;
pub mod rate;
pub mod scope;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::certificate::Certificate;
use crate::clock::Moment;
use crate::denial::Denial;
use crate::record::Record;
use crate::snapshot::Snapshot;

/// A rule that lets a request pass to its next stage, or says why not.
pub trait Policy {
    /// The proof it consumes.
    type From;
    /// The proof it yields.
    type Into;

    /// Decides.
    ///
    /// # Errors
    /// The denial, when the request may not pass.
    fn decide(&self, from: Self::From, sight: &mut Sight<'_>) -> Result<Self::Into, Denial>;
}

/// A header stands there more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated;

/// The value of a header that may stand there once at most.
///
/// # Errors
/// When it stands there twice.
pub fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Repeated> {
    let first = headers.get(name);
    // As many values as names: nothing is repeated. Looking for a second value costs more.
    let none_repeated = headers.len() == headers.keys_len();
    if first.is_none() || none_repeated || headers.get_all(name).iter().nth(1).is_none() {
        return Ok(first);
    }
    Err(Repeated)
}

impl Sight<'_> {
    /// Refuses, unless the rule is only observed: then it is noted what it would have refused.
    ///
    /// # Errors
    /// The denial, when the rule is enforced.
    pub fn refuse(&mut self, observed: bool, denial: Denial) -> Result<(), Denial> {
        if !observed {
            return Err(denial);
        }
        self.notes.would_deny.push(denial);
        Ok(())
    }
}

/// What a policy may look at.
#[derive(Debug)]
pub struct Sight<'s> {
    /// The request's head.
    pub head: &'s Parts,
    /// The configuration.
    pub snapshot: &'s Snapshot,
    /// The certificate that the client showed in the TLS handshake.
    pub certificate: Option<&'s Certificate>,
    /// When the request came.
    pub now: Moment,
    /// What is told of the request.
    pub notes: &'s mut Record,
}
