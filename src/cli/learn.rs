//! The arguments of `portcullis learn`.

use clap::Args;

use super::Format;
use super::denials::{StoreFile, since};
use crate::command::learn;

#[derive(Debug, Args)]
pub(super) struct Learn {
    #[command(flatten)]
    file: StoreFile,
    /// The project.
    #[arg(long, value_name = "NAME")]
    project: String,
    /// From what it did since then: `2h` ago, or a date.
    #[arg(long, value_name = "TIME", value_parser = since, default_value = "30d")]
    since: i64,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Learn {
    pub(super) fn run(self) -> u8 {
        learn::run(&self.file.place(), &self.project, self.since, self.format == Format::Json)
    }
}
