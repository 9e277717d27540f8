//! `portcullis stand-in`: an upstream that needs no account, for trying and testing.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use super::{FAILED, FINE, complain, say};
use crate::standin::Standin;

/// Serves until it is told to stop.
#[must_use]
pub fn run(listen: SocketAddr, key: &str, pace: Duration) -> u8 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("the stand-in does not start: {error}"));
            return FAILED;
        }
    };
    let served: std::io::Result<()> = runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let listener = TcpListener::bind(listen).await?;
        say(&format!(
            "the stand-in speaks OpenAI, Anthropic, Gemini and Azure on {}",
            listener.local_addr()?
        ));
        let stopped = async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        };
        Standin::new(key).pace(pace).serve(listener, stopped).await
    });
    match served {
        Ok(()) => FINE,
        Err(error) => {
            complain(&format!("the stand-in does not start: {error}"));
            FAILED
        }
    }
}
