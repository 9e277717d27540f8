//! The arguments of `portcullis explain`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use http::{HeaderName, HeaderValue};

use super::Format;
use super::denials::StoreFile;
use crate::change::Known;
use crate::command::explain::{self, Asked};

#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    file: StoreFile,
    /// Take the request from a record, one JSON line as the gate writes it; `-` is standard input.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["request", "key_id", "ip", "method", "path"]
    )]
    record: Option<PathBuf>,
    /// Take the request from the store: a refused one, by the id that the client was told.
    #[arg(long, value_name = "ID", conflicts_with_all = ["key_id", "ip", "method", "path"])]
    request: Option<String>,
    /// The public id of the key that the caller uses.
    #[arg(long, value_name = "ID", required_unless_present_any = ["record", "request"])]
    key_id: Option<String>,
    /// The caller's address.
    #[arg(long, value_name = "ADDRESS", required_unless_present_any = ["record", "request"])]
    ip: Option<IpAddr>,
    /// The model that the request names, in its body, its query or a session's messages; of a record in place of its own.
    #[arg(long)]
    model: Option<String>,
    /// How many tokens the request lets the answer have; of a record in place of its own.
    #[arg(long, value_name = "COUNT")]
    max_tokens: Option<u64>,
    /// A further header, such as 'anthropic-version: 2023-06-01'; may be given several times.
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The request's method.
    #[arg(required_unless_present_any = ["record", "request"])]
    method: Option<String>,
    /// The request's path and query.
    #[arg(required_unless_present_any = ["record", "request"])]
    path: Option<String>,
}

impl Explain {
    pub(super) fn run(self) -> u8 {
        let place = self.file.place();
        let asked = match (self.record, self.request, self.key_id, self.ip, self.method, self.path) {
            (Some(record), ..) => Asked::in_record(&record),
            (None, Some(id), ..) => Asked::in_store(&place, &id),
            (None, None, Some(key_id), Some(ip), Some(method), Some(path)) => {
                let (model, headers) = (None, Vec::new());
                Ok(Asked {
                    key_id,
                    ip,
                    method,
                    path,
                    model,
                    max_tokens: None,
                    headers,
                    exceeded: None,
                    known: Known::All,
                    recorded: None,
                })
            }
            _ => Err("name the request, or a record of it".to_owned()),
        };
        let given = |name: &HeaderName| self.header.iter().any(|(other, _)| other == name);
        let asked = asked.map(|mut asked| Asked {
            headers: {
                asked.headers.retain(|(name, _)| !given(name));
                asked.headers.extend(self.header.iter().cloned());
                asked.headers
            },
            max_tokens: self.max_tokens.or(asked.max_tokens),
            known: match asked.known {
                Known::Nothing if self.model.is_some() => Known::Model,
                known @ (Known::All | Known::Model | Known::Nothing) => known,
            },
            model: self.model.or(asked.model),
            ..asked
        });
        explain::run(&place.config, asked, self.format == Format::Json)
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it like 'anthropic-version: 2023-06-01'")?;
    let name = name.trim().parse().map_err(|_| format!("'{}' is no header's name", name.trim()))?;
    let value = value.trim().parse().map_err(|_| "the value holds what no header can")?;
    Ok((name, value))
}
