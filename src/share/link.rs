//! A connection to the server that counts, wherever that is by now: the only place that knows what is said to it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, ServerErrorKind};
use tokio::task::JoinHandle;

use super::cluster;
use super::line::{Line, told};
use super::sentinel::Sentinels;
use crate::limits::SCRIPT;
use crate::snapshot::{ShareSettings, StorePlace, StoreServer};

/// After which time it is said again to a node whose keys are on their way to another.
const ON_THEIR_WAY: Duration = Duration::from_millis(10);

/// A connection.
pub(super) struct Link {
    line: Line,
    server: StoreServer,
    /// The script's name at the server.
    digest: String,
    /// Ends when Sentinels name another primary.
    watch: Option<JoinHandle<StoreServer>>,
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

impl Link {
    /// Finds the server, says who it is and brings the script. Of a cluster it remembers the nodes.
    pub(super) async fn open(
        settings: &Arc<ShareSettings>,
        known: &mut Vec<StoreServer>,
    ) -> Result<Self, String> {
        let (line, server, watch) = match &settings.place {
            StorePlace::Server(server) => (Line::to_server(server, settings).await?, server.clone(), None),
            StorePlace::Sentinels { at, name } => {
                let (server, moved) = Sentinels::new(settings, at, name).primary().await?;
                let line = Line::to_server(&server, settings).await?;
                (line, server, Some(tokio::spawn(moved)))
            }
            StorePlace::Cluster(nodes) => {
                let (line, server) = Box::pin(cluster::owner(settings, nodes, known)).await?;
                (line, server, None)
            }
        };
        let mut link = Self { line, server, digest: String::new(), watch };
        link.load().await.map_err(|error| link.told(&error))?;
        Ok(link)
    }

    /// The server that it is to.
    pub(super) const fn server(&self) -> &StoreServer {
        &self.server
    }

    /// Waits until another server counts, and gives that.
    pub(super) async fn moved(&mut self) -> StoreServer {
        if let Some(watch) = &mut self.watch
            && let Ok(server) = watch.await
        {
            return server;
        }
        self.watch = None;
        pending().await
    }

    async fn load(&mut self) -> Result<(), RedisError> {
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(SCRIPT);
        self.digest = self.line.ask(&load).await?;
        Ok(())
    }

    /// Says something, and gives the answer.
    pub(super) async fn say(&mut self, keys: &[String], text: &str) -> Result<String, String> {
        loop {
            let error = match self.said(keys, text).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) {
                self.load().await.map_err(|error| self.told(&error))?;
            } else if matches!(error.code(), Some("ASK" | "TRYAGAIN")) {
                tokio::time::sleep(ON_THEIR_WAY).await;
            } else {
                return Err(self.told(&error));
            }
        }
    }

    async fn said(&mut self, keys: &[String], text: &str) -> Result<String, RedisError> {
        let mut say = redis::cmd("EVALSHA");
        say.arg(&self.digest).arg(keys.len()).arg(keys).arg(text);
        self.line.ask(&say).await
    }

    fn told(&self, error: &RedisError) -> String {
        format!("{}: {}", self.server, told(error))
    }
}
