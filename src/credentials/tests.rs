//! Which credential takes a request, with the time in the test's hands.

use super::*;
use std::collections::HashSet;

const MINUTE: Duration = Duration::from_mins(1);

struct Fixture {
    roster: Roster,
    credentials: Credentials,
    now: Moment,
}

fn secret(text: &str) -> Secret {
    Secret::header(http::header::AUTHORIZATION, "Bearer ", text).unwrap()
}

fn made(roster: &Roster, list: &[(&str, &str, u32)]) -> Credentials {
    let one = |(id, text, weight): &(&str, &str, u32)| {
        let (id, secret): (Arc<str>, _) = (Arc::from(*id), secret(text));
        let member = roster.member("openai", &id, secret.fingerprint(&[]));
        let rule = RuleId::BUILT_IN;
        let number = roster.number("openai", &id);
        Credential {
            id,
            proof: Proof::Header(secret),
            organization: None,
            project: None,
            weight: *weight,
            member,
            number,
            rule,
        }
    };
    Credentials::new(list.iter().map(one).collect(), "openai", roster)
}

/// Credentials `0`, `1`, … of these weights.
fn fixture(weights: &[u32]) -> Fixture {
    let now = Moment::now();
    let roster = Roster::new(now);
    let names: Vec<String> = (0..weights.len()).map(|at| at.to_string()).collect();
    let list: Vec<_> =
        names.iter().zip(weights).map(|(name, weight)| (name.as_str(), name.as_str(), *weight)).collect();
    let credentials = made(&roster, &list);
    roster.put_in_force([&credentials], now);
    Fixture { roster, credentials, now }
}

fn blame(effect: Effect) -> Blame {
    Blame { effect, cause: 0, wait: None }
}

impl Fixture {
    /// Picks, and ends at once.
    fn at(&self, now: Moment) -> usize {
        self.credentials.pick(now).unwrap().at()
    }

    /// Has the credential with this number fail now.
    fn fails(&self, at: usize, effect: Effect, now: Moment) {
        let one = &self.credentials.all()[at];
        one.taken(at, one.member.standing().seen(), How::Usual).failed(blame(effect), now);
    }
}

fn rejected(one: &Credential, now: Moment) {
    one.taken(0, one.member.standing().seen(), How::Usual).failed(blame(Effect::Rejected), now);
}

#[test]
fn with_nothing_in_flight_equals_take_turns() {
    let fixture = fixture(&[1, 1, 1]);
    let picked: Vec<_> = (0..6).map(|_| fixture.at(fixture.now)).collect();
    assert_eq!(picked, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn the_load_goes_by_weight() {
    let fixture = fixture(&[5, 3, 1]);
    let held: Vec<_> = (0..90).map(|_| fixture.credentials.pick(fixture.now).unwrap()).collect();
    let of = |at: usize| held.iter().filter(|in_use| in_use.at() == at).count();
    assert_eq!([of(0), of(1), of(2)], [50, 30, 10]);
    assert_eq!(fixture.credentials.all()[0].member.in_flight(), 50);
    drop(held);
    assert_eq!(fixture.credentials.all()[0].member.in_flight(), 0);
}

#[test]
fn the_one_with_the_least_in_flight_is_next() {
    let fixture = fixture(&[1, 1]);
    let (first, second) = (fixture.credentials.pick(fixture.now), fixture.credentials.pick(fixture.now));
    assert_eq!(second.as_ref().unwrap().at(), 1);
    drop(first);
    for _ in 0..3 {
        assert_eq!(fixture.at(fixture.now), 0);
    }
    drop(second);
}

#[test]
fn one_that_is_out_comes_back_by_one_request() {
    let fixture = fixture(&[1, 1]);
    fixture.fails(0, Effect::Rejected, fixture.now);
    assert_eq!(fixture.credentials.usable(fixture.now), 1);
    let away: HashSet<_> = (0..4).map(|_| fixture.at(fixture.now.later(MINUTE))).collect();
    assert_eq!(away, HashSet::from([1]));

    let later = fixture.now.later(MINUTE * 2);
    let probe = fixture.credentials.pick(later).unwrap();
    assert_eq!(probe.at(), 0, "its time is over, so it is tried, though another could be used");
    assert!((0..4).all(|_| fixture.at(later) == 1), "the others stay away");
    drop(probe);
    let mut probe = fixture.credentials.pick(later).unwrap();
    assert_eq!(probe.at(), 0, "the first found nothing out");
    assert_eq!(probe.succeeded(), Some(Effect::Rejected));
    drop(probe);
    let back: HashSet<_> = (0..4).map(|_| fixture.at(later)).collect();
    assert_eq!(back, HashSet::from([0, 1]));
}

#[test]
fn when_all_are_out_the_best_hope_is_used() {
    let fixture = fixture(&[1, 1, 1]);
    fixture.fails(0, Effect::Rejected, fixture.now);
    fixture.fails(1, Effect::Spent, fixture.now);
    fixture.fails(2, Effect::RateLimited, fixture.now);
    assert_eq!(fixture.at(fixture.now), 2, "a rate limit ends by itself");
    fixture.fails(2, Effect::Rejected, fixture.now);
    assert_eq!(fixture.at(fixture.now), 1);
    fixture.fails(1, Effect::Rejected, fixture.now);
    // All rejected: each is tried in its turn, so the first that is mended is found.
    let mut tried = HashSet::new();
    for second in 1..=3u32 {
        let now = fixture.now.later(Duration::from_secs(1) * second);
        let mut forced = fixture.credentials.pick(now).unwrap();
        tried.insert(forced.at());
        assert_eq!(forced.failed(blame(Effect::Rejected), now), None);
    }
    assert_eq!(tried, HashSet::from([0, 1, 2]));
    let mut forced = fixture.credentials.pick(fixture.now).unwrap();
    assert_eq!(forced.succeeded(), Some(Effect::Rejected));
    assert_eq!(fixture.credentials.usable(fixture.now), 1);
}

#[test]
fn a_lone_one_is_always_taken_and_heals_with_the_first_success() {
    let fixture = fixture(&[1]);
    fixture.fails(0, Effect::Rejected, fixture.now);
    assert_eq!(fixture.credentials.usable(fixture.now), 0);
    let mut forced = fixture.credentials.pick(fixture.now).unwrap();
    assert_eq!(forced.succeeded(), Some(Effect::Rejected));
    assert_eq!(fixture.credentials.usable(fixture.now), 1);
    assert!(fixture.credentials.another(&[0], fixture.now).is_none());
    assert!(Credentials::default().pick(fixture.now).is_none());
}

#[test]
fn another_is_one_that_was_not_tried_and_can_be_used() {
    let fixture = fixture(&[1, 1, 1, 1]);
    fixture.fails(3, Effect::Spent, fixture.now);
    assert_eq!(fixture.credentials.another(&[0, 1], fixture.now).unwrap().at(), 2);
    assert!(fixture.credentials.another(&[0, 1, 2], fixture.now).is_none(), "two retries at most");
    fixture.fails(2, Effect::Spent, fixture.now);
    assert!(fixture.credentials.another(&[0, 1], fixture.now).is_none(), "the rest are out");
    let later = fixture.now.later(MINUTE * 6);
    assert!(fixture.credentials.another(&[0, 1], later).is_none(), "a retry is no probe");
    while fixture.credentials.budget().unwrap().spend(later) {}
    assert!(fixture.credentials.another(&[0], later).is_none(), "the budget is spent");
}

#[test]
fn what_continues_a_response_goes_to_the_credential_that_made_it() {
    let Fixture { roster, credentials, now } = fixture(&[1, 100]);
    assert!(credentials.owner_of("resp_1", now).is_none());
    let first = &credentials.all()[0];
    let maker = first.taken(0, first.member.standing().seen(), How::Usual);
    assert!(!maker.is_bound());
    assert!(Learner::new(credentials.owner(&maker), None).read(br#"{"id":"resp_1"}"#));
    let owner = credentials.owner_of("resp_1", now).unwrap();
    assert_eq!((owner.at(), owner.is_bound()), (0, true));
    // Also when it is out: nobody else knows the response.
    rejected(first, now);
    assert_eq!(credentials.owner_of("resp_1", now).unwrap().at(), 0);
    // When its time is over, it is a probe like any other.
    let later = now.later(MINUTE * 2);
    let probe = credentials.owner_of("resp_1", later).unwrap();
    assert_eq!(credentials.pick(later).unwrap().at(), 1);
    drop(probe);
    assert_eq!(credentials.pick(later).unwrap().at(), 0);
    // Over a reload that turns the list round and replaces the secret.
    let rotated = made(&roster, &[("1", "1", 1), ("0", "new", 1)]);
    roster.put_in_force([&rotated], now);
    drop((maker, owner));
    assert_eq!(rotated.owner_of("resp_1", now).unwrap().at(), 1);
    drop(credentials);
    let gone = made(&roster, &[("1", "1", 1), ("2", "2", 1)]);
    assert!(gone.owner_of("resp_1", now).is_none());
}

#[test]
fn a_reload_keeps_the_state_and_a_rotated_secret_begins_anew() {
    let Fixture { roster, credentials, now } = fixture(&[1, 1]);
    let mut used = credentials.pick(now).unwrap();
    used.failed(blame(Effect::Rejected), now);
    assert_eq!(used.at(), 0);

    let same = made(&roster, &[("0", "0", 1), ("1", "1", 9)]);
    roster.put_in_force([&same], now);
    assert_eq!(same.usable(now), 1);

    let rotated = made(&roster, &[("0", "new", 1), ("1", "1", 9)]);
    roster.put_in_force([&rotated], now.later(MINUTE));
    drop((credentials, same));
    roster.sweep();
    assert_eq!(rotated.usable(now), 2);
    let shown = roster.shown(now);
    let told: Vec<_> =
        shown.iter().map(|one| (&*one.credential, one.state.word(), one.weight, one.in_flight)).collect();
    assert_eq!(told, [("0", "healthy", Some(1), 0), ("1", "healthy", Some(9), 0), ("0", "retired", None, 1)]);
    assert_eq!(shown[0].since, Some(now.later(MINUTE).wall()));
    assert_eq!(shown[2].since, Some(now.wall()));

    drop(used);
    assert_eq!(roster.shown(now).len(), 2, "the old secret is no longer in use");
    roster.sweep();
    let back = made(&roster, &[("0", "0", 1)]);
    assert_eq!(back.usable(now), 1, "and forgotten");
}

#[test]
fn what_is_shown_says_why_and_until_when_and_nothing_of_the_secret() {
    let fixture = fixture(&[1, 2]);
    fixture.fails(0, Effect::Spent, fixture.now);
    let shown = serde_json::to_value(fixture.roster.shown(fixture.now)).unwrap();
    let until = jiff::Timestamp::try_from(fixture.now.later(MINUTE * 5).wall()).unwrap();
    // Kept to the millisecond, shown to the second.
    let told: jiff::Timestamp = shown[0]["until"].as_str().unwrap().parse().unwrap();
    assert!(until.duration_since(told).abs() <= jiff::SignedDuration::from_secs(1), "{shown}");
    assert_eq!(shown[0]["state"], "spent");
    assert_eq!(shown[0]["cause"], crate::diagnosis::cause_word(0));
    assert_eq!(shown[1]["state"], "healthy");
    assert_eq!((&shown[1]["weight"], &shown[1]["cause"]), (&2.into(), &serde_json::Value::Null));
    assert_eq!(fixture.roster.shown(fixture.now.later(MINUTE * 9))[0].state, State::Of(Effect::Spent));
}
