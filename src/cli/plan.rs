//! The arguments of `portcullis plan`.

use std::path::PathBuf;

use clap::Args;

use super::Format;
use super::denials::{StoreFile, since};
use crate::command::plan;

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    file: StoreFile,
    /// The configuration that is to come.
    #[arg(value_name = "NEW.toml")]
    new: PathBuf,
    /// What was decided since then: `2h` ago, or a date.
    #[arg(long, value_name = "TIME", value_parser = since, default_value = "7d")]
    since: i64,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Plan {
    pub(super) fn run(self) -> u8 {
        plan::run(&self.file.place(), &self.new, self.since, self.format == Format::Json)
    }
}
