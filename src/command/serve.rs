//! `portcullis serve`: the gate.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{FAILED, FINE, WRONG, complain};
use crate::admin;
use crate::clock::Moment;
use crate::config::{Fault, Sources};
use crate::expect;
use crate::ledger::panics_at;
use crate::limits::Registry;
use crate::reload::{LOOK, Watch, tell_lints};
use crate::request_id::RequestId;
use crate::run::{Ended, Gate};

/// Runs the gate until it is told to stop; gives the exit code.
#[must_use]
pub fn run(file: &Path) -> u8 {
    let begun = Moment::now();
    harden();
    let registry = Arc::new(Registry::new(begun));
    let sources = Sources::at(file);
    let loaded = match expect::load(&sources, &registry) {
        Ok(loaded) => loaded,
        Err(faults) => {
            complain(&format!(
                "{}\nportcullis does not start: the configuration has mistakes.",
                faults.render_text()
            ));
            return WRONG;
        }
    };
    let watch = Watch::new(sources, &loaded);
    let lints = loaded.lints.clone();
    let admin_listen = loaded.snapshot.server.admin_listen;
    // Before the gate: where it cannot be had, no client has been let in.
    let admin = match admin_listen.map(admin_socket).transpose() {
        Ok(admin) => admin,
        Err(error) => {
            complain(&format!("portcullis does not start: {error}"));
            return FAILED;
        }
    };
    let gate = match Gate::start(loaded, registry, std::io::stdout()) {
        Ok(gate) => gate,
        Err(error) => {
            complain(&format!("portcullis does not start: {error}"));
            return FAILED;
        }
    };
    let _lines = tracing::dispatcher::set_default(&gate.dispatch());
    report_panics(&gate);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("portcullis does not start: {error}"));
            return FAILED;
        }
    };
    runtime.block_on(control(gate, watch, admin, &lints, begun))
}

/// The admin listener's socket.
fn admin_socket(address: SocketAddr) -> std::io::Result<(SocketAddr, std::net::TcpListener)> {
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok((address, listener))
    });
    bound.map_err(|error| {
        std::io::Error::new(error.kind(), format!("cannot listen on admin.listen {address}: {error}"))
    })
}

/// Answers the admin listener and signals until it is time to stop.
async fn control(
    gate: Gate,
    mut watch: Watch,
    admin: Option<(SocketAddr, std::net::TcpListener)>,
    lints: &[Fault],
    begun: Moment,
) -> u8 {
    let signals =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()));
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = signals else {
        complain("portcullis does not start: signals cannot be handled");
        return FAILED;
    };
    let admin_listen = admin.as_ref().map(|(address, _)| *address);
    if let Some((address, listener)) = admin {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                complain(&format!("portcullis does not start: {error}"));
                return FAILED;
            }
        };
        let reach = admin::Reach::of(address.ip());
        let routes = admin::routes(Arc::clone(&gate.shared), gate.credentials(), gate.draining(), reach);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(error = %error, "admin_listener_ended");
            }
        });
    }
    tell_lints(lints);
    let snapshot = gate.shared.snapshot.load_full();
    tracing::info!(
        listen = %gate.listens.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        tls = snapshot.server.tls.is_some(),
        admin = %admin_listen.map_or_else(|| "off".to_owned(), |address| address.to_string()),
        projects = snapshot.projects.len() as u64,
        keys = snapshot.keys.len() as u64,
        upstreams = snapshot.upstreams.len() as u64,
        config = %snapshot.digest,
        started_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
        version = env!("CARGO_PKG_VERSION"),
        "ready"
    );
    drop(snapshot);
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => watch.apply(&gate, "SIGHUP"),
            _ = look.tick() => if watch.changed() { watch.apply(&gate, "a file changed") },
        }
    }
    drain(gate, terminate, interrupt).await
}

/// Lets requests under way finish; a second signal ends the wait.
async fn drain(gate: Gate, mut terminate: Signal, mut interrupt: Signal) -> u8 {
    let in_flight = gate.shared.ledger.metrics.in_flight.get();
    tracing::info!(in_flight, "draining");
    let hurried = gate.hurried();
    let mut stopping = tokio::task::spawn_blocking(move || gate.stop());
    let ended = tokio::select! {
        ended = &mut stopping => ended,
        () = async { tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} } } => {
            hurried.store(true, Ordering::Release);
            stopping.await
        }
    };
    match ended {
        Ok(Ended::Drained) => FINE,
        Ok(Ended::CutOff) | Err(_) => FAILED,
    }
}

/// Keeps secrets out of core files and out of reach of a debugger of the same user.
fn harden() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// A panic is told with its place and the request that was worked on, but without its words, which could hold anything.
pub fn report_panics(gate: &Gate) {
    let dispatch = gate.dispatch();
    std::panic::set_hook(Box::new(move |info| {
        let at = info.location().map(ToString::to_string).unwrap_or_default();
        let id = panics_at(&at);
        tracing::dispatcher::with_default(&dispatch, || {
            let thread = std::thread::current();
            let thread = thread.name().unwrap_or_default();
            // Not as its record has it: that is another line.
            let request = id.as_ref().map_or("none", RequestId::as_str);
            tracing::error!(at, thread, request, "panicked: this is a bug in portcullis");
        });
    }));
}
