//! The documents say what the code says: tables, links, examples, and the tests that SECURITY.md names.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use portcullis::clock::Moment;
use portcullis::config::{Loaded, Sources, render_text};
use portcullis::limits::Registry;
use portcullis::{denial, diagnosis, expect, provider};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn files_in(folder: &str, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(ending)).map(|name| format!("{folder}/{name}")).collect()
}

/// Every document by its path.
fn documents() -> BTreeMap<String, String> {
    let at_the_root = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];
    let paths = at_the_root.map(str::to_owned).into_iter().chain(files_in("docs", ".md"));
    paths.map(|path| (path.clone(), read(&path))).collect()
}

// ---- tables ----------------------------------------------------------------------------------------------------

/// The part of a document between two markers.
fn marked<'d>(document: &'d str, name: &str) -> Option<&'d str> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    document.split_once(&begin).and_then(|(_, from)| from.split_once(&end)).map(|(shown, _)| shown)
}

/// Checks the part of a document between two markers.
fn shows(path: &str, name: &str, table: &str) {
    let document = read(path);
    assert!(
        marked(&document, name).is_some_and(|shown| shown.trim() == table.trim()),
        "{path} shows another table than the code; put this between the markers:\n\n<!-- {name} -->\n{table}<!-- /{name} -->"
    );
}

#[test]
fn the_readme_shows_every_refusal() {
    shows("README.md", "denials", &denial::table());
}

#[test]
fn the_documents_show_every_provider() {
    shows("docs/upstreams.md", "providers", &provider::table());
}

#[test]
fn the_documents_show_every_cause() {
    shows("docs/refusals.md", "causes", &diagnosis::table());
}

/// The words in backticks of a table's rows: those of the first column, and all.
fn words_of(document: &str, name: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let table = marked(document, name).unwrap_or_else(|| panic!("no table {name}"));
    let words = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let first = table.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next()).flat_map(words);
    (first.collect(), words(table))
}

/// Of a source file what is no test.
fn untested(path: &str) -> String {
    read(path).split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

/// The names that metrics are registered by: those before a help text, and those of collectors.
fn registered(source: &str) -> Vec<String> {
    let pieces: Vec<&str> = source.split('"').chain([""; 2]).collect();
    let literals = pieces.windows(4).step_by(2).filter(|piece| {
        let [before, name, between, help] = piece else { return false };
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let has_help = between.trim() == "," && help.starts_with(|first: char| first.is_ascii_uppercase());
        is_name && (has_help || before.ends_with("encode_descriptor("))
    });
    literals.map(|piece| piece[1].to_owned()).collect()
}

#[test]
fn the_documents_show_every_metric() {
    let sources = std::iter::once("src/metrics.rs".to_owned()).chain(files_in("src/metrics", ".rs"));
    let names: BTreeSet<String> = sources.flat_map(|path| registered(&untested(&path))).collect();
    assert!(names.len() > 30, "{names:?}");
    let (shown, _) = words_of(&read("docs/records.md"), "metrics");
    let shown = shown.iter().map(|name| {
        let name = name.strip_prefix("portcullis_").unwrap();
        let bare = ["_total", "_seconds", "_bytes"].iter().find_map(|end| name.strip_suffix(end));
        bare.unwrap_or(name).to_owned()
    });
    assert_eq!(shown.collect::<BTreeSet<_>>(), names);
}

#[test]
fn the_documents_show_every_field_of_a_record() {
    let source = untested("src/record/render.rs");
    let word = |text: &str, end: &str| {
        let (word, _) = text.split_once(end)?;
        let plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b"_-".contains(&b));
        plain.then(|| word.to_owned())
    };
    let keys = source.split("key!(\"").skip(1).filter_map(|rest| word(rest, "\""));
    let written = source.split("\\\"").skip(1).filter_map(|rest| word(&format!("{rest}\\\""), "\\\""));
    let after = |name: &String| source.contains(&format!("\\\"{name}\\\":"));
    let fields: BTreeSet<String> = keys.chain(written.filter(after)).collect();
    assert!(fields.len() > 50, "{fields:?}");
    let (first, all) = words_of(&read("docs/records.md"), "fields");
    let untold: Vec<_> = fields.difference(&all).collect();
    let unknown: Vec<_> = first.difference(&fields).collect();
    assert_eq!((untold, unknown), (vec![], vec![]));
}

#[test]
fn the_documents_show_every_setting_that_needs_a_restart() {
    let source = untested("src/reload.rs");
    let settings = source.split_once("let settings = [").unwrap().1.split_once("];").unwrap().0;
    let settings: BTreeSet<_> = settings.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(settings.len() > 3, "{settings:?}");
    let (shown, _) = words_of(&read("docs/configuration.md"), "restart");
    // With these the settings' own names are compared.
    let beside = ["server.socket_mode", "admin.enabled"].map(str::to_owned);
    assert_eq!(shown, settings.into_iter().chain(beside).collect());
}

#[test]
fn the_documents_tell_every_variable_of_the_commands() {
    let sources = std::iter::once("src/cli.rs".to_owned()).chain(files_in("src/cli", ".rs"));
    let sources: String = sources.map(|path| read(&path)).collect();
    let variables = sources.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next());
    let told: String = documents().into_values().collect();
    for variable in variables.filter(|variable| variable.starts_with("PORTCULLIS_")) {
        assert!(told.contains(&format!("`{variable}`")), "no document tells {variable}");
    }
}

// ---- links -----------------------------------------------------------------------------------------------------

/// The lines of a document outside of fenced code, with their numbers.
fn prose(document: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    document.lines().enumerate().filter_map(move |(at, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((at + 1, line))
    })
}

/// The anchors that a document's headings make, as GitHub makes them.
fn anchors(document: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let headings = prose(document).filter(|(_, line)| line.starts_with('#'));
    for heading in headings.map(|(_, line)| line.trim_start_matches('#').trim().to_lowercase()) {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let numbered = (1..).map(|count| format!("{anchor}-{count}"));
        let free = std::iter::once(anchor.clone()).chain(numbered).find(|one| !anchors.contains(one));
        anchors.extend(free);
    }
    anchors
}

/// Where the links of a document lead that stay within the repository, with their lines. Code is no link.
fn links(document: &str) -> Vec<(usize, String)> {
    let links = prose(document).flat_map(|(at, line)| {
        let text: String = line.split('`').step_by(2).collect();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        targets.map(|target| (at, target.to_owned())).collect::<Vec<_>>()
    });
    links.filter(|(_, target)| !target.starts_with("https://")).collect()
}

/// A path with its `..` taken away; `None` if it leads out of the repository.
fn tidy(path: &Path) -> Option<PathBuf> {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::Normal(name) => tidy.push(name),
            std::path::Component::ParentDir => tidy.pop().then_some(())?,
            std::path::Component::CurDir => {}
            std::path::Component::RootDir | std::path::Component::Prefix(_) => return None,
        }
    }
    Some(tidy)
}

/// The links that lead nowhere.
fn broken(documents: &BTreeMap<String, String>, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut broken = Vec::new();
    for (path, document) in documents {
        for (at, target) in links(document) {
            let (file, anchor) = target.split_once('#').map_or((&*target, None), |(file, a)| (file, Some(a)));
            let folder = Path::new(path).parent().unwrap_or(Path::new(""));
            let file = if file.is_empty() { Some(PathBuf::from(path)) } else { tidy(&folder.join(file)) };
            let found = file.is_some_and(|file| match anchor {
                None => exists(&file),
                Some(anchor) => documents
                    .get(&*file.to_string_lossy())
                    .is_some_and(|document| anchors(document).contains(anchor)),
            });
            if !found {
                broken.push(format!("{path}:{at}: {target}"));
            }
        }
    }
    broken
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let documents = documents();
    let count: usize = documents.values().map(|document| links(document).len()).sum();
    assert!(count > 60, "{count}");
    assert_eq!(broken(&documents, |path| root().join(path).exists()), [""; 0]);
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let readme = "# A\n## B, c-d?\n## `E`: f_g\n## E f_g\n[1](#b-c-d) [2](#e-f_g-1) [3](docs/x.md#y) [4](docs/)\n\
        `[no](link)`\n```\n# no heading\n[no](link)\n```\n[w](https://example.com)\n\
        [5](#b) [6](docs/x.md#z) [7](docs/z.md) [8](#no-heading) [9](../README.md) [10](docs/x.txt#y)\n";
    let x = "# Y\n[1](../README.md#a) [2](x.md) [3](README.md) [4](../README.md#y)\n";
    let documents = [("README.md", readme), ("docs/x.md", x)];
    let documents = documents.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
    let found = broken(&documents, |path| {
        ["docs", "docs/x.md", "README.md"].iter().any(|one| path == Path::new(one))
    });
    let in_readme = ["#b", "docs/x.md#z", "docs/z.md", "#no-heading", "../README.md", "docs/x.txt#y"];
    let in_x = ["README.md", "../README.md#y"];
    let expected = in_readme.iter().map(|link| format!("README.md:12: {link}"));
    assert_eq!(
        found,
        expected.chain(in_x.iter().map(|link| format!("docs/x.md:2: {link}"))).collect::<Vec<_>>()
    );
}

#[test]
fn the_readme_leads_to_every_document() {
    let documents = documents();
    let linked = links(&documents["README.md"]);
    for path in documents.keys().filter(|path| *path != "README.md") {
        assert!(linked.iter().any(|(_, target)| target == path), "README.md has no link to {path}");
    }
}

// ---- examples --------------------------------------------------------------------------------------------------

/// The blocks of TOML in a document, with the line that each begins at.
fn examples(document: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut block: Option<(usize, String)> = None;
    let mut before = "";
    for (at, line) in document.lines().enumerate() {
        match &mut block {
            Some(_) if line == "```" => blocks.extend(block.take()),
            Some((_, text)) => text.extend([line, "\n"]),
            None if line.trim() == "```toml" && before != "<!-- another program's -->" => {
                block = Some((at + 2, String::new()));
            }
            None => {}
        }
        before = line;
    }
    assert!(block.is_none(), "a block of TOML has no end");
    blocks
}

/// Whether an example is a configuration by itself, and not some lines of one.
fn is_whole(example: &str) -> bool {
    example.contains("[upstreams.") && example.contains("[projects.")
}

/// Loads an example as `portcullis check` does, laid over others, in the month that it was written in. What its secrets
/// refer to is there.
fn loaded(texts: &[(&str, &str)]) -> Result<Loaded, String> {
    let folder = std::env::temp_dir().join(format!("portcullis-documents-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap().serialize_pem();
    let account = serde_json::json!({
        "type": "service_account", "client_email": "gate@p.iam.gserviceaccount.com", "private_key_id": "one",
        "private_key": key, "token_uri": "https://oauth2.googleapis.com/token",
    });
    let secrets =
        [("openai-team", "sk-team"), ("openai-spare", "sk-spare"), ("sa.json", &account.to_string())];
    for (name, secret) in secrets {
        std::fs::write(folder.join(name), secret).unwrap();
    }
    let here = |text: &str| {
        text.replace("file:/run/secrets/", &format!("file:{}/", folder.display()))
            .replace("\"…\"", "\"some\"")
    };
    let texts: Vec<_> = texts.iter().map(|(name, text)| (*name, here(text))).collect();
    let environment = [
        ("OPENAI_API_KEY", "sk-of-nobody"),
        ("LIMITS_PASSWORD", "of nobody"),
        ("AZURE_CLIENT_SECRET", "of nobody"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token"),
    ];
    let sources = Sources::from_texts(texts.iter().map(|(name, text)| (*name, text.as_str())), environment);
    let now = Moment::now().dated(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000));
    let loaded = expect::load_at(&sources, &Registry::new(now), now);
    std::fs::remove_dir_all(&folder).unwrap();
    loaded.map_err(|faults| faults.render_text())
}

#[test]
fn every_example_can_be_used() {
    let readme = read("README.md");
    let (_, base) = examples(&readme).into_iter().find(|(_, example)| is_whole(example)).unwrap();
    let (rules, _) = base.split_once("[[expect]]").unwrap();
    let (mut whole, mut parts) = (0, 0);
    for (path, document) in documents() {
        for (at, example) in examples(&document) {
            let name = format!("{path}:{at}");
            if is_whole(&example) {
                let loaded =
                    loaded(&[(&*name, &*example)]).unwrap_or_else(|faults| panic!("{name}\n{faults}"));
                assert_eq!(render_text(&loaded.lints), "", "{name}");
                whole += 1;
            } else {
                // Some lines of a configuration: they fit into the README's. What that expects may change with them.
                let laid_over = loaded(&[("README.md", rules), (&*name, &*example)]);
                assert!(laid_over.is_ok(), "{name}\n{}", laid_over.unwrap_err());
                parts += 1;
            }
        }
    }
    assert!(whole >= 1 && parts > 10, "{whole} {parts}");
}

// ---- SECURITY.md -----------------------------------------------------------------------------------------------

/// Every promise of SECURITY.md names the test that holds it, as `file::function`.
#[test]
fn every_test_that_security_names_exists() {
    let named = include_str!("../SECURITY.md").split('`').filter_map(|word| word.split_once(".rs::"));
    let mut count = 0;
    for (file, function) in named {
        let text = std::fs::read_to_string(root().join(file).with_extension("rs")).unwrap_or_default();
        // With what stands before it: a word in a comment is no test.
        let test = text.split(&format!("fn {function}(")).next().filter(|before| before.len() < text.len());
        let is_test = test.is_some_and(|before| {
            before.rsplit("#[test]").next().is_some_and(|between| {
                between.len() < before.len() && !between.contains("\n}") && !between.contains("fn ")
            })
        });
        assert!(is_test, "SECURITY.md names {file}.rs::{function}, which is no test");
        count += 1;
    }
    assert!(count > 50, "{count}");
}

#[test]
fn every_promise_of_security_is_held_by_something() {
    let promises = include_str!("../SECURITY.md").split("| promise | held by |").skip(1);
    let rows = promises.flat_map(|table| table.lines().skip(2).take_while(|line| line.starts_with('|')));
    let rows = rows.collect::<Vec<_>>();
    assert!(rows.len() > 30, "{}", rows.len());
    for row in rows {
        assert!(row.contains(".rs::"), "nothing holds this: {row}");
    }
}
