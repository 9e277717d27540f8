//! What providers call the counts of a report.

/// The objects within a report that are looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Top,
    InputDetails,
    CachedDetails,
    WriteDetails,
    OutputDetails,
    CacheCreation,
    ServerTools,
    Billed,
    /// Cohere's tokens, where they are not those that are billed.
    Unbilled,
    Cost,
    /// Lists of `{modality, tokenCount}`.
    InputModes,
    CachedModes,
    OutputModes,
    /// A list of `{ttl, inputTokens}`.
    Lasting,
}

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Nothing,
    Into(Part),
    /// Tokens read; whether those of a cache are left out, if any are told.
    Input {
        bare: bool,
    },
    ToolInput,
    Output,
    Thoughts,
    /// Reasoning that is surely no part of the output.
    ReasoningBeside,
    CitationsBeside,
    Total,
    Cached,
    CachedBare,
    CachedAudio,
    Writes,
    WritesBare,
    ShortWrites,
    LongWrites,
    InputAudio,
    InputImage,
    Reasoning,
    OutputAudio,
    OutputImage,
    Seconds,
    Characters,
    Images,
    Pages,
    Searches,
    Dollars,
    UnbilledInput,
    UnbilledOutput,
    /// Of a list's entry: its kind, and how much of it.
    Kind,
    Share,
}

/// What a name means in an object.
pub(super) fn field(part: Part, name: &str) -> Field {
    match part {
        Part::Top => at_top(name),
        Part::InputDetails => of_input(name),
        Part::OutputDetails => match name {
            "reasoning_tokens" | "thinking_tokens" => Field::Reasoning,
            "audio_tokens" => Field::OutputAudio,
            "image_tokens" => Field::OutputImage,
            _ => Field::Nothing,
        },
        Part::CachedDetails => only(name, "audio_tokens", Field::CachedAudio),
        Part::CacheCreation | Part::WriteDetails => match name {
            "ephemeral_5m_input_tokens" | "ttl_30m_tokens" => Field::ShortWrites,
            "ephemeral_1h_input_tokens" | "ttl_12h_tokens" => Field::LongWrites,
            _ => Field::Nothing,
        },
        Part::ServerTools => only(name, "web_search_requests", Field::Searches),
        Part::Billed => match name {
            "input_tokens" => Field::Input { bare: true },
            "output_tokens" => Field::Output,
            "image_tokens" => Field::InputImage,
            "images" => Field::Images,
            "search_units" => Field::Searches,
            _ => Field::Nothing,
        },
        Part::Unbilled => match name {
            "input_tokens" => Field::UnbilledInput,
            "output_tokens" => Field::UnbilledOutput,
            _ => Field::Nothing,
        },
        Part::Cost => only(name, "total_cost", Field::Dollars),
        Part::InputModes | Part::CachedModes | Part::OutputModes => match name {
            "modality" => Field::Kind,
            "tokenCount" | "tokens" => Field::Share,
            _ => Field::Nothing,
        },
        Part::Lasting => match name {
            "ttl" => Field::Kind,
            "inputTokens" => Field::Share,
            _ => Field::Nothing,
        },
    }
}

fn only(name: &str, known: &str, field: Field) -> Field {
    if name == known { field } else { Field::Nothing }
}

/// A field of the report itself; names are compared one by one, so those that come most often stand first.
fn at_top(name: &str) -> Field {
    match name {
        "prompt_tokens" | "promptTokenCount" | "prompt_token_count" | "total_input_tokens" => {
            Field::Input { bare: false }
        }
        "completion_tokens"
        | "output_tokens"
        | "candidatesTokenCount"
        | "responseTokenCount"
        | "outputTokens"
        | "outputTokenCount"
        | "total_output_tokens" => Field::Output,
        "total_tokens" | "totalTokens" | "totalTokenCount" => Field::Total,
        "prompt_tokens_details" | "input_tokens_details" | "input_token_details" => {
            Field::Into(Part::InputDetails)
        }
        "completion_tokens_details" | "output_tokens_details" | "output_token_details" => {
            Field::Into(Part::OutputDetails)
        }
        "input_tokens" | "inputTokens" | "inputTokenCount" => Field::Input { bare: true },
        "cache_read_input_tokens" | "cacheReadInputTokens" | "cacheReadInputTokenCount" => Field::CachedBare,
        "cache_creation_input_tokens" | "cacheWriteInputTokens" | "cacheWriteInputTokenCount" => {
            Field::WritesBare
        }
        "cache_creation" => Field::Into(Part::CacheCreation),
        "cacheDetails" => Field::Into(Part::Lasting),
        "server_tool_use" => Field::Into(Part::ServerTools),
        "thoughtsTokenCount" | "total_thought_tokens" => Field::Thoughts,
        "toolUsePromptTokenCount" | "total_tool_use_tokens" => Field::ToolInput,
        "promptTokensDetails"
        | "toolUsePromptTokensDetails"
        | "input_tokens_by_modality"
        | "tool_use_tokens_by_modality" => Field::Into(Part::InputModes),
        "cacheTokensDetails" | "cached_tokens_by_modality" => Field::Into(Part::CachedModes),
        "candidatesTokensDetails" | "responseTokensDetails" | "output_tokens_by_modality" => {
            Field::Into(Part::OutputModes)
        }
        "cached_tokens"
        | "num_cached_tokens"
        | "prompt_cache_hit_tokens"
        | "cachedContentTokenCount"
        | "cached_prompt_text_tokens"
        | "total_cached_tokens" => Field::Cached,
        "total_reasoning_tokens" => Field::Reasoning,
        "reasoning_tokens" => Field::ReasoningBeside,
        "citation_tokens" => Field::CitationsBeside,
        // An object in Perplexity's answers, a number in OpenRouter's.
        "cost" => Field::Into(Part::Cost),
        "num_search_queries" => Field::Searches,
        "billed_units" => Field::Into(Part::Billed),
        "tokens" => Field::Into(Part::Unbilled),
        "seconds" | "prompt_audio_seconds" | "billable_audio_seconds" => Field::Seconds,
        "billableCharacterCount" | "characters" => Field::Characters,
        "pages_processed" => Field::Pages,
        _ => Field::Nothing,
    }
}

fn of_input(name: &str) -> Field {
    match name {
        "cached_tokens" | "cache_read_input_tokens" => Field::Cached,
        "cache_write_tokens" | "cache_creation_input_tokens" => Field::Writes,
        "audio_tokens" => Field::InputAudio,
        "image_tokens" | "video_tokens" => Field::InputImage,
        "cached_tokens_details" => Field::Into(Part::CachedDetails),
        "cache_write_tokens_details" => Field::Into(Part::WriteDetails),
        _ => Field::Nothing,
    }
}

/// The kind of a list's entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Plain,
    Audio,
    Image,
    Hour,
}

impl Kind {
    pub(super) fn of(text: &str) -> Self {
        match text {
            "AUDIO" | "audio" => Self::Audio,
            "IMAGE" | "VIDEO" | "DOCUMENT" | "image" | "video" | "document" => Self::Image,
            "1h" => Self::Hour,
            _ => Self::Plain,
        }
    }
}
