//! The arguments of `portcullis denials`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use ipnet::IpNet;

use super::Format;
use crate::clock::Moment;
use crate::command::denials::{self, Place, Shown};
use crate::config::before;
use crate::store::read::{By, Filter, reason};

/// Which store.
#[derive(Debug, Args)]
pub(super) struct StoreFile {
    /// The gate's configuration, which names its store.
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTCULLIS_CONFIG",
        default_value = "portcullis.toml",
        global = true
    )]
    config: PathBuf,
    /// The store itself, in place of the one in the configuration.
    #[arg(long, value_name = "FILE", global = true)]
    store: Option<PathBuf>,
}

impl StoreFile {
    pub(super) fn place(self) -> Place {
        Place { store: self.store, config: self.config }
    }
}

#[derive(Debug, Args)]
pub(super) struct Denials {
    #[command(flatten)]
    file: StoreFile,
    #[command(subcommand)]
    one: Option<One>,
    /// Only of this project.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only of the key with this public id.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// Only with this reason or cause, such as `model_not_allowed`.
    #[arg(long, value_name = "CODE", value_parser = reason)]
    reason: Option<String>,
    /// Only from this address or network.
    #[arg(long, value_name = "ADDRESS", value_parser = network)]
    ip: Option<IpNet>,
    /// Only for this model.
    #[arg(long)]
    model: Option<String>,
    /// Only since then: `2h` ago, or a date.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<i64>,
    /// How many at most.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Go on with what comes.
    #[arg(long)]
    follow: bool,
    /// Count by this instead.
    #[arg(long, value_name = "WHAT", conflicts_with = "follow", value_parser = by())]
    top: Option<By>,
    /// How to print it; json is one record a line, as in the log.
    #[arg(long, value_enum, default_value_t, global = true)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum One {
    /// Show all that is known of one request.
    Show {
        /// The request's id, as the client was told: `req_…`.
        id: String,
        /// Only what a provider's support may see, to be pasted into its form.
        #[arg(long)]
        support: bool,
    },
}

impl Denials {
    pub(super) fn run(self) -> u8 {
        let filter = Filter {
            project: self.project,
            key: self.key,
            reason: self.reason,
            model: self.model,
            network: self.ip,
            since: self.since,
        };
        let shown = match (self.one, self.top) {
            (Some(One::Show { id, support }), _) => Shown::One { id, support },
            (None, Some(by)) => Shown::Top { by, most: self.limit },
            (None, None) => Shown::List { most: self.limit, follow: self.follow },
        };
        denials::run(&self.file.place(), &filter, &shown, self.format == Format::Json)
    }
}

/// The words that can be counted by.
fn by() -> impl TypedValueParser<Value = By> {
    let read = |word: String| By::from_word(&word).ok_or("unknown");
    PossibleValuesParser::new(By::ALL.map(By::word)).try_map(read)
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse().ok().or_else(address);
    network.ok_or_else(|| "an address such as 203.0.113.9, or a network such as 203.0.113.0/24".to_owned())
}

pub(super) fn since(text: &str) -> Result<i64, String> {
    before(Moment::now().wall(), text)
        .ok_or_else(|| "how long ago, such as 30m, 2h or 7d, or a date such as 2026-11-01".to_owned())
}
