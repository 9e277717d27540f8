//! Writes batches, and keeps the database within its bounds.

use std::collections::HashMap;

use rusqlite::{Connection, Transaction, params};
use serde_json::Value;

use super::Batch;
use super::decisions::Decision;
use super::schema::{self, Unusable};
use super::tally::{self, Alike, Often, Owner, Paces, Told};
use crate::flood::Repeats;
use crate::snapshot::StoreSettings;

/// How many kinds of decisions are kept for one hour: more than these come only from a caller who
/// tries out what there is.
const MOST_KINDS_AN_HOUR: i64 = 20_000;
/// How many batches are written between two looks for what is too old.
const BETWEEN_LOOKS: u32 = 240;
/// How many pages are given back to the file system at a time.
const PAGES_GIVEN_BACK: i32 = 2_000;

/// The writing side of the store.
#[derive(Debug)]
pub(super) struct Writer {
    db: Connection,
    /// The file that is written to.
    pub(super) file: Option<(u64, u64)>,
    largest: i64,
    oldest_ms: i64,
    kinds: Kinds,
    paces: Paces,
    batches: u32,
}

/// How many kinds of decisions an hour has so far.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds {
    hour: i64,
    count: i64,
}

impl Writer {
    pub(super) fn open(settings: &StoreSettings) -> Result<Self, Unusable> {
        Ok(Self {
            db: schema::open(&settings.path)?,
            file: super::file_at(&settings.path),
            largest: i64::try_from(settings.max_size).unwrap_or(i64::MAX),
            oldest_ms: i64::try_from(settings.max_age.as_millis()).unwrap_or(i64::MAX),
            kinds: Kinds::default(),
            paces: Paces::default(),
            batches: 0,
        })
    }

    /// Writes a batch, whole or not at all; gives how many of it there was no room for.
    pub(super) fn write(&mut self, batch: &Batch) -> rusqlite::Result<u64> {
        let mut untold = 0;
        if !batch.is_empty() {
            // What is known of the hours so far is set aside if the batch cannot be written.
            let mut kinds = self.kinds;
            let writing = self.db.transaction()?;
            write_records(&writing, &batch.records)?;
            write_repeats(&writing, &batch.repeats)?;
            untold = write_decisions(&writing, batch.decisions.all(), &mut kinds)?;
            write_paces(&writing, self.paces.count(batch.decisions.all()))?;
            writing.commit()?;
            self.kinds = kinds;
        }
        self.batches = self.batches.wrapping_add(1);
        if self.batches % BETWEEN_LOOKS == 1 {
            self.let_go_of_the_old()?;
        }
        if !batch.is_empty() {
            self.make_room()?;
        }
        Ok(untold)
    }

    fn let_go_of_the_old(&mut self) -> rusqlite::Result<()> {
        let now = crate::clock::Moment::now().unix_millis();
        let before = now.saturating_sub(self.oldest_ms);
        let deleting = self.db.transaction()?;
        deleting.execute("DELETE FROM records WHERE at < ?1", [before])?;
        deleting.execute("DELETE FROM repeats WHERE last < ?1", [before])?;
        deleting.execute("DELETE FROM decisions WHERE hour < ?1", [tally::hour(before)])?;
        deleting.execute("DELETE FROM rates WHERE hour < ?1", [tally::hour(before)])?;
        deleting.commit()
    }

    /// Lets go of the oldest until what is left fits, and gives free pages back.
    fn make_room(&mut self) -> rusqlite::Result<()> {
        let mut tries = 0;
        while self.used()? > self.largest && tries < 16 {
            let deleting = self.db.transaction()?;
            // A sixteenth of each table, which grow at very different paces.
            for (table, of) in [("records", "id"), ("repeats", "id"), ("decisions", "last")] {
                let to = format!(
                    "DELETE FROM {table} WHERE {of} <= (SELECT {of} FROM {table} ORDER BY {of} \
                     LIMIT 1 OFFSET (SELECT count(*) / 16 FROM {table}))"
                );
                deleting.execute(&to, [])?;
            }
            deleting.execute("DELETE FROM rates WHERE hour < (SELECT min(hour) FROM decisions)", [])?;
            deleting.commit()?;
            // Fewer are there than were counted.
            self.kinds = Kinds::default();
            tries += 1;
        }
        if self.asked("freelist_count")? > i64::from(PAGES_GIVEN_BACK) / 4 {
            self.db.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES_GIVEN_BACK})"))?;
        }
        Ok(())
    }

    /// The bytes in use.
    fn used(&self) -> rusqlite::Result<i64> {
        Ok((self.asked("page_count")? - self.asked("freelist_count")?) * self.asked("page_size")?)
    }

    fn asked(&self, what: &str) -> rusqlite::Result<i64> {
        self.db.pragma_query_value(None, what, |row| row.get(0))
    }
}

fn write_records(writing: &Transaction<'_>, lines: &[Box<str>]) -> rusqlite::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut insert = writing.prepare(
        "INSERT INTO records (at, request_id, event, reason, rule, project, key_id, ip, model, record) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for line in lines {
        // It was rendered by us a moment ago.
        let Ok(record) = serde_json::from_str::<Value>(line) else { continue };
        let part = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        let at = part("timestamp").parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond);
        let would = record.pointer("/would_deny/0");
        let of_would = |name: &str| would.and_then(|would| would.get(name)).and_then(Value::as_str);
        let first = |names: &[&str]| names.iter().map(|name| part(name)).find(|part| !part.is_empty());
        let reason = first(&["reason", "cause"]).or_else(|| of_would("reason")).unwrap_or_default();
        let rule = first(&["rule"]).or_else(|| of_would("rule")).unwrap_or_default();
        let key_id = first(&["key_id", "claimed_key_id"]).unwrap_or_default();
        let ip = first(&["client_ip", "peer_ip"]).unwrap_or_default();
        insert.execute(params![
            at,
            part("request_id"),
            part("event"),
            reason,
            rule,
            part("project"),
            key_id,
            ip,
            part("model"),
            &**line,
        ])?;
    }
    Ok(())
}

fn write_repeats(writing: &Transaction<'_>, all: &[Repeats]) -> rusqlite::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let mut insert = writing.prepare(
        "INSERT INTO repeats (first, last, event, reason, rule, project, key_id, network, count) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for repeats in all {
        insert.execute(params![
            repeats.first.unix_millis(),
            repeats.last.unix_millis(),
            repeats.event,
            repeats.reason,
            repeats.rule_path(),
            repeats.project(),
            repeats.key_id(),
            repeats.network.map(|network| network.to_string()).unwrap_or_default(),
            i64::try_from(repeats.count).unwrap_or(i64::MAX),
        ])?;
    }
    Ok(())
}

/// Gives how many decisions there was no room for.
fn write_decisions(
    writing: &Transaction<'_>,
    decisions: &[Decision],
    kinds: &mut Kinds,
) -> rusqlite::Result<u64> {
    if decisions.is_empty() {
        return Ok(0);
    }
    let mut again = writing.prepare(
        "UPDATE decisions SET count = count + ?13, last = max(last, ?14) \
         WHERE hour = ?1 AND project = ?2 AND key_id = ?3 AND ip = ?4 AND method = ?5 AND path = ?6 AND model = ?7 \
         AND denied = ?8 AND would_deny = ?9 AND surface = ?10 AND scope = ?11 AND upstream = ?12",
    )?;
    let mut insert = writing.prepare(
        "INSERT INTO decisions (hour, project, key_id, ip, method, path, model, denied, would_deny, surface, \
         scope, upstream, count, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    let mut untold = 0;
    for (alike, often) in tally::tally(decisions) {
        let Alike {
            hour,
            project,
            key_id,
            client,
            method,
            path,
            model,
            denied,
            would_deny,
            surface,
            scope,
            upstream,
        } = alike;
        let Often { count, last } = often;
        let client = client.to_string();
        let upstream = upstream.as_deref().unwrap_or_default();
        let row = params![
            hour, &*project, &*key_id, client, method, path, model, denied, would_deny, surface, scope,
            upstream, count, last
        ];
        if again.execute(row)? > 0 {
            continue;
        }
        if kinds.hour != hour {
            let known =
                writing
                    .query_row("SELECT count(*) FROM decisions WHERE hour = ?1", [hour], |row| row.get(0))?;
            *kinds = Kinds { hour, count: known };
        }
        if kinds.count >= MOST_KINDS_AN_HOUR {
            untold += u64::try_from(count).unwrap_or_default();
            continue;
        }
        insert.execute(row)?;
        kinds.count += 1;
    }
    Ok(untold)
}

fn write_paces(writing: &Transaction<'_>, paces: HashMap<Owner, Told>) -> rusqlite::Result<()> {
    let mut upsert = writing.prepare(
        "INSERT INTO rates (hour, project, key_id, requests, most_in_a_minute) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, \
         most_in_a_minute = max(most_in_a_minute, excluded.most_in_a_minute)",
    )?;
    for ((project, key_id), pace) in paces {
        upsert.execute(params![pace.hour, &*project, &*key_id, pace.requests, pace.most_in_a_minute])?;
    }
    Ok(())
}
