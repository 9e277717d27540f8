//! The arguments of `portcullis prices`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::clock::Moment;
use crate::command::prices::{self, Format};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Prices {
    #[command(subcommand)]
    one: Option<One>,
    /// Only of these: a model as clients name it, a part of `seller/model`, or that with `*`.
    pattern: Option<String>,
    /// A configuration, whose overrides are shown too.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_CONFIG")]
    config: Option<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: How,
    /// Print the licence of the price list instead.
    #[arg(long)]
    notice: bool,
}

#[derive(Debug, Subcommand)]
enum One {
    /// How another price list differs from the one that comes with the gate.
    ///
    /// `src/prices/update` makes such a list from a newer genai-prices. Exit code 1 if there is a difference.
    Diff {
        /// The other list.
        file: PathBuf,
        /// How to print it.
        #[arg(long, value_enum, default_value_t)]
        format: How,
    },
}

/// For whom to print.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum How {
    /// People.
    #[default]
    Text,
    /// Machines.
    Json,
    /// Sheets.
    Csv,
}

impl How {
    const fn format(self) -> Format {
        match self {
            Self::Text => Format::Text,
            Self::Json => Format::Json,
            Self::Csv => Format::Csv,
        }
    }
}

impl Prices {
    pub(super) fn run(self) -> u8 {
        let now = Moment::now();
        match self.one {
            Some(One::Diff { file, format }) => prices::diff(&file, format.format(), now),
            None if self.notice => prices::notice(),
            None => prices::run(self.config.as_deref(), self.pattern.as_deref(), self.format.format(), now),
        }
    }
}
