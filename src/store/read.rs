//! Reads what the store holds; a gate that writes at the same time is not disturbed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use rusqlite::{Connection, Row, ToSql};

use super::schema::{self, Unusable};
use super::tally;
use crate::config::nearest;
use crate::denial::Reason;
use crate::diagnosis::{UNDIAGNOSED, causes};

/// The code of a reason or a cause, as it was asked for.
///
/// # Errors
/// Where there is none of this name; what is probably meant.
pub fn reason(code: &str) -> Result<String, String> {
    let reasons = Reason::ALL.iter().map(|reason| reason.code());
    let all: Vec<&str> = reasons.chain(causes().iter().map(|cause| cause.id)).chain([UNDIAGNOSED]).collect();
    if all.contains(&code) {
        return Ok(code.to_owned());
    }
    Err(nearest(code, &all).map_or_else(
        || "there is no such reason; `portcullis denials --top reason` counts those that came".to_owned(),
        |meant| format!("there is no such reason; did you mean `{meant}`?"),
    ))
}

/// Which records are meant; what is left out does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The project's name.
    pub project: Option<String>,
    /// The key's public id, or the one that a caller claimed.
    pub key: Option<String>,
    /// The code of the reason or the cause.
    pub reason: Option<String>,
    /// The model asked for.
    pub model: Option<String>,
    /// The network that the client's address is in.
    pub network: Option<IpNet>,
    /// Not before this time, in milliseconds since 1970.
    pub since: Option<i64>,
}

/// What is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The rule that refused.
    Rule,
    /// The reason or cause.
    Reason,
    /// The key.
    Key,
    /// The client's address; a network where denials were counted only.
    Ip,
    /// The model; unknown where denials were counted only.
    Model,
    /// The project.
    Project,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Rule, Self::Reason, Self::Key, Self::Ip, Self::Model, Self::Project];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Reason => "reason",
            Self::Key => "key",
            Self::Ip => "ip",
            Self::Model => "model",
            Self::Project => "project",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.word() == word)
    }
}

/// A record that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its place in the order in which they were kept.
    pub id: i64,
    /// When the request came, in milliseconds since 1970.
    pub at: i64,
    /// The record as a line of JSON.
    pub line: String,
}

/// Records of a kind that were counted only.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Counted {
    /// Its place in the order in which they were kept.
    #[serde(skip)]
    pub id: i64,
    /// When the first came, in milliseconds since 1970.
    #[serde(rename = "first_ms")]
    pub first: i64,
    /// When the last came.
    #[serde(rename = "last_ms")]
    pub last: i64,
    /// The outcome's word.
    pub outcome: String,
    /// The code of the reason or cause.
    pub reason: String,
    /// The rule that refused.
    pub rule: String,
    /// The project.
    pub project: String,
    /// The key's public id.
    pub key_id: String,
    /// Where they came from; empty for anywhere.
    pub network: String,
    /// How many.
    pub count: i64,
}

/// What is told of what was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// One record.
    Whole(Kept),
    /// Many that were counted only.
    Counted(Counted),
}

impl Entry {
    /// The last so many of both, the newest first.
    #[must_use]
    pub fn latest(kept: Vec<Kept>, counted: Vec<Counted>, most: usize) -> Vec<Self> {
        let mut all: Vec<Self> = kept.into_iter().map(Self::Whole).collect();
        all.extend(counted.into_iter().map(Self::Counted));
        all.sort_by_key(|one| {
            std::cmp::Reverse(match one {
                Self::Whole(kept) => kept.at,
                Self::Counted(counted) => counted.last,
            })
        });
        all.truncate(most);
        all
    }
}

/// How many have one value in common.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Share {
    /// The value; empty where it is not known.
    pub value: String,
    /// How many, counted ones included.
    pub count: i64,
    /// When the last came, in milliseconds since 1970.
    #[serde(rename = "last_ms")]
    pub last: i64,
}

/// Decisions that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The project.
    pub project: String,
    /// The key's public id.
    pub key_id: String,
    /// The client's address.
    pub client: IpAddr,
    /// The method.
    pub method: String,
    /// The path, without a query.
    pub path: String,
    /// The model; empty if none was found.
    pub model: String,
    /// The code of the reason; empty if it was let pass.
    pub denied: String,
    /// The code of the reason for which an observed rule would have denied it; empty if none.
    pub would_deny: String,
    /// The word for whose paths it used; empty if no endpoint was found.
    pub surface: String,
    /// The endpoint's scope.
    pub scope: String,
    /// The upstream's name; empty if none was chosen.
    pub upstream: String,
    /// How many.
    pub count: i64,
    /// When the last came, in milliseconds since 1970.
    pub last: i64,
}

/// How fast a project asked at most, all its keys together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// Requests in all.
    pub requests: i64,
    /// The most in a minute, whenever that minute begins.
    pub most_in_a_minute: i64,
    /// The most in an hour of the clock.
    pub most_in_an_hour: i64,
}

/// The reading side of a store.
#[derive(Debug)]
pub struct Reader(Connection);

/// A store that cannot be read to the end.
pub type Failed = rusqlite::Error;

impl Reader {
    /// Opens a store.
    ///
    /// # Errors
    /// When it cannot be opened, or is no store of a gate.
    pub fn open(path: &Path) -> Result<Self, Unusable> {
        schema::open_to_read(path).map(Self)
    }

    /// The last so many records, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn list(&self, filter: &Filter, most: usize) -> Result<Vec<Kept>, Failed> {
        let mut kept = Vec::new();
        if most == 0 {
            return Ok(kept);
        }
        self.records(filter, "id DESC", 0, |row| {
            kept.push(Kept { id: row.get(0)?, at: row.get(2)?, line: row.get(1)? });
            Ok(kept.len() < most)
        })?;
        Ok(kept)
    }

    /// The records kept after one, the oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn after(&self, filter: &Filter, id: i64) -> Result<Vec<Kept>, Failed> {
        let mut kept = Vec::new();
        self.records(filter, "id", id, |row| {
            kept.push(Kept { id: row.get(0)?, at: row.get(2)?, line: row.get(1)? });
            Ok(true)
        })?;
        Ok(kept)
    }

    /// The place of the last record.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last(&self) -> Result<i64, Failed> {
        self.0.query_row("SELECT coalesce(max(id), 0) FROM records", [], |row| row.get(0))
    }

    /// The record of a request.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn find(&self, request_id: &str) -> Result<Option<String>, Failed> {
        let mut query = self.0.prepare("SELECT record FROM records WHERE request_id = ?1")?;
        let mut rows = query.query([request_id])?;
        rows.next()?.map(|row| row.get(0)).transpose()
    }

    /// What was counted only, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn counted(&self, filter: &Filter) -> Result<Vec<Counted>, Failed> {
        let (clause, values) = filter.clause("last", false);
        let mut query = self.0.prepare(&format!(
            "SELECT id, first, last, event, reason, rule, project, key_id, network, count FROM repeats \
             WHERE {clause} ORDER BY id DESC"
        ))?;
        let mut rows = query.query(&*values)?;
        let mut counted = Vec::new();
        while let Some(row) = rows.next()? {
            let one = Counted {
                id: row.get(0)?,
                first: row.get(1)?,
                last: row.get(2)?,
                outcome: row.get(3)?,
                reason: row.get(4)?,
                rule: row.get(5)?,
                project: row.get(6)?,
                key_id: row.get(7)?,
                network: row.get(8)?,
                count: row.get(9)?,
            };
            let overlaps = |within: IpNet| {
                let from = one.network.parse::<IpNet>();
                from.is_ok_and(|from| within.contains(&from) || from.contains(&within))
            };
            if filter.network.is_none_or(overlaps) {
                counted.push(one);
            }
        }
        Ok(counted)
    }

    /// How many have which value, the most frequent first; counted ones included.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn top(&self, filter: &Filter, by: By) -> Result<Vec<Share>, Failed> {
        let mut shares: HashMap<String, (i64, i64)> = HashMap::new();
        let mut count = |value: String, count: i64, last: i64| {
            let share = shares.entry(value).or_default();
            *share = (share.0 + count, share.1.max(last));
        };
        self.records(filter, "id", 0, |row| {
            let column = match by {
                By::Rule => 3,
                By::Reason => 4,
                By::Key => 5,
                By::Ip => 6,
                By::Model => 7,
                By::Project => 8,
            };
            count(row.get(column)?, 1, row.get(2)?);
            Ok(true)
        })?;
        if filter.model.is_none() {
            for one in self.counted(filter)? {
                let value = match by {
                    By::Rule => one.rule,
                    By::Reason => one.reason,
                    By::Key => one.key_id,
                    By::Ip => one.network,
                    By::Model => String::new(),
                    By::Project => one.project,
                };
                count(value, one.count, one.last);
            }
        }
        let mut top: Vec<Share> =
            shares.into_iter().map(|(value, (count, last))| Share { value, count, last }).collect();
        top.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        Ok(top)
    }

    /// The decisions on requests of known keys.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn decisions(&self, project: Option<&str>, since: i64) -> Result<Vec<Decided>, Failed> {
        let mut query = self.0.prepare(
            "SELECT project, key_id, ip, method, path, model, denied, would_deny, surface, scope, upstream, \
             sum(count), max(last) FROM decisions WHERE last >= ?1 AND (?2 IS NULL OR project = ?2) \
             GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 ORDER BY 12 DESC, 1, 2, 3, 4, 5, 6",
        )?;
        let mut rows = query.query((since, project))?;
        let mut decided = Vec::new();
        while let Some(row) = rows.next()? {
            let Ok(client) = row.get::<_, String>(2)?.parse() else { continue };
            decided.push(Decided {
                project: row.get(0)?,
                key_id: row.get(1)?,
                client,
                method: row.get(3)?,
                path: row.get(4)?,
                model: row.get(5)?,
                denied: row.get(6)?,
                would_deny: row.get(7)?,
                surface: row.get(8)?,
                scope: row.get(9)?,
                upstream: row.get(10)?,
                count: row.get(11)?,
                last: row.get(12)?,
            });
        }
        Ok(decided)
    }

    /// How fast a project asked at most since a time in milliseconds since 1970.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn peak(&self, project: &str, since: i64) -> Result<Peak, Failed> {
        self.0.query_row(
            "SELECT coalesce(sum(requests), 0), coalesce(max(most_in_a_minute), 0), \
             coalesce(max(requests), 0) \
             FROM rates WHERE project = ?1 AND key_id = ?2 AND hour >= ?3",
            (project, tally::ALL_KEYS, tally::hour(since)),
            |row| {
                Ok(Peak {
                    requests: row.get(0)?,
                    most_in_a_minute: row.get(1)?,
                    most_in_an_hour: row.get(2)?,
                })
            },
        )
    }

    /// Calls for each record that is meant, as long as it says to go on.
    fn records(
        &self,
        filter: &Filter,
        order: &str,
        after: i64,
        mut on: impl FnMut(&Row<'_>) -> Result<bool, Failed>,
    ) -> Result<(), Failed> {
        let (clause, values) = filter.clause("at", true);
        let mut query = self.0.prepare(&format!(
            "SELECT id, record, at, rule, reason, key_id, ip, model, project FROM records \
             WHERE id > {after} AND {clause} ORDER BY {order}"
        ))?;
        let mut rows = query.query(&*values)?;
        while let Some(row) = rows.next()? {
            let within = |network: IpNet| {
                let ip = row.get::<_, String>(6).ok().and_then(|ip| ip.parse::<IpAddr>().ok());
                ip.is_some_and(|ip| network.contains(&ip))
            };
            if filter.network.is_none_or(within) && !on(row)? {
                break;
            }
        }
        Ok(())
    }
}

impl Filter {
    /// The condition in SQL, and its values.
    fn clause(&self, time: &str, has_model: bool) -> (String, Vec<&dyn ToSql>) {
        let mut clause = String::from("1");
        let mut values: Vec<&dyn ToSql> = Vec::new();
        let texts = [("project", &self.project), ("key_id", &self.key), ("reason", &self.reason)];
        for (column, value) in texts.into_iter().chain(has_model.then_some(("model", &self.model))) {
            if let Some(value) = value {
                clause.push_str(" AND ");
                clause.push_str(column);
                clause.push_str(" = ?");
                values.push(value);
            }
        }
        if let Some(since) = &self.since {
            clause.push_str(" AND ");
            clause.push_str(time);
            clause.push_str(" >= ?");
            values.push(since);
        }
        (clause, values)
    }
}
