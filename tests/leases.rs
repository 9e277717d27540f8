//! Any interleaving of requests, lost answers, crashes and a store without its memory: what all gates let pass stays
//! within the limit. The store's script runs in a real Redis; the gates' side is driven step by step, without threads.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test ends where it cannot go on"
)]

#[path = "common/redis.rs"]
#[expect(dead_code, reason = "each test uses another part of the harness")]
mod redis;

use std::future::Future as _;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jiff::tz::TimeZone;
use portcullis::clock::Moment;
use portcullis::denial::RuleId;
use portcullis::limits::{
    Asking, Budget, Counted, Dialogue, Estimate, Heard, History, Limit, OnFailure, Outcome, Purse, Quota,
    Registry, Reservation, SCRIPT, Spender, Window,
};
use portcullis::money::Money;
use portcullis::usage::Usage;
use proptest::prelude::*;
use redis::Redis;

const LIMIT: u64 = 1_000;

/// One gate: a quota of tokens and a budget in as many nanodollars, which each request takes alike.
struct Gate {
    registry: Registry,
    limit: Limit,
    purse: Arc<Purse>,
    budgets: Vec<Budget>,
    dialogue: Dialogue,
    open: Vec<(Reservation, u64)>,
    waits: Vec<(Reservation, u64, Pin<Box<Asking>>)>,
}

impl Gate {
    fn new(prefix: &str, id: &str, now: Moment) -> Self {
        let registry = Registry::new(now);
        let burst = NonZeroU32::new(u32::try_from(LIMIT).unwrap()).unwrap();
        let quota = Quota::new(burst, Duration::from_hours(24 * 365));
        let meter = registry.meter("projects.a", Counted::Tokens, quota, true).unwrap();
        let limit = Limit { counts: Counted::Tokens, meter, rule: RuleId::BUILT_IN };
        let most = Money::picodollars(LIMIT * 1_000);
        let budgets = vec![Budget { window: Window::Month, most, rule: RuleId::BUILT_IN }];
        let spender = Spender { project: "a".into(), key: None, models: None };
        let purse = registry.purse("projects.a", spender, (&TimeZone::UTC, true), now);
        registry.sharing.on_failure(OnFailure::Deny, OnFailure::Deny);
        let dialogue = Dialogue::new(Arc::clone(&registry.sharing), prefix, id, id);
        Self { registry, limit, purse, budgets, dialogue, open: Vec::new(), waits: Vec::new() }
    }

    fn begin(&mut self, tokens: u64, now: Moment) {
        let money = Money::picodollars(tokens * 1_000);
        let estimate = Estimate { input: tokens, output: 0, money };
        let mut reservation = Reservation::default();
        if reservation.take(&self.limit, &estimate, false, now).is_err()
            || reservation.spend(&self.purse, &self.budgets, money, false, now).is_err()
        {
            return reservation.undo();
        }
        if reservation.wants().is_empty() {
            return self.open.push((reservation, tokens));
        }
        let asking = Box::pin(Asking::new(reservation.wants().to_vec()));
        self.waits.push((reservation, tokens, asking));
    }

    /// Says what there is to say; where the answer is lost, the store has done it all the same.
    fn say(&mut self, redis: &Redis, lost: bool, now: Moment) -> Option<Heard> {
        let (keys, text) = self.dialogue.next(false, now)?;
        let count = keys.len().to_string();
        let mut words = vec!["EVAL", SCRIPT, &count];
        words.extend(keys.iter().map(String::as_str));
        words.push(text);
        let answer = redis.ask(&words);
        let heard = if lost {
            self.dialogue.unanswered();
            None
        } else {
            Some(self.dialogue.answered(&answer, now, now).unwrap_or_else(|_| panic!("{answer}")))
        };
        for (mut reservation, tokens, mut asking) in std::mem::take(&mut self.waits) {
            match asking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => self.waits.push((reservation, tokens, asking)),
                Poll::Ready(Outcome::Granted { stamp, .. }) => {
                    reservation.had(stamp);
                    self.open.push((reservation, tokens));
                }
                Poll::Ready(Outcome::Refused { .. } | Outcome::Away) => reservation.undo(),
            }
        }
        heard
    }

    fn reserved(&self) -> u64 {
        self.open.iter().map(|(_, tokens)| tokens).sum()
    }
}

#[test]
fn only_the_stores_clock_counts() {
    let redis = Redis::start();
    redis.ask(&["SET", "{clock}:born", "first:0"]);
    let now = Moment::now();
    let mut gate = Gate::new("clock", "gate", now);
    while gate.say(&redis, false, now) != Some(Heard::All) {}
    gate.begin(LIMIT - 1, now);
    gate.say(&redis, false, now);
    assert_eq!(gate.reserved(), LIMIT - 1);
    // The gate's own clock is set on by forty days, and back: no other window begins.
    for wall in [now.wall() + Duration::from_hours(40 * 24), now.wall() - Duration::from_hours(40 * 24)] {
        let later = now.later(Duration::from_secs(2)).dated(wall);
        gate.begin(100, later);
        gate.say(&redis, false, later);
        assert_eq!((gate.reserved(), gate.waits.len()), (LIMIT - 1, 0));
    }
    // A second gate, whose clock is wrong from the beginning, learns the store's.
    let astray = now.dated(now.wall() + Duration::from_hours(40 * 24));
    let mut other = Gate::new("clock", "other", astray);
    while other.say(&redis, false, astray) != Some(Heard::All) {}
    other.begin(100, astray);
    other.say(&redis, false, astray);
    assert_eq!((other.reserved(), other.waits.len()), (0, 0));
}

#[test]
fn a_store_that_loses_its_memory_again_is_reminded_again() {
    let redis = Redis::start();
    let mut now = Moment::now();
    let mut gates = [Gate::new("again", "first", now), Gate::new("again", "second", now)];
    for _ in 0..3 {
        // A store's birth is known by its millisecond.
        std::thread::sleep(Duration::from_millis(2));
        redis.ask(&["FLUSHALL"]);
        // It is always the same gate that finds it so.
        for gate in &mut gates {
            now = now.later(Duration::from_secs(2));
            assert_eq!(gate.say(&redis, false, now), Some(Heard::Forgetful));
            assert_eq!(gate.say(&redis, false, now), Some(Heard::Settling));
        }
    }
}

/// Tells of everybody the same.
#[derive(Debug)]
struct Told(Money);

impl History for Told {
    fn spent(&self, asked: &[(&Spender, [i64; 3])]) -> Vec<[Money; 3]> {
        vec![[self.0; 3]; asked.len()]
    }
}

/// A gate whose ledger tells this, and that the store has heard.
fn heard(redis: &Redis, prefix: &str, id: &str, told: Money, now: Moment) -> Gate {
    let mut gate = Gate::new(prefix, id, now);
    gate.registry.remember(&(Arc::new(Told(told)) as Arc<dyn History>), now);
    while gate.say(redis, false, now) != Some(Heard::All) {}
    gate
}

#[test]
fn a_budget_that_a_reload_adds_counts_what_was_spent_before() {
    let redis = Redis::start();
    redis.ask(&["SET", "{added}:born", "first:0"]);
    let now = Moment::now();
    let mut gate = heard(&redis, "added", "gate", Money::picodollars((LIMIT - 100) * 1_000), now);
    let spender = Spender { project: "b".into(), key: None, models: None };
    gate.purse = gate.registry.purse("projects.b", spender, (&TimeZone::UTC, true), now);
    gate.begin(101, now);
    gate.say(&redis, false, now);
    assert_eq!((gate.reserved(), gate.waits.len()), (0, 0));
    let later = now.later(Duration::from_secs(2));
    gate.begin(100, later);
    gate.say(&redis, false, later);
    assert_eq!(gate.reserved(), 100);
}

#[test]
fn a_ledger_that_cannot_be_read_takes_no_budget_from_other_gates() {
    let redis = Redis::start();
    redis.ask(&["SET", "{unread}:born", "first:0"]);
    let now = Moment::now();
    let _unread = heard(&redis, "unread", "unread", Money::picodollars(u64::MAX), now);
    let mut other = heard(&redis, "unread", "other", Money::ZERO, now);
    other.begin(100, now);
    other.say(&redis, false, now);
    assert_eq!(other.reserved(), 100);
}

#[test]
fn a_store_that_was_restarted_with_its_data_is_reminded() {
    let mut redis = Redis::lasting();
    redis.ask(&["SET", "{kept}:born", "first:0"]);
    let now = Moment::now();
    let mut gate = Gate::new("kept", "gate", now);
    while gate.say(&redis, false, now) != Some(Heard::All) {}
    redis = redis.restarted();
    assert!(redis.ask(&["GET", "{kept}:born"]).starts_with("first:"), "it knows what it knew");
    // What it wrote last may not have reached its disk.
    let later = now.later(Duration::from_secs(2));
    assert_eq!(gate.say(&redis, false, later), Some(Heard::Forgetful));
    assert_eq!(gate.say(&redis, false, later), Some(Heard::Settling));
}

#[derive(Clone, Debug)]
enum Step {
    Begin(usize, u64),
    End(usize, u64),
    /// A client leaves while the store is asked.
    Leave(usize),
    Say(usize),
    SayUnheard(usize),
    Crash(usize),
    Forget,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gate = 0usize..3;
    let step = prop_oneof![
        8 => (gate.clone(), 1u64..200).prop_map(|(gate, tokens)| Step::Begin(gate, tokens)),
        6 => (gate.clone(), 0u64..250).prop_map(|(gate, used)| Step::End(gate, used)),
        1 => gate.clone().prop_map(Step::Leave),
        6 => gate.clone().prop_map(Step::Say),
        2 => gate.clone().prop_map(Step::SayUnheard),
        1 => gate.prop_map(Step::Crash),
        1 => Just(Step::Forget),
    ];
    prop::collection::vec(step, 1..80)
}

#[test]
fn any_interleaving_stays_within_the_limit() {
    let redis = Redis::start();
    let case = std::sync::atomic::AtomicU32::new(0);
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner
        .run(&steps(), |steps| run(&redis, case.fetch_add(1, std::sync::atomic::Ordering::Relaxed), &steps));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn run(redis: &Redis, case: u32, steps: &[Step]) -> Result<(), TestCaseError> {
    let prefix = format!("case-{case}");
    let born = format!("{{{prefix}}}:born");
    redis.ask(&["SET", &born, "first:0"]);
    let start = Moment::now();
    let (mut now, mut ids, mut crashed, mut forgotten) = (start, 3, false, false);
    let mut gates: Vec<Gate> = (0..3).map(|at| Gate::new(&prefix, &format!("gate-{at}"), start)).collect();
    for gate in &mut gates {
        while gate.say(redis, false, now) != Some(Heard::All) {}
    }
    let (mut used, mut beyond) = (0, 0);
    for step in steps {
        now = now.later(Duration::from_millis(300));
        match *step {
            Step::Begin(at, tokens) => gates[at].begin(tokens, now),
            Step::End(at, tokens) => {
                if let Some((reservation, reserved)) = gates[at].open.pop() {
                    let usage = Usage { input: tokens, ..Usage::default() };
                    reservation.settle(&usage, Money::picodollars(tokens * 1_000), now);
                    used += tokens;
                    beyond += tokens.saturating_sub(reserved);
                }
            }
            Step::Leave(at) => {
                if let Some((reservation, _, asking)) = gates[at].waits.pop() {
                    drop(asking);
                    reservation.undo();
                }
            }
            Step::Say(at) => drop(gates[at].say(redis, false, now)),
            Step::SayUnheard(at) => drop(gates[at].say(redis, true, now)),
            Step::Crash(at) => {
                // What was under way may have used all that it reserved.
                used += gates[at].reserved();
                gates[at] = Gate::new(&prefix, &format!("gate-{ids}"), start);
                (ids, crashed) = (ids + 1, true);
            }
            // What a gate had leased that nobody else has heard of is forgotten with both.
            Step::Forget if crashed => {}
            Step::Forget => {
                forgotten = true;
                redis.ask(&["FLUSHALL"]);
                ids += 1;
                let just_now = Moment::now().unix_millis();
                redis.ask(&["SET", &born, &format!("again-{ids}:{just_now}")]);
                // In the time in which the store leases nothing each gate tells what it knows.
                for gate in &mut gates {
                    now = now.later(Duration::from_millis(1_100));
                    prop_assert_eq!(gate.say(redis, false, now), Some(Heard::Forgetful));
                    prop_assert_eq!(gate.say(redis, false, now), Some(Heard::Settling));
                }
                redis.ask(&["SET", &born, &format!("again-{ids}:0")]);
            }
        }
        let reserved: u64 = gates.iter().map(Gate::reserved).sum();
        prop_assert!(
            used + reserved <= LIMIT + beyond,
            "{used} used and {reserved} reserved of {LIMIT}, {beyond} of it beyond reservations"
        );
        prop_assert!(gates.iter().all(|gate| gate.registry.sharing.gates() <= 64));
    }
    // In the end the store counts what was used: no more, and no less but for what died with a gate.
    for gate in &mut gates {
        for (reservation, tokens) in std::mem::take(&mut gate.open) {
            let usage = Usage { input: tokens, ..Usage::default() };
            reservation.settle(&usage, Money::picodollars(tokens * 1_000), now);
            used += tokens;
        }
        for (reservation, _, asking) in std::mem::take(&mut gate.waits) {
            drop(asking);
            reservation.undo();
        }
        for _ in 0..3 {
            now = now.later(Duration::from_millis(2_100));
            gate.say(redis, false, now);
        }
    }
    let keys = redis.ask(&[
        "EVAL",
        "return table.concat(redis.call('KEYS', ARGV[1]), ' ')",
        "0",
        &format!("{{{prefix}}}:projects*"),
    ]);
    let mut counted: Vec<u64> = Vec::new();
    for key in keys.split_whitespace() {
        let level = if key.contains(":money:") {
            redis.ask(&["GET", key])
        } else {
            redis.ask(&["HGET", key, "level"])
        };
        counted.push(level.parse::<f64>().unwrap().round() as u64);
    }
    if !crashed && !forgotten {
        prop_assert!(
            counted.iter().all(|level| *level == used),
            "{counted:?} are counted and {used} were used"
        );
    } else if !crashed {
        prop_assert!(
            counted.iter().all(|level| *level >= used),
            "{counted:?} are counted and {used} were used"
        );
    }
    redis.ask(&["FLUSHALL"]);
    Ok(())
}
