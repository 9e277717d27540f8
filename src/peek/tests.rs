//! What the scanner says of whole bodies, of bodies in pieces, and beside a plain JSON reader.

use proptest::prelude::*;

use super::*;

fn peek(body: &[u8]) -> Result<Peeked, Fault> {
    let mut peek = Peek::default();
    peek.feed(body)?;
    peek.finish()
}

fn peek_cut(body: &[u8], size: usize) -> Result<Peeked, Fault> {
    let mut peek = Peek::default();
    for piece in body.chunks(size) {
        peek.feed(piece)?;
    }
    peek.finish()
}

/// What is found in a body that begins with its brace and asks for nothing.
fn nothing_asked() -> Peeked {
    Peeked { report: Said { top: 1, ..Said::default() }, ..Peeked::default() }
}

#[test]
fn what_is_asked_is_found() {
    let body =
        br#" {"messages":[{"role":"user","content":"h\u00e9 \"model\": x"}],"model":"gpt-4o","stream" : true,
        "max_tokens":7,"max_completion_tokens":99,"tools":[{"model":"no"}]} "#;
    let found = peek(body).unwrap();
    assert_eq!(found.model.as_deref(), Some("gpt-4o"));
    assert_eq!((found.stream, found.token_ceiling), (Some(true), Some(99)));
    assert_eq!(found.rerouting, None);
}

#[test]
fn the_response_that_is_continued_is_found_at_the_top_only() {
    let previous = |body: &str| peek(body.as_bytes()).unwrap().previous_response;
    assert_eq!(
        previous(r#"{"previous_response_id":"resp_1","input":[{"id":"x"}]}"#).as_deref(),
        Some("resp_1")
    );
    for body in [
        r#"{"previous_response_id":null}"#,
        r#"{"previous_response_id":7}"#,
        r#"{"previous_response_id":{"a":"b"}}"#,
        r#"{"metadata":{"previous_response_id":"resp_1"}}"#,
    ] {
        assert_eq!(previous(body), None, "{body}");
    }
}

#[test]
fn a_tier_of_service_is_found_wherever_providers_take_it() {
    for (body, tier) in [
        (r#"{"service_tier":"priority"}"#, Some(Tier::Priority)),
        (r#"{"serviceTier":"flex"}"#, Some(Tier::Flex)),
        (r#"{"serviceTier":{"x":"flex","type":"priority"}}"#, Some(Tier::Priority)),
        (r#"{"speed":"fast"}"#, Some(Tier::Fast)),
        (r#"{"speed":"fast","service_tier":"auto"}"#, Some(Tier::Fast)),
        (r#"{"service_tier":"default"}"#, None),
        (r#"{"service_tier":null,"speed":1}"#, None),
        (r#"{"metadata":{"service_tier":"flex","type":"flex"}}"#, None),
        (r#"{"tools":[{"type":"priority"}]}"#, None),
    ] {
        for size in [1, 3, body.len()] {
            assert_eq!(peek_cut(body.as_bytes(), size).unwrap().tier, tier, "{body}");
        }
    }
}

fn inside(places: Places, body: &str) -> Result<Vec<String>, Fault> {
    let mut peek = Peek::within(places);
    peek.feed(body.as_bytes())?;
    let found = peek.finish()?;
    Ok(found.inside.iter().map(ToString::to_string).collect())
}

#[test]
fn gemini_bodies_are_understood() {
    const ITEMS: Places = &[&["requests", "[]", "model"]];
    assert_eq!(peek(br#"{"generationConfig":{"maxOutputTokens":64}}"#).unwrap().token_ceiling, Some(64));
    let body = r#"{"requests":[{"model":"models/a","content":{}},{"model":"models/a"}]}"#;
    assert_eq!(inside(ITEMS, body).unwrap(), ["models/a"]);
    let body = r#"{"requests":[{"model":"a"},{"content":{"x":[{}]},"model":"b"}],"model":"c"}"#;
    assert_eq!(inside(ITEMS, body).unwrap(), ["a", "b"]);
    let body = r#"{"requests":[{"a":{}},{"Model":"b"}]}"#;
    assert_eq!(inside(ITEMS, body), Err(Fault::Ambiguous("a field looks like 'model' without being it")));
}

#[test]
fn models_are_found_where_the_row_says_and_nowhere_else() {
    const PLACES: Places = &[
        &["session", "model"],
        &["session", "audio", "model"],
        &["model", "id"],
        &["graders", "*", "model"],
    ];
    for (body, found) in [
        (r#"{"session":{"model":"a"}}"#, vec!["a"]),
        (r#"{"session":{"model":"a","model":"b"}}"#, vec!["a", "b"]),
        (r#"{"session":{"x":{"model":"no"},"audio":{"y":[{}],"model":"c"},"model":"a"}}"#, vec!["c", "a"]),
        (r#"{"session":{"audio":{}},"session":{"audio":{"model":"d"}}}"#, vec![]),
        (r#"{"x":{"session":{"model":"no"}},"audio":{"model":"no"}}"#, vec![]),
        (r#"{"model":{"id":"m","speed":"fast"}}"#, vec!["m"]),
        (r#"{"graders":{"one":{"model":"a"},"two":{"model":"b"}}}"#, vec!["a", "b"]),
        (r#"{"session":[{"model":"no"}],"sess":{"model":"no"}}"#, vec![]),
        (r#"{"s\u0065ssion":{"m\u006fdel":"x"}}"#, vec![]),
    ] {
        let told = inside(PLACES, body);
        if found.is_empty() && told.is_err() {
            // Said twice, or spelled as no SDK does: refused.
            continue;
        }
        assert_eq!(told.unwrap(), found, "{body}");
    }
    for body in [r#"{"Session":{"model":"a"}}"#, r#"{"session":{"MODEL":"a"}}"#, r#"{"session":{"model":7}}"#]
    {
        assert!(inside(PLACES, body).is_err(), "{body}");
    }
    assert!(inside(&[], r#"{"model":{"id":"m"}}"#).is_err());
}

#[test]
fn a_value_may_name_a_model_or_lead_to_some() {
    const PLACES: Places = &[
        &["fallbacks"],
        &["fallbacks", "[]", "model"],
        &["generationConfig", "routingConfig", "manualMode", "modelName"],
    ];
    for (body, found) in [
        (r#"{"fallbacks":"default"}"#, vec!["default"]),
        (r#"{"fallbacks":[{"model":"a"},{"model":"b"}]}"#, vec!["a", "b"]),
        (r#"{"fallbacks":null}"#, vec![]),
        (
            r#"{"generationConfig":{"maxOutputTokens":5,"routingConfig":{"manualMode":{"modelName":"c"}}}}"#,
            vec!["c"],
        ),
        (r#"{"generation_config":{"routingConfig":{"manualMode":{"modelName":"c"}}}}"#, vec!["c"]),
        (r#"{"generationConfig":{"manualMode":{"modelName":"no"}}}"#, vec![]),
    ] {
        assert_eq!(inside(PLACES, body).unwrap(), found, "{body}");
    }
    // What is found is judged, so it reroutes nothing.
    let rerouting = |body: &str| {
        let mut peek = Peek::within(PLACES);
        peek.feed(body.as_bytes()).unwrap();
        peek.finish().unwrap().rerouting
    };
    assert_eq!(rerouting(r#"{"fallbacks":[{"model":"a"}]}"#), None);
    assert_eq!(rerouting(r#"{"fallbacks":[{"model":"a"}],"api_base":"b"}"#), Some("api_base"));
}

#[test]
fn what_was_reached_in_a_container_is_left_with_it() {
    const PLACES: Places = &[&["a", "[]", "model"], &["b", "c", "model"], &["d", "model"]];
    for (body, found) in [
        (r#"{"a":[{"model":"1"}],"x":[{"model":"no"}],"b":{"c":{"model":"2"}}}"#, vec!["1", "2"]),
        (r#"{"a":[{"model":"1"}],"x":{"c":{"model":"no"}},"d":{"model":"2"}}"#, vec!["1", "2"]),
        (r#"{"a":[{"model":"1"}],"b":[{"model":"no"}],"d":{"c":{"model":"no"}}}"#, vec!["1"]),
        (r#"{"a":[{"x":[{"model":"no"}],"model":"1"},{"model":"2"},[{"model":"no"}]]}"#, vec!["1", "2"]),
        (r#"{"b":{"x":{"c":{"model":"no"}},"c":{"x":[{"model":"no"}],"model":"1"}}}"#, vec!["1"]),
        (r#"{"b":{"c":{}},"x":{"y":{"model":"no"}},"d":{"x":{},"model":"1"}}"#, vec!["1"]),
        (r#"{"x":{"d":{"model":"no"}},"d":{"d":{"model":"no"},"model":"1"}}"#, vec!["1"]),
    ] {
        assert_eq!(inside(PLACES, body).unwrap(), found, "{body}");
    }
}

proptest! {
    /// The same by way of a tree of the whole.
    #[test]
    fn models_are_found_as_in_a_tree(value in names_around_models()) {
        const PLACES: Places = &[
            &["a", "[]", "model"],
            &["a", "model"],
            &["b", "a", "model"],
            &["b", "[]", "a", "[]", "model"],
            &["model", "a"],
        ];
        fn look(value: &serde_json::Value, ways: &[&'static [&'static str]], found: &mut Vec<String>) {
            for way in ways {
                match (way, value) {
                    ([], serde_json::Value::String(name)) => found.push(name.clone()),
                    (["[]", rest @ ..], serde_json::Value::Array(items)) => {
                        for item in items {
                            look(item, &[rest], found);
                        }
                    }
                    ([name, rest @ ..], serde_json::Value::Object(fields)) => {
                        if let Some(value) = fields.get(*name) {
                            look(value, &[rest], found);
                        }
                    }
                    _ => {}
                }
            }
        }
        let mut expected = Vec::new();
        look(&value, PLACES, &mut expected);
        let text = value.to_string();
        let mut peek = Peek::within(PLACES);
        if let (Ok(()), Ok(told)) = (peek.feed(text.as_bytes()), peek.finish()) {
            let mut found: Vec<String> = told.inside.iter().map(ToString::to_string).collect();
            found.sort();
            expected.sort();
            expected.dedup();
            prop_assert_eq!(found, expected, "{}", text);
        }
    }
}

/// Objects and arrays in which the names on the way to models stand anywhere.
fn names_around_models() -> impl Strategy<Value = serde_json::Value> {
    let leaf = (0..50_u32).prop_map(|number| serde_json::Value::from(format!("m{number}")));
    let value = leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::hash_map(prop::sample::select(vec!["a", "b", "c", "model"]), inner, 0..4)
                .prop_map(|fields| fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()),
        ]
    });
    prop::collection::hash_map(prop::sample::select(vec!["a", "b", "c"]), value, 0..4)
        .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[test]
fn in_a_line_the_fields_of_the_request_in_it_reroute() {
    let rerouting = |line: &str| {
        let mut peek = Peek::within_a_line(&[&["body", "model"], &["body", "tools", "[]", "model"]]);
        peek.feed(line.as_bytes()).unwrap();
        let peeked = peek.finish().unwrap();
        (peeked.rerouting, peeked.inside.len())
    };
    for field in REROUTING {
        assert_eq!(rerouting(&format!(r#"{{"body":{{"model":"a","{field}":["b"]}}}}"#)), (Some(field), 1));
    }
    assert_eq!(rerouting(r#"{"body":{"tools":[{"models":["b"],"model":"a"}]}}"#), (None, 1));
    assert_eq!(rerouting(r#"{"other":{"models":["b"]}}"#), (None, 0));
}

#[test]
fn a_model_said_twice_is_refused() {
    for body in [
        r#"{"model":"a","model":"b"}"#,
        r#"{"model":"a","Model":"b"}"#,
        r#"{"model":"a","model ":"b"}"#,
        r#"{"model":"a","mod\u0065l":"b"}"#,
        r#"{"m\u006fdel":"b"}"#,
        "{\"model\":\"a\",\"\u{feff}model\":\"b\"}",
        r#"{"model":"a","\u0000model":"b"}"#,
    ] {
        assert!(matches!(peek(body.as_bytes()), Err(Fault::Ambiguous(_))), "{body}");
    }
    assert_eq!(peek(br#"{"a":1,"\u0061":2}"#), Err(Fault::Unfit("a field is there twice")));
    assert_eq!(peek(br#"{"a":{"b":1,"b":2},"c":{"b":1}}"#), Ok(nothing_asked()));
}

#[test]
fn fields_that_reroute_are_named() {
    for field in REROUTING {
        let body = format!(r#"{{"model":"a","{field}":["b"]}}"#);
        assert_eq!(peek(body.as_bytes()).unwrap().rerouting, Some(field));
    }
    assert_eq!(peek(br#"{"metadata":{"models":1}}"#).unwrap().rerouting, None);
}

#[test]
fn a_ceiling_is_what_the_service_reads_as_one() {
    let ceiling = |body: &str| peek(body.as_bytes()).map(|found| found.token_ceiling);
    for body in [r#"{"max_tokens":1,"n_predict":900}"#, r#"{"n_predict":900,"options":{"num_predict":5}}"#] {
        assert_eq!(ceiling(body), Ok(Some(900)), "{body}");
    }
    for body in [
        r#"{"max_tokens":1,"MAX_TOKENS":900}"#,
        r#"{"OPTIONS":{"num_predict":900}}"#,
        r#"{"options":{"Num_Predict":900}}"#,
    ] {
        assert_eq!(ceiling(body), Err(Fault::Unfit(CASE)), "{body}");
    }
    assert_eq!(ceiling(r#"{"maxTokens":1,"Options":[]}"#), Err(Fault::Unfit(CASE)));
    assert_eq!(ceiling(r#"{"maxTokens":1,"metadata":{"OPTIONS":1}}"#), Ok(None));
    // Ollama's own endpoints read no other.
    let mut peek = Peek::default().with_ceilings_in_options();
    peek.feed(br#"{"model":"a","max_tokens":1,"options":{"num_predict":900}}"#).unwrap();
    assert_eq!(peek.finish().unwrap().token_ceiling, Some(900));
    let mut peek = Peek::default().with_ceilings_in_options();
    peek.feed(br#"{"model":"a","max_tokens":1}"#).unwrap();
    assert_eq!(peek.finish().unwrap().token_ceiling, None);
}

#[test]
fn wrong_types_are_refused() {
    for body in [
        r#"["gpt-4o"]"#,
        r#""gpt-4o""#,
        "1",
        "null",
        r#"{"model":1}"#,
        r#"{"model":null}"#,
        r#"{"model":["a"]}"#,
        r#"{"model":""}"#,
        r#"{"stream":"true"}"#,
        r#"{"stream":1}"#,
        r#"{"model":{"a":1}}"#,
    ] {
        assert!(matches!(peek(body.as_bytes()), Err(Fault::Unfit(_))), "{body}");
    }
    assert_eq!(peek(br#"{"stream":null,"max_tokens":null}"#), Ok(nothing_asked()));
}

#[test]
fn what_is_not_json_is_refused() {
    for body in [
        "",
        "{",
        "{}x",
        "{} {}",
        "{,}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        "{a:1}",
        r#"{"a":01}"#,
        r#"{"a":.5}"#,
        r#"{"a":1.}"#,
        r#"{"a":+1}"#,
        r#"{"a":NaN}"#,
        r#"{"a":tru}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12g4"}"#,
        "{\"a\":\"\n\"}",
        r#"{"a":[1,]}"#,
        r#"{"a":[}"#,
        r#"{"a":1]"#,
        "\u{feff}{}",
        "// x\n{}",
        r#"{"a":1e}"#,
        r#"{"a":-}"#,
    ] {
        assert!(peek(body.as_bytes()).is_err(), "{body}");
    }
    assert!(
        peek(b"{\"a\":\"\xff\"}").is_err()
            && peek(b"{\"a\":\"\xc3\"}").is_err()
            && peek(b"{\"a\":\"\xed\xa0\x80\"}").is_err()
    );
    assert!(peek(br#"{"model":"\ud800"}"#).is_err() && peek(br#"{"model":"\ud800x"}"#).is_err());
    assert_eq!(peek(br#"{"model":"\ud83d\ude00"}"#).unwrap().model.as_deref(), Some("😀"));
}

#[test]
fn depth_and_names_are_bounded() {
    let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert!(peek(deep(DEEPEST - 1).as_bytes()).is_ok());
    assert_eq!(peek(deep(DEEPEST).as_bytes()), Err(Fault::Unfit("it nests too deep")));
    let many: Vec<String> = (0..=MOST_NAMES).map(|n| format!("\"{n}\":0")).collect();
    assert_eq!(
        peek(format!("{{{}}}", many.join(",")).as_bytes()),
        Err(Fault::Unfit("it has too many fields"))
    );
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("\\PC{0,8}", inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Differential against `serde_json`: the same texts are JSON, and borders change nothing.
    #[test]
    fn agrees_with_serde_json_wherever_it_is_cut(value in json(), model in "\\PC{1,12}", size in 1usize..40, pretty in any::<bool>()) {
        let body = serde_json::json!({"x": value, "model": model, "stream": false, "max_tokens": 12});
        let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) }.unwrap();
        let found = peek(text.as_bytes()).unwrap();
        prop_assert_eq!(found.model.as_deref(), Some(model.as_str()));
        // Where the model stands is told with or without its colon; exchanged there, the rest stays as it was.
        let mut cut = peek_cut(text.as_bytes(), size).unwrap();
        let at = cut.model_at.unwrap();
        let colon = if at.colon { ":" } else { "" };
        let other = format!("{}{colon}\"other\"{}", &text[..at.from], &text[at.to..]);
        let mut expected: serde_json::Value = serde_json::from_str(&text).unwrap();
        expected["model"] = "other".into();
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&other).unwrap(), expected);
        cut.model_at = found.model_at;
        prop_assert_eq!(cut, found);
    }

    #[test]
    fn damaged_text_is_judged_as_serde_json_judges_it(value in json(), at in any::<prop::sample::Index>(), put in any::<u8>(), size in 1usize..40) {
        let mut text = serde_json::to_vec(&serde_json::json!({"x": value})).unwrap();
        let at = at.index(text.len());
        text[at] = put;
        let ours = peek_cut(&text, size);
        prop_assert_eq!(&ours, &peek(&text));
        let theirs: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_slice(&text);
        // We refuse more (twice the same name, look-alikes) and leave two things to the upstream
        // that serde_json refuses: half a surrogate pair and a number too large.
        if ours.is_err() && !matches!(ours, Err(Fault::Unfit(_) | Fault::Ambiguous(_))) {
            prop_assert!(theirs.is_err(), "only serde_json takes {}", String::from_utf8_lossy(&text));
        }
        if let (Ok(_), Err(error)) = (&ours, &theirs) {
            let error = error.to_string();
            prop_assert!(error.contains("surrogate") || error.contains("hex escape") || error.contains("out of range"), "{error}: {}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200), size in 1usize..20) {
        let _ = peek_cut(&body, size);
    }
}

#[test]
fn names_longer_than_any_are_refused() {
    let body = |length: usize| format!(r#"{{"model":"a","{}":1}}"#, "x".repeat(length));
    assert!(peek(body(300).as_bytes()).is_ok());
    assert_eq!(peek(body(400).as_bytes()), Err(Fault::Unfit("a field's name is too long")));
    // Further in, where names do not matter, they may be as long as they are.
    let inner = format!(r#"{{"model":"a","metadata":{}}}"#, body(400));
    assert!(peek(inner.as_bytes()).is_ok());
}
