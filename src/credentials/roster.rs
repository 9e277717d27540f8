//! Keeps the state of credentials from one configuration to the next, and shows it.
//!
//! 1. A credential is known again by its upstream, its id and a digest of its secret and of all that is sent
//!    with it. So a reload forgets nothing, and a rotated secret begins anew.
//! 2. A secret that was replaced is shown as retired while requests that were sent with it are under way.
//! 3. No secret is kept here, and no digest is ever shown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use serde::{Serialize, Serializer};

use super::standing::Standing;
use super::{Budget, Credentials, Owners};
use crate::clock::Moment;
use crate::cloud::{Holder, Outlook, Source};
use crate::diagnosis::{self, Effect};
use crate::secret::Fingerprint;

/// A credential with one secret, from the configuration that brought it to the last that knows it.
#[derive(Debug)]
pub struct Member {
    upstream: Arc<str>,
    id: Arc<str>,
    /// When it was first in force.
    since: OnceLock<SystemTime>,
    /// Each request in flight holds the state too, so the number of its holders is the number of requests,
    /// and one atomic addition does for both.
    standing: Arc<Standing>,
    /// What a cloud grants it, if it is of that kind.
    holder: OnceLock<Arc<Holder>>,
}

impl Member {
    /// Its upstream.
    #[must_use]
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What a cloud grants it, from this source; with what was granted already, if it is known.
    #[must_use]
    pub fn holder_of(&self, source: Source, now: Moment) -> Arc<Holder> {
        Arc::clone(self.holder.get_or_init(|| Arc::new(Holder::new(source, now))))
    }

    /// What a cloud grants it, if it is of that kind.
    #[must_use]
    pub fn holder(&self) -> Option<&Arc<Holder>> {
        self.holder.get()
    }

    pub(super) const fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// How many requests are in flight with it.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        Arc::strong_count(&self.standing).saturating_sub(1)
    }
}

/// Every credential that is in force or in use.
#[derive(Debug)]
pub struct Roster {
    origin: Moment,
    state: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    members: HashMap<(Arc<str>, Arc<str>, Fingerprint), Arc<Member>>,
    budgets: HashMap<Arc<str>, Arc<Budget>>,
    owners: HashMap<Arc<str>, Arc<Owners>>,
    /// The numbers of credentials by upstream and id, over all secrets.
    numbers: HashMap<(Arc<str>, Arc<str>), u16>,
    /// Those of the configuration in force, with their weights, in its order.
    in_force: Vec<(Arc<Member>, u32)>,
}

/// What can be said of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is in the configuration in force, and the last answer left it in this state.
    Of(Effect),
    /// Nothing was granted that it could be used with, or what was has expired.
    Unavailable,
    /// Its secret was replaced, and requests that were sent with it are under way.
    Retired,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Of(Effect::None),
        Self::Of(Effect::RateLimited),
        Self::Of(Effect::Spent),
        Self::Of(Effect::Rejected),
        Self::Unavailable,
        Self::Retired,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Of(effect) => effect.word(),
            Self::Unavailable => "unavailable",
            Self::Retired => "retired",
        }
    }
}

/// A credential as the admin listener shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// Its upstream.
    #[serde(serialize_with = "name")]
    pub upstream: Arc<str>,
    /// Its name.
    #[serde(serialize_with = "name")]
    pub credential: Arc<str>,
    /// Its state.
    #[serde(serialize_with = "word")]
    pub state: State,
    /// Why it is out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// Until when; a spent or rejected one is tried again then.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "date")]
    pub until: Option<SystemTime>,
    /// Whether a request is finding out now whether it works again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub probing: bool,
    /// How many requests are in flight with it.
    pub in_flight: usize,
    /// How much of the load it takes; a retired one takes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Since when its present secret is used.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "date")]
    pub since: Option<SystemTime>,
    /// What a cloud grants it, if it is of that kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<Granted>,
}

/// What can be said of what a cloud grants.
#[derive(Clone, Debug, Serialize)]
pub struct Granted {
    /// When it was fetched.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "date")]
    pub fetched: Option<SystemTime>,
    /// When it expires.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "date")]
    pub expires: Option<SystemTime>,
    /// Why it could not be renewed, if the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Box<str>>,
}

impl Roster {
    /// An empty one whose clock begins at `origin`.
    #[must_use]
    pub fn new(origin: Moment) -> Self {
        Self { origin, state: Mutex::default() }
    }

    /// The state of the credential with this secret: the one in use, or a healthy one.
    #[must_use]
    pub fn member(&self, upstream: &str, id: &Arc<str>, fingerprint: Fingerprint) -> Arc<Member> {
        let upstream = Arc::from(upstream);
        let key = (Arc::clone(&upstream), Arc::clone(id), fingerprint);
        let new = || {
            let standing = Arc::new(Standing::new(self.origin));
            let (since, holder) = (OnceLock::new(), OnceLock::new());
            Arc::new(Member { upstream, id: Arc::clone(id), since, standing, holder })
        };
        Arc::clone(self.known().members.entry(key).or_insert_with(new))
    }

    /// The budget of this upstream's retries.
    #[must_use]
    pub fn budget(&self, upstream: &str) -> Arc<Budget> {
        let new = || Arc::new(Budget::new(self.origin));
        Arc::clone(self.known().budgets.entry(Arc::from(upstream)).or_insert_with(new))
    }

    /// Which response of this upstream belongs to which credential.
    #[must_use]
    pub fn owners(&self, upstream: &str) -> Arc<Owners> {
        Arc::clone(self.known().owners.entry(Arc::from(upstream)).or_default())
    }

    /// The number of a credential, which it keeps when its secret is replaced. Zero is nobody's; when all
    /// others are given away, the rest get it, and their responses are not remembered.
    #[must_use]
    pub fn number(&self, upstream: &str, id: &Arc<str>) -> u16 {
        let mut known = self.known();
        let next = u16::try_from(known.numbers.len() + 1).unwrap_or(0);
        *known.numbers.entry((Arc::from(upstream), Arc::clone(id))).or_insert(next)
    }

    /// Notes which credentials are in force from now on.
    pub fn put_in_force<'c>(&self, all: impl IntoIterator<Item = &'c Credentials>, now: Moment) {
        let in_force = all.into_iter().flat_map(Credentials::all);
        let in_force: Vec<_> =
            in_force.map(|credential| (Arc::clone(&credential.member), credential.weight)).collect();
        for (member, _) in &in_force {
            member.since.get_or_init(|| now.wall());
        }
        self.known().in_force = in_force;
    }

    /// Those in force that a cloud grants.
    #[must_use]
    pub fn granted(&self) -> Vec<Arc<Member>> {
        let known = self.known();
        let of_clouds = known.in_force.iter().filter(|(member, _)| member.holder().is_some());
        of_clouds.map(|(member, _)| Arc::clone(member)).collect()
    }

    /// Forgets what no configuration and no request holds any more.
    pub fn sweep(&self) {
        let mut known = self.known();
        known.members.retain(|_, member| Arc::strong_count(member) > 1 || member.in_flight() > 0);
        known.budgets.retain(|_, budget| Arc::strong_count(budget) > 1);
        known.owners.retain(|_, owners| Arc::strong_count(owners) > 1);
    }

    /// Those in force, in the configuration's order, and behind them the retired ones that are still in use.
    #[must_use]
    pub fn shown(&self, now: Moment) -> Vec<Shown> {
        let known = self.known();
        let mut shown: Vec<Shown> =
            known.in_force.iter().map(|(member, weight)| member.shown(Some(*weight), now)).collect();
        let present = |member: &Arc<Member>| known.in_force.iter().any(|(one, _)| Arc::ptr_eq(one, member));
        let replaced = known.members.values().filter(|member| member.in_flight() > 0 && !present(member));
        let mut retired: Vec<Shown> = replaced.map(|member| member.shown(None, now)).collect();
        retired.sort_by(|a, b| {
            (&a.upstream, &a.credential, a.since).cmp(&(&b.upstream, &b.credential, b.since))
        });
        shown.append(&mut retired);
        shown
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Without a weight it is retired.
    fn shown(&self, weight: Option<u32>, now: Moment) -> Shown {
        let condition = self.standing.condition();
        let effect = self.standing.effect(now);
        let out = weight.is_some() && effect != Effect::None;
        let outlook = self.holder().map(|holder| holder.outlook(now));
        let granted = outlook.as_ref().is_none_or(|outlook| outlook.granted);
        Shown {
            upstream: Arc::clone(&self.upstream),
            credential: Arc::clone(&self.id),
            state: match weight {
                None => State::Retired,
                Some(_) if !granted => State::Unavailable,
                Some(_) => State::Of(effect),
            },
            cause: out.then(|| diagnosis::cause_word(condition.cause)),
            until: out.then(|| self.standing.until(condition).wall()),
            probing: out && condition.probing,
            in_flight: self.in_flight(),
            weight,
            since: self.since.get().copied(),
            grant: outlook.map(|Outlook { until, fetched, failure, .. }| Granted {
                fetched,
                expires: until,
                failure,
            }),
        }
    }
}

fn name<S: Serializer>(name: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(name)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn word<S: Serializer>(state: &State, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(state.word())
}

/// RFC 3339 in UTC, to the second.
#[expect(clippy::ref_option, reason = "serde calls it so")]
fn date<S: Serializer>(date: &Option<SystemTime>, to: S) -> Result<S::Ok, S::Error> {
    let stamp = date.and_then(|date| jiff::Timestamp::try_from(date).ok());
    match stamp {
        Some(stamp) => to.collect_str(&format_args!("{stamp:.0}")),
        None => to.serialize_none(),
    }
}
