//! Whether a client's message may go on: what it names is judged as a request's body is.

use std::sync::Arc;

use serde_json::Value;

use crate::ask::{ROOM_WAIT, bare, denied};
use crate::clock::Moment;
use crate::denial::{Denial, Reason};
use crate::endpoint::{Endpoint, Family, ModelIn, Places};
use crate::estimate::Estimator;
use crate::exchange::{Caller, Carried, Permits};
use crate::fund::{had, slots_had};
use crate::held::{FREE, Held};
use crate::peek::{Fault, Peeked};
use crate::policy::Sight;
use crate::policy::budget::{Message, go_on, occupy, turn_to};
use crate::policy::model::{may_leave_open, may_use};
use crate::policy::rate::take_one;
use crate::snapshot::Snapshot;
use crate::usage::Usage;

use super::frame;

/// Where messages name models besides their top level.
pub(super) const PLACES: Places = &[
    &["response", "model"],
    &["session", "model"],
    &["setup", "model"],
    &["session", "audio", "input", "transcription", "model"],
    &["session", "input_audio_transcription", "model"],
    &["session", "input", "transcription", "model"],
    &["tools", "[]", "model"],
    &["moderation", "model"],
    &["input", "[]", "tools", "[]", "model"],
    &["response", "tools", "[]", "model"],
    &["response", "moderation", "model"],
    &["response", "input", "[]", "tools", "[]", "model"],
    &["session", "tools", "[]", "model"],
    &["session", "delegation", "model"],
    &["session", "delegation", "responses", "model"],
    &["session", "delegation", "decisions", "model"],
];

/// How many of them say what a response or session uses, and how many behind those what it hears with; behind them come
/// its tools' and the like.
const OWN: (usize, usize) = (3, 3);

/// The messages that ask for a response, and take one request of the rate.
const ASKING: &str = "response.create";

/// Judges one session's messages.
pub(super) struct Judge {
    pub(super) carried: Box<Carried>,
    caller: Caller,
    endpoint: &'static Endpoint,
    /// Whether a model was named that the project may use.
    named: bool,
    /// The model of the session.
    model: Option<Arc<str>>,
    /// How many responses were asked for.
    asked: u64,
    /// The slots that the session holds.
    pub(super) permits: Permits,
    /// What it had used when it last asked for a response, if it asked for one.
    used_before: Option<Usage>,
    /// Whether it never asked for a response before the report of the one before.
    all_told: bool,
}

impl Judge {
    pub(super) fn new(
        carried: Box<Carried>,
        caller: Caller,
        endpoint: &'static Endpoint,
        permits: Permits,
    ) -> Self {
        Self {
            model: carried.record.model.clone(),
            carried,
            caller,
            endpoint,
            named: endpoint.model != ModelIn::Message,
            asked: 0,
            permits,
            used_before: None,
            all_told: true,
        }
    }

    /// What the client reads of a refusal: its code, and the request's id.
    pub(super) fn reason(&self, denial: &Denial) -> String {
        format!("{} (request {})", denial.reason.code(), self.carried.record.id)
    }

    /// Whether a message may be so long.
    pub(super) fn may_be_so_long(&self, length: u64) -> Result<(), Denial> {
        let server = &self.carried.snapshot.server;
        if length > u64::try_from(server.max_body).unwrap_or(u64::MAX) {
            return Err(Denial::by(Reason::BodyTooLarge, server.max_body_rule));
        }
        Ok(())
    }

    /// Makes room for a message that has become so long.
    pub(super) fn make_room(&self, held: &mut Option<Held>, length: u64) -> Result<(), Denial> {
        let Snapshot { server, room, .. } = &*self.carried.snapshot;
        if length <= FREE || Held::grow(held, room, length, server.max_held) {
            return Ok(());
        }
        Err(Denial::by(Reason::MemoryLimited, server.max_held_rule).until(ROOM_WAIT))
    }

    /// Judges a whole message, of a session that has used so much, and of whose answers so many tokens were seen.
    pub(super) async fn message(
        &mut self,
        peeked: &Peeked,
        text: &[u8],
        (used, seen): (Usage, u64),
    ) -> Result<(), Denial> {
        let Carried { head, snapshot, record, certificate, body: _, checked: _ } = &mut *self.carried;
        let (Some(project), Some(key)) =
            (snapshot.projects.get(self.caller.project), snapshot.keys.get(self.caller.key))
        else {
            return Err(Denial::built_in(Reason::KeyUnknown));
        };
        let mut sight =
            Sight { head, snapshot, certificate: certificate.as_deref(), now: Moment::now(), notes: record };
        if let Some(field) = peeked.rerouting {
            return Err(Denial::built_in(Reason::ParameterNotAllowed).because(field));
        }
        let bare = |model: &str| -> Arc<str> { bare(self.endpoint, model).into() };
        for model in peeked.model.iter().chain(&peeked.inside) {
            let model = bare(model);
            if let Err(denial) = may_use(project, key, &model, &mut sight) {
                sight.notes.model = Some(model);
                return Err(denial);
            }
        }
        let asks = peeked.kind.as_deref() == Some(ASKING);
        let (own, others) = if peeked.inside.is_empty() { (None, None) } else { named_in(text) };
        let own = peeked.model.as_deref().or(own.as_deref()).map(bare);
        let anonymous = own.is_none() && others.is_none();
        if !asks && let Some(own) = &own {
            self.model = Some(Arc::clone(own));
        }
        // What a response names is for that response.
        if let Some(model) = own.or_else(|| self.model.clone().filter(|_| asks)) {
            turn_to(&model, (used, seen), &mut sight);
        } else if let Some(other) = others {
            sight.notes.model.get_or_insert_with(|| bare(&other));
        }
        // Over the socket of Responses each response names its own.
        let must_name = !self.named || asks && self.endpoint.scope.family == Family::Responses;
        if anonymous && must_name && self.endpoint.model == ModelIn::Message && !may_leave_open(project, key)
        {
            return Err(Denial::built_in(Reason::ModelMissing));
        }
        self.named |= !anonymous;
        if asks {
            take_one(project, key, &mut sight)?;
        }
        let of_models = !project.limits.models.is_empty() || !key.limits.models.is_empty();
        if !project.counts_tokens && !sight.notes.deferred && !of_models {
            return Ok(());
        }
        if of_models {
            // A model's slot is held from its first message until another's that comes when all responses were told.
            if asks {
                self.all_told &= self.used_before.replace(used) != Some(used);
            }
            let told = (self.model.as_deref(), self.all_told);
            let wanted = occupy(project, key, told, &mut self.permits, &mut sight)?;
            slots_had(wanted, sight.notes).await?;
        }
        let mut estimator = Estimator::default();
        estimator.piece(text);
        // What a session has said is read again with each response: by the last about twice as much as on average.
        let context = used.input.saturating_mul(2) / self.asked.max(1);
        self.asked += u64::from(asks);
        let input = estimator.tokens().saturating_add(context);
        let message = Message { input, asks, ceiling: peeked.token_ceiling, tier: peeked.tier, seen };
        let more = go_on(project, key, self.endpoint, message, used, &mut sight)?;
        // The store of the gates that share the limits is asked before the message goes on.
        had(record).await?;
        if more { record.promise_more() } else { Ok(()) }
    }
}

/// Why a message that cannot be read is refused.
pub(super) fn unreadable(fault: Fault) -> Denial {
    denied(fault)
}

/// The code with which a session is closed for this reason.
pub(super) fn code(reason: Reason) -> u16 {
    if reason == Reason::BodyTooLarge {
        frame::TOO_BIG
    } else if reason == Reason::BodyInvalid {
        frame::INVALID_DATA
    } else if reason == Reason::MemoryLimited {
        frame::TRY_AGAIN
    } else {
        frame::POLICY
    }
}

/// The model that a message names for its session or response, and one that it names for what is heard in it.
fn named_in(text: &[u8]) -> (Option<String>, Option<String>) {
    let message: Value = serde_json::from_slice(text).unwrap_or_default();
    let named = |place: &&[&str]| {
        let value = place.iter().try_fold(&message, |value, name| value.get(name))?;
        value.as_str().map(str::to_owned)
    };
    let (own, heard) = OWN;
    (PLACES.iter().take(own).find_map(named), PLACES.iter().skip(own).take(heard).find_map(named))
}
