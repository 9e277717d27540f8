//! `portcullis usage`: what projects, keys and models used, and what it cost.

use super::denials::Place;
use super::{FAILED, FINE, complain, say};
use crate::book::read::{Filter, Reader};
use crate::book::report::{By, Report};

/// How it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A table.
    Text,
    /// Lines of values with commas.
    Csv,
    /// JSON.
    Json,
}

/// Prints what was used.
#[must_use]
pub fn run(place: &Place, filter: &Filter, by: &[By], form: Form) -> u8 {
    match made(place, filter, by) {
        Ok(report) => {
            place.note_unknown(filter.project.as_deref(), filter.key.as_deref());
            let text = match form {
                Form::Text if report.is_empty() => "nothing was used in this time".to_owned(),
                Form::Text => report.text(),
                Form::Csv => report.csv(),
                Form::Json => format!("{:#}", report.json()),
            };
            say(text.trim_end());
            FINE
        }
        Err((why, code)) => {
            complain(&why);
            code
        }
    }
}

fn made(place: &Place, filter: &Filter, by: &[By]) -> Result<Report, (String, u8)> {
    let mut reader = Reader::beside(&place.path()?).map_err(|why| (why.to_string(), FAILED))?;
    Report::make(&mut reader, filter, by)
        .map_err(|error| (format!("the ledger of usage cannot be read: {error}"), FAILED))
}
