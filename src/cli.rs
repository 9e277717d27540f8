//! The command line.

mod denials;
mod explain;
mod learn;
mod plan;
mod prices;
mod usage;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::clock::Moment;
use crate::command::{self, check, demo, health, init, key, probe, scopes, serve, stand_in};
use crate::provider::Provider;

/// An authenticating gate in front of LLM APIs.
///
/// Point an SDK's `base_url` at it and give the SDK a project key. The gate checks address, key,
/// scope, model and rate, puts in the provider's real credential, streams the answer, and says for
/// every refusal which rule refused and how to mend it.
///
/// Exit codes: 0 fine, 1 refused or failed, 2 wrong usage or configuration.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gate.
    ///
    /// SIGTERM and Ctrl-C drain: no new connections, requests under way finish (a second signal
    /// ends them). SIGHUP, and any change of the files, reloads the configuration as a whole or
    /// keeps the old one and logs why.
    Serve(ConfigFile),
    /// Show the gate at work; needs no account and no network.
    ///
    /// Starts a stand-in upstream and a gate before it, prints how to reach them, and sends a tour
    /// of requests: allowed, streamed, and refused for each kind of reason.
    Demo {
        /// End after the tour; the exit code tells whether every verdict was the expected one.
        #[arg(long)]
        once: bool,
    },
    /// Tell every mistake of a configuration at once, with its place and its mend.
    ///
    /// Without a mistake it shows what is probably not meant, and who may do what.
    Check {
        #[command(flatten)]
        file: ConfigFile,
        /// How to print it.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Write a first configuration with one project, and print its key, once.
    Init {
        /// Where to write it; what is there is not overwritten.
        #[arg(long, value_name = "FILE", default_value = "portcullis.toml")]
        config: PathBuf,
        /// Whose API the gate stands before.
        #[arg(long, value_parser = provider, default_value = "openai")]
        provider: Provider,
        /// The project's name.
        #[arg(long, default_value = "app")]
        project: String,
    },
    /// Print the JSON schema of the configuration, for editors.
    Schema,
    /// Project keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Say what the gate would answer to a request, and why: offline, from the configuration alone.
    ///
    /// Asks the same stages as the gate; limits are taken to be unused. For a refusal it shows the
    /// smallest change of the files that would let the request pass; it writes nothing. Exit code 0
    /// allowed, 1 refused.
    Explain(explain::Explain),
    /// List what was refused lately, count it by rule, reason, key, address or model, or show one request.
    ///
    /// Reads the store that the configuration's [store] names, also while the gate writes it.
    Denials(denials::Denials),
    /// Show what projects, keys and models used, and what it cost.
    ///
    /// Reads the ledger of usage beside the store that the configuration's [store] names, also while the
    /// gate writes it, up to the last request. Times are in UTC and go to whole quarters of an hour; after
    /// 40 days only days are kept. Requests under way show what they reserve.
    Usage(usage::Usage),
    /// Print the least TOML that allows what a project did: addresses, scopes, models, rate.
    ///
    /// For rules that are observed first: set mode = "observe", let the project work for a while, take
    /// what this prints, and enforce it.
    Learn(learn::Learn),
    /// Replay what the gate decided lately against a new configuration: who would lose what, who would
    /// gain what.
    ///
    /// Exit code 0 if nobody would lose anything, 1 if somebody would.
    Plan(plan::Plan),
    /// Show what models cost, by the price list that comes with the gate and the overrides of a configuration.
    ///
    /// In USD: for a million tokens or characters, an hour of sound, or one of what else it is. With `diff`, how
    /// another list differs.
    Prices(prices::Prices),
    /// Ask each upstream, with each of its credentials, for what costs nothing.
    ///
    /// Says for each what the provider answered, and if it refused, why, whose it is and the mend; and where
    /// the answer tells, the organization, what is left of its limits, and from where it sees the gate.
    /// For before a deployment and in CI; exit code 1 if any credential is not accepted.
    Probe {
        #[command(flatten)]
        file: ConfigFile,
        /// Only this upstream.
        upstream: Option<String>,
        /// How to print it.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List the words that a project's scopes takes, and the endpoints that each opens.
    Scopes {
        #[command(flatten)]
        file: ConfigFile,
        /// An upstream of the configuration, or a provider such as openai: only its own, with their endpoints.
        upstream: Option<String>,
        /// How to print it.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Ask the admin listener whether the gate is ready; for a container's health check.
    Health {
        /// The gate's admin.listen; a host's name can stand in place of the address.
        #[arg(
            long,
            value_name = "ADDRESS:PORT",
            value_parser = place,
            default_value = "127.0.0.1:9090",
            env = "PORTCULLIS_ADMIN"
        )]
        admin: String,
    },
    /// Run an upstream that speaks OpenAI, Anthropic, Gemini and Azure and needs no account.
    ///
    /// For trying and testing; it asks no model.
    StandIn {
        /// Where to listen.
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9100")]
        listen: SocketAddr,
        /// The provider's key that it accepts.
        #[arg(long, default_value = "sk-stand-in", env = "STAND_IN_KEY", hide_env_values = true)]
        key: String,
        /// Milliseconds between two events of a stream.
        #[arg(long, default_value_t = 20)]
        pace_ms: u64,
    },
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration; the *.toml of a folder conf.d beside it are laid over it by name, then
    /// variables such as `PORTCULLIS__SERVER__LISTEN`.
    #[arg(long, value_name = "FILE", env = "PORTCULLIS_CONFIG", default_value = "portcullis.toml")]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key; it is printed once, with the lines for the configuration.
    New {
        /// The key's public name, which may appear in logs.
        #[arg(long)]
        id: String,
        /// How to print it.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print the SHA-256 of the key on the standard input, as the configuration wants it.
    Hash {
        /// How to print it.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// For whom a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// People.
    #[default]
    Text,
    /// Machines.
    Json,
}

/// Runs the command that the arguments name.
#[must_use]
pub fn run() -> ExitCode {
    let code = match Cli::parse().command {
        Command::Serve(ConfigFile { config }) => serve::run(&config),
        Command::Demo { once } => demo::run(once),
        Command::Check { file, format } => {
            let format = match format {
                Format::Text => check::Format::Text,
                Format::Json => check::Format::Json,
            };
            let checked = check::run(&file.config, format);
            command::say(checked.text.trim_end());
            checked.exit_code
        }
        Command::Init { config, provider, project } => init::run(&config, provider, &project, Moment::now()),
        Command::Schema => {
            command::say(crate::config::SCHEMA.trim_end());
            command::FINE
        }
        Command::Key(KeyCommand::New { id, format }) => key::new(&id, format == Format::Json, Moment::now()),
        Command::Key(KeyCommand::Hash { format }) => key::hash(format == Format::Json),
        Command::Explain(explain) => explain.run(),
        Command::Denials(denials) => denials.run(),
        Command::Usage(usage) => usage.run(),
        Command::Learn(learn) => learn.run(),
        Command::Plan(plan) => plan.run(),
        Command::Prices(prices) => prices.run(),
        Command::Probe { file, upstream, format } => {
            probe::run(&file.config, upstream.as_deref(), format == Format::Json)
        }
        Command::Scopes { file, upstream, format } => {
            scopes::run(&file.config, upstream.as_deref(), format == Format::Json)
        }
        Command::Health { admin } => health::run(&admin),
        Command::StandIn { listen, key, pace_ms } => {
            stand_in::run(listen, &key, Duration::from_millis(pace_ms))
        }
    };
    command::exit(command::told(code))
}

fn place(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    let fine = !host.is_empty() && port.parse::<u16>().is_ok();
    fine.then(|| text.to_owned())
        .ok_or_else(|| "an address or a name with a port, such as gate:9090".to_owned())
}

fn provider(name: &str) -> Result<Provider, String> {
    let names = || Provider::ALL.iter().map(|known| known.name()).collect::<Vec<_>>().join(", ");
    Provider::ALL
        .iter()
        .copied()
        .find(|known| known.name() == name)
        .ok_or_else(|| format!("one of {}", names()))
}
