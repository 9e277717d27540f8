//! `check`, `init` and `schema`: what they print.

use std::time::{Duration, SystemTime};

use portcullis::command::check::{self, Format};
use portcullis::command::init;
use portcullis::config::{self, Sources};
use portcullis::{clock, limits, provider};
use serde_json::Value;

const EXAMPLE: &str = include_str!("../config/portcullis.toml");
const KEYS: [(&str, &str); 3] = [
    ("OPENAI_API_KEY", "sk-canary-1"),
    ("ANTHROPIC_API_KEY", "sk-ant-canary-2"),
    ("PORTCULLIS_ADMIN_TOKEN", "a canary of an admin token"),
];

fn example() -> Sources {
    Sources::from_texts([("portcullis.toml", EXAMPLE)], KEYS)
}

#[test]
fn the_example_is_fine_and_check_tells_who_may_do_what() {
    let checked = check::check(&example(), Format::Text);
    assert_eq!(checked.exit_code, 0);
    let (told, digest) = checked.text.rsplit_once("; ").unwrap();
    assert!(digest.starts_with("sha256:"));
    insta::assert_snapshot!(told);
}

#[test]
fn check_tells_the_same_as_json() {
    let checked = check::check(&example(), Format::Json);
    let verdict: Value = serde_json::from_str(&checked.text).unwrap();
    assert_eq!((&verdict["ok"], verdict["lints"].as_array().unwrap().len()), (&Value::Bool(true), 0));
    insta::assert_snapshot!(serde_json::to_string_pretty(&verdict["projects"]).unwrap());
}

#[test]
fn check_tells_what_the_environment_lays_over_the_files() {
    let laid = [("PORTCULLIS__SERVER__LISTEN", "127.0.0.1:1"), ("PORTCULLIS__LOG__LEVEL", "warn")];
    let laid = [KEYS.to_vec(), laid.to_vec()].concat();
    let sources = Sources::from_texts([("portcullis.toml", EXAMPLE)], laid);
    let text = check::check(&sources, Format::Text).text;
    let names = ["PORTCULLIS__LOG__LEVEL", "PORTCULLIS__SERVER__LISTEN"];
    assert!(text.contains(&format!("\nset by the environment: {}\n", names.join(", "))), "{text}");
    let json: Value = serde_json::from_str(&check::check(&sources, Format::Json).text).unwrap();
    assert_eq!(json["set_by_environment"], serde_json::json!(names));
}

#[test]
fn check_tells_which_rules_are_only_observed() {
    let text = "[upstreams.local]\nprovider = \"ollama\"\n[projects.p]\nmodels = { mode = \"observe\" }\n\
                parameters = { max_tokens = 9, mode = \"observe\" }\n\
                [[projects.p.keys]]\nid = \"k\"\n\
                sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";
    let told = check::check(&Sources::from_texts([("p.toml", text)], []), Format::Text).text;
    assert!(told.contains("\n  observed   models, parameters: what they do not allow passes\n"), "{told}");
}

#[test]
fn check_notes_what_crosses_a_network_in_the_open() {
    let listening = |more: &str| {
        let key = "[[projects.p.keys]]\nid = \"k\"\nsha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";
        let text = format!("[server]\n{more}\n[upstreams.local]\nprovider = \"ollama\"\n[projects.p]\n{key}");
        let checked = check::check(&Sources::from_texts([("p.toml", &*text)], []), Format::Text);
        assert_eq!(checked.exit_code, 0, "{}", checked.text);
        checked.text.contains("\nnote: 0.0.0.0:80 is reached from other machines without TLS")
    };
    assert!(listening("listen = [\"127.0.0.1:1\", \"0.0.0.0:80\"]"));
    assert!(!listening("listen = \"127.0.0.1:80\""));
    assert!(!listening("listen = \"0.0.0.0:80\"\ntrusted_proxies = [\"10.0.0.1\"]"));
}

#[test]
fn check_tells_mistakes_and_fails() {
    let sources = Sources::from_texts([("a.toml", "[server]\nlisten = 5\n")], [("A", "b")]);
    let text = check::check(&sources, Format::Text);
    let json = check::check(&sources, Format::Json);
    assert_eq!((text.exit_code, json.exit_code), (2, 2));
    insta::assert_snapshot!(format!("{}\n{}", text.text, json.text));
    assert_eq!(check::run(std::path::Path::new("/nowhere/portcullis.toml"), Format::Text).exit_code, 2);
}

#[test]
fn what_init_writes_is_fine() {
    let now = clock::Moment::now().dated(SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000));
    for provider in provider::Provider::ALL.iter().copied() {
        let choices = init::Choices {
            provider,
            project: "first",
            key_id: "first-1",
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            now,
        };
        let text = init::written(&choices);
        let secret = [(init::usual_variable(provider), "sk-canary")];
        let sources = Sources::from_texts([("portcullis.toml", text.as_str())], secret);
        let loaded = config::load_at(&sources, &limits::Registry::new(now), now).unwrap();
        let placeholder = text.contains("\nbase_url = \"https://llm.example.com\"");
        assert_eq!(loaded.lints.len(), usize::from(placeholder), "{}", config::render_text(&loaded.lints));
        if provider == provider::Provider::OpenAi {
            insta::assert_snapshot!(text);
        }
    }
}

#[test]
fn every_setting_stands_in_the_example_and_has_a_description() {
    assert!(EXAMPLE.starts_with("#:schema schema.json\n"));
    let schema = config::schema();
    let example: toml::Table = EXAMPLE.parse().unwrap();
    let example = serde_json::to_value(example).unwrap();
    let mut missing = Vec::new();
    compare(&schema, &schema, &[&example], "", &mut missing);
    // The example cannot refer to a file, or a proxy's login, that is not there, so it shows these in comments.
    let of_files =
        [".upstreams.*.ca_file", ".upstreams.*.proxy", ".server.tls", ".projects.*.keys[].certificate"];
    missing.retain(|path| !of_files.iter().any(|shown| path.starts_with(shown)));
    let names = ["ca_file", "proxy", "proxy_credentials", "tls", "certificate"];
    assert!(names.iter().all(|name| EXAMPLE.contains(&format!("#   {name} = "))));
    // Nor does it need another server to run.
    let of_several_gates =
        ["url", "user", "password", "sentinel_user", "sentinel_password", "ca_file", "prefix", "on_failure"];
    missing.retain(|path| !of_several_gates.iter().any(|name| *path == format!(".store.{name}")));
    assert!(of_several_gates.iter().all(|name| EXAMPLE.contains(&format!("# {name} = "))));
    assert_eq!(missing, Vec::<String>::new());
}

/// Collects the settings that the example does not show, and those without a description.
fn compare(root: &Value, schema: &Value, examples: &[&Value], path: &str, missing: &mut Vec<String>) {
    let reference = schema.get("$ref").and_then(Value::as_str).map(|text| text.trim_start_matches('#'));
    let schema = reference.and_then(|reference| root.pointer(reference)).unwrap_or(schema);
    for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{path}.{name}");
        let found: Vec<&Value> = examples.iter().filter_map(|example| example.get(name)).collect();
        if found.is_empty() {
            missing.push(path.clone());
        }
        assert!(inner.get("description").is_some(), "{path} has no description");
        compare(root, inner, &found, &path, missing);
    }
    if let Some(inner @ Value::Object(_)) = schema.get("additionalProperties") {
        let maps = examples.iter().filter_map(|example| example.as_object());
        let found: Vec<&Value> = maps.flat_map(|map| map.values()).collect();
        compare(root, inner, &found, &format!("{path}.*"), missing);
    }
    if let Some(inner) = schema.get("items") {
        let found: Vec<&Value> = examples.iter().filter_map(|example| example.as_array()).flatten().collect();
        compare(root, inner, &found, &format!("{path}[]"), missing);
    }
}

/// It stands in malloc's place. If the linker took the C library's, nothing but the time that requests take would tell.
#[cfg(target_os = "linux")]
#[test]
fn the_allocator_is_linked_in() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let told = command.arg("--version").env("MIMALLOC_VERBOSE", "1").output().unwrap();
    let said = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success() && said.contains("mimalloc: "), "{said}");
}

/// Full, as a disk can be.
#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_printed_is_a_failure_and_no_key_is_lost() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("commands-full");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("portcullis.toml");
    let run = |arguments: &[&str], full: bool| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(arguments).current_dir(&folder);
        if full {
            command.stdout(std::fs::File::create("/dev/full").unwrap());
        }
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for arguments in [&["key", "new", "--id", "x"][..], &["schema"], &["scopes"], &["init"]] {
        let (code, said) = run(arguments, true);
        assert!(code == 1 && said.contains("No space left on device"), "{arguments:?}: {code} {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    assert!(!file.exists(), "its key was seen by nobody");
    assert_eq!(run(&["init"], false), (0, String::new()));
    assert!(file.exists());
    // One that is there is not taken away.
    assert_eq!((run(&["init"], true).0, file.exists()), (1, true));
}

/// Whoever has read enough has no need of the rest.
#[test]
fn a_reader_that_left_is_no_failure_unless_it_missed_a_key() {
    use std::process::{Command, Stdio};
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("commands-left");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let run = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(arguments).current_dir(&folder).stdout(writer).stderr(Stdio::null());
        command.status().unwrap().code().unwrap()
    };
    assert_eq!(run(&["schema"]), 0);
    assert_eq!((run(&["init"]), folder.join("portcullis.toml").exists()), (1, false));
}
