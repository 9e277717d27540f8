//! `portcullis init`: a first configuration that works, and says what each line is for.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use super::{FAILED, FINE, WRONG, complain, key, try_to_say};
use crate::clock::Moment;
use crate::config::a_year_ahead;
use crate::project_key;
use crate::provider::{Api, Provider};

/// Writes a configuration with one project and prints its key. A file that is there stays as it is.
#[must_use]
pub fn run(file: &Path, provider: Provider, project: &str, now: Moment) -> u8 {
    let key_id = format!("{project}-1");
    if !project_key::is_id(&key_id) {
        complain("a project's name has 1 to 62 letters, digits, '-', '.' and '_'");
        return WRONG;
    }
    let Some(key) = key::generate(&key_id) else {
        complain("the system gave no randomness");
        return FAILED;
    };
    let sha256 = key::hex(&project_key::digest(key.as_bytes()));
    let text = written(&Choices { provider, project, key_id: &key_id, sha256: &sha256, now });
    // A file that is there is somebody's configuration: only a new one is written, and only whole.
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let whole = opened.and_then(|mut opened| {
        let whole = opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all());
        whole.inspect_err(|_| drop(std::fs::remove_file(file)))
    });
    if let Err(error) = whole {
        let shown = file.display();
        complain(&if error.kind() == ErrorKind::AlreadyExists {
            format!("{shown} is already there and stays as it is; name another with --config")
        } else {
            format!("{shown} cannot be written: {error}")
        });
        return FAILED;
    }
    let said = try_to_say(&format!(
        "Wrote {file}. The project's key, shown this once; give it to the application as its api_key:\n\n    {key}\n\n\
         Next: set {variable} to the provider's key, then\n\n    portcullis check --config {file}\n    portcullis serve --config {file}\n\n\
         and, once it serves,\n\n    curl http://127.0.0.1:8080{first} -H 'Authorization: Bearer {key}'",
        file = file.display(),
        key = key.as_str(),
        variable = usual_variable(provider),
        first = first_path(provider.api()),
    ));
    let Err(error) = said else { return FINE };
    // Nobody has seen the key, and it is nowhere else.
    let left = match std::fs::remove_file(file) {
        Ok(()) => String::new(),
        Err(error) => format!("; {} stays and has to be removed: {error}", file.display()),
    };
    complain(&format!("the key cannot be shown, so there is none: {error}{left}"));
    FAILED
}

/// Where a first request can go that costs nothing.
const fn first_path(api: Api) -> &'static str {
    match api {
        Api::OpenAi | Api::Anthropic => "/v1/models",
        Api::Gemini => "/v1beta/models",
        // Their lists of models are not where requests go.
        Api::Azure | Api::Bedrock | Api::Vertex => "/portcullis/whoami",
    }
}

/// What a first configuration is made of.
#[derive(Clone, Copy, Debug)]
pub struct Choices<'a> {
    /// The provider of the one upstream.
    pub provider: Provider,
    /// The one project's name.
    pub project: &'a str,
    /// The id of its one key.
    pub key_id: &'a str,
    /// The key's SHA-256.
    pub sha256: &'a str,
    /// When it is written; the key expires a year later.
    pub now: Moment,
}

/// The environment variable in which a provider's key is usually found.
#[must_use]
pub const fn usual_variable(provider: Provider) -> &'static str {
    provider.facts().variable
}

const fn usual_models(provider: Provider) -> &'static str {
    match provider {
        Provider::OpenAi => r#"["gpt-*", "text-embedding-3-*"]"#,
        Provider::Anthropic => r#"["claude-*"]"#,
        Provider::Gemini => r#"["gemini-*"]"#,
        Provider::Mistral => r#"["mistral-*", "codestral-*"]"#,
        Provider::Cohere => r#"["command-*", "embed-*"]"#,
        Provider::DeepSeek => r#"["deepseek-*"]"#,
        Provider::Xai => r#"["grok-*"]"#,
        Provider::Perplexity => r#"["sonar*"]"#,
        Provider::Vertex => r#"["gemini-*", "claude-*"]"#,
        Provider::AzureOpenAi
        | Provider::Bedrock
        | Provider::Groq
        | Provider::Together
        | Provider::Fireworks
        | Provider::OpenRouter
        | Provider::Ollama
        | Provider::Vllm
        | Provider::LlamaCpp
        | Provider::OpenAiCompatible
        | Provider::AnthropicCompatible => r#""*""#,
    }
}

/// The text of a first configuration.
#[must_use]
pub fn written(choices: &Choices<'_>) -> String {
    let Choices { provider, project, .. } = *choices;
    let base_url = match provider.default_base_url() {
        None if provider.api() == Api::Bedrock => {
            "region = \"eu-central-1\"    # set this to your own".to_owned()
        }
        Some(usual) => format!("# base_url = \"{usual}\"    # the default"),
        None => "base_url = \"https://llm.example.com\"    # set this to your own".to_owned(),
    };
    let key = key_section(choices);
    format!(
        r#"# Portcullis. Check this file with `portcullis check`; what is left out is allowed to nobody.

[server]
listen = "127.0.0.1:8080"    # "0.0.0.0:8080" once other machines shall connect

[store]    # what was refused, for `portcullis denials`
path = "portcullis.db"

[upstreams.{provider}]
provider = "{provider}"
{base_url}

[[upstreams.{provider}.credentials]]
id = "main"
secret = "env:{variable}"    # or "file:/run/secrets/…"; never the key itself{instead}

[projects.{project}]
upstreams = ["{provider}"]
scopes = ["chat", "responses", "embeddings", "tokens", "models:read"]
models = {models}
allow_ips = ["127.0.0.1", "::1"]    # the networks that the project calls from

[projects.{project}.limits]
requests = "600/min"
concurrency = 64

{key}"#,
        variable = usual_variable(provider),
        instead = instead_of_a_secret(provider),
        models = usual_models(provider),
    )
}

/// What can stand in the place of a secret.
const fn instead_of_a_secret(provider: Provider) -> &'static str {
    match provider.api() {
        Api::Bedrock => {
            "\n# aws = \"container\"    # instead of a secret: also \"instance\", \"web-identity\", keys, a profile"
        }
        Api::Vertex => {
            "\n# google = \"metadata\"    # instead of a secret, with project and location in the upstream"
        }
        Api::Azure => {
            "\n# azure = \"managed-identity\"    # instead of a secret: also an application of Entra ID"
        }
        Api::OpenAi | Api::Anthropic | Api::Gemini => "",
    }
}

/// The lines that give a project one more key; `portcullis key new` prints them too.
#[must_use]
pub fn key_section(choices: &Choices<'_>) -> String {
    let Choices { project, key_id, sha256, now, .. } = choices;
    let expires = a_year_ahead(*now);
    format!("[[projects.{project}.keys]]\nid = \"{key_id}\"\nsha256 = \"{sha256}\"\nexpires = {expires}\n")
}
