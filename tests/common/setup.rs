//! The configuration of a test, setting by setting, so that a test changes one and knows its line.

use std::fmt::Write as _;
use std::time::Duration;

use portcullis::project_key;
use portcullis::snapshot::Snapshot;

/// A configuration as it will be written, and the secrets that go with it.
#[derive(Clone)]
pub(crate) struct Setup {
    sections: Vec<(String, Vec<(String, String)>)>,
    more: String,
    adjust: Option<fn(&mut Snapshot)>,
    /// Further environment variables, for secrets.
    pub(crate) environment: Vec<(String, String)>,
    /// The whole project key of `search-prod`.
    pub(crate) client_key: String,
    /// What `env:PROVIDER_KEY` refers to.
    pub(crate) provider_key: String,
}

pub(crate) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// The SHA-256 of a key as the configuration wants it.
pub(crate) fn sha256(key: &str) -> String {
    portcullis::command::key::hex(&project_key::digest(key.as_bytes()))
}

pub(crate) fn new_key(id: &str) -> String {
    project_key::compose(id, random()).to_string()
}

impl Setup {
    /// One project with one key that may do everything at three upstreams, all at `upstream`.
    pub(crate) fn new(upstream: impl std::fmt::Display) -> Self {
        let client_key = new_key("search-prod");
        let provider_key = format!("sk-canary-{}", portcullis::command::key::hex(&random()));
        let hash = sha256(&client_key);
        let mut setup = Self {
            sections: Vec::new(),
            more: String::new(),
            adjust: None,
            environment: Vec::new(),
            client_key,
            provider_key,
        };
        setup = setup
            .set("server", "listen", r#""127.0.0.1:0""#)
            .set("server", "workers", "2")
            .set("server", "drain", r#""20s""#)
            .set("admin", "enabled", "false")
            .set("log", "format", r#""json""#);
        for (provider, path) in [("openai", "/v1"), ("anthropic", ""), ("gemini", "")] {
            setup = setup.upstream(provider, provider, &format!("http://{upstream}{path}"));
        }
        setup
            .set("projects.search", "upstreams", r#"["openai", "anthropic", "gemini"]"#)
            .set("projects.search", "scopes", r#""*""#)
            .set("projects.search", "models", r#""*""#)
            .set("projects.search", "allow_ips", r#"["127.0.0.0/8"]"#)
            .set("[projects.search.keys]", "id", r#""search-prod""#)
            .set("[projects.search.keys]", "sha256", &format!("\"{hash}\""))
    }

    /// Adds an upstream with the test's credential.
    #[must_use]
    pub(crate) fn upstream(self, name: &str, provider: &str, base_url: &str) -> Self {
        let section = format!("upstreams.{name}");
        self.set(&section, "provider", &format!("\"{provider}\""))
            .set(&section, "base_url", &format!("\"{base_url}\""))
            .set(&section, "credentials", r#"[{ id = "main", secret = "env:PROVIDER_KEY" }]"#)
    }

    /// Sets an environment variable for a secret.
    #[must_use]
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a value, written as TOML, or changes it.
    #[must_use]
    pub(crate) fn set(mut self, section: &str, key: &str, value: &str) -> Self {
        let at = self.sections.iter().position(|(name, _)| name == section).unwrap_or_else(|| {
            self.sections.push((section.to_owned(), Vec::new()));
            self.sections.len() - 1
        });
        let values = &mut self.sections[at].1;
        match values.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => value.clone_into(old),
            None => values.push((key.to_owned(), value.to_owned())),
        }
        self
    }

    /// Adds TOML behind everything else.
    #[must_use]
    pub(crate) fn more(mut self, text: &str) -> Self {
        self.more.push_str(text);
        self
    }

    /// Changes what was compiled, for what no configuration can say.
    #[must_use]
    pub(crate) fn adjust(mut self, adjust: fn(&mut Snapshot)) -> Self {
        self.adjust = Some(adjust);
        self
    }

    pub(crate) fn adjust_loaded(&self, snapshot: &mut Snapshot) {
        if let Some(adjust) = self.adjust {
            adjust(snapshot);
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (section, values) in &self.sections {
            let _ = writeln!(text, "[{section}]");
            for (key, value) in values {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        text + &self.more
    }

    /// The line on which a value stands; with an empty key, the section's.
    pub(crate) fn line(&self, section: &str, key: &str) -> usize {
        let mut line = 0;
        for (name, values) in &self.sections {
            line += 1;
            if name == section && key.is_empty() {
                return line;
            }
            if let Some(at) = values.iter().position(|(known, _)| name == section && known == key) {
                return line + at + 1;
            }
            line += values.len();
        }
        panic!("no {key} in [{section}]");
    }
}

/// A pause that no clock can count to: whoever adds it to a time panics. No configuration can say it.
pub(crate) fn a_breaker_that_panics(snapshot: &mut Snapshot) {
    for upstream in &mut snapshot.upstreams {
        if let Some(tolerance) = &mut upstream.tolerance {
            (tolerance.failures, tolerance.pause, tolerance.longest_pause) =
                (1, Duration::MAX, Duration::MAX);
        }
    }
}

/// The same where the end of an answer is noted.
pub(crate) fn an_end_that_panics(snapshot: &mut Snapshot) {
    for upstream in &mut snapshot.upstreams {
        upstream.pool_idle = Duration::MAX;
    }
}
