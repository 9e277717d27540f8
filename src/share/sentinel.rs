//! Asks Sentinels which server is the primary.
//!
//! 1. All are asked at once, and what the one says counts that knows of the latest election. So one that was cut off
//!    names no server of yesterday as long as another is heard.
//! 2. They are asked again each second while the gate speaks with the primary, for a server that was cut off from them
//!    may not know yet that it is none any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::line::{Line, told};
use crate::snapshot::{ShareSettings, StoreServer};

/// How often they are asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// Sentinels, and the connections to them.
pub(super) struct Sentinels {
    settings: Arc<ShareSettings>,
    name: Box<str>,
    list: Vec<(StoreServer, Option<Line>)>,
}

/// What a Sentinel says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    /// The number of the election that it knows of.
    epoch: u64,
    primary: StoreServer,
}

impl Sentinels {
    pub(super) fn new(settings: &Arc<ShareSettings>, at: &[StoreServer], name: &str) -> Self {
        let list = at.iter().map(|server| (server.clone(), None)).collect();
        Self { settings: Arc::clone(settings), name: name.into(), list }
    }

    /// The server that is the primary; what is given watches whether it stays so.
    pub(super) async fn primary(
        mut self,
    ) -> Result<(StoreServer, impl Future<Output = StoreServer> + use<>), String> {
        let named = self.ask_all().await?;
        Ok((named.primary.clone(), self.until_moved(named)))
    }

    /// Waits until they name another.
    async fn until_moved(mut self, before: Named) -> StoreServer {
        loop {
            tokio::time::sleep(AGAIN).await;
            // Sentinels that know of the same election mean the same server, however they call it.
            if let Ok(now) = self.ask_all().await
                && now.primary != before.primary
                && now.epoch != before.epoch
            {
                return now.primary;
            }
        }
    }

    async fn ask_all(&mut self) -> Result<Named, String> {
        let (settings, name) = (&*self.settings, &*self.name);
        let asked = self.list.iter_mut().map(|(at, line)| async move {
            let answer = match Box::pin(ask(at, line, settings, name)).await {
                Ok(named) => return Ok(named),
                Err(why) => why,
            };
            *line = None;
            Err(answer)
        });
        latest(join_all(asked).await)
    }
}

/// Asks one, over the connection that there is or a new one.
async fn ask(
    at: &StoreServer,
    line: &mut Option<Line>,
    settings: &ShareSettings,
    name: &str,
) -> Result<Named, String> {
    let line = match line {
        Some(line) => line,
        None => line.insert(Line::to_sentinel(at, settings).await?),
    };
    // The election first: asked the other way round, an old address could come with a new election.
    let mut facts = redis::cmd("SENTINEL");
    facts.arg("MASTER").arg(name);
    let facts: HashMap<String, String> = line.ask(&facts).await.map_err(|e| format!("{at}: {}", told(&e)))?;
    let mut address = redis::cmd("SENTINEL");
    address.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let address: Option<(String, u16)> =
        line.ask(&address).await.map_err(|error| format!("{at}: {}", told(&error)))?;
    let (host, port) = address.ok_or_else(|| format!("{at}: knows no primary of this name"))?;
    let epoch = facts.get("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
    Ok(Named { epoch, primary: StoreServer { host: host.into(), port } })
}

/// What the first says of those that know of the latest election; if none says anything, why the first does not.
fn latest(answers: Vec<Result<Named, String>>) -> Result<Named, String> {
    let mut best: Result<Named, String> = Err("there are no Sentinels".to_owned());
    for (number, answer) in answers.into_iter().enumerate() {
        let better = match (&best, &answer) {
            (Err(_), Ok(_)) => true,
            (Err(_), Err(_)) => number == 0,
            (Ok(_), Err(_)) => false,
            (Ok(best), Ok(named)) => named.epoch > best.epoch,
        };
        if better {
            best = answer;
        }
    }
    best.map_err(|why| format!("no Sentinel names the primary; {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_election_counts() {
        let named = |epoch, host: &str| Named { epoch, primary: StoreServer { host: host.into(), port: 1 } };
        let away = || Err("away".to_owned());
        let answers = vec![away(), Ok(named(6, "old")), Ok(named(7, "new")), away(), Ok(named(7, "same"))];
        assert_eq!(latest(answers), Ok(named(7, "new")));
        let none = vec![away(), Err("gone".to_owned())];
        assert_eq!(latest(none), Err("no Sentinel names the primary; away".to_owned()));
    }
}
