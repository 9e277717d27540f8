//! What a gate says to the store and how it takes the answers, without a connection.
//!
//! 1. One thing is said at a time, with everything that came together since the last. Whatever waits for the store is
//!    asked in it.
//! 2. What had no answer is said again under the same number, and the store does it once. Its leases come late then,
//!    to nobody's harm.
//! 3. A store that has lost its memory has another birth. It is told what this gate last saw of each limit.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::str::SplitWhitespace;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use smallvec::SmallVec;

use super::asking::{Ask, Outcome, Want, WantOf};
use super::{Pool, Sharing};
use crate::clock::Moment;
use crate::limits::pool::Bound;

/// What the store runs for each thing that is said.
pub const SCRIPT: &str = include_str!("../sharing.lua");

/// How often something is said at least.
const BEAT: Duration = Duration::from_secs(1);
/// The same while the store leases nothing.
const SETTLING: Duration = Duration::from_millis(200);
/// How often an ask meets a window that has just ended before it is given up.
const TRIES: u8 = 3;

/// One gate's side of the dialogue.
#[derive(Debug)]
pub struct Dialogue {
    hub: Arc<Sharing>,
    prefix: Box<str>,
    id: Box<str>,
    fresh: Box<str>,
    born: Box<str>,
    number: u64,
    /// What was said and not answered.
    open: Option<Said>,
    /// Asks that have to be said again.
    again: Vec<(Ask, u8)>,
    /// What must be said again of what was used.
    owed: Vec<Owed>,
    /// The store is to be told what is known here.
    remind: bool,
    /// Gates are still telling it. What one used beyond its leases would be lost in what another tells, so it waits.
    reminded: bool,
    said: Option<Moment>,
}

/// What was used of a pool, in the window that began then.
#[derive(Debug)]
struct Owed {
    pool: Arc<Pool>,
    from_ms: i64,
    amount: i64,
}

#[derive(Debug)]
struct Said {
    keys: Vec<String>,
    text: String,
    pools: Vec<(Arc<Pool>, i64)>,
    moves: Vec<(usize, i64)>,
    asks: Vec<(Ask, u8)>,
    /// Whether it was said before.
    again: bool,
}

/// The store's answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbled;

impl Dialogue {
    /// A gate that has said nothing yet. `id` tells it from all others, and `fresh` a store from one that has lost its
    /// memory.
    #[must_use]
    pub fn new(hub: Arc<Sharing>, prefix: &str, id: &str, fresh: &str) -> Self {
        Self {
            hub,
            prefix: prefix.into(),
            id: id.into(),
            fresh: fresh.into(),
            born: "".into(),
            number: 0,
            open: None,
            again: Vec::new(),
            owed: Vec::new(),
            remind: false,
            reminded: false,
            said: None,
        }
    }

    /// What to say now, if anything: the keys and the argument of the script. With `bye`, everything goes back.
    pub fn next(&mut self, bye: bool, now: Moment) -> Option<(&[String], &str)> {
        if self.open.is_some() {
            if let Some(open) = &mut self.open {
                open.again = true;
            }
        } else {
            self.open = self.gathered(bye, now);
        }
        self.open.as_ref().map(|said| (said.keys.as_slice(), said.text.as_str()))
    }

    fn gathered(&mut self, bye: bool, now: Moment) -> Option<Said> {
        let pause = if self.hub.is_reached() { BEAT } else { SETTLING };
        let beat = bye || self.remind || self.said.is_none_or(|said| now.since(said) >= pause);
        let soon = self.hub.soon.swap(false, Ordering::AcqRel);
        let (all, fresh): (Vec<Arc<Pool>>, Vec<Ask>) = {
            let mut state = self.hub.lock();
            state.pools.retain(|_, pool| pool.strong_count() > 0);
            (state.pools.values().filter_map(Weak::upgrade).collect(), std::mem::take(&mut state.asks))
        };
        let mut asks = std::mem::take(&mut self.again);
        asks.extend(fresh.into_iter().map(|ask| (ask, 0)));
        if soon {
            asks.extend(
                all.iter().filter(|pool| pool.is_passed_by()).filter_map(|pool| Some((one(pool)?, 0))),
            );
        }
        let mut pools = Pools::default();
        let moves_wait = self.reminded && !bye;
        let owed = if moves_wait { Vec::new() } else { std::mem::take(&mut self.owed) };
        let mut moves = Vec::new();
        for Owed { pool, from_ms, amount } in owed {
            // Of a window that has ended nobody asks any more, and the next one owes nothing for it.
            if pools.window(&pool, now).0 == from_ms {
                moves.push((pools.number(&pool, now), amount));
            }
        }
        let mut floors = Vec::new();
        let mut given_back = false;
        for pool in &all {
            let (from_ms, _) = pools.window(pool, now);
            if let Some(holds) = pool.holds() {
                // What it holds is said each time, whatever the store knew of it.
                let moved = pool.moved(bye, from_ms, now) != 0;
                given_back |= moved;
                if moved || beat && (holds > 0 || pool.is_in_use(now)) {
                    pools.number(pool, now);
                }
                continue;
            }
            if let Some(floor) = pool.floor(self.remind, from_ms, now) {
                floors.push((pools.number(pool, now), floor));
            }
            let moved = if moves_wait { 0 } else { pool.moved(bye, from_ms, now) };
            if moved != 0 {
                moves.push((pools.number(pool, now), moved));
            }
            if beat && pool.is_in_use(now) {
                pools.number(pool, now);
            }
        }
        if !beat && !given_back && moves.is_empty() && asks.is_empty() {
            return None;
        }
        for want in asks.iter().flat_map(|(ask, _)| &ask.wants) {
            pools.number(&want.pool, now);
        }
        self.number += 1;
        self.remind = false;
        self.said = Some(now);
        let mut said = Said {
            keys: vec![self.key("born"), self.key("gates"), self.key(&format!("gate:{}", self.id))],
            text: String::new(),
            pools: Vec::new(),
            moves,
            asks,
            again: false,
        };
        self.write(&mut said, pools.list, &floors, bye, now);
        Some(said)
    }

    /// Writes what is said as the script reads it.
    fn write(&self, said: &mut Said, pools: Vec<Spoken>, floors: &[(usize, u64)], bye: bool, now: Moment) {
        let mut text = format!(
            "{{\"born\":{:?},\"fresh\":{:?},\"id\":{:?},\"seq\":\"{}\",\"bye\":{bye},\"pools\":[",
            self.born, self.fresh, self.id, self.number
        );
        for (pool, (from, until)) in pools {
            said.keys.push(match &pool.bound {
                Bound::Rate(_) | Bound::Slots => self.key(&pool.name),
                Bound::Window(..) => self.key(&format!("{}:{from}", pool.name)),
            });
            comma(&mut text);
            let _ = match &pool.bound {
                Bound::Rate(quota) => {
                    let (per, burst) = (quota.per.as_micros(), quota.burst);
                    write!(text, "[\"r\",{},{per},{burst}]", quota.amount)
                }
                Bound::Window(..) => write!(text, "[\"m\",{from},{until}]"),
                Bound::Slots => {
                    write!(text, "[\"c\",{},{}]", pool.holds().unwrap_or_default(), pool.most())
                }
            };
            said.pools.push((pool, from));
        }
        text.push_str("],\"floors\":[");
        for (at, floor) in floors {
            comma(&mut text);
            let _ = write!(text, "[{},{floor}]", at + 1);
        }
        text.push_str("],\"moves\":[");
        for (at, delta) in &said.moves {
            comma(&mut text);
            let _ = write!(text, "[{},{delta}]", at + 1);
        }
        text.push_str("],\"asks\":[");
        for (ask, _) in &said.asks {
            comma(&mut text);
            text.push('[');
            for want in &ask.wants {
                comma(&mut text);
                let at = said.pools.iter().position(|(pool, _)| Arc::ptr_eq(pool, &want.pool)).unwrap_or(0);
                let need = want.need.div_ceil(want.pool.scale());
                let (more, most) = (want.pool.want(need, now), want.pool.most());
                let _ = write!(text, "[{},{need},{more},{most},{}]", at + 1, want.anyway);
            }
            text.push(']');
        }
        text.push_str("]}");
        said.text = text;
    }

    fn key(&self, name: &str) -> String {
        // The braces keep all keys in one slot of a cluster.
        format!("{{{}}}:{name}", self.prefix)
    }

    /// Takes the answer to what was said at `sent`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn answered(&mut self, answer: &str, sent: Moment, now: Moment) -> Result<Heard, Garbled> {
        let mut words = answer.split_whitespace();
        match words.next() {
            Some("born") => {
                let clock = number(&mut words)?;
                self.born = words.next().ok_or(Garbled)?.into();
                self.hub.heard(clock, sent, now);
                self.forgotten();
                Ok(Heard::Forgetful)
            }
            Some("ok") => self.done(words, sent, now),
            Some(_) | None => Err(Garbled),
        }
    }

    /// The store knows nothing of what was said before, nor of this.
    fn forgotten(&mut self) {
        (self.remind, self.reminded) = (true, true);
        let Some(open) = self.open.take() else { return };
        for (at, amount) in open.moves {
            // Of what may have been done before the memory was lost, nothing is given back a second time.
            if (amount > 0 || !open.again)
                && let Some((pool, from_ms)) = open.pools.get(at)
            {
                self.owed.push(Owed { pool: Arc::clone(pool), from_ms: *from_ms, amount });
            }
        }
        self.again = open.asks;
    }

    fn done(&mut self, mut words: SplitWhitespace<'_>, sent: Moment, now: Moment) -> Result<Heard, Garbled> {
        let open = self.open.take().ok_or(Garbled)?;
        let clock = number(&mut words)?;
        if !open.again {
            self.hub.heard(clock, sent, now);
        }
        let gates: i64 = number(&mut words)?;
        self.hub.gates.store(u32::try_from(gates).unwrap_or(1).max(1), Ordering::Release);
        let phase = words.next();
        let settles = phase != Some("0");
        for (pool, from) in &open.pools {
            let level = number(&mut words)?;
            let level = u64::try_from(level).unwrap_or_default();
            if pool.holds().is_some() {
                pool.contested(u64::try_from(number(&mut words)?).unwrap_or_default(), now);
            }
            if settles {
                pool.saw_at_least(level, *from, sent);
            } else {
                pool.saw(level, *from, sent);
            }
        }
        self.reminded = phase == Some("1");
        // From here on who asks is heard.
        self.hub.reached.store(!settles, Ordering::Release);
        for (ask, tries) in open.asks {
            match words.next().ok_or(Garbled)? {
                "g" => granted(&ask, &open.pools, &mut words)?,
                "r" => {
                    let at = usize::try_from(number(&mut words)?).ok().and_then(|at| at.checked_sub(1));
                    let (wait, left) = (number(&mut words)?, number(&mut words)?);
                    let want = at.and_then(|at| Some((at, ask.wants.get(at)?)));
                    let (at, want) = want.ok_or(Garbled)?;
                    let wait = u64::try_from(wait).ok().map(Duration::from_micros);
                    let left = u64::try_from(left).unwrap_or_default();
                    let need = want.need.div_ceil(want.pool.scale());
                    let wait = want.pool.refused(need, left, wait, now);
                    ask.answer(Outcome::Refused { at, wait, left: left.saturating_mul(want.pool.scale()) });
                }
                // Its window has just ended, and the next is known by now.
                "w" if tries < TRIES => self.again.push((ask, tries + 1)),
                _ => {
                    ask.answer(Outcome::Away);
                }
            }
        }
        if !self.again.is_empty() {
            self.hub.soon.store(true, Ordering::Release);
        }
        if settles {
            self.hub.gone();
        }
        Ok(if settles { Heard::Settling } else { Heard::All })
    }

    /// No answer came in time: the store is away, until it answers again.
    pub fn unanswered(&mut self) {
        self.hub.gone();
        for (ask, _) in self.again.drain(..) {
            ask.answer(Outcome::Away);
        }
        for (ask, _) in self.open.iter().flat_map(|open| &open.asks) {
            ask.answer(Outcome::Away);
        }
    }
}

/// What came of something that was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// All of it.
    All,
    /// The store has no memory, or lost it: it has to be told again.
    Forgetful,
    /// The store leases nothing until other gates have told it what they know.
    Settling,
}

fn granted(ask: &Ask, pools: &[(Arc<Pool>, i64)], words: &mut SplitWhitespace<'_>) -> Result<(), Garbled> {
    let mut over = SmallVec::new();
    for _ in 0..number(words)? {
        let at = usize::try_from(number(words)?).ok().and_then(|at| at.checked_sub(1));
        over.push(at.ok_or(Garbled)?);
    }
    let mut leased: SmallVec<[u64; 4]> = SmallVec::new();
    for _ in &ask.wants {
        leased.push(u64::try_from(number(words)?).map_err(|_| Garbled)?);
    }
    let from = |want: &Want| {
        pools.iter().find(|(pool, _)| Arc::ptr_eq(pool, &want.pool)).map_or(i64::MIN, |(_, from)| *from)
    };
    let stamp = ask.wants.iter().map(from).max().unwrap_or(i64::MIN);
    let awaited = ask.answer(Outcome::Granted { over, stamp });
    for (want, units) in ask.wants.iter().zip(leased) {
        // What somebody waited for is that one's; of a unit that is larger than the need the rest stays.
        want.pool.leased(units, if awaited { want.need } else { 0 }, from(want));
    }
    Ok(())
}

/// An ask for one of a pool, for nobody.
fn one(pool: &Arc<Pool>) -> Option<Ask> {
    let Bound::Rate(_) = &pool.bound else { return None };
    Some(Ask::for_nobody(Want {
        pool: Arc::clone(pool),
        need: 1,
        from_ms: i64::MIN,
        anyway: false,
        of: WantOf::Nothing,
    }))
}

fn number(words: &mut SplitWhitespace<'_>) -> Result<i64, Garbled> {
    words.next().and_then(|word| word.parse().ok()).ok_or(Garbled)
}

fn comma(text: &mut String) {
    if !text.ends_with('[') {
        text.push(',');
    }
}

/// A pool that is spoken of, and since when and until when the window is of which.
type Spoken = (Arc<Pool>, (i64, i64));

/// Pools in the order in which they are said.
#[derive(Default)]
struct Pools {
    list: Vec<Spoken>,
    numbers: HashMap<*const Pool, usize>,
    windows: HashMap<*const Pool, (i64, i64)>,
}

impl Pools {
    fn number(&mut self, pool: &Arc<Pool>, now: Moment) -> usize {
        let window = self.window(pool, now);
        let list = &mut self.list;
        *self.numbers.entry(Arc::as_ptr(pool)).or_insert_with(|| {
            list.push((Arc::clone(pool), window));
            list.len() - 1
        })
    }

    /// The window of which all is said of a pool. A worker may begin the next one meanwhile.
    fn window(&mut self, pool: &Arc<Pool>, now: Moment) -> (i64, i64) {
        *self.windows.entry(Arc::as_ptr(pool)).or_insert_with(|| pool.window(now))
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::denial::RuleId;
    use crate::limits::{Budget, Registry, Reservation, Spender, Window};
    use crate::money::Money;

    /// Noon of the 30th of November 2026, in milliseconds since 1970.
    const NOON: i64 = 1_796_040_000_000;
    const DAY: Duration = Duration::from_hours(24);

    /// What a store without memory answers, and one that heard everything.
    fn born(at_ms: i64) -> String {
        format!("born {at_ms}000 first:0")
    }

    /// What is owed beyond its leases in the window that now is, as the store is told it: the keys and the moves.
    fn told(dialogue: &mut Dialogue, now: Moment) -> (Vec<String>, String) {
        let (keys, text) = dialogue.next(false, now).unwrap();
        let moves = text.split("\"moves\":").nth(1).unwrap().split(",\"asks\"").next().unwrap();
        (keys.iter().skip(3).cloned().collect(), moves.to_owned())
    }

    #[test]
    fn what_is_owed_for_one_window_is_not_charged_to_the_next() {
        for (days, keys, moves) in [(0, 1, "[[1,7]]"), (1, 0, "[]")] {
            let now = Moment::now();
            let registry = Registry::new(now);
            let spender = Spender { project: "a".into(), key: None, models: None };
            let purse = registry.purse("projects.a", spender, (&TimeZone::UTC, true), now);
            let most = Money::picodollars(1_000_000);
            let budgets = [Budget { window: Window::Day, most, rule: RuleId::BUILT_IN }];
            let mut dialogue = Dialogue::new(Arc::clone(&registry.sharing), "p", "gate", "fresh");
            assert!(dialogue.next(false, now).is_some());
            assert_eq!(dialogue.answered(&born(NOON), now, now), Ok(Heard::Forgetful));
            assert!(dialogue.next(false, now).is_some());
            assert_eq!(dialogue.answered(&format!("ok {NOON}000 1 0"), now, now), Ok(Heard::All));

            // A session goes on beyond what was leased.
            let mut reservation = Reservation::default();
            reservation.spend_anyway(&purse, &budgets, Money::picodollars(7_000), now);
            let today = format!("{{p}}:projects.a:money:day:{}", NOON - 12 * 3_600_000);
            assert_eq!(told(&mut dialogue, now), (vec![today], "[[1,7]]".to_owned()));
            // The store has lost its memory, and is told again when all have reminded it; meanwhile it becomes midnight.
            assert_eq!(dialogue.answered(&born(NOON), now, now), Ok(Heard::Forgetful));
            let later = now.later(Duration::from_secs(2));
            let reminder = told(&mut dialogue, later);
            assert_eq!(reminder.1, "[]", "others have not told yet what they know");
            let levels = " 0".repeat(reminder.0.len());
            let answer = format!("ok {}000 1 0{levels}", NOON + 2_000);
            assert_eq!(dialogue.answered(&answer, later, later), Ok(Heard::All));
            let then = later.later(DAY * days + Duration::from_secs(2));
            let again = told(&mut dialogue, then);
            assert_eq!((again.0.len(), again.1.as_str()), (keys, moves), "{days} days later");
            drop(reservation);
        }
    }
}
