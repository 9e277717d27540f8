//! Where a JSON body names models besides its top-level `model`.

/// Places in a body: each is the names that lead to a model. `[]` stands for the items of an array, `*` for
/// any name.
pub type Places = &'static [&'static [&'static str]];

/// The sets of places that the tables name.
pub(super) const SETS: &[(&str, Places)] = &[
    (
        "agent",
        &[
            &["model", "id"],
            &["agent", "model"],
            &["agent", "model", "id"],
            &["model", "name"],
            &["model_settings", "model"],
        ],
    ),
    ("batch", &[&["requests", "[]", "params", "model"]]),
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
            &["grader", "graders", "*", "model"],
            &["method", "reinforcement", "grader", "model"],
            &["method", "reinforcement", "grader", "graders", "*", "model"],
        ],
    ),
    ("items", &[&["requests", "[]", "model"]]),
    ("jobs", &[&["requests", "[]", "body", "model"]]),
    (
        "live",
        &[
            &["bidiGenerateContentSetup", "model"],
            &["bidiGenerateContentSetup", "setup", "model"],
            &["bidi_generate_content_setup", "model"],
        ],
    ),
    ("model_id", &[&["modelId"]]),
    ("request", &[&["request", "model"]]),
    (
        "session",
        &[
            &["session", "model"],
            &["session", "audio", "input", "transcription", "model"],
            &["audio", "input", "transcription", "model"],
            &["input_audio_transcription", "model"],
            &["session", "input_audio_transcription", "model"],
        ],
    ),
    ("tuning", &[&["baseModel"], &["base_model"], &["tunedModelSource", "tunedModel"]]),
    ("vertex_tuning", &[&["baseModel"], &["base_model"], &["preTunedModel", "tunedModelName"]]),
];
