//! Which change of which setting takes one refusal away.
//!
//! A change opens no more than it must: it adds the one address, model or scope of the request, never
//! a network, a pattern or the word that opens a list. Where only that would help, there is none.

use crate::clock::Moment;
use crate::config::{LARGEST_BODY, LARGEST_HELD, LARGEST_UPLOAD};
use crate::denial::Reason;
use crate::explain::{BUILT_IN, Question, Told, Verdict};
use crate::model_name::can_be_listed;
use crate::policy::budget::{Uses, uses};
use crate::snapshot::{Key, Project, Snapshot, UpstreamSet};

use super::edit::{Edit, New};

/// How long a key that has expired is to work again.
const DAYS: i64 = 90;
const DAY_SECONDS: i64 = 86_400;

/// A refusal, and what was asked.
pub(super) struct Refused<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) question: &'a Question,
    pub(super) verdict: &'a Verdict,
    pub(super) told: &'a Told,
    pub(super) now: Moment,
}

/// The path of the setting and its change, or why no change helps.
type Remedy = Result<(String, Edit), String>;

impl Refused<'_> {
    /// The change that takes this refusal away.
    pub(super) fn remedy(&self) -> Remedy {
        let rule = || self.told.rule.clone();
        match self.told.denial.reason {
            Reason::AddressNotAllowed => self.address(),
            Reason::KeyExpired => self.date(DAYS).map(|date| (rule(), date)),
            Reason::KeyNotYetValid => self.date(0).map(|date| (rule(), date)),
            Reason::KeyRevoked => Ok((rule(), Edit::Set(New::Bool(false)))),
            Reason::ProjectDisabled => Ok((rule(), Edit::Set(New::Bool(true)))),
            Reason::UpstreamNotAllowed => self.another_upstream(),
            Reason::UpstreamAmbiguous => self.only_upstream(),
            Reason::ScopeMissing => self.scope(),
            Reason::ModelNotAllowed => self.model(),
            Reason::ModelUnknowable => Ok((rule(), Edit::Add("*".to_owned()))),
            Reason::BodyTooLarge | Reason::MemoryLimited => larger_body(self.snapshot, &self.told.rule, 0),
            Reason::ParameterNotAllowed => self.parameter(),
            Reason::CostUnknown => Err(self.price()),
            Reason::KeyUnknown => Err(self.no_key()),
            Reason::AddressUnreadable => {
                Err("the proxy sent an address that cannot be read, which only the proxy can mend".to_owned())
            }
            Reason::OriginNotAllowed => {
                Err("a browser asks before it sends a key, so no project is known: its cors.origins would list the page".to_owned())
            }
            // A mend of its own tells what could be done, and it is more than a change.
            Reason::EndpointUnknown if self.told.denial.mend.is_some() => Err(self.told.hint.clone()),
            Reason::EndpointUnknown
            | Reason::TargetInvalid
            | Reason::HostInvalid
            | Reason::ExpectationUnsupported
            | Reason::KeyMissing
            | Reason::KeyMalformed
            | Reason::ProviderKeySent
            | Reason::KeyConflict
            | Reason::KeyAttemptsLimited
            | Reason::CertificateRequired
            | Reason::MethodNotAllowed
            | Reason::QueryNotAllowed
            | Reason::RateLimited
            | Reason::ConcurrencyLimited
            | Reason::HandshakeInvalid
            | Reason::BodyTimeout
            | Reason::BodyInvalid
            | Reason::ContentTypeUnsupported
            | Reason::EncodingUnsupported
            | Reason::ModelMissing
            | Reason::ModelAmbiguous
            | Reason::TokensLimited
            | Reason::BudgetExhausted
            | Reason::LedgerUnavailable
            | Reason::LimitsUnavailable
            | Reason::CredentialUnavailable
            | Reason::UpstreamCredentialRejected
            | Reason::UpstreamBusy
            | Reason::UpstreamBroken
            | Reason::UpstreamTls
            | Reason::UpstreamUnreachable
            | Reason::UpstreamTimeout
            | Reason::UpstreamInvalid
            | Reason::InternalError => {
                Err(format!("no setting decides this: {}", self.told.hint.trim_end_matches('.')))
            }
        }
    }

    fn key(&self) -> Result<(&Key, &Project), String> {
        let key = self.snapshot.keys.get(self.question.key);
        let both = key.and_then(|key| Some((key, self.snapshot.projects.get(key.project)?)));
        both.ok_or_else(|| "the key is gone".to_owned())
    }

    fn no_key(&self) -> String {
        match self.key() {
            Ok((key, _)) if key.decoy => format!(
                "key '{}' is a decoy, which nobody was to hold: find out where it was found, and give the caller a key \
                 of its own",
                key.id
            ),
            Ok(_) | Err(_) => "there is no such key".to_owned(),
        }
    }

    /// What a price would be given to. To let pass what has none would open the budgets of all projects.
    fn price(&self) -> String {
        let named = || {
            let endpoint = self.verdict.endpoint?;
            let (upstream, model) = (self.verdict.upstream.as_deref()?, self.verdict.model.as_deref()?);
            let alias = self.snapshot.aliases.iter().find(|alias| *alias.name == *model);
            let model = alias.map_or(model, |alias| &alias.model);
            let plain = model.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'));
            (uses(endpoint) != Uses::Unknown && plain).then(|| format!("[prices.\"{upstream}/{model}\"]"))
        };
        match named() {
            Some(price) => {
                format!("only you know what the model costs: add {price} with its input and output")
            }
            None => {
                format!("no setting decides this: {}", self.told.denial.detail.as_deref().unwrap_or_default())
            }
        }
    }

    fn address(&self) -> Remedy {
        let (_, project) = self.key()?;
        let address = self.verdict.client.unwrap_or(self.question.address).to_canonical();
        // Where nobody wrote a list for the gate, it has those of all projects and keys.
        let own = self.snapshot.rule(project.allow_ips_rule).filter(|_| self.told.rule.contains('*'));
        let rule = own.map_or_else(|| self.told.rule.clone(), |own| own.path.to_string());
        Ok((rule, Edit::Add(address.to_string())))
    }

    /// The first second of a day, so many days from now.
    fn date(&self, days: i64) -> Result<Edit, String> {
        let day = self.now.unix_seconds().div_euclid(DAY_SECONDS).saturating_add(days);
        let at = jiff::Timestamp::from_second(day.saturating_mul(DAY_SECONDS))
            .map_err(|error| error.to_string())?;
        let date = jiff::tz::Offset::UTC.to_datetime(at).date();
        Ok(Edit::Set(New::Date(date.to_string())))
    }

    /// The upstreams that serve what is asked for.
    fn serving(&self) -> UpstreamSet {
        let endpoint = self.verdict.endpoint;
        endpoint.map_or_else(UpstreamSet::default, |endpoint| {
            self.snapshot.serving(endpoint, "", UpstreamSet::ALL)
        })
    }

    fn another_upstream(&self) -> Remedy {
        if self.told.rule == BUILT_IN {
            return Err("no upstream serves this".to_owned());
        }
        let rule = self.told.rule.clone();
        if let Some(named) = &self.verdict.upstream {
            return Ok((rule, Edit::Add(named.to_string())));
        }
        let model = self.verdict.model.as_deref().or(self.question.model.as_deref()).unwrap_or_default();
        let candidates = self.serving().iter().filter_map(|at| self.snapshot.upstreams.get(at));
        // The one that would be chosen among all; of equals the first.
        let best = candidates.min_by_key(|upstream| std::cmp::Reverse(upstream.models.best_fit(model)));
        let best = best.ok_or_else(|| "no upstream serves this".to_owned())?;
        Ok((rule, Edit::Add(best.name.to_string())))
    }

    /// Of those that serve what is asked for, only the first stays.
    fn only_upstream(&self) -> Remedy {
        let (_, project) = self.key()?;
        let usable = self.serving().and(project.upstreams);
        let first = usable.iter().next();
        let stays = |at: &usize| !usable.contains(*at) || Some(*at) == first;
        let names = project.upstreams.iter().filter(stays).filter_map(|at| self.snapshot.upstreams.get(at));
        let names = names.map(|upstream| upstream.name.to_string()).collect();
        Ok((self.told.rule.clone(), Edit::Only(names)))
    }

    fn scope(&self) -> Remedy {
        let scope = self.told.denial.detail.as_deref().ok_or_else(|| "no endpoint was found".to_owned())?;
        Ok((self.told.rule.clone(), Edit::Add(scope.to_owned())))
    }

    /// Only the number of tokens is in the question: what else was asked for, a person has to add.
    fn parameter(&self) -> Remedy {
        let (rule, hint) = (&self.told.rule, &self.told.hint);
        let asked = self.question.max_tokens.and_then(|asked| i64::try_from(asked).ok());
        match asked.filter(|_| rule.ends_with(".max_tokens")) {
            Some(asked) => Ok((rule.clone(), Edit::Set(New::Number(asked)))),
            None => Err(parameter(rule, hint)),
        }
    }

    fn model(&self) -> Remedy {
        let model = self.verdict.model.as_deref().ok_or_else(|| "the request names no model".to_owned())?;
        if model.contains('*') {
            return Err(
                "the model's name holds a *, which in a list would let other models through".to_owned()
            );
        }
        if !can_be_listed(model) {
            return Err("no list can hold such a name of a model".to_owned());
        }
        Ok((self.told.rule.clone(), Edit::Add(model.to_owned())))
    }
}

/// Why no change of a rule on parameters is shown.
pub(super) fn parameter(rule: &str, hint: &str) -> String {
    let what = if rule == BUILT_IN { "no setting" } else { rule };
    format!("{what} decides this: {}", hint.trim_end_matches('.'))
}

/// Twice the largest body, or what all may take, or more if so many bytes have come already.
pub(super) fn larger_body(snapshot: &Snapshot, rule: &str, seen: u64) -> Remedy {
    let server = &snapshot.server;
    let (now, largest) = match rule {
        "server.max_upload" => (server.max_upload, LARGEST_UPLOAD),
        "server.max_held" => (server.max_held, LARGEST_HELD),
        _ => (u64::try_from(server.max_body).unwrap_or(u64::MAX), LARGEST_BODY),
    };
    if now >= largest {
        return Err(format!("no setting lets a body pass that is larger than {largest} bytes"));
    }
    let mut more = now.saturating_mul(2);
    while more < seen {
        more = more.saturating_mul(2);
    }
    Ok((rule.to_owned(), Edit::Set(New::Bytes(more.min(largest)))))
}
