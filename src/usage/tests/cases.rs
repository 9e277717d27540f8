//! An answer of each dialect, streamed and not, with what it reports.

use super::*;

pub(super) const JSON: &str = "application/json; charset=utf-8";
pub(super) const EVENTS: &str = "text/event-stream; charset=utf-8";
pub(super) const LINES: &str = "application/x-ndjson";
pub(super) const AWS: &str = "application/vnd.amazon.eventstream";

pub(super) struct Case {
    pub(super) answer: Vec<u8>,
    pub(super) name: &'static str,
    pub(super) surface: Surface,
    pub(super) endpoint: &'static str,
    pub(super) kind: &'static str,
    pub(super) expected: Usage,
}

macro_rules! cases {
    ($($file:literal $surface:ident $endpoint:literal $kind:ident { $($count:ident: $value:expr),* };)*) => {
        pub(super) fn cases() -> Vec<Case> {
            vec![$(Case {
                answer: answer($kind, include_bytes!(concat!("../answers/", $file))),
                name: $file,
                surface: Surface::$surface,
                endpoint: $endpoint,
                kind: $kind,
                expected: Usage { $($count: $value,)* ..Usage::default() },
            }),*]
        }
    };
}

cases! {
    "openai_chat.json" OpenAi "chat" JSON { input: 19, cached: 12, output: 210, reasoning: 128 };
    "openai_chat.sse" OpenAi "chat" EVENTS { input: 19, cached: 12, output: 210, reasoning: 128 };
    "openai_chat_crlf.sse" Azure "chat" EVENTS { input: 19, cached: 12, output: 210, reasoning: 128 };
    "openai_completions.json" OpenAi "completions" JSON { input: 5, output: 7 };
    "openai_responses.json" OpenAi "responses" JSON
        { input: 328, cached: 64, cache_writes: 150, long_cache_writes: 50, output: 52, reasoning: 13 };
    "openai_responses_completed.sse" OpenAi "responses" EVENTS
        { input: 328, cached: 64, cache_writes: 150, long_cache_writes: 50, output: 52, reasoning: 13 };
    "openai_responses_incomplete.sse" OpenAi "responses" EVENTS
        { input: 328, cached: 64, cache_writes: 150, long_cache_writes: 50, output: 52, reasoning: 13 };
    "openai_responses_failed.sse" OpenAi "responses" EVENTS
        { input: 328, cached: 64, cache_writes: 150, long_cache_writes: 50, output: 52, reasoning: 13 };
    "openai_responses_tools.json" OpenAi "responses" JSON
        { input: 328, cached: 64, output: 52, reasoning: 13, searches: 4 };
    "openai_responses_tools.sse" OpenAi "responses" EVENTS
        { input: 328, cached: 64, output: 52, reasoning: 13, searches: 4 };
    "openai_embeddings.json" OpenAi "embeddings" JSON { input: 8 };
    "openai_transcription_tokens.json" OpenAi "audio.transcriptions" JSON { input: 14, input_audio: 10, output: 45 };
    "openai_transcription_duration.json" OpenAi "audio.transcriptions" JSON { audio_ms: 9500 };
    "openai_transcription.sse" OpenAi "audio.transcriptions" EVENTS { input: 14, input_audio: 14, output: 31 };
    "openai_images.json" OpenAi "images.generations" JSON
        { input: 50, input_image: 40, output: 50, output_image: 50 };
    "images_without_tokens.json" OpenAi "images.generations" JSON { images: 3 };
    "vertex_images.json" Gemini "predict" JSON { images: 2 };
    "openai_images.sse" OpenAi "images.generations" EVENTS { input: 50, input_image: 40, output: 50 };
    "openai_speech.sse" OpenAi "audio.speech" EVENTS { input: 14, output: 101 };
    "anthropic.json" Anthropic "messages" JSON
        { input: 3395, cached: 1000, cache_writes: 100, long_cache_writes: 200, output: 503, reasoning: 120, searches: 2 };
    "anthropic.sse" Anthropic "messages" EVENTS { input: 100, cached: 70, cache_writes: 5, output: 15 };
    "anthropic.sse" Vertex "anthropic.stream_raw_predict" EVENTS
        { input: 100, cached: 70, cache_writes: 5, output: 15 };
    "anthropic_hour.sse" Anthropic "messages" EVENTS
        { input: 100_010, cache_writes: 1000, long_cache_writes: 99_000, output: 500 };
    "anthropic_compaction.json" Anthropic "messages" JSON
        { input: 23_000 + 180_500, cached: 300, cache_writes: 50, long_cache_writes: 150, output: 1000 + 3500 };
    "anthropic_compaction.sse" Anthropic "messages" EVENTS
        { input: 23_000 + 180_500, cached: 300, cache_writes: 50, long_cache_writes: 150, output: 1000 + 3500 };
    "gemini.json" Gemini "generate" JSON
        { input: 274, cached: 100, cached_audio: 30, input_audio: 58, input_image: 200, output: 160, reasoning: 120 };
    "gemini.sse" Gemini "stream_generate" EVENTS
        { input: 274, cached: 100, cached_audio: 30, input_audio: 58, input_image: 200, output: 160, reasoning: 120 };
    "gemini_array.json" Vertex "stream_generate" JSON
        { input: 274, cached: 100, cached_audio: 30, input_audio: 58, input_image: 200, output: 160, reasoning: 120 };
    "gemini_cached.json" Gemini "generate" JSON
        { input: 10_250, cached: 5200, cached_audio: 5000, cached_image: 200, input_audio: 5000, input_image: 250, output: 7 };
    "vertex_predict.json" Vertex "predict" JSON { characters: 25 };
    "interactions.sse" Gemini "interactions.create" EVENTS { input: 7, output: 42, reasoning: 22 };
    "bedrock_converse.json" Bedrock "converse" JSON
        { input: 130, cached: 90, cache_writes: 4, long_cache_writes: 6, output: 628 };
    "bedrock_converse.events" Bedrock "converse_stream" AWS
        { input: 130, cached: 90, cache_writes: 4, long_cache_writes: 6, output: 628 };
    "bedrock_invoke_anthropic.events" Bedrock "invoke_stream" AWS
        { input: 100, cached: 70, cache_writes: 5, output: 15 };
    "bedrock_invoke_llama.events" Bedrock "invoke_stream" AWS { input: 12, output: 9 };
    "mistral.json" OpenAi "chat" JSON { input: 16, cached: 4, output: 34, audio_ms: 12000 };
    "mistral.sse" OpenAi "chat" EVENTS { input: 16, output: 34 };
    "mistral_ocr.json" Mistral "ocr" JSON { pages: 3 };
    "cohere.json" Cohere "chat" JSON { input: 5, cached: 2, output: 418 };
    "cohere.sse" Cohere "chat" EVENTS { input: 5, cached: 2, output: 418 };
    "cohere_rerank.json" Cohere "rerank" JSON { searches: 1 };
    "cohere_embed.json" Cohere "embed" JSON { input: 2, images: 1 };
    "groq.sse" OpenAi "chat" EVENTS { input: 18, output: 556 };
    "deepseek.json" OpenAi "chat" JSON { input: 16, cached: 10, output: 100, reasoning: 90 };
    "openrouter.sse" OpenAi "chat" EVENTS
        { input: 194, cached: 10, cache_writes: 100, output: 2, cost: Some(Money::picodollars(950_000_000)) };
    "perplexity.json" OpenAi "chat" JSON
        { input: 33, output: 7163 + 20016 + 73997, reasoning: 73997, searches: 28,
          cost: Some(Money::picodollars(500_000_000_000)) };
    "xai.json" OpenAi "chat" JSON
        { input: 32, cached: 6, output: 103, reasoning: 94, cost: Some(Money::picodollars(3_775_600_000)) };
    "gemini_openai.json" OpenAi "chat" JSON { input: 10, output: 54, reasoning: 50 };
    "ollama_chat.json" Ollama "chat" JSON { input: 26, output: 298 };
    "ollama_chat.ndjson" Ollama "chat" LINES { input: 26, output: 282 };
    "ollama_generate.ndjson" Ollama "generate" LINES { output: 259 };
    "llama_cpp.sse" LlamaCpp "completion" EVENTS { input: 12, output: 8 };
    "llama_cpp_chat.json" OpenAi "chat" JSON { input: 12, cached: 5, output: 8 };
}

/// The bytes of an answer; Amazon's frames are made of a line each.
fn answer(kind: &str, file: &[u8]) -> Vec<u8> {
    if kind != AWS {
        return file.to_vec();
    }
    let text = std::str::from_utf8(file).unwrap();
    text.lines()
        .flat_map(|line| {
            let (event, payload) = line.split_once('\t').unwrap();
            if event == "chunk" {
                frame(event, format!("{{\"bytes\":\"{}\",\"p\":\"abcd\"}}", base64(payload)).as_bytes())
            } else {
                frame(event, payload.as_bytes())
            }
        })
        .collect()
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= three.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

pub(super) fn frame(event: &str, payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in
        [(":event-type", event), (":content-type", "application/json"), (":message-type", "event")]
    {
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let mut out = Vec::new();
    let total = u32::try_from(16 + headers.len() + payload.len()).unwrap();
    out.extend_from_slice(&total.to_be_bytes());
    out.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}
