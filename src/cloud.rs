//! Credentials that a cloud gives: keys that sign each request, and tokens that are fetched and renewed.
//!
//! 1. What is here knows no runtime: it says what a token service is asked and reads what it answers
//!    (`aws`, `google`, `azure`), holds what was granted (`holder`), and signs (`sigv4`). `tokens.rs` talks.
//! 2. A grant is used until it expires, also while the token service fails. Nothing is sent without one.
//! 3. What a token service says is never told whole: an error's word and sentence, without what was sent.

pub mod answer;
mod aws;
mod azure;
mod encode;
mod google;
mod holder;
mod sigv4;
mod source;

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderValue;

use crate::clock::Moment;
use crate::secret::Secret;

pub use aws::instance;
pub use google::{InvalidKey, ServiceAccount};
pub use holder::{Holder, Outlook, Trouble};
pub use sigv4::{AwsKeys, Scope, Signed, sign};
pub use source::{Ask, Place, Shown, Source, Why};

/// What a cloud granted.
#[derive(Debug)]
pub struct Grant {
    /// What authenticates.
    pub means: Means,
    /// The moment from which it no longer does, if there is one.
    pub until: Option<SystemTime>,
}

/// What authenticates a request.
#[derive(Debug)]
pub enum Means {
    /// A header that holds a token.
    Token(Secret),
    /// Keys that sign it.
    Keys(AwsKeys),
}

/// How a cloud's credential is had, and what is sent beside it.
#[derive(Debug)]
pub struct Cloud {
    /// From where the grant comes.
    pub origin: Origin,
    /// What signatures are valid for; needed where the grant is keys.
    pub scope: Option<Scope>,
    /// Sent as `x-goog-user-project`.
    pub user_project: Option<HeaderValue>,
}

/// From where a grant comes.
#[derive(Debug)]
pub enum Origin {
    /// It stands in the configuration and what that refers to.
    Fixed(Arc<Grant>),
    /// It is fetched, and renewed before it expires.
    Fetched(Arc<Holder>),
}

/// Why there is no grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// It is being fetched, and nothing has gone wrong yet.
    NotYet,
    /// It could not be had.
    Failed,
}

impl Cloud {
    /// The grant that a request can be sent with now.
    ///
    /// # Errors
    /// When there is none.
    pub fn grant(&self, now: Moment) -> Result<Arc<Grant>, Lacking> {
        match &self.origin {
            Origin::Fixed(grant) => Ok(Arc::clone(grant)),
            Origin::Fetched(holder) => holder.grant(now),
        }
    }

    /// What is fetched and renewed, if anything is.
    #[must_use]
    pub const fn holder(&self) -> Option<&Arc<Holder>> {
        match &self.origin {
            Origin::Fixed(_) => None,
            Origin::Fetched(holder) => Some(holder),
        }
    }
}
