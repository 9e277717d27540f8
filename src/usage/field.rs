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
    /// What OpenAI's tools used, which stands beside the report.
    Tools,
    WebSearch,
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
    /// A list of `{type, input_tokens, …}`: Anthropic's samplings, and how long one's cache writes last.
    Samplings,
    SamplingWrites,
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
    CachedImage,
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
    /// What the provider says it costs, in ten-thousandths of a millionth of a dollar.
    Ticks,
    UnbilledInput,
    UnbilledOutput,
    /// Of a list's entry: its kind, and how much of it.
    Kind,
    Share,
    /// Of a sampling: its tokens.
    Sampled(Sampled),
    /// The tier of service, or its speed.
    Tier,
}

/// The tokens of one of Anthropic's samplings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sampled {
    Input,
    Cached,
    Writes,
    LongWrites,
    Output,
}

/// What a name means in an object.
pub(super) fn field(part: Part, name: &[u8]) -> Field {
    match part {
        Part::Top => at_top(name),
        Part::InputDetails => of_input(name),
        Part::OutputDetails => match name {
            b"reasoning_tokens" | b"thinking_tokens" => Field::Reasoning,
            b"audio_tokens" => Field::OutputAudio,
            b"image_tokens" => Field::OutputImage,
            _ => Field::Nothing,
        },
        Part::CachedDetails => match name {
            b"audio_tokens" => Field::CachedAudio,
            b"image_tokens" | b"video_tokens" => Field::CachedImage,
            _ => Field::Nothing,
        },
        Part::CacheCreation | Part::WriteDetails => match name {
            b"ephemeral_5m_input_tokens" | b"ttl_30m_tokens" => Field::ShortWrites,
            b"ephemeral_1h_input_tokens" | b"ttl_12h_tokens" => Field::LongWrites,
            _ => Field::Nothing,
        },
        Part::ServerTools => only(name, b"web_search_requests", Field::Searches),
        // The pictures' tokens are another model's, which is not named here.
        Part::Tools => only(name, b"web_search", Field::Into(Part::WebSearch)),
        Part::WebSearch => only(name, b"num_requests", Field::Searches),
        Part::Billed => match name {
            b"input_tokens" => Field::Input { bare: true },
            b"output_tokens" => Field::Output,
            b"image_tokens" => Field::InputImage,
            b"images" => Field::Images,
            b"search_units" => Field::Searches,
            _ => Field::Nothing,
        },
        Part::Unbilled => match name {
            b"input_tokens" => Field::UnbilledInput,
            b"output_tokens" => Field::UnbilledOutput,
            _ => Field::Nothing,
        },
        Part::Cost => only(name, b"total_cost", Field::Dollars),
        Part::InputModes | Part::CachedModes | Part::OutputModes => match name {
            b"modality" => Field::Kind,
            b"tokenCount" | b"tokens" => Field::Share,
            _ => Field::Nothing,
        },
        Part::Lasting => match name {
            b"ttl" => Field::Kind,
            b"inputTokens" => Field::Share,
            _ => Field::Nothing,
        },
        Part::Samplings => match name {
            b"type" => Field::Kind,
            b"input_tokens" => Field::Sampled(Sampled::Input),
            b"cache_read_input_tokens" => Field::Sampled(Sampled::Cached),
            b"cache_creation_input_tokens" => Field::Sampled(Sampled::Writes),
            b"cache_creation" => Field::Into(Part::SamplingWrites),
            b"output_tokens" => Field::Sampled(Sampled::Output),
            _ => Field::Nothing,
        },
        Part::SamplingWrites => only(name, b"ephemeral_1h_input_tokens", Field::Sampled(Sampled::LongWrites)),
    }
}

fn only(name: &[u8], known: &[u8], field: Field) -> Field {
    if name == known { field } else { Field::Nothing }
}

/// A field of the report itself; names are compared one by one, so those that come most often stand first.
fn at_top(name: &[u8]) -> Field {
    match name {
        b"prompt_tokens" | b"promptTokenCount" | b"prompt_token_count" | b"total_input_tokens" => {
            Field::Input { bare: false }
        }
        b"completion_tokens"
        | b"output_tokens"
        | b"candidatesTokenCount"
        | b"responseTokenCount"
        | b"outputTokens"
        | b"outputTokenCount"
        | b"total_output_tokens" => Field::Output,
        b"total_tokens" | b"totalTokens" | b"totalTokenCount" => Field::Total,
        b"prompt_tokens_details" | b"input_tokens_details" | b"input_token_details" => {
            Field::Into(Part::InputDetails)
        }
        b"completion_tokens_details" | b"output_tokens_details" | b"output_token_details" => {
            Field::Into(Part::OutputDetails)
        }
        b"input_tokens" | b"inputTokens" | b"inputTokenCount" => Field::Input { bare: true },
        b"cache_read_input_tokens" | b"cacheReadInputTokens" | b"cacheReadInputTokenCount" => {
            Field::CachedBare
        }
        b"cache_creation_input_tokens" | b"cacheWriteInputTokens" | b"cacheWriteInputTokenCount" => {
            Field::WritesBare
        }
        b"cache_creation" => Field::Into(Part::CacheCreation),
        b"cacheDetails" => Field::Into(Part::Lasting),
        b"server_tool_use" => Field::Into(Part::ServerTools),
        b"iterations" => Field::Into(Part::Samplings),
        b"thoughtsTokenCount" | b"total_thought_tokens" => Field::Thoughts,
        b"toolUsePromptTokenCount" | b"total_tool_use_tokens" => Field::ToolInput,
        b"promptTokensDetails"
        | b"toolUsePromptTokensDetails"
        | b"input_tokens_by_modality"
        | b"tool_use_tokens_by_modality" => Field::Into(Part::InputModes),
        b"cacheTokensDetails" | b"cached_tokens_by_modality" => Field::Into(Part::CachedModes),
        b"candidatesTokensDetails" | b"responseTokensDetails" | b"output_tokens_by_modality" => {
            Field::Into(Part::OutputModes)
        }
        b"cached_tokens"
        | b"num_cached_tokens"
        | b"prompt_cache_hit_tokens"
        | b"cachedContentTokenCount"
        | b"cached_prompt_text_tokens"
        | b"total_cached_tokens" => Field::Cached,
        b"total_reasoning_tokens" => Field::Reasoning,
        b"reasoning_tokens" => Field::ReasoningBeside,
        b"citation_tokens" => Field::CitationsBeside,
        // An object in Perplexity's answers, a number in OpenRouter's.
        b"cost" => Field::Into(Part::Cost),
        b"cost_in_usd_ticks" => Field::Ticks,
        b"num_search_queries" => Field::Searches,
        b"billed_units" => Field::Into(Part::Billed),
        b"tokens" => Field::Into(Part::Unbilled),
        b"seconds" | b"prompt_audio_seconds" | b"billable_audio_seconds" => Field::Seconds,
        b"billableCharacterCount" | b"characters" => Field::Characters,
        b"pages_processed" => Field::Pages,
        b"service_tier" | b"speed" => Field::Tier,
        _ => Field::Nothing,
    }
}

fn of_input(name: &[u8]) -> Field {
    match name {
        b"cached_tokens" | b"cache_read_input_tokens" => Field::Cached,
        b"cache_write_tokens" | b"cache_creation_input_tokens" => Field::Writes,
        b"audio_tokens" => Field::InputAudio,
        b"image_tokens" | b"video_tokens" => Field::InputImage,
        b"cached_tokens_details" => Field::Into(Part::CachedDetails),
        b"cache_write_tokens_details" => Field::Into(Part::WriteDetails),
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
    Compaction,
}

impl Kind {
    pub(super) fn of(text: &[u8]) -> Self {
        match text {
            b"AUDIO" | b"audio" => Self::Audio,
            b"IMAGE" | b"VIDEO" | b"DOCUMENT" | b"image" | b"video" | b"document" => Self::Image,
            b"1h" => Self::Hour,
            b"compaction" => Self::Compaction,
            _ => Self::Plain,
        }
    }
}
