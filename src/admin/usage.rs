//! What `portcullis usage` shows, as JSON, to who sends the admin token.

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::Shown;
use super::denials::answer;
use crate::book::read::{Filter, Reader};
use crate::book::report::{By, Report};
use crate::clock::Moment;
use crate::config::before;

/// A question; what is left out does not matter.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Question {
    by: Option<String>,
    since: Option<String>,
    until: Option<String>,
    project: Option<String>,
    key: Option<String>,
    upstream: Option<String>,
    model: Option<String>,
}

/// `GET /usage`
pub(super) async fn sums(
    State(shown): State<Shown>,
    headers: HeaderMap,
    question: Result<Query<Question>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let asked = question.map_err(|error| error.body_text()).and_then(|Query(question)| question.read());
    let read = asked.map(|(filter, by)| {
        move |store: &std::path::Path| {
            let mut reader = Reader::beside(store).map_err(|error| error.to_string())?;
            let report = Report::make(&mut reader, &filter, &by).map_err(|error| error.to_string())?;
            Ok(Some(report.json()))
        }
    });
    answer(&shown, &headers, read).await
}

impl Question {
    fn read(self) -> Result<(Filter, Vec<By>), String> {
        let now = Moment::now().wall();
        let time = |name: &str, text: &str| {
            before(now, text).ok_or_else(|| format!("{name} is how long ago, such as 7d, or a date"))
        };
        let by = By::list(self.by.as_deref().unwrap_or("project,model"))
            .ok_or("by is a list of project, key, upstream, model, hour, day and month")?;
        let filter = Filter {
            since_ms: Some(time("since", self.since.as_deref().unwrap_or("30d"))?),
            until_ms: self.until.map(|text| time("until", &text)).transpose()?,
            project: self.project,
            key: self.key,
            upstream: self.upstream,
            model: self.model,
        };
        Ok((filter, by))
    }
}
