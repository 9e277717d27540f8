//! Each dialect's answers, streamed and not, with the border of two pieces at every byte.

mod cases;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use cases::{AWS, Case, EVENTS, JSON, LINES, cases, frame};

use super::*;
use crate::dialect::Surface;
use crate::endpoint::{self, Endpoint};
use crate::tier::{Served, Tier};

fn endpoint(surface: Surface, name: &str) -> &'static Endpoint {
    endpoint::all().iter().find(|row| row.surface == surface && row.name == name).unwrap()
}

fn meter(surface: Surface, name: &str, kind: &'static str) -> Meter {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Meter::of(endpoint(surface, name), &headers).unwrap()
}

/// What was found of an answer: what it used, how much it wrote, and the tier that served it.
type Found = (Option<Usage>, u64, Option<Served>);

impl Case {
    fn fed<'p>(&self, pieces: impl IntoIterator<Item = &'p [u8]>) -> Found {
        let mut meter = meter(self.surface, self.endpoint, self.kind);
        let mut usage = None;
        for piece in pieces {
            meter.piece(&Bytes::copy_from_slice(piece), &mut usage);
        }
        (usage, meter.output_seen(), meter.served())
    }
}

#[test]
fn what_is_found_is_what_was_reported() {
    for case in cases() {
        assert_eq!(case.fed([&*case.answer]).0, Some(case.expected), "{}", case.name);
    }
}

/// Believed, it would spend a budget for weeks, and other counts of the same report are no better.
#[test]
fn a_report_of_more_than_there_can_be_is_none() {
    let found = |usage: &str| {
        let mut meter = meter(Surface::OpenAi, "chat", "application/json");
        let mut found = None;
        meter.piece(&Bytes::from(format!("{{\"id\":\"a\",\"usage\":{usage}}}")), &mut found);
        found
    };
    assert_eq!(found(r#"{"prompt_tokens":7,"completion_tokens":1073741824}"#).unwrap().output, 1 << 30);
    for absurd in [
        r#"{"prompt_tokens":7,"completion_tokens":1073741825}"#,
        r#"{"prompt_tokens":-10,"completion_tokens":99999999999999999999}"#,
        r#"{"prompt_tokens":1e300,"completion_tokens":1}"#,
        r#"{"prompt_tokens":1,"completion_tokens":1,"cost":1000001}"#,
        r#"{"prompt_tokens":1,"completion_tokens":1,"cost":1e7}"#,
    ] {
        assert_eq!(found(absurd), None, "{absurd}");
    }
}

#[test]
fn borders_of_pieces_do_not_matter() {
    for case in cases() {
        let expected = case.fed([&*case.answer]);
        for at in 0..=case.answer.len() {
            let (one, two) = case.answer.split_at(at);
            assert_eq!(case.fed([one, two]), expected, "{} at {at}", case.name);
        }
        assert_eq!(case.fed(case.answer.chunks(1)), expected, "{} byte by byte", case.name);
    }
}

#[test]
fn an_answer_that_breaks_off_reports_nothing_that_it_did_not_say() {
    for case in cases() {
        let inputs = [0, case.expected.input];
        for at in 0..case.answer.len() {
            let found = case.fed([&case.answer[..at]]).0.unwrap_or_default();
            let names = (case.name, at, found);
            // What a stream says at first is less than at its end, but its input is whole.
            let first_of_gemini = case.name.starts_with("gemini") && found.input == 264;
            let first_of_messages = case.name.contains("anthropic") && [100, 23_000].contains(&found.input);
            assert!(inputs.contains(&found.input) || first_of_gemini || first_of_messages, "{names:?}");
            assert!(found.output <= case.expected.output, "{names:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_pieces_tell_the_same(which in any::<prop::sample::Index>(), lengths in prop::collection::vec(1..90_usize, 1..60)) {
        let cases = cases();
        let case = which.get(&cases);
        let mut pieces = Vec::new();
        let mut rest = &*case.answer;
        for length in lengths.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*length).min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        prop_assert_eq!(case.fed(pieces), case.fed([&*case.answer]), "{}", case.name);
    }

    #[test]
    fn what_a_model_writes_is_never_taken_for_a_report(content in "[ -~\\n\\r\u{20ac}]{0,80}", cut in any::<prop::sample::Index>()) {
        let text = serde_json::json!({
            "choices": [{ "delta": { "content": format!("{content}\"usage\":{{\"prompt_tokens\":7}}{content}") } }],
        });
        let text = format!("data: {text}\n\n");
        let (one, two) = text.as_bytes().split_at(cut.index(text.len()));
        let mut meter = meter(Surface::OpenAi, "chat", EVENTS);
        let mut usage = None;
        meter.piece(&Bytes::copy_from_slice(one), &mut usage);
        meter.piece(&Bytes::copy_from_slice(two), &mut usage);
        prop_assert_eq!(usage, None);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'{'), Just(b'}'), Just(b'\\'), Just(b'\n'), Just(b':'), any::<u8>()], 0..300)) {
        for (surface, name, kind) in [
            (Surface::OpenAi, "chat", EVENTS), (Surface::OpenAi, "chat", JSON), (Surface::Ollama, "chat", LINES),
            (Surface::Bedrock, "invoke_stream", AWS), (Surface::Gemini, "stream_generate", EVENTS),
        ] {
            let mut usage = None;
            let mut meter = meter(surface, name, kind);
            meter.piece(&Bytes::from_static(b"data: {\"usage\":{\"a\":["), &mut usage);
            for piece in bytes.chunks(7) {
                meter.piece(&Bytes::copy_from_slice(piece), &mut usage);
            }
        }
    }
}

fn found(surface: Surface, name: &str, kind: &'static str, text: &str) -> Option<Usage> {
    let mut usage = None;
    meter(surface, name, kind).piece(&Bytes::copy_from_slice(text.as_bytes()), &mut usage);
    usage
}

#[test]
fn only_what_stands_where_providers_put_it_counts() {
    for text in [
        r#"{"a":{"usage":{"prompt_tokens":7}}}"#,
        r#"{"choices":[{"usage":{"prompt_tokens":7}}]}"#,
        r#"{"choices":[{"message":{"usage":{"prompt_tokens":7}}}]}"#,
        r#"{"message":{"content":{"usage":{"prompt_tokens":7}}}}"#,
        r#"{"message":[{"usage":{"prompt_tokens":7}}]}"#,
        r#"{"message":"usage","a":{"usage":{"prompt_tokens":7}}}"#,
        r#"{"x":"\\\"","a":"\"usage\":{\"prompt_tokens\":7}"}"#,
        r#"{"x\"usage":{"prompt_tokens":7}}"#,
        r#"{"usage":null}"#,
        r#"{"usage":[{"prompt_tokens":7}]}"#,
        r#"{"usage":"{\"prompt_tokens\":7}"}"#,
        r#"{"usage":{}}"#,
        r#"{"usage":{"words":7}}"#,
        r#"{"usage":{"prompt_tokens":-7,"completion_tokens":null}}"#,
        r#"{"usage":{"prompt_tokens":7"#,
        "[DONE]",
        "",
    ] {
        assert_eq!(found(Surface::OpenAi, "chat", JSON, text), None, "{text}");
        let event = format!("data: {text}\n\n");
        assert_eq!(found(Surface::OpenAi, "chat", EVENTS, &event), None, "{event}");
    }
}

#[test]
fn a_report_is_found_wherever_it_stands_in_an_answer() {
    let seven = Some(Usage { input: 7, ..Usage::default() });
    for text in [
        r#"{"usage":{"prompt_tokens":7}}"#,
        r#"{"usage" : {"prompt_tokens":7},"choices":[]}"#,
        r#"{"choices":["}{\\\"",{"a":{}}],"usage":{"prompt_tokens":7,"x":{"y":["}"]},"z":"\"}"}}"#,
        "{\"a\":1,\n  \"usage\" :\t{\n\"prompt_tokens\" : 7 } }",
        r#"{"message":"x","usage":{"prompt_tokens":7}}"#,
        r#"{"message":{"a":{"b":1}},"usage":{"prompt_tokens":7.0}}"#,
        r#"{"usage":{"prompt_tokens":1},"usage":{"prompt_tokens":7}}"#,
    ] {
        assert_eq!(found(Surface::OpenAi, "chat", JSON, text), seven, "{text}");
        for event in [
            format!("data: {text}\n\n").replace("\n ", " "),
            format!("data:{}\r\n\r\n", text.replace(['\n', '\t'], " ")),
            format!(": no\rdata: {}\r\r", text.replace(['\n', '\t'], " ")),
            format!("event: x\ndata: {}\nid: 4\n\n", text.replace(['\n', '\t'], "")),
            format!("data: {}\n\n", text.replace('\n', "\ndata: ")),
        ] {
            let event = event.replace("\n\"prompt", "\ndata: \"prompt");
            assert_eq!(found(Surface::OpenAi, "chat", EVENTS, &event), seven, "{event}");
        }
    }
}

#[test]
fn events_that_are_huge_are_walked_through_and_huge_reports_passed_over() {
    let content = "x\\\"{".repeat(400_000);
    let event = format!(
        "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{content}\"}}}}],\"usage\":{{\"prompt_tokens\":7}}}}\n\n"
    );
    let report = format!("data: {{\"usage\":{{\"x\":\"{}\",\"prompt_tokens\":9}}}}\n\n", "y".repeat(100_000));
    let mut usage = None;
    let mut meter = meter(Surface::OpenAi, "chat", EVENTS);
    for piece in [event, report].concat().as_bytes().chunks(8192) {
        meter.piece(&Bytes::copy_from_slice(piece), &mut usage);
    }
    assert_eq!(usage, Some(Usage { input: 7, ..Usage::default() }));
    assert_eq!(meter.output_seen(), 1_200_000 / 3);
}

#[test]
fn a_frame_that_is_huge_is_passed_over_and_the_next_is_read() {
    let huge = frame(
        "x",
        format!("{{\"usage\":{{\"inputTokens\":1}},\"a\":\"{}\"}}", "y".repeat(400_000)).as_bytes(),
    );
    let next = frame("metadata", br#"{"usage":{"inputTokens":7}}"#);
    let mut usage = None;
    let mut meter = meter(Surface::Bedrock, "converse_stream", AWS);
    for piece in [huge, next].concat().chunks(1000) {
        meter.piece(&Bytes::copy_from_slice(piece), &mut usage);
    }
    assert_eq!(usage, Some(Usage { input: 7, ..Usage::default() }));
}

#[test]
fn what_was_written_is_estimated_by_its_text() {
    for (text, bytes) in [
        (r#"{"choices":[{"delta":{"role":"assistant","content":"Hello"}}]}"#, 5),
        (r#"{"choices":[{"delta":{"content":"a\n\"\u4e2d"}}]}"#, 6),
        (
            r#"{"choices":[{"delta":{"tool_calls":[{"id":"call_1","function":{"name":"f","arguments":"{\"a\""}}]}}]}"#,
            6,
        ),
        (r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"abc"}}"#, 3),
        (r#"{"type":"response.output_text.delta","delta":"abcd","obfuscation":"zzz"}"#, 4),
        (r#"{"delta":{"message":{"content":{"text":"abcd"}}}}"#, 4),
        (r#"{"delta" : {"a":1},"x":"no"}"#, 0),
        (r#"{"delta":null,"x":"no"}"#, 0),
        (r#"{"content":"say \"delta\":\"no\""}"#, 0),
    ] {
        let event = format!("data: {text}\n\n");
        for at in 0..=event.len() {
            let mut meter = meter(Surface::OpenAi, "chat", EVENTS);
            meter.piece(&Bytes::copy_from_slice(&event.as_bytes()[..at]), &mut None);
            meter.piece(&Bytes::copy_from_slice(&event.as_bytes()[at..]), &mut None);
            assert_eq!(meter.output_seen(), u64::div_ceil(bytes, 3), "{text} {at}");
        }
    }
    for (surface, name, kind, text, bytes) in [
        (Surface::OpenAi, "completions", EVENTS, "data: {\"choices\":[{\"text\":\"abc\"}]}\n\n", 3),
        (
            Surface::Gemini,
            "stream_generate",
            EVENTS,
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"abc\"},{\"text\":\"defg\"}]}}]}\n\n",
            7,
        ),
        (Surface::Ollama, "chat", LINES, "{\"message\":{\"content\":\"abc\"}}\n", 3),
        (Surface::Ollama, "generate", LINES, "{\"response\":\"abc\"}\n", 3),
        (Surface::OpenAi, "chat", JSON, "{\"choices\":[", 12),
        (Surface::OpenAi, "embeddings", JSON, "{\"data\":[", 0),
    ] {
        let mut meter = meter(surface, name, kind);
        meter.piece(&Bytes::copy_from_slice(text.as_bytes()), &mut None);
        assert_eq!(meter.output_seen(), u64::div_ceil(bytes, 3), "{text}");
    }
}

#[test]
fn an_answer_tells_the_tier_that_served_it() {
    let (usual, flex, fast) =
        (Some(Served::Usual), Some(Served::In(Tier::Flex)), Some(Served::In(Tier::Fast)));
    for (text, expected) in [
        (r#"{"usage":{"prompt_tokens":7},"service_tier":"flex"}"#, flex),
        (r#"{"usage":{"prompt_tokens":7},"a":{"b":"}"},"service_tier" : "flex","c":"d"}"#, flex),
        (r#"{"service_tier":"flex","a":[{"b":"{"},{}],"usage":{"prompt_tokens":7}}"#, flex),
        (r#"{"service_tier":"default","usage":{"prompt_tokens":7}}"#, usual),
        (r#"{"usage":{"input_tokens":7,"service_tier":"standard"}}"#, usual),
        (r#"{"usage":{"input_tokens":7,"service_tier":"standard","speed":"fast"}}"#, fast),
        (r#"{"usage":{"input_tokens":7,"speed":"fast","service_tier":"standard"}}"#, fast),
        (r#"{"response":{"service_tier":"flex","usage":{"input_tokens":7}}}"#, flex),
        (r#"{"response":{"usage":{"input_tokens":7},"service_tier":"flex"}}"#, flex),
        // Nothing that costs something else, as far as anybody knows.
        (r#"{"service_tier":"scale","usage":{"prompt_tokens":7}}"#, None),
        (r#"{"service_tier":null,"usage":{"prompt_tokens":7},"x":1}"#, None),
        (r#"{"service_tier":"fl\u0065x","usage":{"prompt_tokens":7}}"#, None),
        (r#"{"service_tier":"a tier whose name is longer than any","usage":{"prompt_tokens":7}}"#, None),
        // What a model wrote, or a client asked for.
        (r#"{"a":{"service_tier":"flex"},"usage":{"prompt_tokens":7}}"#, None),
        (r#"{"usage":{"prompt_tokens":7},"a":{"service_tier":"flex"}}"#, None),
        (r#"{"a":""service_tier":"flex"","usage":{"prompt_tokens":7}}"#, None),
        (
            r#"{"a":"service_tier","b":"flex","usage":{"prompt_tokens":7},"c":"service_tier","d":"flex"}"#,
            None,
        ),
        (r#"{"a":["service_tier","flex"],"usage":{"prompt_tokens":7}}"#, None),
    ] {
        for (kind, text) in [(JSON, text.to_owned()), (EVENTS, format!("data: {text}\n\n"))] {
            for cut in 0..=text.len() {
                let mut meter = meter(Surface::OpenAi, "responses", kind);
                let mut usage = None;
                for piece in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                    meter.piece(&Bytes::copy_from_slice(piece), &mut usage);
                }
                assert_eq!(meter.served(), expected, "{text} at {cut}");
                assert_eq!(usage.map(|usage| usage.input), Some(7), "{text} at {cut}");
            }
        }
    }
}

fn session(surface: Surface, name: &str, file: &str) -> (Option<Usage>, u64) {
    let whole = said(surface, name, file, usize::MAX);
    for size in [1, 2, 7, 100] {
        assert_eq!(said(surface, name, file, size).0, whole.0, "{size}");
    }
    whole
}

fn said(surface: Surface, name: &str, file: &str, size: usize) -> (Option<Usage>, u64) {
    let mut meter = Meter::of_session(endpoint(surface, name));
    let mut usage = None;
    for message in file.lines() {
        let mut rest = message.as_bytes();
        while !rest.is_empty() {
            let (part, behind) = rest.split_at(size.min(rest.len()));
            meter.message(part, behind.is_empty(), &mut usage);
            rest = behind;
        }
    }
    (usage, meter.output_seen())
}

#[test]
fn reports_of_a_session_are_added_up() {
    let (usage, seen) =
        session(Surface::OpenAi, "realtime.socket", include_str!("answers/realtime.messages"));
    let expected = Usage {
        input: 553,
        cached: 104,
        cached_audio: 64,
        cached_image: 30,
        input_audio: 150,
        input_image: 50,
        output: 295,
        output_audio: 210,
        audio_ms: 2000,
        ..Usage::default()
    };
    assert_eq!((usage, seen), (Some(expected), 2), "of the sound no text is counted");
    let (usage, seen) = session(Surface::Gemini, "live", include_str!("answers/gemini_live.messages"));
    let expected = Usage { input: 300, input_audio: 80, output: 50, output_audio: 40, ..Usage::default() };
    assert_eq!((usage, seen), (Some(expected), 1));
}

#[test]
fn how_long_cache_writes_last_is_told_once() {
    let first = r#"{"input_tokens":3,"cache_creation_input_tokens":50,"cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":30}}"#;
    for (last, input, cache_writes, long_cache_writes) in [
        (r#"{"input_tokens":3,"cache_creation_input_tokens":50,"output_tokens":9}"#, 53, 20, 30),
        (r#"{"output_tokens":9}"#, 53, 20, 30),
        (r#"{"input_tokens":3,"cache_creation_input_tokens":60,"output_tokens":9}"#, 63, 30, 30),
        (r#"{"input_tokens":3,"cache_creation_input_tokens":25,"output_tokens":9}"#, 28, 0, 25),
        (
            r#"{"input_tokens":3,"cache_creation_input_tokens":50,"cache_creation":{"ephemeral_5m_input_tokens":50,"ephemeral_1h_input_tokens":0},"output_tokens":9}"#,
            53,
            50,
            0,
        ),
    ] {
        let text = format!("data: {{\"message\":{{\"usage\":{first}}}}}\n\ndata: {{\"usage\":{last}}}\n\n");
        let expected = Usage { input, cache_writes, long_cache_writes, output: 9, ..Usage::default() };
        assert_eq!(found(Surface::Anthropic, "messages", EVENTS, &text), Some(expected), "{last}");
    }
}

#[test]
fn searches_of_tools_stand_beside_the_report() {
    let four = r#""tool_usage":{"image_gen":{"output_tokens":9},"web_search":{"num_requests":4}}"#;
    let seven = r#""usage":{"input_tokens":7}"#;
    let other = r#""x":{"y":["}",{}]},"z":"\"{""#;
    for (text, searches) in [
        (format!("{{{four},{seven}}}"), 4),
        (format!("{{{seven},{four}}}"), 4),
        (format!("{{{other},{four},{other},{seven},{other}}}"), 4),
        (format!("{{{other},{seven},{other},{four},{other}}}"), 4),
        (format!("{{\"response\":{{{four},{other},{seven}}},{other}}}"), 4),
        (format!("{{\"response\":{{{seven},{other},{four}}}}}"), 4),
        (format!("{{{},{seven}}}", four.replacen(':', " : ", 1)), 4),
        (format!("{{{},{seven}}}", four.replace('4', "0")), 0),
        // What a model wrote, or a client.
        (format!("{{\"a\":{{{four}}},{seven}}}"), 0),
        (format!("{{\"a\":[{{{four}}}],{seven}}}"), 0),
        (format!("{{{seven},\"a\":{{{four}}}}}"), 0),
        (format!("{{\"response\":{{\"a\":{{{four}}},{seven}}}}}"), 0),
        (format!("{{\"a\":{},{seven}}}", serde_json::Value::from(format!("{{{four}}}"))), 0),
        (format!("{{\"tool_usage\":null,\"a\":\"tool_usage\",{seven}}}"), 0),
        (format!("{{\"tool_usage\":[{{{four}}}],{seven}}}"), 0),
    ] {
        for (kind, text) in [(JSON, text.clone()), (EVENTS, format!("data: {text}\n\n"))] {
            for cut in 0..=text.len() {
                let mut meter = meter(Surface::OpenAi, "responses", kind);
                let mut usage = None;
                for piece in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                    meter.piece(&Bytes::copy_from_slice(piece), &mut usage);
                }
                let expected = Usage { input: 7, searches, ..Usage::default() };
                assert_eq!(usage, Some(expected), "{text} at {cut}");
            }
        }
    }
    let alone = format!("{{{four}}}");
    assert_eq!(found(Surface::OpenAi, "responses", JSON, &alone), None, "no report, so nothing is known");
    let mut meter = Meter::of_session(endpoint(Surface::OpenAi, "responses"));
    let mut usage = None;
    for text in
        [format!("{{\"response\":{{{four},{seven}}}}}"), format!("{{\"response\":{{{seven},{four}}}}}")]
    {
        meter.message(text.as_bytes(), true, &mut usage);
    }
    assert_eq!(usage, Some(Usage { input: 14, searches: 8, ..Usage::default() }));
}

#[test]
fn bedrock_counts_in_the_head_where_the_body_has_none() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-amzn-bedrock-input-token-count", "12"),
        ("x-amzn-bedrock-output-token-count", "9"),
        ("x-amzn-bedrock-cache-read-input-token-count", "5"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let invoke = endpoint(Surface::Bedrock, "invoke");
    let expected = Usage { input: 17, cached: 5, output: 9, ..Usage::default() };
    assert_eq!(Meter::in_head(invoke, &headers), Some(expected));
    assert_eq!(Meter::in_head(endpoint(Surface::OpenAi, "chat"), &headers), None);
    assert_eq!(Meter::in_head(invoke, &HeaderMap::new()), None);
    let mut usage = Some(expected);
    meter(Surface::Bedrock, "invoke", JSON)
        .piece(&Bytes::from_static(br#"{"usage":{"input_tokens":3,"output_tokens":4}}"#), &mut usage);
    assert_eq!(
        usage,
        Some(Usage { input: 3, output: 4, ..Usage::default() }),
        "the body's own word is better"
    );
}

#[test]
fn only_answers_that_call_a_model_are_looked_through() {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (surface, name) in [
        (Surface::OpenAi, "responses.get"),
        (Surface::OpenAi, "responses.cancel"),
        (Surface::OpenAi, "models.list"),
        (Surface::OpenAi, "batches.create"),
        (Surface::Anthropic, "messages.count_tokens"),
    ] {
        assert!(Meter::of(endpoint(surface, name), &headers).is_none(), "{name}");
    }
    let chat = endpoint(Surface::OpenAi, "chat");
    assert!(Meter::of(chat, &headers).is_some());
    headers.insert(http::header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    assert!(Meter::of(chat, &headers).is_none());
    headers.remove(http::header::CONTENT_ENCODING);
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("audio/mpeg"));
    assert!(Meter::of(endpoint(Surface::OpenAi, "audio.speech"), &headers).is_none());
}

#[test]
fn a_meter_is_small_enough_to_be_moved_with_its_answer() {
    assert!(size_of::<Meter>() <= 320, "{}", size_of::<Meter>());
}
