//! A whole gate in a process: workers, admin listener, reload, drain.
//!
//! The listener, the sink and the moment to stop are arguments, so that `serve`, `demo` and the
//! tests run the very same thing.

mod sockets;

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;

use crate::accept::{self, ByAddress, Listener, Listeners, Phase, Shared, Shortage};
use crate::book::{self, Book};
use crate::clock::Moment;
use crate::config::{Faults, Loaded, LogFormat, LogLevel, LogRepeats, LogSettings, Sources};
use crate::credentials::Roster;
use crate::expect;
use crate::ledger::Ledger;
use crate::limits::{History, Registry};
use crate::metrics::Metrics;
use crate::record::Form;
use crate::share::Shares;
use crate::snapshot::Listen;
use crate::store::Store;
use crate::telemetry::{self, Lost, Sink};
use crate::tokens::Renewals;
use sockets::{Open, SocketFile, Sockets};

/// How much a worker does before it looks what has arrived meanwhile: all that sixty-four clients ask for at once. It reads
/// from all who have sent and then writes to all, which costs less than to each in turn; sixty-one is tokio's default.
const MOST_IN_A_TURN: u32 = 256;
/// How long workers may take to let go of what is cut off.
const LET_GO: Duration = Duration::from_secs(1);

/// A gate that runs.
#[derive(Debug)]
pub struct Gate {
    /// Where clients connect: the first port, if there is one.
    pub address: SocketAddr,
    /// All places where they do.
    pub listens: Vec<Listen>,
    /// What the workers share.
    pub shared: Arc<Shared>,
    #[expect(dead_code, reason = "held for what dropping them does: the sockets' files go")]
    files: Vec<SocketFile>,
    sink: Arc<Sink>,
    dispatch: Dispatch,
    registry: Arc<Registry>,
    renewals: Renewals,
    shares: Shares,
    draining: Arc<AtomicBool>,
    hurried: Arc<AtomicBool>,
    stop: watch::Sender<Phase>,
    workers: Vec<JoinHandle<()>>,
}

impl Lost for Metrics {
    fn lost(&self, lines: u64) {
        self.records_lost.inc_by(lines);
    }
}

#[derive(Debug)]
struct ToMetrics(Arc<Metrics>);

impl Lost for ToMetrics {
    fn lost(&self, lines: u64) {
        self.0.lost(lines);
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every request under way was finished.
    Drained,
    /// Some were cut off because they took longer than the drain allows.
    CutOff,
}

impl Gate {
    /// Starts the workers. When this returns, clients can connect.
    ///
    /// # Errors
    /// When the address cannot be listened on, or a thread cannot be started.
    pub fn start(
        loaded: Loaded,
        registry: Arc<Registry>,
        out: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let now = Moment::now();
        registry.credentials.put_in_force(loaded.snapshot.upstreams.iter().map(|one| &one.credentials), now);
        registry.put_in_force(loaded.snapshot.limits());
        let metrics = Metrics::default().with_credentials(Arc::clone(&registry.credentials));
        let metrics = metrics.with_health(Arc::clone(&registry.health)).with_room(Arc::clone(&registry.room));
        let metrics = Arc::new(metrics.with_budgets(Arc::clone(&registry)));
        let sink = Sink::start(out, Box::new(ToMetrics(Arc::clone(&metrics))))?;
        let form = form(loaded.log);
        let dispatch = telemetry::subscriber(Arc::clone(&sink), form, level(loaded.log));
        let renewals =
            Renewals::new(Arc::clone(&registry.credentials), Arc::clone(&metrics), dispatch.clone());
        renewals.look()?;
        let shares = Shares::new(Arc::clone(&registry.sharing), Arc::clone(&metrics), dispatch.clone());
        let Sockets { of_workers, listens, files } = Sockets::open(&loaded.snapshot.server)?;
        let port = listens.iter().find_map(|listen| match listen {
            Listen::Tcp(address) => Some(*address),
            Listen::Unix(_) | Listen::Systemd => None,
        });
        let address = port.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
        let mut ledger = Ledger::new(Arc::clone(&metrics), form);
        ledger.every_one = loaded.log.repeats == LogRepeats::Whole;
        if let Some(settings) = &loaded.snapshot.store {
            let store = Store::start(settings, Arc::clone(&metrics), dispatch.clone());
            ledger.store = Some(store.map_err(io::Error::other)?);
            let kept = book::Settings { store: &settings.path, max_age: settings.usage_max_age };
            let book = Book::open(&kept, metrics, dispatch.clone(), now);
            let book = Arc::new(book.map_err(io::Error::other)?);
            let history: Arc<dyn History> = Arc::clone(&book) as _;
            registry.remember(&history, now);
            ledger.book = Some(book);
        }
        // The store that gates share is told what this one knows, so that comes first.
        shares.look(loaded.snapshot.share.as_ref())?;
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::new(loaded.snapshot),
            sharing: Arc::clone(&registry.sharing),
            ledger: Arc::new(ledger),
            open: AtomicUsize::new(0),
            by_address: ByAddress::default(),
            handshakes: AtomicUsize::new(0),
            refused_at: AtomicI64::new(0),
            shortage: Shortage::default(),
        });
        let (stop, stopped) = watch::channel(Phase::Serving);
        let worker = |(at, sockets)| worker(at, sockets, &shared, &stopped, &dispatch);
        let workers = of_workers.into_iter().enumerate().map(worker).collect::<io::Result<_>>()?;
        let (draining, hurried) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        Ok(Self {
            address,
            listens,
            shared,
            files,
            sink,
            dispatch,
            registry,
            renewals,
            shares,
            draining,
            hurried,
            stop,
            workers,
        })
    }

    /// What log lines go to; the threads of a command set it as theirs.
    #[must_use]
    pub fn dispatch(&self) -> Dispatch {
        self.dispatch.clone()
    }

    /// The state of the credentials.
    #[must_use]
    pub fn credentials(&self) -> Arc<Roster> {
        Arc::clone(&self.registry.credentials)
    }

    /// Tells whether the gate has been told to stop.
    #[must_use]
    pub fn draining(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.draining)
    }

    /// When it is set, [`Gate::stop`] waits no longer for what is under way.
    #[must_use]
    pub fn hurried(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.hurried)
    }

    /// Takes a new configuration as a whole, or keeps the old one.
    ///
    /// # Errors
    /// Every mistake in the new one, or every expectation of it that does not hold.
    pub fn reload(&self, sources: &Sources) -> Result<Loaded, Faults> {
        let loaded = expect::load(sources, &self.registry);
        self.shared.ledger.metrics.reloaded(loaded.is_ok());
        loaded
    }

    /// Puts a loaded configuration in force. Requests under way keep theirs.
    pub fn put_in_force(&self, loaded: Loaded) {
        let all = loaded.snapshot.upstreams.iter().map(|one| &one.credentials);
        self.registry.credentials.put_in_force(all, Moment::now());
        self.registry.put_in_force(loaded.snapshot.limits());
        if let Err(error) = self.renewals.look() {
            tracing::error!(error = %error, "credentials_not_renewed: the thread cannot be started");
        }
        if let Err(error) = self.shares.look(loaded.snapshot.share.as_ref()) {
            tracing::error!(error = %error, "limits_not_shared: the thread cannot be started");
        }
        self.shared.snapshot.store(loaded.snapshot);
        self.registry.sweep();
    }

    /// Stops accepting, lets what is under way finish for as long as the drain allows, cuts off the
    /// rest, and writes the last record.
    #[must_use]
    pub fn stop(self) -> Ended {
        let (begun, ledger) = (Moment::now(), &self.shared.ledger);
        let patience = self.shared.snapshot.load().server.drain;
        let under_way = ledger.metrics.in_flight.get();
        self.draining.store(true, Ordering::Release);
        let _ = self.stop.send(Phase::Draining);
        let drained = self.ended_within(patience, || self.hurried.load(Ordering::Acquire));
        if !drained {
            ledger.drain_over.store(true, Ordering::Release);
            let _ = self.stop.send(Phase::CuttingOff);
            self.ended_within(LET_GO, || false);
        }
        self.shares.close();
        tracing::dispatcher::with_default(&self.dispatch, || {
            ledger.close();
            let cut = ledger.cut_off.load(Ordering::Relaxed);
            let finished = under_way.unsigned_abs().saturating_sub(cut);
            let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(finished, cut, took_ms, "stopped");
        });
        self.sink.close();
        if drained { Ended::Drained } else { Ended::CutOff }
    }

    /// Waits for the workers; whether they ended in time and before it was too long for `enough`.
    fn ended_within(&self, patience: Duration, enough: impl Fn() -> bool) -> bool {
        let begun = Moment::now();
        while self.workers.iter().any(|worker| !worker.is_finished()) {
            if begun.elapsed() >= patience || enough() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Waits until every line so far is written.
    pub fn flush(&self) {
        self.sink.flush();
    }
}

fn form(log: LogSettings) -> Form {
    match log.format {
        LogFormat::Auto => telemetry::form_for_stdout(),
        LogFormat::Json => Form::Json,
        LogFormat::Text => Form::Text,
    }
}

fn level(log: LogSettings) -> LevelFilter {
    match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
    }
}

fn worker(
    at: usize,
    sockets: Vec<Open>,
    shared: &Arc<Shared>,
    stop: &watch::Receiver<Phase>,
    dispatch: &Dispatch,
) -> io::Result<JoinHandle<()>> {
    let (shared, stop, dispatch) = (Arc::clone(shared), stop.clone(), dispatch.clone());
    let runtime =
        Builder::new_current_thread().enable_io().enable_time().event_interval(MOST_IN_A_TURN).build()?;
    let listeners = {
        let _inside = runtime.enter();
        let listening = |socket| match socket {
            Open::Tcp(tcp) => tokio::net::TcpListener::from_std(tcp).map(Listener::Tcp),
            Open::Unix(unix) => tokio::net::UnixListener::from_std(unix).map(Listener::Unix),
        };
        Listeners::new(sockets.into_iter().map(listening).collect::<io::Result<_>>()?)
    };
    std::thread::Builder::new().name(format!("worker-{at}")).spawn(move || {
        let _lines = tracing::dispatcher::set_default(&dispatch);
        runtime.block_on(accept::serve(listeners, shared, stop));
    })
}
