//! Any order of reserving, settling, writing out and ending without a word: the sums are exact, and
//! nothing is counted twice.

#[cfg(test)]
mod spending;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::apply::{Applier, MOST_MODELS, QUARTERS_KEPT_DAYS};
use super::batch::QUARTER_MS;
use super::journal::{Files, Journal};
use super::note::What;
use super::read::{Filter, Reader};
use super::shared::{Shared, held};
use super::sums::{self, NUMBERS};
use super::{Entry, Noted, OTHER, Pending, Settings, Spent, Sums, Wanted};
use crate::clock::Moment;
use crate::limits::{History, Spender};
use crate::metrics::Metrics;
use crate::model_name::ModelList;
use crate::money::Money;
use crate::usage::Usage;

const AGE: Duration = Duration::from_hours(400 * 24);
const PROJECTS: [&str; 2] = ["search", "writing"];
const MODELS: [&str; 2] = ["gpt-4o", "o3"];
/// Some days ago, so that nothing is rolled up.
const DAY_MS: i64 = 24 * 3_600_000;

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("portcullis-book-{}-{number}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn store(&self) -> PathBuf {
        self.0.join("store.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A ledger without its thread: the test says when a turn is.
struct Run {
    shared: Shared,
    applier: Applier,
    metrics: Arc<Metrics>,
    _lock: fs::File,
}

fn now_ms() -> i64 {
    Moment::now().unix_millis()
}

fn run(store: &Path) -> Run {
    let files = Files::beside(store);
    let lock = files.take().unwrap().expect("no other has it");
    let metrics = Arc::new(Metrics::default());
    let (shared, applier) = Shared::open(files, AGE, Arc::clone(&metrics), Moment::now()).unwrap();
    Run { shared, applier, metrics, _lock: lock }
}

/// All that a project spent.
fn whole(project: &str) -> Wanted<'_> {
    Wanted { since_ms: 0, project, key: None, models: None }
}

impl Run {
    fn spent(&self, wanted: Wanted<'_>) -> Spent {
        self.shared.spent(&[wanted]).unwrap()[0]
    }
}

/// What a request asks for or comes to, as numbers.
#[derive(Clone, Debug)]
struct Asked {
    project: usize,
    model: usize,
    quarter: i64,
    numbers: [u64; NUMBERS],
    estimated: bool,
}

impl Asked {
    fn entry<'a>(&self, usage: &'a mut Usage, begin_ms: i64) -> Entry<'a> {
        let (own, cost) = sums::usage(&self.numbers);
        *usage = own;
        Entry {
            at_ms: begin_ms + self.quarter * QUARTER_MS + 1,
            project: PROJECTS[self.project],
            key: "search-1",
            upstream: "openai",
            model: MODELS[self.model],
            usage,
            cost,
            estimated: self.estimated,
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Reserve(Asked),
    /// Reserves, to be written with what comes next.
    Note(Asked),
    /// Writes one of the reservations, if there is any and unless it is written.
    WriteUpTo(prop::sample::Index),
    /// Settles one of the reservations, if there is any, by these numbers.
    Settle(prop::sample::Index, Asked),
    SettleOnly(Asked),
    /// Takes one of the reservations back, if there is any.
    TakeBack(prop::sample::Index),
    Turn,
    /// The sums are asked for, as a reload does.
    Look,
    /// From here to the next turn nothing can be written.
    Full,
    /// The process ends at once.
    Kill(End),
}

/// At which moment of its work the process ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Idle,
    /// In the middle of writing a note, of which so many bytes are there.
    Writing(usize),
    /// When it has begun a new journal, and not applied the old.
    Rotated,
    /// When it has applied a journal, and not removed it.
    Applied,
}

fn asked() -> impl Strategy<Value = Asked> {
    let number = prop_oneof![3 => 0u64..100_000, 1 => Just(0)];
    (0..2usize, 0..2usize, 0..3i64, prop::array::uniform18(number), any::<bool>()).prop_map(
        |(project, model, quarter, numbers, estimated)| Asked { project, model, quarter, numbers, estimated },
    )
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => asked().prop_map(Act::Reserve),
        4 => asked().prop_map(Act::Note),
        2 => any::<prop::sample::Index>().prop_map(Act::WriteUpTo),
        6 => (any::<prop::sample::Index>(), asked()).prop_map(|(which, asked)| Act::Settle(which, asked)),
        3 => asked().prop_map(Act::SettleOnly),
        2 => any::<prop::sample::Index>().prop_map(Act::TakeBack),
        3 => Just(Act::Turn),
        3 => Just(Act::Look),
        1 => Just(Act::Full),
        2 => prop_oneof![
            Just(End::Idle),
            (1usize..200).prop_map(End::Writing),
            Just(End::Rotated),
            Just(End::Applied),
        ].prop_map(Act::Kill),
    ]
}

/// What must be in the ledger.
#[derive(Default)]
struct Expected {
    settled: BTreeMap<(usize, usize, i64), Sums>,
    reserved: Vec<Reserved>,
    /// Ends that are not written yet: with what was reserved, where that is written, or without; and what was settled,
    /// if it was not taken back.
    kept: Vec<(Option<Asked>, Option<Asked>)>,
}

struct Reserved {
    pending: Pending,
    asked: Asked,
    /// Where it stands among the notes, if it is not known to be written.
    noted: Option<Noted>,
}

impl Expected {
    fn settle(&mut self, asked: &Asked, estimated: bool) {
        let sums = self.settled.entry((asked.project, asked.model, asked.quarter)).or_default();
        *sums += &Sums::of(&asked.numbers, estimated);
    }

    /// What is found when the process ended: what waited in memory is gone, and what it reserved counts.
    fn killed(&mut self) {
        for (reserved, settled) in std::mem::take(&mut self.kept) {
            if let Some(settled) = settled {
                let sums = self.settled.get_mut(&(settled.project, settled.model, settled.quarter)).unwrap();
                let mut numbers = sums.numbers();
                for (sum, own) in numbers.iter_mut().zip(settled.numbers) {
                    *sum -= own;
                }
                let (requests, estimated) =
                    (sums.requests - 1, sums.estimated - u64::from(settled.estimated));
                *sums = Sums::of(&numbers, false);
                (sums.requests, sums.estimated) = (requests, estimated);
            }
            if let Some(reserved) = reserved {
                self.settle(&reserved, true);
            }
        }
        for Reserved { asked, noted, .. } in std::mem::take(&mut self.reserved) {
            // Nothing of the others has gone out.
            if noted.is_none() {
                self.settle(&asked, true);
            }
        }
    }

    /// Something was written, and so was all that waited.
    fn written(&mut self) {
        self.kept.clear();
        self.reserved.iter_mut().for_each(|one| one.noted = None);
    }

    fn spent(&self, project: usize, model: Option<usize>, quarters: std::ops::Range<i64>) -> Spent {
        let mut spent = Spent::default();
        let is = |of: usize, one: usize, at: i64| {
            of == project && model.is_none_or(|model| model == one) && quarters.contains(&at)
        };
        for ((of, one, at), sums) in &self.settled {
            if is(*of, *one, *at) {
                spent.settled += sums;
            }
        }
        for Reserved { asked, .. } in &self.reserved {
            if is(asked.project, asked.model, asked.quarter) {
                spent.reserved += &Sums::of(&asked.numbers, true);
            }
        }
        spent
    }

    fn check(&self, run: &Run, begin_ms: i64) {
        let first_model = ModelList::from_iter([MODELS[0]]);
        let mut questions = Vec::new();
        for (project, name) in PROJECTS.iter().enumerate() {
            for from in 0..3 {
                let wanted =
                    Wanted { since_ms: begin_ms + from * QUARTER_MS, key: Some("search-1"), ..whole(name) };
                questions.push((wanted, self.spent(project, None, from..3)));
                let wanted = Wanted { models: Some(&first_model), ..wanted };
                questions.push((wanted, self.spent(project, Some(0), from..3)));
            }
            questions.push((Wanted { key: Some("other"), ..whole(name) }, Spent::default()));
        }
        let (wanted, expected): (Vec<_>, Vec<_>) = questions.into_iter().unzip();
        // All at once, of one project, and alone.
        assert_eq!(run.shared.spent(&wanted).unwrap(), expected);
        let (half, _) = wanted.split_at(wanted.len() / 2);
        assert_eq!(run.shared.spent(half).unwrap(), expected[..half.len()]);
        for (wanted, expected) in wanted.iter().zip(expected) {
            assert_eq!(run.shared.spent(&[*wanted]).unwrap(), [expected]);
        }
    }
}

fn end(run: Run, end: End, begin_ms: i64) {
    let database = run.applier.files.database.clone();
    let path = |number: u64| database.with_extension(format!("journal.{number}"));
    let current = held(&run.shared.pen).journal.number;
    match end {
        End::Idle => {}
        End::Writing(bytes) => {
            let mut usage = Usage::default();
            let torn = Asked { project: 0, model: 0, quarter: 0, numbers: [77; NUMBERS], estimated: false };
            let mut note = Vec::new();
            super::note::write(&mut note, What::Settles, 0, &torn.entry(&mut usage, begin_ms));
            super::note::seal(&mut note, 0);
            note.truncate(bytes.min(note.len() - 1));
            if let Ok(mut file) = fs::OpenOptions::new().append(true).open(path(current)) {
                file.write_all(&note).unwrap();
            }
        }
        End::Rotated => drop(run.shared.rotate().unwrap()),
        End::Applied => {
            let kept = fs::read(path(current)).ok();
            let mut run = run;
            let journal = run.shared.rotate().unwrap();
            run.applier.backlog.push(journal);
            run.applier.apply(&run.metrics).unwrap();
            if let Some(kept) = kept {
                fs::write(path(current), kept).unwrap();
            }
        }
    }
}

/// Puts a journal that nothing can be written to in the place of the one there is, and gives the number of that.
fn fill(run: &Run) -> u64 {
    let mut pen = held(&run.shared.pen);
    let full = Journal::full(pen.journal.number + 1);
    std::mem::replace(&mut pen.journal, full).number
}

fn play(acts: Vec<Act>) {
    let folder = Folder::new();
    let store = folder.store();
    let begin_ms = now_ms().div_euclid(DAY_MS) * DAY_MS - 3 * DAY_MS;
    let mut expected = Expected::default();
    let mut usage = Usage::default();
    let mut now = run(&store);
    let mut full = false;
    for act in acts {
        match act {
            Act::Reserve(asked) => match now.shared.reserve(&asked.entry(&mut usage, begin_ms)) {
                Ok(pending) => {
                    assert!(!full);
                    expected.written();
                    expected.reserved.push(Reserved { pending, asked, noted: None });
                }
                Err(_) => assert!(full && !now.shared.healthy()),
            },
            Act::Note(asked) => match now.shared.note(&asked.entry(&mut usage, begin_ms)) {
                Ok((pending, noted)) => {
                    assert!(!full);
                    expected.reserved.push(Reserved { pending, asked, noted: Some(noted) });
                }
                Err(_) => assert!(full && !now.shared.healthy()),
            },
            Act::WriteUpTo(_) | Act::Settle(..) | Act::TakeBack(_) if expected.reserved.is_empty() => {}
            Act::WriteUpTo(which) => {
                let noted = expected.reserved[which.index(expected.reserved.len())].noted;
                match noted.map(|noted| now.shared.write_up_to(noted)) {
                    None => {}
                    Some(Ok(())) => {
                        assert!(!full);
                        expected.written();
                    }
                    Some(Err(_)) => assert!(full && !now.shared.healthy()),
                }
            }
            Act::Settle(which, mut settled) => {
                let Reserved { pending, asked, noted } =
                    expected.reserved.remove(which.index(expected.reserved.len()));
                // A request is of one project, model and time from its beginning to its end.
                (settled.project, settled.model, settled.quarter) =
                    (asked.project, asked.model, asked.quarter);
                now.shared.close_one(What::Settles, Some(pending), &settled.entry(&mut usage, begin_ms));
                expected.settle(&settled, settled.estimated);
                expected.kept.push((noted.is_none().then_some(asked), Some(settled)));
            }
            Act::TakeBack(which) => {
                let Reserved { pending, asked, noted } =
                    expected.reserved.remove(which.index(expected.reserved.len()));
                let entry = asked.entry(&mut usage, begin_ms);
                now.shared.close_one(What::TakesBack, Some(pending), &entry);
                expected.kept.push((noted.is_none().then_some(asked), None));
            }
            Act::SettleOnly(settled) => {
                now.shared.close_one(What::Settles, None, &settled.entry(&mut usage, begin_ms));
                expected.settle(&settled, settled.estimated);
                if full {
                    expected.kept.push((None, Some(settled)));
                } else {
                    expected.written();
                }
            }
            Act::Turn => {
                now.shared.turn(&mut now.applier);
                // The first turn finds that it cannot write; the second writes to the new file.
                now.shared.turn(&mut now.applier);
                assert!(now.shared.healthy() && now.applier.backlog.is_empty());
                full = false;
                expected.written();
            }
            Act::Full => {
                let old = fill(&now);
                now.applier.backlog.push(old);
                full = true;
                // It is noticed when something cannot be written.
                assert!(now.shared.reserve(&entry(begin_ms, "o3", &Usage::default())).is_err());
            }
            Act::Kill(at) => {
                end(now, if full { End::Idle } else { at }, begin_ms);
                expected.killed();
                full = false;
                now = run(&store);
                expected.check(&now, begin_ms);
            }
            Act::Look => {
                expected.check(&now, begin_ms);
                if !full {
                    expected.written();
                }
            }
        }
    }
    expected.check(&now, begin_ms);
    let lost = now.metrics.usage.lost.get();
    assert_eq!(lost, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_exact_however_it_ends(acts in prop::collection::vec(act(), 1..40)) {
        play(acts);
    }
}

fn entry<'a>(at_ms: i64, model: &'a str, usage: &'a Usage) -> Entry<'a> {
    let cost = Money::picodollars(usage.input * 3);
    Entry {
        at_ms,
        project: "search",
        key: "search-1",
        upstream: "openai",
        model,
        usage,
        cost,
        estimated: false,
    }
}

#[test]
fn a_second_gate_is_told_that_another_has_it() {
    let folder = Folder::new();
    let store = folder.store();
    let settings = Settings { store: &store, max_age: AGE };
    let open = || {
        super::Book::open(&settings, Arc::new(Metrics::default()), tracing::Dispatch::none(), Moment::now())
    };
    let first = open().unwrap();
    let told = open().unwrap_err().to_string();
    assert!(told.contains("another gate has it") && told.contains("store-usage.db"), "{told}");
    let usage = Usage { input: 5, ..Usage::default() };
    first.settle(None, &entry(now_ms(), "o3", &usage));
    first.close();
    let again = open().unwrap();
    let spent = again.spent(&[whole("search")]).unwrap()[0];
    assert_eq!((spent.settled.requests, spent.settled.usage), (1, usage));
    let left: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left.iter().filter(|name| name.to_str().unwrap().contains("journal")).count(), 1, "{left:?}");
}

#[test]
fn budgets_count_as_spent_where_the_ledger_cannot_be_read() {
    let folder = Folder::new();
    let store = folder.store();
    let settings = Settings { store: &store, max_age: AGE };
    let (metrics, log) = (Arc::new(Metrics::default()), tracing::Dispatch::none());
    let book = super::Book::open(&settings, metrics, log, Moment::now()).unwrap();
    let usage = Usage { input: 5, ..Usage::default() };
    let yesterday = now_ms() - DAY_MS;
    book.settle(None, &entry(now_ms(), "o3", &usage));
    book.settle(None, &entry(yesterday, "o3", &usage));
    let _ = book.reserve(&entry(now_ms(), "o3", &usage)).unwrap();
    let spender = |project: &str| Spender { project: Arc::from(project), key: None, models: None };
    let (search, writing) = (spender("search"), spender("writing"));
    let since = [now_ms() - DAY_MS / 2, yesterday, 0];
    let asked = [(&writing, since), (&search, since)];
    let told = |of_search: [u64; 3], of_writing: [u64; 3]| {
        vec![of_writing.map(Money::picodollars), of_search.map(Money::picodollars)]
    };
    // What is reserved counts too.
    assert_eq!(History::spent(&book, &asked), told([30, 45, 45], [0; 3]));
    book.close();
    fs::write(Files::beside(&store).database, "damaged").unwrap();
    assert_eq!(History::spent(&book, &asked), told([u64::MAX; 3], [u64::MAX; 3]));
}

#[test]
fn a_settlement_is_written_though_nothing_follows() {
    let folder = Folder::new();
    let store = folder.store();
    let settings = Settings { store: &store, max_age: AGE };
    let (metrics, log) = (Arc::new(Metrics::default()), tracing::Dispatch::none());
    let book = super::Book::open(&settings, metrics, log, Moment::now()).unwrap();
    let usage = Usage { input: 5, ..Usage::default() };
    // As another process would see it.
    let settled = || {
        let (mut requests, mut reader) = (0, Reader::beside(&store).unwrap());
        reader
            .each(&Filter::default(), |row| requests += row.sums.requests * u64::from(!row.reserved))
            .unwrap();
        requests
    };
    for wanted in 1..=3 {
        let pending = book.reserve(&entry(now_ms(), "o3", &usage)).unwrap();
        book.settle(Some(pending), &entry(now_ms(), "o3", &usage));
        let begun = Moment::now();
        while settled() < wanted {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is held back for ever");
            std::thread::yield_now();
        }
        // The thread falls asleep in between.
        while !book.shared.asleep() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it does not rest");
            std::thread::yield_now();
        }
    }
    let pending = book.reserve(&entry(now_ms(), "o3", &usage)).unwrap();
    book.close();
    book.settle(Some(pending), &entry(now_ms(), "o3", &usage));
    assert_eq!(settled(), 4, "behind its end nobody writes but who settles");
}

#[test]
fn ids_are_not_used_again_by_the_next_run() {
    let folder = Folder::new();
    let usage = Usage::default();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let run = run(&folder.store());
        for _ in 0..3 {
            ids.push(run.shared.reserve(&entry(0, "o3", &usage)).unwrap().0);
        }
    }
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), 9, "{ids:?}");
}

#[test]
fn old_quarters_become_days_and_old_days_go() {
    let folder = Folder::new();
    let mut run = run(&folder.store());
    let usage = Usage { input: 10, output: 1, ..Usage::default() };
    let today = now_ms().div_euclid(DAY_MS) * DAY_MS;
    for days in [0, QUARTERS_KEPT_DAYS - 1, QUARTERS_KEPT_DAYS + 1, QUARTERS_KEPT_DAYS + 2, 399, 401] {
        for quarter in [0, 1, 95] {
            run.shared.close_one(
                What::Settles,
                None,
                &entry(today - days * DAY_MS + quarter * QUARTER_MS, "o3", &usage),
            );
        }
    }
    run.shared.turn(&mut run.applier);
    run.applier.let_go_of_the_old(now_ms()).unwrap();
    let mut reader = Reader::beside(&folder.store()).unwrap();
    let mut found = Vec::new();
    reader
        .each(&Filter::default(), |row| {
            found.push((row.day, (today - row.from_ms).div_euclid(DAY_MS), row.sums.requests));
        })
        .unwrap();
    found.sort_unstable();
    let expected = [
        (false, -1, 1),
        (false, -1, 1),
        (false, 0, 1),
        (false, 38, 1),
        (false, 38, 1),
        (false, 39, 1),
        (true, 41, 3),
        (true, 42, 3),
        (true, 399, 3),
    ];
    assert_eq!(found, expected);
    // A late one is added to its day.
    run.shared.close_one(What::Settles, None, &entry(today - 41 * DAY_MS, "o3", &usage));
    run.shared.turn(&mut run.applier);
    run.applier.let_go_of_the_old(now_ms()).unwrap();
    let since = |since_ms| run.spent(Wanted { since_ms, ..whole("search") }).settled;
    // Of what is kept by day, the whole day.
    for begin in [today - 41 * DAY_MS, today - 40 * DAY_MS - 1] {
        assert_eq!(since(begin).requests - since(today - 40 * DAY_MS).requests, 4);
    }
    assert_eq!(since(0).usage, Usage { input: 160, output: 16, ..Usage::default() });
    assert_eq!(since(i64::MIN), since(0));
}

#[test]
fn models_without_end_become_one_row_that_counts_for_each() {
    let folder = Folder::new();
    let mut run = run(&folder.store());
    let usage = Usage { input: 1, ..Usage::default() };
    let at = now_ms();
    let many = u64::try_from(MOST_MODELS).unwrap() + 50;
    for number in 0..many {
        run.shared.close_one(What::Settles, None, &entry(at, &format!("model-{number}"), &usage));
    }
    run.shared.turn(&mut run.applier);
    run.shared.close_one(What::Settles, None, &entry(at, "model-x", &usage));
    run.shared.turn(&mut run.applier);
    let mut models = BTreeMap::new();
    let mut reader = Reader::beside(&folder.store()).unwrap();
    reader
        .each(&Filter::default(), |row| {
            models.insert(row.model.to_owned(), row.sums.requests);
        })
        .unwrap();
    assert_eq!(models.values().sum::<u64>(), many + 1);
    assert_eq!((models.len(), models[OTHER]), (MOST_MODELS + 1, 51));
    let none = run.spent(Wanted { models: Some(&ModelList::default()), ..whole("search") });
    assert_eq!(none.settled.requests, 51);
}

#[test]
fn sums_that_are_too_large_stop_and_stay_readable() {
    let folder = Folder::new();
    let mut run = run(&folder.store());
    let usage = Usage { input: u64::MAX, ..Usage::default() };
    for _ in 0..3 {
        let mut entry = entry(now_ms(), "o3", usage_of(0));
        (entry.usage, entry.cost) = (&usage, Money::picodollars(u64::MAX));
        run.shared.close_one(What::Settles, None, &entry);
        run.shared.turn(&mut run.applier);
        assert!(run.shared.healthy());
    }
    let spent = run.spent(whole("search")).settled;
    assert_eq!((spent.requests, spent.usage.input), (3, i64::MAX.cast_unsigned()));
}

fn usage_of(input: u64) -> &'static Usage {
    Box::leak(Box::new(Usage { input, ..Usage::default() }))
}

#[test]
fn what_cannot_be_written_waits_and_what_does_not_fit_is_counted() {
    let folder = Folder::new();
    let mut run = run(&folder.store());
    let old = fill(&run);
    run.applier.backlog.push(old);
    let usage = Usage { input: 1, ..Usage::default() };
    let at = now_ms();
    assert!(run.shared.reserve(&entry(at, "o3", &usage)).is_err());
    for _ in 0..super::pen::MOST_WAITING + 3 {
        run.shared.close_one(What::Settles, None, &entry(at, "o3", &usage));
    }
    let waiting = u64::try_from(super::pen::MOST_WAITING).unwrap();
    assert!(!run.shared.healthy());
    assert!(run.metrics.render().unwrap().contains("portcullis_usage_healthy 0"));
    let spent = |run: &Run| run.spent(whole("search")).settled.requests;
    assert_eq!(spent(&run), waiting, "also while it waits");
    assert_eq!((run.metrics.usage.delayed.get(), run.metrics.usage.lost.get()), (waiting, 3));
    run.shared.turn(&mut run.applier);
    run.shared.turn(&mut run.applier);
    assert!(run.shared.healthy());
    assert!(run.metrics.render().unwrap().contains("portcullis_usage_healthy 1"));
    assert_eq!(spent(&run), waiting);
}

#[test]
fn many_write_while_journals_change_and_are_read() {
    let folder = Folder::new();
    let mut run = run(&folder.store());
    let (each, at) = (4_000u64, now_ms());
    let usage = Usage { input: 7, ..Usage::default() };
    std::thread::scope(|scope| {
        let shared = &run.shared;
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..each {
                        let pending = shared.reserve(&entry(at, "o3", &usage)).unwrap();
                        shared.close_one(What::Settles, Some(pending), &entry(at, "o3", &usage));
                    }
                })
            })
            .collect();
        let mut before = 0;
        while writers.iter().any(|writer| !writer.is_finished()) {
            run.shared.turn(&mut run.applier);
            let spent = run.spent(whole("search"));
            assert!(spent.settled.requests >= before && spent.reserved.requests <= 4);
            before = spent.settled.requests;
        }
    });
    let spent = run.spent(whole("search"));
    assert_eq!((spent.settled.requests, spent.settled.usage.input), (4 * each, 28 * each));
    assert_eq!(spent.reserved, Sums::default());
}
