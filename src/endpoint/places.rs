//! Where a JSON body names models besides its top-level `model`.

/// Places in a body: each is the names that lead to a model. `[]` stands for the items of an array, `*` for
/// any name.
pub type Places = &'static [&'static [&'static str]];

/// One of the sets that the tables name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set(u8);

/// The set with this name.
pub(super) fn named(name: &str) -> Option<Set> {
    let at = SETS.iter().position(|(known, _)| *known == name)?;
    u8::try_from(at).ok().map(Set)
}

/// The places of a set.
pub(super) fn of(Set(at): Set) -> Option<Places> {
    SETS.get(usize::from(at)).map(|(_, places)| *places)
}

static SETS: &[(&str, Places)] = &[
    (
        "a_file",
        &[
            &["batch", "inputConfig", "fileName"],
            &["batch", "inputConfig", "file_name"],
            &["batch", "input_config", "fileName"],
            &["batch", "input_config", "file_name"],
        ],
    ),
    (
        "agent",
        &[
            &["model", "id"],
            &["agent", "model"],
            &["agent", "model", "id"],
            &["model", "name"],
            &["model_settings", "model"],
            &["model_name"],
            &["llm", "model"],
            &["stt", "model"],
            &["tts", "model"],
            &["target", "agent", "model"],
            &["multiagent", "advisor", "model"],
            &["multiagent", "agents", "[]", "model"],
        ],
    ),
    ("an_agent", &[&["agent"], &["agent_id"]]),
    ("azure_chat", &[&["data_sources", "[]", "parameters", "embedding_dependency", "deployment_name"]]),
    (
        "batch",
        &[
            &["requests", "[]", "params", "model"],
            &["requests", "[]", "params", "fallbacks"],
            &["requests", "[]", "params", "fallbacks", "[]", "model"],
            &["requests", "[]", "params", "tools", "[]", "model"],
            &["requests", "[]", "params", "messages", "[]", "content", "[]", "tool", "definition", "model"],
            &[
                "requests",
                "[]",
                "params",
                "messages",
                "[]",
                "content",
                "[]",
                "tool_changes",
                "[]",
                "tool",
                "definition",
                "model",
            ],
        ],
    ),
    (
        "chat",
        &[
            &["moderation", "model"],
            &["guardrails", "[]", "moderation_llm_v1", "model_name"],
            &["guardrails", "[]", "moderation_llm_v2", "model_name"],
            &["compound_custom", "models", "answering_model"],
            &["compound_custom", "models", "reasoning_model"],
        ],
    ),
    (
        // With Azure's own data and OpenRouter's plugins and tools.
        "chat_wider",
        &[
            &["moderation", "model"],
            &["guardrails", "[]", "moderation_llm_v1", "model_name"],
            &["guardrails", "[]", "moderation_llm_v2", "model_name"],
            &["compound_custom", "models", "answering_model"],
            &["compound_custom", "models", "reasoning_model"],
            &["data_sources", "[]", "parameters", "embedding_dependency", "deployment_name"],
            &["plugins", "[]", "model"],
            &["plugins", "[]", "analysis_models"],
            &["tools", "[]", "parameters", "model"],
            &["tools", "[]", "parameters", "analysis_models"],
        ],
    ),
    ("continued", &[&["from_checkpoint"], &["from_hf_model"]]),
    ("conversation", &[&["items", "[]", "tools", "[]", "model"]]),
    (
        "converse",
        &[
            &["additionalModelRequestFields", "fallbacks"],
            &["additionalModelRequestFields", "fallbacks", "[]", "model"],
            &["additionalModelRequestFields", "tools", "[]", "model"],
        ],
    ),
    (
        "embed_batch",
        &[
            &["batch", "model"],
            &["batch", "inputConfig", "requests", "requests", "[]", "request", "model"],
            &["batch", "input_config", "requests", "requests", "[]", "request", "model"],
        ],
    ),
    (
        "evals",
        &[
            &["data_source", "model"],
            &["data_source", "sampling_params", "model"],
            &["data_source", "sampling_params", "tools", "[]", "model"],
            &["testing_criteria", "[]", "model"],
        ],
    ),
    (
        "gemini_batch",
        &[
            &["batch", "model"],
            &["batch", "inputConfig", "requests", "requests", "[]", "request", "model"],
            &["batch", "input_config", "requests", "requests", "[]", "request", "model"],
        ],
    ),
    (
        "grader",
        &[
            &["grader", "model"],
            &["grader", "graders", "model"],
            &["grader", "graders", "*", "model"],
            &["method", "reinforcement", "grader", "model"],
            &["method", "reinforcement", "grader", "graders", "model"],
            &["method", "reinforcement", "grader", "graders", "*", "model"],
        ],
    ),
    ("items", &[&["requests", "[]", "model"]]),
    (
        "jobs",
        &[
            &["requests", "[]", "body", "model"],
            &["requests", "[]", "body", "guardrails", "[]", "moderation_llm_v1", "model_name"],
            &["requests", "[]", "body", "guardrails", "[]", "moderation_llm_v2", "model_name"],
        ],
    ),
    (
        "live",
        &[
            &["bidiGenerateContentSetup", "model"],
            &["bidiGenerateContentSetup", "setup", "model"],
            &["bidi_generate_content_setup", "model"],
        ],
    ),
    (
        "messages",
        &[
            &["fallbacks"],
            &["fallbacks", "[]", "model"],
            &["tools", "[]", "model"],
            &["messages", "[]", "content", "[]", "tool", "definition", "model"],
            &["messages", "[]", "content", "[]", "tool_changes", "[]", "tool", "definition", "model"],
        ],
    ),
    (
        "messages_wider",
        &[
            &["fallbacks"],
            &["fallbacks", "[]", "model"],
            &["tools", "[]", "model"],
            &["messages", "[]", "content", "[]", "tool", "definition", "model"],
            &["messages", "[]", "content", "[]", "tool_changes", "[]", "tool", "definition", "model"],
            &["plugins", "[]", "model"],
            &["plugins", "[]", "analysis_models"],
            &["tools", "[]", "parameters", "model"],
            &["tools", "[]", "parameters", "analysis_models"],
        ],
    ),
    ("model_id", &[&["modelId"]]),
    ("picture", &[&["svg", "model"]]),
    ("request", &[&["request", "model"]]),
    (
        "responses",
        &[
            &["tools", "[]", "model"],
            &["tools", "[]", "svg", "model"],
            &["moderation", "model"],
            &["input", "[]", "tools", "[]", "model"],
            &["input", "[]", "tools", "[]", "svg", "model"],
        ],
    ),
    (
        "responses_wider",
        &[
            &["tools", "[]", "model"],
            &["tools", "[]", "svg", "model"],
            &["moderation", "model"],
            &["input", "[]", "tools", "[]", "model"],
            &["input", "[]", "tools", "[]", "svg", "model"],
            &["plugins", "[]", "model"],
            &["plugins", "[]", "analysis_models"],
            &["tools", "[]", "parameters", "model"],
            &["tools", "[]", "parameters", "analysis_models"],
        ],
    ),
    (
        // Google reads both spellings of each name.
        "routed",
        &[
            &["generationConfig", "routingConfig", "manualMode", "modelName"],
            &["generationConfig", "routingConfig", "manualMode", "model_name"],
            &["generationConfig", "routingConfig", "manual_mode", "modelName"],
            &["generationConfig", "routingConfig", "manual_mode", "model_name"],
            &["generationConfig", "routing_config", "manualMode", "modelName"],
            &["generationConfig", "routing_config", "manualMode", "model_name"],
            &["generationConfig", "routing_config", "manual_mode", "modelName"],
            &["generationConfig", "routing_config", "manual_mode", "model_name"],
        ],
    ),
    (
        "session",
        &[
            &["session", "model"],
            &["session", "delegation", "model"],
            &["session", "delegation", "responses", "model"],
            &["session", "delegation", "decisions", "model"],
            &["session", "audio", "input", "transcription", "model"],
            &["audio", "input", "transcription", "model"],
            &["input_audio_transcription", "model"],
            &["session", "input_audio_transcription", "model"],
        ],
    ),
    ("tuning", &[&["baseModel"], &["base_model"], &["tunedModelSource", "tunedModel"]]),
    ("vertex_tuning", &[&["baseModel"], &["base_model"], &["preTunedModel", "tunedModelName"]]),
];
