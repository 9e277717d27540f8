//! Speaks with the store by which several gates share their limits, in a thread of its own.
//!
//! 1. The thread begins with the first configuration that names a store. Without one there is none.
//! 2. One thing is said at a time. What requests ask for meanwhile is said together, next.
//! 3. Who names the server of the store is asked anew for each connection, and the script that it runs looks whether it
//!    is a replica: what a server says that was the primary once is never taken for the store's word.
//! 4. A store that does not answer within a quarter of a second counts as away until it does; it is tried again after a pause
//!    that grows to a second, with jitter.

mod cluster;
mod line;
mod link;
mod sentinel;

use std::fmt::Write as _;
use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::Notify;
use tracing::Dispatch;

use crate::clock::Moment;
use crate::limits::{Dialogue, Heard, Sharing};
use crate::metrics::Metrics;
use crate::snapshot::{ShareSettings, StoreServer};
use link::Link;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long a connection may take.
const LONGEST_CONNECT: Duration = Duration::from_millis(500);
/// How often it is looked whether there is something to say that nobody waits for.
const LOOK: Duration = Duration::from_millis(250);
/// The pauses between attempts to reach it.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long a gate that starts waits for the store.
const FIRST_WORD: Duration = Duration::from_millis(750);
/// How long a gate that ends waits until what it leased has gone back.
const LAST_WORD: Duration = Duration::from_secs(1);

/// The thread that speaks with the store, once it is needed.
#[derive(Debug)]
pub struct Shares {
    sharing: Arc<Sharing>,
    metrics: Arc<Metrics>,
    dispatch: Dispatch,
    told: Arc<Told>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Told {
    settings: Mutex<Option<Arc<ShareSettings>>>,
    changed: Notify,
    stopped: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shares {
    /// Speaks for the limits of this registry.
    #[must_use]
    pub fn new(sharing: Arc<Sharing>, metrics: Arc<Metrics>, dispatch: Dispatch) -> Self {
        Self { sharing, metrics, dispatch, told: Arc::default(), thread: Mutex::new(None) }
    }

    /// Notices what came in force; starts the thread if that is the first that needs it, and waits a moment until the
    /// store was heard.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn look(&self, settings: Option<&Arc<ShareSettings>>) -> io::Result<()> {
        let Some(settings) = settings else {
            *lock(&self.told.settings) = None;
            self.told.changed.notify_one();
            return Ok(());
        };
        self.sharing.on_failure(settings.rates, settings.money);
        let before = lock(&self.told.settings).replace(Arc::clone(settings));
        if before.is_some_and(|before| before.same_place(settings)) {
            return Ok(());
        }
        self.told.changed.notify_one();
        let mut thread = lock(&self.thread);
        if thread.is_none() {
            let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
            let mut ids = [0; 32];
            getrandom::fill(&mut ids).map_err(io::Error::other)?;
            let (id, fresh) = ids.split_at(16);
            let (sharing, metrics) = (Arc::clone(&self.sharing), Arc::clone(&self.metrics));
            let (dispatch, told) = (self.dispatch.clone(), Arc::clone(&self.told));
            let (id, fresh) = (hex(id), hex(fresh));
            *thread = Some(std::thread::Builder::new().name("limits".to_owned()).spawn(move || {
                let _lines = tracing::dispatcher::set_default(&dispatch);
                let speaker =
                    Speaker { sharing: &sharing, metrics: &metrics, told: &told, away: Away::Never };
                runtime.block_on(speaker.run(&id, &fresh));
            })?);
            drop(thread);
            let begun = Moment::now();
            while !self.sharing.is_reached() && begun.elapsed() < FIRST_WORD {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        Ok(())
    }

    /// Gives back what is leased; nothing is leased any more.
    pub fn close(&self) {
        self.told.stopped.store(true, Ordering::Release);
        self.told.changed.notify_one();
        let Some(thread) = lock(&self.thread).take() else { return };
        let begun = Moment::now();
        while !thread.is_finished() && begun.elapsed() < LAST_WORD {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Shares {
    fn drop(&mut self) {
        self.told.stopped.store(true, Ordering::Release);
        self.told.changed.notify_one();
    }
}

/// Whether it was told that the store is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Away {
    /// It was not heard yet.
    Never,
    No,
    Yes,
}

struct Speaker<'s> {
    sharing: &'s Arc<Sharing>,
    metrics: &'s Metrics,
    told: &'s Told,
    away: Away,
}

impl Drop for Speaker<'_> {
    /// However it ends, nobody waits for it.
    fn drop(&mut self) {
        self.sharing.forsake();
    }
}

impl Speaker<'_> {
    fn stopped(&self) -> bool {
        self.told.stopped.load(Ordering::Acquire)
    }

    async fn run(mut self, id: &str, fresh: &str) {
        let mut dialogue: Option<(Arc<ShareSettings>, Dialogue)> = None;
        let mut pause = PAUSES.0;
        // Of a cluster, those that it named.
        let mut nodes = Vec::new();
        while !self.stopped() {
            let Some(settings) = lock(&self.told.settings).clone() else {
                self.sharing.forsake();
                self.told.changed.notified().await;
                continue;
            };
            if dialogue.as_ref().is_none_or(|(before, _)| !before.same_place(&settings)) {
                nodes = Vec::new();
            }
            let known = dialogue.take().filter(|(known, _)| known.prefix == settings.prefix);
            let (_, mut speaks) = known.unwrap_or_else(|| {
                let speaks = Dialogue::new(Arc::clone(self.sharing), &settings.prefix, id, fresh);
                (Arc::clone(&settings), speaks)
            });
            let ended = match Box::pin(Link::open(&settings, &mut nodes)).await {
                Ok(mut link) => self.speak(&mut link, &mut speaks, &settings, &mut pause).await,
                Err(why) => Err(why),
            };
            dialogue = Some((Arc::clone(&settings), speaks));
            if let Err(why) = ended {
                if let Some((_, speaks)) = &mut dialogue {
                    speaks.unanswered();
                }
                self.lost(&settings, &why);
                tokio::select! {
                    () = tokio::time::sleep(jittered(pause)) => {}
                    () = self.told.changed.notified() => {}
                }
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }

    /// Speaks until the connection breaks, or another store is in force.
    async fn speak(
        &mut self,
        link: &mut Link,
        dialogue: &mut Dialogue,
        settings: &Arc<ShareSettings>,
        pause: &mut Duration,
    ) -> Result<(), String> {
        let mut forgot = false;
        loop {
            let stopped = self.stopped();
            let sent = Moment::now();
            if let Some((keys, text)) = dialogue.next(stopped, sent) {
                let said = tokio::time::timeout(PATIENCE, link.say(keys, text)).await;
                self.metrics.limits_store.calls.inc();
                let late = |_| format!("{}: no answer within {} ms", link.server(), PATIENCE.as_millis());
                let answer = said.map_err(late)??;
                let heard = dialogue.answered(&answer, sent, Moment::now());
                match heard.map_err(|_| "its answer cannot be read".to_owned())? {
                    Heard::All => {
                        forgot = false;
                        *pause = PAUSES.0;
                        self.back(settings, link.server());
                    }
                    Heard::Settling => {}
                    Heard::Forgetful => {
                        if self.away == Away::No {
                            tracing::warn!("limits_store_forgot: it is told what this gate knows");
                        }
                        // One that keeps nothing, for want of memory, is not asked as fast as it answers.
                        if std::mem::replace(&mut forgot, true) {
                            tokio::time::sleep(jittered(PAUSES.0)).await;
                        }
                        if !stopped {
                            continue;
                        }
                    }
                }
                if stopped {
                    return Ok(());
                }
            }
            let current = lock(&self.told.settings).clone();
            if !current.is_some_and(|current| current.same_place(settings)) {
                return Ok(());
            }
            tokio::select! {
                server = link.moved() => return Err(format!("the Sentinels name {server} now")),
                () = poll_fn(|cx| self.sharing.poll_work(cx)) => {}
                () = self.told.changed.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    fn lost(&mut self, settings: &ShareSettings, why: &str) {
        self.metrics.limits_store.away.set(1);
        self.metrics.limits_store.failures.inc();
        if self.away != Away::Yes {
            self.away = Away::Yes;
            let store = settings.place.to_string();
            tracing::error!(store, why, "limits_store_away: limits are kept as on_failure says");
        }
    }

    fn back(&mut self, settings: &ShareSettings, server: &StoreServer) {
        if self.away != Away::No {
            self.away = Away::No;
            self.metrics.limits_store.away.set(0);
            let (store, server) = (settings.place.to_string(), server.to_string());
            tracing::info!(store, server, gates = self.sharing.gates(), "limits_store_reached");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Between a half and the whole of a pause, so that gates that lost the store together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    let part = getrandom::fill(&mut byte).map_or(0, |()| u32::from(byte[0]));
    pause / 2 + pause * part / 512
}
