//! The order of the source: who may import whom, and what only one file may do.
//!
//! Order survives only where a machine guards it. Each rule names its reason; whoever breaks one reads
//! the line and the rule.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where it cannot go on")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The modules from the ground up. An import goes down, or sideways without a circle; never up.
const RANKS: [(&str, &[&str]); 10] = [
    (
        "vocabulary: knows nothing of configurations or servers",
        &[
            "address",
            "ascii",
            "certificate",
            "clock",
            "denial",
            "diagnosis",
            "dialect",
            "endpoint",
            "estimate",
            "model_name",
            "money",
            "multipart",
            "peek",
            "prices",
            "printable",
            "project_key",
            "provider",
            "provider_key",
            "proxy_header",
            "receipt",
            "redact",
            "rename",
            "request_id",
            "secret",
            "skim",
            "tier",
            "upgrade",
            "usage",
        ],
    ),
    (
        "compiled: what policies decide by",
        &["attempts", "cloud", "credentials", "egress", "health", "held", "limits", "snapshot", "uploads"],
    ),
    ("written, and told: made without a runtime", &["config", "record"]),
    (
        "the request and its record on their way",
        &[
            "alarm",
            "body",
            "book",
            "exchange",
            "flood",
            "hush",
            "ledger",
            "metrics",
            "store",
            "telemetry",
            "wire",
        ],
    ),
    ("decisions, and what they need", &["models", "policy", "pool", "sessions", "share", "tokens"]),
    (
        "stages",
        &[
            "account",
            "ask",
            "catch",
            "cors",
            "forward",
            "fund",
            "gate",
            "inject",
            "preflight",
            "probe",
            "respond",
            "websocket",
            "whoami",
        ],
    ),
    ("the stages in order", &["change", "expect", "explain", "stack"]),
    ("the listeners", &["accept", "admin", "learn", "plan"]),
    ("a gate in a process", &["reload", "run"]),
    ("commands", &["cli", "command", "fuzzing", "main", "lib"]),
];

/// Stands beside the gate: an upstream that knows nothing of it.
const APART: &str = "standin";

/// What can be tested without a runtime: the first three ranks, and every policy.
const PURE_RANKS: usize = 3;
const RUNTIME: [&str; 8] =
    ["tokio", "tokio_rustls", "hyper", "hyper_util", "axum", "tower", "tower_http", "tracing"];

/// A text that only these files may hold, and why.
struct Sole {
    text: &'static str,
    files: &'static [(&'static str, &'static str)],
    rule: &'static str,
}

const SOLE: [Sole; 11] = [
    Sole {
        text: "redis::",
        files: &[
            ("share/cluster.rs", "asks nodes which of them it is"),
            ("share/line.rs", "the connection"),
            ("share/link.rs", "what is said"),
            ("share/sentinel.rs", "asks Sentinels which server it is"),
        ],
        rule: "only the connection knows what the store of several gates is",
    },
    Sole {
        text: "rusqlite",
        files: &[
            ("store/schema.rs", "the tables"),
            ("store/write.rs", "the writing side"),
            ("store/read.rs", "the reading side"),
            ("book/schema.rs", "the tables of usage"),
            ("book/apply.rs", "the writing side of usage"),
            ("book/read.rs", "the reading side of usage"),
        ],
        rule: "only the stores know that they are databases",
    },
    Sole {
        text: "KeyGiven",
        files: &[("policy/key.rs", "the policy itself"), ("explain.rs", "judges requests that nobody sent")],
        rule: "only explain.rs may take a caller for a key's holder who has not shown the key",
    },
    Sole {
        text: "LimitsUnused",
        files: &[("policy/rate.rs", "the policy itself"), ("explain.rs", "judges requests that nobody sent")],
        rule: "only explain.rs may take limits to be unused",
    },
    Sole {
        text: ".expose()",
        files: &[("inject.rs", "the one door"), ("pool/tunnel.rs", "logs in at a proxy")],
        rule: "only inject.rs may look at a credential; a proxy's is for the tunnel to it",
    },
    Sole {
        text: "reveal",
        files: &[
            ("secret.rs", "the type itself"),
            ("cloud/answer.rs", "takes secrets out of what is told"),
            ("cloud/azure.rs", "asks Entra ID"),
            ("cloud/sigv4.rs", "signs"),
            ("cloud/source.rs", "hands them to those that ask"),
            ("share/line.rs", "says the password to the store of several gates"),
        ],
        rule: "only who shows it to a service or signs may look at what is shown to it",
    },
    Sole {
        text: "Instant::now(",
        files: &[("clock.rs", "the one place")],
        rule: "only clock.rs reads the time: take a Moment as an argument",
    },
    Sole {
        text: "SystemTime::now(",
        files: &[("clock.rs", "the one place")],
        rule: "only clock.rs reads the time: take a Moment as an argument",
    },
    Sole {
        text: "std::env::",
        files: &[("config/load.rs", "the one place")],
        rule: "only config/load.rs reads the environment",
    },
    Sole {
        text: "std::fs",
        files: &[
            ("config/load.rs", "the one place"),
            ("config/schema/tests.rs", "a test that writes the schema"),
            ("reload.rs", "looks at dates and sizes, never inside"),
            ("run/sockets.rs", "makes and removes the files of sockets"),
            ("command/init.rs", "writes the first configuration"),
            ("command/explain.rs", "reads a record that is to be explained"),
            ("command/prices.rs", "reads a price list that is to be compared"),
            ("store/schema.rs", "makes the store's file for its owner alone"),
            ("book/journal.rs", "the journal is files of its own"),
        ],
        rule: "only config/load.rs reads files",
    },
    Sole {
        text: "told_to_client",
        files: &[
            ("denial.rs", "the table itself"),
            ("record.rs", "fills the sentence with the request's own facts"),
        ],
        rule: "a sentence for a client is filled in one place, and respond.rs says it",
    },
];

/// A source file: its path below `src`, and its lines of code with their numbers.
struct Source {
    path: String,
    whole: String,
    code: Vec<(usize, String)>,
}

impl Source {
    fn new(path: &str, whole: String) -> Self {
        let ours = whole.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]");
        let told = |line: &str| line.trim_start().starts_with("//");
        let code = ours.filter(|(_, line)| !told(line)).map(|(at, line)| (at + 1, line.to_owned())).collect();
        Self { path: path.to_owned(), whole, code }
    }

    /// The module of the crate's root that the file belongs to.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// The modules of the crate's root that are named, and where.
    fn imports(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut open = false;
        for (at, line) in &self.code {
            // rustfmt puts each entry of a long `use crate::{` on a line of its own.
            if open {
                open = !line.starts_with("};");
                found.extend(first_words(line.trim_start()).into_iter().map(|name| (*at, name)));
                continue;
            }
            for (_, behind) in line.match_indices("crate::").map(|(from, _)| line.split_at(from + 7)) {
                match behind.strip_prefix('{') {
                    Some(list) => {
                        open = !list.contains('}');
                        found.extend(first_words(list).into_iter().map(|name| (*at, name)));
                    }
                    None => found.extend(word(behind).map(|name| (*at, name))),
                }
            }
        }
        found.retain(|(_, name)| name != self.module());
        found
    }
}

fn word(text: &str) -> Option<String> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let name = &text[..end];
    name.starts_with(|c: char| c.is_ascii_lowercase()).then(|| name.to_owned())
}

/// The first word of each entry of a list, not of the lists inside.
fn first_words(list: &str) -> Vec<String> {
    let mut depth = 0i32;
    let mut entries = vec![String::new()];
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => entries.push(String::new()),
            _ if depth == 0 => entries.last_mut().unwrap().push(character),
            _ => {}
        }
    }
    entries.iter().filter_map(|entry| word(entry.trim_start())).collect()
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    files_below(&root)
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            Source::new(&name, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|(_, modules)| modules.contains(&module))
}

fn told(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

fn misplaced(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let module = source.module();
        for (line, import) in source.imports() {
            let at = format!("src/{}:{line}: {module} imports {import}", source.path);
            if module == APART || (import == APART && rank(module) != Some(RANKS.len() - 1)) {
                broken.push(format!("{at}, but the stand-in and the gate know nothing of each other"));
            } else if import != APART {
                match (rank(module), rank(&import)) {
                    (Some(own), Some(its)) if its > own => {
                        let (own, its) = (RANKS[own].0, RANKS[its].0);
                        broken.push(format!("{at}, which stands above it ({own} < {its})"));
                    }
                    (Some(_), Some(_)) => {}
                    (None, _) | (_, None) => broken.push(format!("{at}, of which one has no rank")),
                }
            }
        }
    }
    broken
}

#[test]
fn imports_go_down() {
    told(&misplaced(&sources()));
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        let names = source.imports().into_iter().map(|(_, name)| name);
        imports.entry(source.module().to_owned()).or_default().extend(names);
    }
    // What is left when modules that import none of the rest are taken away again and again.
    loop {
        let left: BTreeSet<String> = imports.keys().cloned().collect();
        let before = left.len();
        imports.retain(|_, names| names.iter().any(|name| left.contains(name)));
        if imports.len() == before {
            break;
        }
    }
    assert!(imports.is_empty(), "these stand in or above a circle: {imports:#?}");
}

#[test]
fn what_decides_needs_no_runtime() {
    let mut broken = Vec::new();
    for source in sources() {
        let pure = rank(source.module()).is_some_and(|rank| rank < PURE_RANKS) || source.module() == "policy";
        for (line, text) in source.code.iter().filter(|_| pure) {
            for name in RUNTIME {
                let used = text.match_indices(&format!("{name}::")).any(|(from, _)| {
                    !text[..from].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':')
                });
                if used {
                    broken.push(format!(
                        "src/{}:{line}: {name} in what is tested without a runtime",
                        source.path
                    ));
                }
            }
        }
    }
    told(&broken);
}

#[test]
fn some_things_only_one_file_does() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.module() != APART) {
        for (line, text) in &source.code {
            for sole in &SOLE {
                let allowed = sole.files.iter().any(|(file, _)| *file == source.path);
                if text.contains(sole.text) && !allowed {
                    broken.push(format!("src/{}:{line}: {}\n    {}", source.path, sole.rule, text.trim()));
                }
            }
        }
    }
    told(&broken);
    for sole in &SOLE {
        for (file, why) in sole.files {
            let whole = sources().into_iter().find(|source| source.path == *file);
            let needed = whole.is_some_and(|source| source.whole.contains(sole.text));
            assert!(needed, "{file} no longer needs its leave to hold {} ({why})", sole.text);
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in ["src", "tests", "benches"].into_iter().flat_map(|folder| files_below(&root.join(folder))) {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//! "), "{} does not open with //!", path.display());
    }
}

#[test]
fn every_event_has_a_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut names = BTreeSet::new();
    for path in files_below(&root) {
        let text = std::fs::read_to_string(&path).unwrap();
        for call in text.split("tracing::").skip(1) {
            let macros = ["error!(", "warn!(", "info!(", "debug!("];
            let Some(call) = macros.iter().find_map(|name| call.strip_prefix(name)) else { continue };
            // A record's line has no message of its own.
            let Some(message) = call.split(");").next().and_then(|call| call.rsplit('"').nth(1)) else {
                continue;
            };
            let name = message.split(": ").next().unwrap_or_default();
            let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(
                plain && !name.is_empty(),
                "{}: {message}: a name, or a name, a colon and words",
                path.display()
            );
            names.insert(name.to_owned());
        }
    }
    assert!(names.len() > 20, "{names:?}");
}

#[test]
fn every_module_has_a_rank_and_every_rank_its_modules() {
    let modules: BTreeSet<String> = sources().iter().map(|source| source.module().to_owned()).collect();
    let ranked: BTreeSet<String> = RANKS
        .iter()
        .flat_map(|(_, modules)| modules.iter())
        .chain([&APART])
        .map(|m| (*m).to_owned())
        .collect();
    assert_eq!(modules, ranked);
}

#[test]
fn the_rules_notice_what_breaks_them() {
    let made = |path: &str, text: &str| vec![Source::new(path, text.to_owned())];
    for (path, text) in [
        ("denial.rs", "use crate::snapshot::Snapshot;"),
        ("policy/key.rs", "    let x = crate::forward::forward;"),
        ("policy.rs", "use crate::{\n    clock::Moment,\n    stack,\n};"),
        ("config.rs", "use crate::{clock, run::{Gate, Ended}};"),
        ("forward.rs", "use crate::nowhere::Thing;"),
        ("ask.rs", "use crate::standin::Standin;"),
        ("standin/call.rs", "use crate::denial::Reason;"),
    ] {
        assert_eq!(misplaced(&made(path, text)).len(), 1, "{path}: {text}");
    }
    for (path, text) in [
        ("stack.rs", "use crate::{clock, denial::{Denial, Reason}};"),
        ("policy/key.rs", "// use crate::stack::gate;"),
        ("denial.rs", "#[cfg(test)]\nuse crate::stack::gate;"),
        ("policy/key.rs", "use crate::policy::Policy;"),
    ] {
        assert_eq!(misplaced(&made(path, text)), [""; 0], "{path}: {text}");
    }
}
