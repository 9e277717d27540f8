//! What `portcullis denials` shows, as JSON, to who sends the admin token.

use std::path;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shown;
use crate::clock::Moment;
use crate::config::before;
use crate::store::read::{By, Entry, Failed, Filter, Reader, reason};

/// How many records are shown if the question does not say, and at most.
const USUAL: usize = 100;
const MOST: usize = 10_000;

/// A question; what is left out does not matter.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Question {
    project: Option<String>,
    key: Option<String>,
    reason: Option<String>,
    model: Option<String>,
    ip: Option<String>,
    since: Option<String>,
    limit: Option<usize>,
    top: Option<String>,
}

/// `GET /denials`
pub(super) async fn list(
    State(shown): State<Shown>,
    headers: HeaderMap,
    question: Result<Query<Question>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let asked = question.map_err(|error| error.body_text()).and_then(|Query(question)| question.read());
    answer(&shown, &headers, asked.map(|asked| read(move |reader| asked.ask(reader).map(Some)))).await
}

/// `GET /denials/{request_id}`
pub(super) async fn one(State(shown): State<Shown>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let find = move |reader: &Reader| Ok(reader.find(&id)?.and_then(|line| serde_json::from_str(&line).ok()));
    answer(&shown, &headers, Ok(read(find))).await
}

/// Asks the store of denials.
fn read(
    ask: impl FnOnce(&Reader) -> Result<Option<Value>, Failed> + Send + 'static,
) -> impl FnOnce(&path::Path) -> Result<Option<Value>, String> + Send + 'static {
    move |store| {
        let reader = Reader::open(store).map_err(|error| error.to_string())?;
        ask(&reader).map_err(|error| error.to_string())
    }
}

/// Reads what is kept on a thread where it disturbs nobody. Who lacks the token is not told what is wrong with the
/// question.
pub(super) async fn answer(
    shown: &Shown,
    headers: &HeaderMap,
    ask: Result<impl FnOnce(&path::Path) -> Result<Option<Value>, String> + Send + 'static, String>,
) -> Response {
    if let Err(refusal) = shown.demand_token(headers) {
        return refusal;
    }
    let ask = match ask {
        Ok(ask) => ask,
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
    let snapshot = shown.shared.snapshot.load_full();
    let Some(store) = &snapshot.store else {
        return refused(
            StatusCode::NOT_FOUND,
            "the gate keeps neither denials nor usage: add [store] to the configuration",
        );
    };
    let path = store.path.clone();
    let asked = tokio::task::spawn_blocking(move || ask(&path));
    match asked.await {
        Ok(Ok(Some(value))) => Json(value).into_response(),
        Ok(Ok(None)) => refused(StatusCode::NOT_FOUND, "the store has no refused request with this id"),
        Ok(Err(why)) => refused(StatusCode::INTERNAL_SERVER_ERROR, &why),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the store could not be read"),
    }
}

pub(super) fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

struct Asked {
    filter: Filter,
    most: usize,
    top: Option<By>,
}

impl Question {
    fn read(self) -> Result<Asked, String> {
        let network = |text: String| {
            let address = || text.parse::<std::net::IpAddr>().ok().map(ipnet::IpNet::from);
            text.parse().ok().or_else(address).ok_or("ip is an address or a network")
        };
        let since = |text: String| {
            before(Moment::now().wall(), &text).ok_or("since is how long ago, such as 2h, or a date")
        };
        let by = |word: String| By::from_word(&word).ok_or("top is rule, reason, key, ip, model or project");
        Ok(Asked {
            filter: Filter {
                project: self.project,
                key: self.key,
                reason: self.reason.as_deref().map(reason).transpose()?,
                model: self.model,
                network: self.ip.map(network).transpose()?,
                since: self.since.map(since).transpose()?,
            },
            most: self.limit.unwrap_or(USUAL).min(MOST),
            top: self.top.map(by).transpose()?,
        })
    }
}

impl Asked {
    fn ask(&self, reader: &Reader) -> Result<Value, Failed> {
        if let Some(by) = self.top {
            let mut top = reader.top(&self.filter, by)?;
            top.truncate(self.most);
            return Ok(json!({ "top": top }));
        }
        let kept = reader.list(&self.filter, self.most)?;
        let counted = if self.filter.model.is_none() { reader.counted(&self.filter)? } else { Vec::new() };
        let (mut records, mut counts) = (Vec::new(), Vec::new());
        for one in Entry::latest(kept, counted, self.most) {
            match one {
                Entry::Whole(kept) => records.extend(serde_json::from_str::<Value>(&kept.line)),
                Entry::Counted(counted) => counts.push(counted),
            }
        }
        Ok(json!({ "denials": records, "counted": counts }))
    }
}
