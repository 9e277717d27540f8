//! Holds a grant that is fetched, and says when to fetch the next.
//!
//! 1. A grant is renewed before it expires: five minutes before, or when three quarters of its life are over if
//!    that is later than the beginning but sooner than this. Requests go on with the old one meanwhile.
//! 2. When the token service fails, it is asked again after a second, then after twice as long each time, up to
//!    a minute. The old grant is used until it expires.
//! 3. A request waits only while nothing was granted yet and nothing has gone wrong; otherwise it is told at once.
//! 4. When the provider refuses a grant, a new one is fetched, unless this one is younger than half a minute.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;

use super::{Grant, Lacking, Source, Why};
use crate::clock::{Moment, Reading};

/// How long before its end a grant is renewed.
const AHEAD: Duration = Duration::from_mins(5);
/// How soon a grant is renewed at the soonest, whatever its length.
const SOONEST: Duration = Duration::from_secs(1);
/// How long after a failure the token service is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long after many failures.
const AGAIN_MOST: Duration = Duration::from_mins(1);
/// How old a grant must be before it is renewed because the provider refused it.
const MISTRUSTED: Duration = Duration::from_secs(30);

/// A grant, and the state of its renewal.
#[derive(Debug)]
pub struct Holder {
    source: Source,
    current: ArcSwapOption<Grant>,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    /// When to fetch; never, for a grant that does not expire.
    due: Option<Reading>,
    fetching: bool,
    strikes: u32,
    failure: Option<Box<str>>,
    fetched: Option<Moment>,
    waiting: Vec<Waker>,
}

/// How a failure is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Requests go on with the grant at hand; it expires then, if ever.
    NotYetFelt(Option<SystemTime>),
    /// Requests fail.
    Felt,
}

/// What can be said of the renewal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Whether requests can be sent.
    pub granted: bool,
    /// Until when.
    pub until: Option<SystemTime>,
    /// When it was fetched.
    pub fetched: Option<SystemTime>,
    /// Why the last attempt failed, if it did.
    pub failure: Option<Box<str>>,
}

impl Holder {
    /// One that has nothing yet and is due at once.
    #[must_use]
    pub fn new(source: Source, now: Moment) -> Self {
        let book = Book {
            due: Some(now.monotonic),
            fetching: false,
            strikes: 0,
            failure: None,
            fetched: None,
            waiting: Vec::new(),
        };
        Self { source, current: ArcSwapOption::empty(), book: Mutex::new(book) }
    }

    /// From where the grant comes.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// The grant that can be used now.
    ///
    /// # Errors
    /// When there is none.
    pub fn grant(&self, now: Moment) -> Result<Arc<Grant>, Lacking> {
        match self.current.load_full() {
            Some(grant) if grant.until.is_none_or(|until| now.wall() < until) => Ok(grant),
            Some(_) | None if self.book().failure.is_none() => Err(Lacking::NotYet),
            Some(_) | None => Err(Lacking::Failed),
        }
    }

    /// Waits until it is known whether there is a grant.
    pub fn poll_grant(&self, cx: &mut Context<'_>, now: Moment) -> Poll<Result<Arc<Grant>, Lacking>> {
        let mut book = self.book();
        let failed = book.failure.is_some();
        match self.current.load_full() {
            Some(grant) if grant.until.is_none_or(|until| now.wall() < until) => Poll::Ready(Ok(grant)),
            Some(_) | None if failed => Poll::Ready(Err(Lacking::Failed)),
            Some(_) | None => {
                if !book.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    book.waiting.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// When it is to be fetched; nothing while that is being done.
    #[must_use]
    pub fn due(&self) -> Option<Reading> {
        let book = self.book();
        if book.fetching { None } else { book.due }
    }

    /// Makes the caller the one who fetches, if it is time.
    #[must_use]
    pub fn begin(&self, now: Moment) -> bool {
        let mut book = self.book();
        let begins = !book.fetching && book.due.is_some_and(|due| due <= now.monotonic);
        book.fetching |= begins;
        begins
    }

    /// Takes a new grant.
    pub fn granted(&self, grant: Grant, now: Moment) {
        let until = grant.until;
        self.current.store(Some(Arc::new(grant)));
        let mut book = self.book();
        book.due = until.map(|until| now.monotonic + renewal(until, now));
        (book.fetching, book.strikes, book.failure, book.fetched) = (false, 0, None, Some(now));
        wake(book);
    }

    /// Notes that there is no new grant, and why.
    pub fn failed(&self, why: &Why, now: Moment) -> Trouble {
        let current = self.current.load_full();
        let usable = current.filter(|grant| grant.until.is_none_or(|until| now.wall() < until));
        let mut book = self.book();
        let wait = (AGAIN * (1 << book.strikes.min(10))).min(AGAIN_MOST);
        book.due = Some(now.monotonic + wait);
        book.fetching = false;
        book.strikes = book.strikes.saturating_add(1);
        book.failure = Some(why.text().into());
        wake(book);
        usable.map_or(Trouble::Felt, |grant| Trouble::NotYetFelt(grant.until))
    }

    /// Notes that the provider refused the grant: a new one is fetched soon.
    pub fn mistrusted(&self, now: Moment) {
        let mut book = self.book();
        let young = book.fetched.is_none_or(|fetched| now.since(fetched) < MISTRUSTED);
        if !young && book.failure.is_none() {
            book.due = Some(now.monotonic);
        }
    }

    /// What can be said of it.
    #[must_use]
    pub fn outlook(&self, now: Moment) -> Outlook {
        let current = self.current.load_full();
        let until = current.as_ref().and_then(|grant| grant.until);
        let book = self.book();
        Outlook {
            granted: current.is_some() && until.is_none_or(|until| now.wall() < until),
            until,
            fetched: book.fetched.map(Moment::wall),
            failure: book.failure.clone(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After how long to renew what expires then.
fn renewal(until: SystemTime, now: Moment) -> Duration {
    let left = until.duration_since(now.wall()).unwrap_or_default();
    left.saturating_sub(AHEAD.min(left / 4)).max(SOONEST)
}

fn wake(mut book: MutexGuard<'_, Book>) {
    let waiting = std::mem::take(&mut book.waiting);
    drop(book);
    waiting.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Means;
    use crate::secret::Secret;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_hours(1);
    /// When a grant of an hour is renewed.
    const UNTIL_AHEAD: Duration = Duration::from_mins(55);
    const BEFORE_AHEAD: Duration = Duration::from_secs(55 * 60 - 1);
    const ALMOST: Duration = Duration::from_secs(29);

    fn grant(text: &str, until: Option<SystemTime>) -> Grant {
        let secret = Secret::header(http::header::AUTHORIZATION, "Bearer ", text).unwrap();
        Grant { means: Means::Token(secret), until }
    }

    fn new() -> (Holder, Moment) {
        let now = Moment::now();
        (Holder::new(Source::for_tests(), now), now)
    }

    fn token(holder: &Holder, now: Moment) -> Result<String, Lacking> {
        holder.grant(now).map(|grant| match &grant.means {
            Means::Token(secret) => secret.expose().1.to_str().unwrap().to_owned(),
            Means::Keys(_) => panic!("keys"),
        })
    }

    #[derive(Default)]
    struct Counts(AtomicUsize);

    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_grant_is_fetched_at_once_and_renewed_before_it_expires() {
        let (holder, now) = new();
        assert_eq!(token(&holder, now), Err(Lacking::NotYet));
        assert!(holder.begin(now));
        assert!(!holder.begin(now), "it is being fetched");
        assert_eq!(holder.due(), None);
        holder.granted(grant("one", Some(now.wall() + HOUR)), now);
        assert_eq!(token(&holder, now).unwrap(), "Bearer one");
        let ahead = now.later(UNTIL_AHEAD);
        assert!(!holder.begin(now.later(BEFORE_AHEAD)));
        assert!(holder.begin(ahead));
        assert_eq!(token(&holder, ahead).unwrap(), "Bearer one", "the old one serves meanwhile");
        holder.granted(grant("two", Some(ahead.wall() + HOUR)), ahead);
        assert_eq!(token(&holder, now.later(HOUR)).unwrap(), "Bearer two");
    }

    #[test]
    fn a_short_grant_is_renewed_at_three_quarters_and_one_without_end_never() {
        let now = Moment::now();
        assert_eq!(renewal(now.wall() + 8 * SECOND, now), 6 * SECOND);
        assert_eq!(renewal(now.wall() + HOUR, now), UNTIL_AHEAD);
        assert_eq!(renewal(now.wall(), now), SOONEST);
        assert_eq!(renewal(now.wall() - HOUR, now), SOONEST);
        let (holder, now) = new();
        holder.granted(grant("for ever", None), now);
        assert_eq!(holder.due(), None);
        assert_eq!(token(&holder, now.later(1000 * HOUR)).unwrap(), "Bearer for ever");
    }

    #[test]
    fn the_old_grant_serves_until_it_expires_while_the_service_fails() {
        let (holder, now) = new();
        let why = Why::new("the token service answered 503");
        holder.granted(grant("one", Some(now.wall() + HOUR)), now);
        let mut at = now.later(UNTIL_AHEAD);
        let mut waits = Vec::new();
        while at.wall() < now.wall() + HOUR {
            assert!(holder.begin(at));
            assert_eq!(holder.failed(&why, at), Trouble::NotYetFelt(Some(now.wall() + HOUR)));
            assert_eq!(token(&holder, at).unwrap(), "Bearer one");
            let wait = holder.due().unwrap().since(at.monotonic);
            waits.push(wait.as_secs());
            at = at.later(wait);
        }
        assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(holder.begin(at));
        assert_eq!(token(&holder, at), Err(Lacking::Failed), "it has expired");
        assert_eq!(holder.failed(&why, at), Trouble::Felt);
        let outlook = holder.outlook(at);
        assert!(!outlook.granted);
        assert_eq!(outlook.failure.as_deref(), Some("the token service answered 503"));
        let later = at.later(AGAIN_MOST);
        assert!(holder.begin(later));
        holder.granted(grant("two", Some(later.wall() + HOUR)), later);
        assert_eq!(token(&holder, later).unwrap(), "Bearer two");
        assert_eq!(holder.outlook(later).failure, None);
    }

    #[test]
    fn who_waits_is_woken_by_a_grant_and_by_a_failure() {
        for fails in [false, true] {
            let (holder, now) = new();
            let counts = Arc::new(Counts::default());
            let waker = Waker::from(Arc::clone(&counts));
            let mut cx = Context::from_waker(&waker);
            assert!(holder.poll_grant(&mut cx, now).is_pending());
            assert!(holder.poll_grant(&mut cx, now).is_pending());
            if fails {
                holder.failed(&Why::new("no answer"), now);
            } else {
                holder.granted(grant("one", None), now);
            }
            assert_eq!(counts.0.load(Ordering::SeqCst), 1);
            match holder.poll_grant(&mut cx, now) {
                Poll::Ready(result) => assert_eq!(result.is_err(), fails),
                Poll::Pending => panic!("still waiting"),
            }
        }
    }

    #[test]
    fn a_refused_grant_is_renewed_unless_it_is_young() {
        let (holder, now) = new();
        holder.granted(grant("one", Some(now.wall() + HOUR)), now);
        holder.mistrusted(now.later(ALMOST));
        assert!(!holder.begin(now.later(MISTRUSTED)));
        holder.mistrusted(now.later(MISTRUSTED));
        assert!(holder.begin(now.later(MISTRUSTED)));
    }
}
