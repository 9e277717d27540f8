//! The labels of the metrics: names from the configuration, or words from fixed lists.

use std::fmt;
use std::hash::{BuildHasher as _, Hash, Hasher};
use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// A label whose value is a name from the configuration; empty where a request did not get so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Name(pub(super) Option<Arc<str>>);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.as_deref().unwrap_or_default().encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Ended {
    pub(super) outcome: &'static str,
    pub(super) reason: &'static str,
    pub(super) status: &'static str,
    pub(super) project: Name,
    pub(super) upstream: Name,
    pub(super) endpoint: &'static str,
}

impl Hash for Ended {
    fn hash<H: Hasher>(&self, into: &mut H) {
        folded((self.outcome, self.reason, self.status, &self.project, &self.upstream, self.endpoint), into);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct Of {
    pub(super) upstream: Name,
}

impl Hash for Of {
    fn hash<H: Hasher>(&self, into: &mut H) {
        folded(&self.upstream, into);
    }
}

/// Hashes labels for a family, whose own hash is slow by design: it withstands keys that an enemy
/// picks. Labels are picked by the operator, and two of these are looked up for every request.
fn folded<H: Hasher>(labels: impl Hash, into: &mut H) {
    into.write_u64(foldhash::fast::FixedState::default().hash_one(labels));
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Fault {
    pub(super) upstream: Name,
    pub(super) kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Diagnosed {
    pub(super) upstream: Name,
    pub(super) cause: &'static str,
    pub(super) whose: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Benched {
    pub(super) upstream: Name,
    pub(super) credential: Name,
    pub(super) cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Renewed {
    pub(super) upstream: Name,
    pub(super) credential: Name,
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reloaded {
    pub(super) result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Why {
    pub(super) why: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Observed {
    pub(super) project: Name,
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Raised {
    pub(super) kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Spent {
    pub(super) owner: Name,
    pub(super) window: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Reached {
    pub(super) project: Name,
    pub(super) percent: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StateOf {
    pub(super) upstream: Name,
    pub(super) credential: Name,
    pub(super) state: &'static str,
}

pub(super) const fn status_class(status: u16) -> &'static str {
    match status {
        0 => "none",
        100..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

/// The statuses worth telling apart; the list is fixed so that an upstream cannot grow the labels.
pub(super) const fn error_status(status: u16) -> &'static str {
    let told_apart = match status {
        400 => "400",
        401 => "401",
        402 => "402",
        403 => "403",
        404 => "404",
        408 => "408",
        413 => "413",
        422 => "422",
        429 => "429",
        500 => "500",
        502 => "502",
        503 => "503",
        504 => "504",
        529 => "529",
        _ => "",
    };
    if told_apart.is_empty() { status_class(status) } else { told_apart }
}
