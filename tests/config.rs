//! The configuration: what is accepted, what is refused, and how a mistake is told.

use portcullis::clock::Moment;
use portcullis::config::{Faults, Loaded, Sources, load};
use portcullis::limits::Registry;

const KEY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const GOOD: &str = r#"
[upstreams.openai]
provider = "openai"
credentials = [{ id = "main", secret = "env:OPENAI_API_KEY" }]

[projects.search]
upstreams = ["openai"]
scopes = ["chat", "models:read"]
models = ["gpt-4o-mini", "text-embedding-3-*"]
allow_ips = ["127.0.0.0/8"]
limits = { requests = ["600/min", "10/s"], concurrency = 64 }
[[projects.search.keys]]
id = "search-prod"
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
expires = 2099-01-01
"#;

fn loaded(texts: &[(&str, &str)], env: &[(&str, &str)]) -> Result<Loaded, Faults> {
    let env = env.iter().copied().chain([("OPENAI_API_KEY", "sk-canary-0123456789abcdef")]);
    load(&Sources::from_texts(texts.iter().copied(), env), &Registry::new(Moment::now()))
}

fn faults(text: &str) -> String {
    loaded(&[("portcullis.toml", text)], &[])
        .map(|_| "fine".to_owned())
        .unwrap_or_else(|faults| faults.render_text())
}

#[test]
fn a_small_configuration_loads() {
    let loaded = loaded(&[("portcullis.toml", GOOD)], &[]).unwrap();
    let snapshot = loaded.snapshot;
    println!("{:#?}", snapshot.rules);
    assert_eq!(snapshot.keys.len(), 1);
}

#[test]
fn smoke() {
    println!(
        "{}",
        faults(
            "[server]\nlisten = 5\nlisten_on = \"x\"\nworkers = -1\n[projects.a]\nmodels = [\"a\", 5, 6, \"ä\"]\nmodles=[]\nkeys = [5, {id = 5, sha256 = \"pcl_abc_1230128301283012\"}]\n[upstreams]\nx = 5\n[upstreams.openai]\nprovider = \"opnai\"\n[[upstreams.openai.credentials]]\nid=\"b\"\nsecret=\"sk-proj-abcdef\"\n[[upstreams.openai.credentials]]\nxx=1\nsecret=\"env:NOPE\""
        )
    );
    println!("{}", faults("[server\n"));
    println!("{}", faults(""));
    println!("{KEY}");
}
