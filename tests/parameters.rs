//! Rules on what requests ask for besides a model.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use common::client::request;
use common::{OK, Running, Setup, Upstream};
use serde_json::json;

const RULES: &str = r#"
[projects.search.parameters]
max_tokens = 100
tools = ["function", "custom", "web_search*", "googleSearch"]
store = false
service_tiers = ["default"]
deny_betas = ["fast-*"]
"#;

fn gate(rules: &str) -> (Running, Upstream) {
    let upstream = Upstream::answering(OK);
    // The rules stand before the keys, as sections of the project.
    let mut setup = Setup::new(upstream.address);
    for line in rules.lines().filter_map(|line| line.split_once(" = ")) {
        setup = setup.set("projects.search.parameters", line.0, line.1);
    }
    (setup.start(), upstream)
}

fn ask(gate: &Running, path: &str, headers: &[(&str, &str)], body: &str) -> common::Answer {
    let bearer = format!("Bearer {}", gate.setup.client_key);
    let mut all = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
    all.extend(headers);
    gate.ask(request("POST", path, &all, body))
}

#[test]
fn what_a_rule_forbids_is_refused_and_said() {
    let (gate, upstream) = gate(RULES);
    let chat = "/v1/chat/completions";
    let google = "/v1beta/models/gemini-2.5-flash:generateContent";
    for (path, body, word) in [
        (chat, r#"{"model":"m"}"#, "how many tokens"),
        (chat, r#"{"model":"m","max_tokens":101}"#, "up to 101"),
        (chat, r#"{"model":"m","max_tokens":5,"max_completion_tokens":500}"#, "up to 500"),
        (
            chat,
            r#"{"model":"m","max_tokens":9,"tools":[{"type":"function"},{"x":[],"type":"mcp"}]}"#,
            "'mcp'",
        ),
        (chat, r#"{"model":"m","max_tokens":9,"tools":[{"type":"function","type":"mcp"}]}"#, "'mcp'"),
        (chat, r#"{"model":"m","max_tokens":9,"tools":[{"t\u0079pe":"mcp"}]}"#, "'mcp'"),
        (chat, r#"{"model":"m","max_tokens":9,"mcp_servers":[]}"#, "'mcp'"),
        (chat, r#"{"model":"m","max_tokens":9,"store":true}"#, "store"),
        (chat, r#"{"model":"m","max_tokens":9,"store":1}"#, "store"),
        ("/v1/responses", r#"{"model":"m","max_output_tokens":9}"#, "store"),
        (chat, r#"{"model":"m","max_tokens":9,"service_tier":"priority"}"#, "'priority'"),
        ("/v1/messages", r#"{"model":"m","max_tokens":9,"anthropic_beta":["fast-1"]}"#, "headers only"),
        (
            google,
            r#"{"generationConfig":{"maxOutputTokens":9},"tools":[{"codeExecution":{}}]}"#,
            "'codeExecution'",
        ),
        (google, r#"{"generationConfig":{"maxOutputTokens":900}}"#, "up to 900"),
        // Each tool by itself, wherever it stands.
        (
            "/v1/messages",
            r#"{"model":"m","max_tokens":9,"tools":[{"type":"mcp_toolset","name":"a"},{"type":"function"}]}"#,
            "'mcp_toolset'",
        ),
        (
            "/v1/messages",
            r#"{"model":"m","max_tokens":9,"messages":[{"content":[{"tool":{"definition":{"type":"mcp"}}}]}]}"#,
            "'mcp'",
        ),
        (
            "/v1/responses",
            r#"{"model":"m","max_output_tokens":9,"store":false,"input":[{"tools":[{"type":"mcp"}]}]}"#,
            "'mcp'",
        ),
        (
            google,
            r#"{"generationConfig":{"maxOutputTokens":9},"tools":[{"functionDeclarations":[],"codeExecution":{}}]}"#,
            "'codeExecution'",
        ),
        (
            "/v1beta/interactions",
            r#"{"model":"m","max_output_tokens":9,"store":false,"tools":[{"type":"code_execution"}]}"#,
            "'code_execution'",
        ),
        ("/v1/messages/batches", r#"{"requests":[{"params":{"model":"m","max_tokens":9}}]}"#, "of a batch"),
        ("/v1/batches", r#"{"input_file_id":"file-1","endpoint":"/v1/chat/completions"}"#, "of a batch"),
    ] {
        let answer = ask(&gate, path, &[], body);
        assert_eq!(answer.reason(), Some("parameter_not_allowed"), "{body}: {}", answer.text());
        assert!(answer.text().contains(word), "{body}: {}", answer.text());
    }
    let beta = [("anthropic-beta", "context-1m-2025-08-07, fast-mode-2026-02-01")];
    let answer = ask(&gate, "/v1/messages", &beta, r#"{"model":"m","max_tokens":9}"#);
    assert!(answer.text().contains("'fast-mode-2026-02-01'"), "{}", answer.text());
    assert_eq!(upstream.requests().len(), 0);
}

#[test]
fn the_setting_that_refuses_is_named_with_its_line_and_what_mends_it() {
    let (gate, _upstream) = gate(RULES);
    let chat = "/v1/chat/completions";
    let with = |more: &str| format!(r#"{{"model":"m","max_tokens":9,{more}}}"#);
    for (path, body, setting, hint) in [
        (
            chat,
            r#"{"model":"m","max_tokens":101}"#.to_owned(),
            ".max_tokens",
            "raise {rule}, or let the caller ask for less: ",
        ),
        (
            chat,
            r#"{"model":"m"}"#.to_owned(),
            ".max_tokens",
            "the caller must say how many tokens the answer may have, or take {rule} away: ",
        ),
        (chat, with(r#""tools":[{"type":"mcp"}]"#), ".tools", "add \"mcp\" to {rule}: "),
        // A pattern would let others pass as well.
        (chat, with(r#""tools":[{"type":"m*"}]"#), ".tools", "add it to {rule}: "),
        (
            chat,
            with(r#""store":true"#),
            ".store",
            "the caller must say \"store\": false, or take {rule} away: ",
        ),
        (chat, with(r#""service_tier":"priority""#), ".service_tiers", "add \"priority\" to {rule}: "),
        (
            "/v1/messages",
            with(r#""anthropic_beta":["fast-1"]"#),
            ".deny_betas",
            "the caller must say its betas in headers, or take {rule} away: ",
        ),
        (
            "/v1/batches",
            r#"{"input_file_id":"file-1","endpoint":"/v1/chat/completions"}"#.to_owned(),
            "",
            "take {rule} away, or keep the project off this endpoint: ",
        ),
    ] {
        ask(&gate, path, &[], &body);
        told(&gate, setting, hint);
    }
    let beta = [("anthropic-beta", "fast-mode-2026-02-01")];
    ask(&gate, "/v1/messages", &beta, &with(r#""x":1"#));
    told(
        &gate,
        ".deny_betas",
        "take it out of {rule}, or let the caller do without: beta 'fast-mode-2026-02-01'",
    );
}

/// Looks at what the last record says of the rule.
fn told(gate: &Running, setting: &str, hint: &str) {
    let record = gate.records().pop().unwrap();
    let rule = format!("projects.search.parameters{setting}");
    assert_eq!(record["rule"], rule, "{record}");
    let text = gate.setup.text();
    let begins =
        if setting.is_empty() { "[projects.search.parameters]" } else { &format!("{} =", &setting[1..]) };
    let line = 1 + text.lines().position(|line| line.starts_with(begins)).unwrap();
    assert!(record["rule_at"].as_str().unwrap().ends_with(&format!(":{line}")), "{begins} {line}: {record}");
    let hint = hint.replace("{rule}", &rule);
    assert!(record["hint"].as_str().unwrap().starts_with(&hint), "{hint}: {record}");
}

#[test]
fn what_no_rule_forbids_passes() {
    let (gate, upstream) = gate(RULES);
    for (path, body) in [
        (
            "/v1/chat/completions",
            r#"{"model":"m","max_tokens":100,"tools":[{"type":"function","function":{"type":"mcp"}}],"service_tier":"default"}"#,
        ),
        (
            "/v1/chat/completions",
            r#"{"model":"m","max_tokens":1,"messages":[{"tools":[{"type":"mcp"}]}],"store":null}"#,
        ),
        (
            "/v1/responses",
            r#"{"model":"m","max_output_tokens":9,"store":false,"tools":[{"type":"web_search_preview"}]}"#,
        ),
        ("/v1/messages", r#"{"model":"m","max_tokens":9,"tools":[{"name":"mine"}]}"#),
        ("/v1/embeddings", r#"{"model":"m","input":"x"}"#),
        (
            "/v1beta/interactions",
            r#"{"model":"m","max_output_tokens":9,"store":false,"tools":[{"type":"function","name":"mine"}]}"#,
        ),
        (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            r#"{"generationConfig":{"maxOutputTokens":9},"tools":[{"googleSearch":{},"functionDeclarations":[]}]}"#,
        ),
    ] {
        assert_eq!(ask(&gate, path, &[("anthropic-beta", "context-1m")], body).status, 200, "{body}");
    }
    assert_eq!(upstream.requests().len(), 7);
}

#[test]
fn one_tools_kind_is_not_anothers() {
    let (gate, _upstream) = gate("tools = [\"web_search\"]");
    let body =
        r#"{"model":"m","max_tokens":9,"tools":[{"name":"x"},{"type":"web_search","type":"web_search"}]}"#;
    let answer = ask(&gate, "/v1/messages", &[], body);
    assert_eq!(answer.reason(), Some("parameter_not_allowed"), "{}", answer.text());
    assert!(answer.text().contains("'custom'"), "{}", answer.text());
}

#[test]
fn tools_of_bedrocks_are_judged_where_they_stand() {
    let upstream = Upstream::answering(OK);
    let gate = Setup::new("127.0.0.1:9")
        .upstream("it", "bedrock", &format!("http://{}", upstream.address))
        .set("projects.search", "upstreams", r#"["it"]"#)
        .set("projects.search.parameters", "tools", r#"["function"]"#)
        .start();
    let path = "/model/amazon.nova-pro-v1%3A0/converse";
    for (body, word) in [
        (
            r#"{"toolConfig":{"tools":[{"toolSpec":{}},{"systemTool":{"name":"nova_grounding"}}]}}"#,
            "systemTool",
        ),
        (r#"{"additionalModelRequestFields":{"tools":[{"type":"computer_20250124"}]}}"#, "computer_20250124"),
    ] {
        let answer = ask(&gate, path, &[], body);
        assert_eq!(answer.reason(), Some("parameter_not_allowed"), "{body}: {}", answer.text());
        assert!(answer.text().contains(word), "{body}: {}", answer.text());
    }
    let body = r#"{"toolConfig":{"tools":[{"toolSpec":{"name":"mine"}},{"cachePoint":{"type":"default"}}]}}"#;
    assert_eq!(ask(&gate, path, &[], body).status, 200);
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn an_observed_rule_is_only_told() {
    let (gate, _upstream) = gate(&format!("{RULES}mode = \"observe\"\n"));
    let body = r#"{"model":"m","max_tokens":101,"service_tier":"priority"}"#;
    assert_eq!(ask(&gate, "/v1/chat/completions", &[], body).status, 200);
    let told = gate.record()["would_deny"].clone();
    let reasons: Vec<_> = told.as_array().unwrap().iter().map(|one| one["reason"].clone()).collect();
    assert_eq!(reasons, [json!("parameter_not_allowed"), json!("parameter_not_allowed")]);
}
