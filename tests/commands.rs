//! `check`, `init` and `schema`: what they print.

use portcullis::{clock, config, dialect, endpoint, limits, project_key, snapshot};

#[path = "../src/command/check.rs"]
mod check;
#[path = "../src/command/init.rs"]
mod init;
#[path = "../src/command/schema.rs"]
mod schema;

use config::Sources;

const EXAMPLE: &str = include_str!("../config/portcullis.toml");

fn example() -> Sources {
    let keys = [("OPENAI_API_KEY", "sk-canary-1"), ("ANTHROPIC_API_KEY", "sk-ant-canary-2")];
    Sources::from_texts([("portcullis.toml", EXAMPLE)], keys)
}

#[test]
fn smoke() {
    println!("{}", check::check(&example(), check::Format::Text).text);
    println!("{}", check::check(&example(), check::Format::Json).text);
    println!("{}", schema::text());
}
