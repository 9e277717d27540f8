//! The arguments of `portcullis usage`.

use clap::{Args, ValueEnum};

use super::denials::{StoreFile, since};
use crate::book::read::Filter;
use crate::book::report::By;
use crate::command::usage::{self, Form};

#[derive(Debug, Args)]
pub(super) struct Usage {
    #[command(flatten)]
    file: StoreFile,
    /// What to sum up by, in this order: project, key, upstream, model, hour, day, month.
    #[arg(long, value_name = "WHAT,…", value_parser = by, default_value = "project,model")]
    by: Words,
    /// Only since then: `7d` ago, or a date.
    #[arg(long, value_name = "TIME", value_parser = since, default_value = "30d")]
    since: i64,
    /// Only before then.
    #[arg(long, value_name = "TIME", value_parser = since)]
    until: Option<i64>,
    /// Only of this project.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only of the key with this public id.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// Only at this upstream.
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
    /// Only for this model.
    #[arg(long)]
    model: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: UsageFormat,
}

/// What is summed up by; of its own so that the argument is one word.
#[derive(Clone, Debug)]
struct Words(Vec<By>);

/// For whom it is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum UsageFormat {
    /// People: a table.
    #[default]
    Text,
    /// Spreadsheets.
    Csv,
    /// Machines.
    Json,
}

impl Usage {
    pub(super) fn run(self) -> u8 {
        let filter = Filter {
            since_ms: Some(self.since),
            until_ms: self.until,
            project: self.project,
            key: self.key,
            upstream: self.upstream,
            model: self.model,
        };
        let form = match self.format {
            UsageFormat::Text => Form::Text,
            UsageFormat::Csv => Form::Csv,
            UsageFormat::Json => Form::Json,
        };
        usage::run(&self.file.place(), &filter, &self.by.0, form)
    }
}

fn by(words: &str) -> Result<Words, String> {
    By::list(words).map(Words).ok_or_else(|| {
        let known: Vec<&str> = By::ALL.iter().map(|by| by.word()).collect();
        format!("a list of {}, such as project,month", known.join(", "))
    })
}
