//! The state of limits and of requests in flight, and what keeps all state over a reload.
//!
//! State outlives a reload: the [`Registry`] hands the same meter to the next snapshot while its
//! owner and quota stay the same, so that a reload neither refills a bucket nor forgets a request
//! that is under way.

mod meter;
mod pool;
mod purse;
mod reservation;
mod sharing;
mod slots;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::tz::TimeZone;

use crate::attempts::Attempts;
use crate::clock::Moment;
use crate::credentials::Roster;
use crate::denial::RuleId;
use crate::health::Infirmary;
use crate::held::Room;
use crate::model_name::ModelList;
use crate::money::Money;
use crate::uploads::Uploads;
use pool::Bound;

pub use meter::{Meter, Quota, Short, Untellable};
pub use pool::Pool;
pub use purse::{Budget, Exhausted, Purse, Window};
pub use reservation::{Estimate, Reservation, Unspent};
pub use sharing::{Asking, Dialogue, Garbled, Heard, OnFailure, Outcome, SCRIPT, Sharing, Want, WantOf};
pub use slots::{Permit, SLOT_WAIT, Slots};

/// What a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counted {
    /// Requests.
    Requests,
    /// Tokens that models read.
    Input,
    /// Tokens that models write.
    Output,
    /// Both.
    Tokens,
}

impl Counted {
    /// Its word in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Input => "input_tokens",
            Self::Output => "output_tokens",
            Self::Tokens => "tokens",
        }
    }
}

/// One quota of a project or key, with the line that set it.
#[derive(Clone, Debug)]
pub struct Limit {
    /// What it counts.
    pub counts: Counted,
    /// The state.
    pub meter: Arc<Meter>,
    /// The line of the configuration.
    pub rule: RuleId,
}

/// The bound on requests in flight, with the line that set it.
#[derive(Clone, Debug)]
pub struct Concurrency {
    /// The state.
    pub slots: Arc<Slots>,
    /// How many at once.
    pub most: u32,
    /// The line of the configuration.
    pub rule: RuleId,
}

/// How fast, how many at once and for how much: the limits of one owner.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Quotas of requests, the shortest first.
    pub requests: Vec<Limit>,
    /// Quotas of tokens, the shortest first.
    pub tokens: Vec<Limit>,
    /// How many at once.
    pub concurrency: Option<Concurrency>,
    /// What may be spent.
    pub budgets: Vec<Budget>,
    /// From where it is taken; there is one if there are budgets.
    pub purse: Option<Arc<Purse>>,
    /// Limits of single models, in the order in which they are written.
    pub models: Vec<ForModels>,
}

/// Limits of the models of a list.
#[derive(Clone, Debug)]
pub struct ForModels {
    /// Which models.
    pub models: ModelList,
    /// Their limits, without further ones of single models.
    pub limits: Limits,
}

impl Limits {
    /// Whether anything of it depends on what requests use.
    #[must_use]
    pub fn count_usage(&self) -> bool {
        !self.tokens.is_empty()
            || !self.budgets.is_empty()
            || self.models.iter().any(|one| one.limits.count_usage())
    }

    /// Those that hold for a model: the owner's own, then those of the first list that has the model.
    #[must_use]
    pub fn of_model(&self, model: Option<&str>) -> Option<&Self> {
        let model = model?;
        self.models.iter().find(|one| one.models.allows(model)).map(|one| &one.limits)
    }
}

/// Who spends: a project, or one of its keys, with all models or some.
#[derive(Clone, Debug)]
pub struct Spender {
    /// The project.
    pub project: Arc<str>,
    /// The key, if it is one key's.
    pub key: Option<Arc<str>>,
    /// The models, if they are not all.
    pub models: Option<ModelList>,
}

/// What was spent before this process, or before a budget was written.
pub trait History: std::fmt::Debug + Send + Sync {
    /// What each of them spent since the three moments beside it, in milliseconds since 1970.
    fn spent(&self, asked: &[(&Spender, [i64; 3])]) -> Vec<[Money; 3]>;
}

/// Tells purses what was spent before they were made. All are asked for at once: one look at the history takes as long as
/// many purses.
fn recall(history: &dyn History, purses: &[(&Spender, &Purse)], now: Moment) {
    let asked: Vec<_> = purses.iter().map(|(spender, purse)| (*spender, purse.began(now))).collect();
    for (((_, purse), (_, began)), spent) in purses.iter().zip(&asked).zip(history.spent(&asked)) {
        purse.recall(*began, spent, now);
    }
}

/// Keeps the state of limits and credentials from one snapshot to the next.
#[derive(Debug)]
pub struct Registry {
    /// The state of credentials.
    pub credentials: Arc<Roster>,
    /// What is remembered of uploads.
    pub uploads: Arc<Uploads>,
    /// What bodies take of memory.
    pub room: Arc<Room>,
    /// What is known of limits that several gates share.
    pub sharing: Arc<Sharing>,
    /// How often keys were tried that are none.
    pub attempts: Arc<Attempts>,
    /// How upstreams fare.
    pub health: Arc<Infirmary>,
    origin: Moment,
    history: OnceLock<Arc<dyn History>>,
    state: Mutex<State>,
}

/// A certificate and its key, known by their digest, as the listener uses them.
type ListenerTls = ([u8; 32], Arc<rustls::ServerConfig>);

/// An owner's purse.
#[derive(Debug)]
struct Held {
    spender: Spender,
    purse: Arc<Purse>,
    budgets: Vec<Budget>,
}

/// A budget, and what of it is taken.
#[derive(Clone, Debug)]
pub struct BudgetNow {
    /// Whose it is.
    pub owner: Arc<str>,
    /// The budget.
    pub budget: Budget,
    /// What is spent of it, with what requests under way may cost.
    pub taken: Money,
}

#[derive(Debug, Default)]
struct State {
    listener_tls: Option<ListenerTls>,
    /// The last part of these keys is whether several gates share it.
    meters: HashMap<(String, Counted, Quota, bool), Arc<Meter>>,
    slots: HashMap<(String, bool), Arc<Slots>>,
    purses: HashMap<(Arc<str>, bool), Held>,
}

impl Registry {
    /// An empty registry whose clock begins at `origin`.
    #[must_use]
    pub fn new(origin: Moment) -> Self {
        Self {
            credentials: Arc::new(Roster::new(origin)),
            uploads: Arc::default(),
            room: Arc::default(),
            sharing: Arc::new(Sharing::new(origin)),
            attempts: Arc::new(Attempts::new(origin)),
            health: Arc::new(Infirmary::new(origin)),
            origin,
            history: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    /// The meter of this owner and quota: the one in use, or a new one; shared with other gates, or this gate's own.
    ///
    /// # Errors
    /// When nanoseconds cannot tell the quota.
    pub fn meter(
        &self,
        owner: &str,
        counts: Counted,
        quota: Quota,
        shared: bool,
    ) -> Result<Arc<Meter>, Untellable> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = (owner.to_owned(), counts, quota, shared);
        if let Some(meter) = state.meters.get(&known) {
            return Ok(Arc::clone(meter));
        }
        let mut meter = Meter::new(quota, self.origin)?;
        if shared {
            let Quota { amount, per, burst } = quota;
            let name = format!("{owner}:{}:{amount}/{}:{burst}", counts.word(), per.as_secs());
            meter = meter.shared(self.sharing.pool(name, Bound::Rate(quota)));
        }
        let meter = Arc::new(meter);
        state.meters.insert(known, Arc::clone(&meter));
        Ok(meter)
    }

    /// The purse of this owner: the one in use, or a new one with what history says that was spent.
    #[must_use]
    pub fn purse(
        &self,
        owner: &str,
        spender: Spender,
        (zone, shared): (&TimeZone, bool),
        now: Moment,
    ) -> Arc<Purse> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = (Arc::from(owner), shared);
        // By another calendar its windows begin at other times.
        if let Some(held) = state.purses.get(&known).filter(|held| held.purse.zone() == zone) {
            return Arc::clone(&held.purse);
        }
        let mut purse = Purse::new(zone.clone());
        if shared {
            let pool = |window: Window| {
                let name = format!("{owner}:money:{}", window.word());
                self.sharing.pool(name, Bound::Window(window, zone.clone()))
            };
            purse = purse.shared(Window::ALL.map(pool));
        }
        let purse = Arc::new(purse);
        if let Some(history) = self.history.get() {
            recall(&**history, &[(&spender, &purse)], now);
        }
        let held = Held { spender, purse: Arc::clone(&purse), budgets: Vec::new() };
        state.purses.insert(known, held);
        purse
    }

    /// Notes which limits are in force, so that only their budgets are shown: a configuration may be refused when its
    /// purses are made.
    pub fn put_in_force<'l>(&self, all: impl IntoIterator<Item = &'l Limits>) {
        let with_models =
            |own: &'l Limits| std::iter::once(own).chain(own.models.iter().map(|one| &one.limits));
        let budgets: HashMap<*const Purse, &[Budget]> = all
            .into_iter()
            .flat_map(with_models)
            .filter_map(|one| Some((Arc::as_ptr(one.purse.as_ref()?), one.budgets.as_slice())))
            .collect();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for held in state.purses.values_mut() {
            held.budgets = budgets.get(&Arc::as_ptr(&held.purse)).copied().unwrap_or_default().to_vec();
        }
    }

    /// All budgets in force, by their owners' names.
    #[must_use]
    pub fn budgets(&self, now: Moment) -> Vec<BudgetNow> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<BudgetNow> = Vec::new();
        for ((owner, _), held) in &state.purses {
            for budget in &held.budgets {
                let (taken, _) = held.purse.taken_now(budget.window, now);
                all.push(BudgetNow { owner: Arc::clone(owner), budget: budget.clone(), taken });
            }
        }
        all.sort_by(|one, other| (&one.owner, one.budget.window).cmp(&(&other.owner, other.budget.window)));
        all
    }

    /// Tells all purses what was spent before; those that are made later ask it themselves. Only the first history
    /// counts.
    pub fn remember(&self, history: &Arc<dyn History>, now: Moment) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.history.set(Arc::clone(history)).is_err() {
            return;
        }
        let purses: Vec<_> = state.purses.values().map(|held| (&held.spender, &*held.purse)).collect();
        recall(&**history, &purses, now);
    }

    /// The slots of this owner, shared with other gates, or this gate's own.
    #[must_use]
    pub fn slots(&self, owner: &str, shared: bool) -> Arc<Slots> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = state.slots.entry((owner.to_owned(), shared)).or_insert_with(|| {
            let pool = shared.then(|| self.sharing.pool(format!("{owner}:slots"), Bound::Slots));
            Arc::new(Slots::new(pool))
        });
        Arc::clone(slots)
    }

    /// What was last kept for the listener, if it was made of these files: with it goes what reads the tickets
    /// by which clients resume their sessions.
    #[must_use]
    pub fn listener_tls(&self, digest: &[u8; 32]) -> Option<Arc<rustls::ServerConfig>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, made) = state.listener_tls.as_ref()?;
        (known == digest).then(|| Arc::clone(made))
    }

    /// Keeps it for the next snapshot.
    pub fn keep_listener_tls(&self, digest: [u8; 32], made: Arc<rustls::ServerConfig>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.listener_tls = Some((digest, made));
    }

    /// Forgets what no snapshot and no request holds any more.
    pub fn sweep(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.meters.retain(|_, meter| Arc::strong_count(meter) > 1);
        state.slots.retain(|_, slots| Arc::strong_count(slots) > 1);
        state.purses.retain(|_, held| Arc::strong_count(&held.purse) > 1);
        drop(state);
        self.credentials.sweep();
        self.health.sweep();
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_reload_keeps_the_state() {
        let now = Moment::now();
        let registry = Registry::new(now);
        let one = NonZeroU32::MIN;
        let quota = Quota::new(one, Duration::from_secs(1));
        let meter = |owner, counts| registry.meter(owner, counts, quota, false).unwrap();
        let held = meter("projects.a", Counted::Requests);
        assert!(held.take(one, now).is_ok());
        registry.sweep();
        assert!(meter("projects.a", Counted::Requests).take(one, now).is_err());
        assert!(meter("projects.a", Counted::Tokens).take(one, now).is_ok());
        assert!(meter("projects.b", Counted::Requests).take(one, now).is_ok());
    }

    /// Tells of each spender as many dollars as its name is long, and remembers how many were asked for each time.
    #[derive(Debug, Default)]
    struct ByName(Mutex<Vec<usize>>);

    impl History for ByName {
        fn spent(&self, asked: &[(&Spender, [i64; 3])]) -> Vec<[Money; 3]> {
            self.0.lock().unwrap().push(asked.len());
            let dollars =
                |spender: &Spender| Money::parse_dollars(&spender.project.len().to_string()).unwrap();
            asked.iter().map(|(spender, _)| [dollars(spender); 3]).collect()
        }
    }

    #[test]
    fn one_look_at_the_history_tells_all_purses() {
        let now = Moment::now();
        let registry = Registry::new(now);
        let purse = |name: &str| {
            let spender = Spender { project: Arc::from(name), key: None, models: None };
            registry.purse(name, spender, (&TimeZone::UTC, false), now)
        };
        let before: Vec<_> = (1..=20).map(|length| purse(&"p".repeat(length))).collect();
        let history = Arc::new(ByName::default());
        registry.remember(&(Arc::clone(&history) as Arc<dyn History>), now);
        let after = purse("later");
        let taken = |purse: &Purse| purse.taken_now(Window::Month, now).0;
        let dollars = |whole: usize| Money::parse_dollars(&whole.to_string()).unwrap();
        for (length, purse) in (1..=20).zip(&before) {
            assert_eq!(taken(purse), dollars(length));
        }
        assert_eq!(taken(&after), dollars(5));
        assert_eq!(*history.0.lock().unwrap(), [20, 1]);
    }

    #[test]
    fn a_reload_with_another_time_zone_begins_windows_by_that() {
        let at = "2026-11-20T23:30:00Z".parse::<jiff::Timestamp>().unwrap();
        let now = Moment::now().dated(at.into());
        for shared in [false, true] {
            let registry = Registry::new(now);
            let spender = Spender { project: Arc::from("a"), key: None, models: None };
            let purse = |zone: &TimeZone| registry.purse("a", spender.clone(), (zone, shared), now);
            let before = purse(&TimeZone::UTC);
            let berlin = TimeZone::get("Europe/Berlin").unwrap();
            let after = purse(&berlin);
            let until = |purse: &Purse| purse.taken_now(Window::Day, now).1;
            assert_eq!(until(&before), Window::Day.around(at.as_millisecond(), &TimeZone::UTC).1);
            assert_eq!(until(&after), Window::Day.around(at.as_millisecond(), &berlin).1, "shared: {shared}");
            assert!(Arc::ptr_eq(&after, &purse(&berlin)));
        }
    }
}
