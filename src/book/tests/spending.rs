//! A budget over any order of requests that begin, end and are left, reloads, turns of the ledger and sudden ends of the
//! process: what is taken is what was settled and is reserved, and it exceeds the budget by no more than what requests
//! cost beyond their reservations.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{Folder, Run, now_ms, run, whole};
use crate::book::note::What;
use crate::book::{Entry, Pending, Wanted};
use crate::clock::Moment;
use crate::denial::RuleId;
use crate::limits::{Budget, Purse, Registry, Spender, Window};
use crate::money::Money;
use crate::usage::Usage;

const MOST: u64 = 1_000;

#[derive(Clone, Debug)]
enum Act {
    /// A request comes that may cost so much.
    Begin(u64),
    /// One of those under way ends, and costs so much.
    End(prop::sample::Index, u64),
    /// One is left by its client: nobody knows what it cost.
    Leave(prop::sample::Index),
    /// The configuration is loaded again.
    Reload,
    /// The ledger applies its journal.
    Turn,
    /// The sums are asked for.
    Look,
    /// The process ends at once, and another begins.
    Kill,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (1u64..300).prop_map(Act::Begin),
        5 => (any::<prop::sample::Index>(), 0u64..400).prop_map(|(which, cost)| Act::End(which, cost)),
        2 => any::<prop::sample::Index>().prop_map(Act::Leave),
        1 => Just(Act::Reload),
        2 => Just(Act::Turn),
        2 => Just(Act::Look),
        1 => Just(Act::Kill),
    ]
}

/// A request under way.
struct Open {
    pending: Pending,
    taken_ms: i64,
    reserved: u64,
}

/// A gate as far as money goes.
struct Gate {
    ledger: Run,
    registry: Registry,
    purse: Arc<Purse>,
    budgets: Vec<Budget>,
    at_ms: i64,
}

impl Gate {
    fn start(store: &std::path::Path, at_ms: i64) -> Self {
        let (ledger, registry) = (run(store), Registry::new(Moment::now()));
        let budgets =
            vec![Budget { window: Window::Month, most: Money::picodollars(MOST), rule: RuleId::BUILT_IN }];
        let purse = Arc::new(Purse::new(TimeZone::UTC));
        let date = SystemTime::UNIX_EPOCH + Duration::from_millis(at_ms.unsigned_abs());
        let now = Moment::now().dated(date);
        let began = purse.began(now);
        let spent = began.map(|since_ms| {
            let spent = ledger.spent(Wanted { since_ms, ..whole("search") });
            spent.settled.cost + spent.reserved.cost
        });
        purse.recall(began, spent, now);
        Self { ledger, registry, purse, budgets, at_ms }
    }

    fn entry<'a>(&self, cost: u64, estimated: bool, usage: &'a Usage) -> Entry<'a> {
        Entry {
            at_ms: self.at_ms,
            project: "search",
            key: "search-1",
            upstream: "openai",
            model: "o3",
            usage,
            cost: Money::picodollars(cost),
            estimated,
        }
    }

    fn begin(&self, reserved: u64) -> Option<Open> {
        let taken_ms = self.purse.take(Money::picodollars(reserved), &self.budgets, self.at_ms).ok()?;
        let pending = self.ledger.shared.reserve(&self.entry(reserved, true, &Usage::default())).unwrap();
        Some(Open { pending, taken_ms, reserved })
    }

    fn settle(&self, open: Open, cost: u64) {
        let money = Money::picodollars;
        self.purse.settle(open.taken_ms, money(open.reserved), money(cost));
        self.ledger.shared.close_one(
            What::Settles,
            Some(open.pending),
            &self.entry(cost, false, &Usage::default()),
        );
    }
}

fn play(acts: Vec<Act>) {
    let folder = Folder::new();
    let store = folder.store();
    let at_ms = now_ms();
    let mut gate = Gate::start(&store, at_ms);
    let mut open: Vec<Open> = Vec::new();
    let (mut settled, mut beyond) = (0u64, 0u64);
    // Settlements that are held back: what each reserved, and cost.
    let mut held: Vec<(u64, u64)> = Vec::new();
    for act in acts {
        match act {
            Act::Begin(reserved) => {
                let under_way: u64 = open.iter().map(|one| one.reserved).sum();
                let begun = gate.begin(reserved);
                assert_eq!(
                    begun.is_some(),
                    settled + under_way + reserved <= MOST,
                    "no more and no less than fits"
                );
                if begun.is_some() {
                    held.clear();
                }
                open.extend(begun);
            }
            Act::End(..) | Act::Leave(..) if open.is_empty() => {}
            Act::End(which, cost) => {
                let one = open.remove(which.index(open.len()));
                beyond += cost.saturating_sub(one.reserved);
                settled += cost;
                held.push((one.reserved, cost));
                gate.settle(one, cost);
            }
            Act::Leave(which) => {
                let one = open.remove(which.index(open.len()));
                settled += one.reserved;
                let reserved = one.reserved;
                gate.settle(one, reserved);
            }
            Act::Reload => {
                let spender = Spender { project: "search".into(), key: None, models: None };
                let first = gate.registry.purse(
                    "projects.search",
                    spender.clone(),
                    (&TimeZone::UTC, false),
                    Moment::now(),
                );
                gate.registry.sweep();
                let again =
                    gate.registry.purse("projects.search", spender, (&TimeZone::UTC, false), Moment::now());
                assert!(Arc::ptr_eq(&first, &again), "a reload goes on with the same purse");
            }
            Act::Turn => {
                gate.ledger.shared.turn(&mut gate.ledger.applier);
                held.clear();
            }
            Act::Look => {
                let kept = gate.ledger.spent(whole("search"));
                let under_way: u64 = open.iter().map(|one| one.reserved).sum();
                assert_eq!(
                    (kept.settled.cost, kept.reserved.cost),
                    (Money::picodollars(settled), Money::picodollars(under_way))
                );
                held.clear();
            }
            Act::Kill => {
                // What was under way, or held back, is settled by what it reserved.
                for (reserved, cost) in held.drain(..) {
                    settled = settled + reserved - cost;
                }
                settled += open.drain(..).map(|one| one.reserved).sum::<u64>();
                drop(gate);
                gate = Gate::start(&store, at_ms);
            }
        }
        let under_way: u64 = open.iter().map(|one| one.reserved).sum();
        let (taken, _) = gate.purse.taken(Window::Month, at_ms);
        assert_eq!(taken, Money::picodollars(settled + under_way), "nothing drifts");
        assert!(settled + under_way <= MOST + beyond);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_budget_holds_over_any_order_and_any_end(acts in prop::collection::vec(act(), 1..60)) {
        play(acts);
    }
}
