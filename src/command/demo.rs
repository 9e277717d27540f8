//! `portcullis demo`: shows the gate at work, without an account and without a network.
//!
//! It starts the stand-in upstream and a real gate before it, prints how to reach them, and sends
//! a tour of requests over real sockets. For each it shows what the client got and the record that
//! the gate wrote. The exit code says whether every verdict was the expected one.

mod tour;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use super::{FAILED, FINE, complain, key, say};
use crate::clock::Moment;
use crate::config::Sources;
use crate::expect;
use crate::limits::Registry;
use crate::project_key;
use crate::run::{Ended, Gate};
use crate::standin::Standin;

/// The configuration that the demo runs.
const CONFIGURATION: &str = include_str!("../../config/demo.toml");
/// The provider's key that only gate and stand-in know.
const PROVIDER_KEY: &str = "sk-stand-in-provider-key";

/// The project keys of one demo.
#[derive(Debug)]
pub(crate) struct Keys {
    search: String,
    reports: String,
    warehouse: String,
    batch: String,
}

/// Runs the demo; with `once`, only the tour.
#[must_use]
pub fn run(once: bool) -> u8 {
    match Builder::new_current_thread().enable_all().build().and_then(|runtime| show(&runtime, once)) {
        Ok(true) => FINE,
        Ok(false) => {
            complain("a verdict was not the expected one");
            FAILED
        }
        Err(error) => {
            complain(&format!("the demo does not start: {error}"));
            FAILED
        }
    }
}

fn show(runtime: &Runtime, once: bool) -> io::Result<bool> {
    let upstream_address = start_upstream()?;
    let keys = make_keys().ok_or_else(|| io::Error::other("the system gave no randomness"))?;
    let (written, records) = channel();
    let gate = start(upstream_address, &keys, &written)?;
    introduce(&gate, upstream_address, &keys);
    let well = runtime.block_on(tour::run(gate.address, &keys, &records))?;
    say(&tour::closing(well));
    if !once {
        say("The gate stays up; its records follow. Ctrl-C ends it.\n");
        runtime.block_on(stay(records))?;
    }
    let ended = gate.stop();
    Ok(well && ended == Ended::Drained)
}

/// The stand-in runs on a thread of its own until the process ends.
fn start_upstream() -> io::Result<SocketAddr> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let standin = Standin::new(PROVIDER_KEY).pace(Duration::from_millis(30));
    std::thread::Builder::new().name("stand-in".to_owned()).spawn(move || {
        if let Err(error) = runtime.block_on(standin.serve(listener, std::future::pending())) {
            complain(&format!("the stand-in upstream ended: {error}"));
        }
    })?;
    Ok(address)
}

fn make_keys() -> Option<Keys> {
    let made = |id: &str| key::generate(id).map(|key| key.as_str().to_owned());
    Some(Keys {
        search: made("search-demo")?,
        reports: made("reports-demo")?,
        warehouse: made("warehouse-demo")?,
        batch: made("batch-demo")?,
    })
}

fn start(upstream: SocketAddr, keys: &Keys, written: &Sender<String>) -> io::Result<Gate> {
    let registry = Arc::new(Registry::new(Moment::now()));
    let gate = |listen: &str| -> io::Result<Gate> {
        let loaded = expect::load(&sources(upstream, keys, listen), &registry).map_err(io::Error::other)?;
        Gate::start(loaded, Arc::clone(&registry), Lines { written: written.clone(), partial: Vec::new() })
    };
    // The usual port if it is free, so that what the README shows can be pasted.
    gate("127.0.0.1:8080").or_else(|_| gate("127.0.0.1:0"))
}

fn sources(upstream: SocketAddr, keys: &Keys, listen: &str) -> Sources {
    let entry = |project: &str, id: &str, key: &str| {
        let sha256 = key::hex(&project_key::digest(key.as_bytes()));
        format!("[[projects.{project}.keys]]\nid = \"{id}\"\nsha256 = \"{sha256}\"\nexpires = 2099-12-31\n")
    };
    let made = [
        entry("search", "search-demo", &keys.search),
        entry("reports", "reports-demo", &keys.reports),
        entry("warehouse", "warehouse-demo", &keys.warehouse),
        entry("batch", "batch-demo", &keys.batch),
    ]
    .concat();
    let texts = [("config/demo.toml".to_owned(), CONFIGURATION.to_owned()), ("keys.toml".to_owned(), made)];
    let set = |name: &str, value: String| (name.to_owned(), value);
    let environment = [
        set("STAND_IN_KEY", PROVIDER_KEY.to_owned()),
        set("PORTCULLIS__SERVER__LISTEN", listen.to_owned()),
        set("PORTCULLIS__LOG__FORMAT", "json".to_owned()),
        set("PORTCULLIS__UPSTREAMS__OPENAI__BASE_URL", format!("http://{upstream}/v1")),
        set("PORTCULLIS__UPSTREAMS__ANTHROPIC__BASE_URL", format!("http://{upstream}")),
        set("PORTCULLIS__UPSTREAMS__GEMINI__BASE_URL", format!("http://{upstream}")),
    ];
    Sources::from_texts(texts, environment)
}

/// Hands on each line that the gate writes.
struct Lines {
    written: Sender<String>,
    partial: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.partial)).into_owned();
                // Nobody listens any more when the demo has ended.
                let _ = self.written.send(line);
            } else {
                self.partial.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn introduce(gate: &Gate, upstream: SocketAddr, keys: &Keys) {
    let (base, key) = (gate.address, &keys.search);
    say(&format!(
        r#"Portcullis is up, in front of a stand-in upstream on {upstream} that speaks OpenAI, Anthropic and Gemini.

  base URL      http://{base}/v1
  project key   {key}

curl
  curl http://{base}/v1/chat/completions -H "authorization: Bearer {key}" \
    -H "content-type: application/json" -d '{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"Hello"}}]}}'

Python (pip install openai)
  from openai import OpenAI
  client = OpenAI(base_url="http://{base}/v1", api_key="{key}")
  print(client.chat.completions.create(model="gpt-4o-mini", messages=[{{"role": "user", "content": "Hello"}}]))

Node (npm install openai)
  import OpenAI from "openai";
  const client = new OpenAI({{ baseURL: "http://{base}/v1", apiKey: "{key}" }});
  console.log(await client.chat.completions.create({{ model: "gpt-4o-mini", messages: [{{ role: "user", content: "Hello" }}] }}));
"#
    ));
}

/// Prints records until Ctrl-C.
async fn stay(records: Receiver<String>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let printing = std::thread::spawn(move || {
        for record in records {
            say(&record);
        }
    });
    tokio::select! {
        done = tokio::signal::ctrl_c() => done?,
        _ = terminate.recv() => {}
    }
    drop(printing);
    Ok(())
}
