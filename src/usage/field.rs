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
    use Field as F;
    use Part as P;
    match (part, name) {
        (P::Top, "prompt_tokens" | "promptTokenCount" | "prompt_token_count" | "total_input_tokens") => {
            F::Input { bare: false }
        }
        (P::Top | P::Billed, "input_tokens") | (P::Top, "inputTokens" | "inputTokenCount") => {
            F::Input { bare: true }
        }
        (P::Top, "toolUsePromptTokenCount" | "total_tool_use_tokens") => F::ToolInput,
        (
            P::Top,
            "completion_tokens"
            | "candidatesTokenCount"
            | "responseTokenCount"
            | "outputTokens"
            | "outputTokenCount"
            | "total_output_tokens",
        )
        | (P::Top | P::Billed, "output_tokens") => F::Output,
        (P::Top, "thoughtsTokenCount" | "total_thought_tokens") => F::Thoughts,
        (P::Top, "total_reasoning_tokens") | (P::OutputDetails, "reasoning_tokens" | "thinking_tokens") => {
            F::Reasoning
        }
        (P::Top, "reasoning_tokens") => F::ReasoningBeside,
        (P::Top, "citation_tokens") => F::CitationsBeside,
        (P::Top, "total_tokens" | "totalTokens" | "totalTokenCount") => F::Total,
        (
            P::Top,
            "cached_tokens"
            | "num_cached_tokens"
            | "prompt_cache_hit_tokens"
            | "cachedContentTokenCount"
            | "cached_prompt_text_tokens"
            | "total_cached_tokens",
        )
        | (P::InputDetails, "cached_tokens" | "cache_read_input_tokens") => F::Cached,
        (P::Top, "cache_read_input_tokens" | "cacheReadInputTokens" | "cacheReadInputTokenCount") => {
            F::CachedBare
        }
        (P::Top, "cache_creation_input_tokens" | "cacheWriteInputTokens" | "cacheWriteInputTokenCount") => {
            F::WritesBare
        }
        (P::InputDetails, "cache_write_tokens" | "cache_creation_input_tokens") => F::Writes,
        (P::CachedDetails, "audio_tokens") => F::CachedAudio,
        (P::CacheCreation, "ephemeral_5m_input_tokens") | (P::WriteDetails, "ttl_30m_tokens") => {
            F::ShortWrites
        }
        (P::CacheCreation, "ephemeral_1h_input_tokens") | (P::WriteDetails, "ttl_12h_tokens") => {
            F::LongWrites
        }
        (P::InputDetails, "audio_tokens") => F::InputAudio,
        (P::InputDetails, "image_tokens" | "video_tokens") | (P::Billed, "image_tokens") => F::InputImage,
        (P::OutputDetails, "audio_tokens") => F::OutputAudio,
        (P::OutputDetails, "image_tokens") => F::OutputImage,
        (P::Top, "seconds" | "prompt_audio_seconds" | "billable_audio_seconds") => F::Seconds,
        (P::Top, "billableCharacterCount" | "characters") => F::Characters,
        (P::Billed, "images") => F::Images,
        (P::Top, "pages_processed") => F::Pages,
        (P::Billed, "search_units")
        | (P::Top, "num_search_queries")
        | (P::ServerTools, "web_search_requests") => F::Searches,
        // An object in Perplexity's answers, a number in OpenRouter's.
        (P::Top, "cost") => F::Into(P::Cost),
        (P::Cost, "total_cost") => F::Dollars,
        (P::Unbilled, "input_tokens") => F::UnbilledInput,
        (P::Unbilled, "output_tokens") => F::UnbilledOutput,
        (P::Top, "prompt_tokens_details" | "input_tokens_details" | "input_token_details") => {
            F::Into(P::InputDetails)
        }
        (P::Top, "completion_tokens_details" | "output_tokens_details" | "output_token_details") => {
            F::Into(P::OutputDetails)
        }
        (P::InputDetails, "cached_tokens_details") => F::Into(P::CachedDetails),
        (P::InputDetails, "cache_write_tokens_details") => F::Into(P::WriteDetails),
        (P::Top, "cache_creation") => F::Into(P::CacheCreation),
        (P::Top, "server_tool_use") => F::Into(P::ServerTools),
        (P::Top, "billed_units") => F::Into(P::Billed),
        (P::Top, "tokens") => F::Into(P::Unbilled),
        (
            P::Top,
            "promptTokensDetails"
            | "toolUsePromptTokensDetails"
            | "input_tokens_by_modality"
            | "tool_use_tokens_by_modality",
        ) => F::Into(P::InputModes),
        (P::Top, "cacheTokensDetails" | "cached_tokens_by_modality") => F::Into(P::CachedModes),
        (P::Top, "candidatesTokensDetails" | "responseTokensDetails" | "output_tokens_by_modality") => {
            F::Into(P::OutputModes)
        }
        (P::Top, "cacheDetails") => F::Into(P::Lasting),
        (P::InputModes | P::CachedModes | P::OutputModes, "modality") | (P::Lasting, "ttl") => F::Kind,
        (P::InputModes | P::CachedModes | P::OutputModes, "tokenCount" | "tokens")
        | (P::Lasting, "inputTokens") => F::Share,
        _ => F::Nothing,
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
