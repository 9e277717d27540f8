//! Answers as providers write them, and what they mean. The answers themselves stand in `tests/answers`.

#[path = "../../tests/answers/mod.rs"]
#[expect(dead_code, reason = "what only the gate shows is for the gate's test")]
mod answers;

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, StatusCode};
use proptest::prelude::*;

use super::*;
use answers::{Answer as Told, Client};

fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
    list.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn of(maker: Maker, status: u16, list: &[(&'static str, &str)], body: &str) -> Diagnosis {
    diagnose(&[maker], StatusCode::from_u16(status).unwrap(), &headers(list), body.as_bytes(), |_| false)
}

const OPENAI: &[(&str, &str)] = &[("x-request-id", "req_abc"), ("content-type", "application/json")];
const PLAIN: &[(&str, &str)] = &[("content-type", "application/json")];
const EDGE: &[(&str, &str)] =
    &[("content-type", "text/html; charset=UTF-8"), ("server", "cloudflare"), ("cf-ray", "8d1f0a-FRA")];

fn openai(message: &str, kind: &str, code: &str) -> String {
    let code = if code.is_empty() { "null".to_owned() } else { format!("\"{code}\"") };
    format!(r#"{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":{code}}}}}"#)
}

fn provider(name: &str) -> Provider {
    Provider::ALL.iter().copied().find(|provider| provider.name() == name).unwrap()
}

fn head(answer: &Told) -> HeaderMap {
    let parsed =
        |(name, value): &(String, String)| (HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    answer.headers.iter().map(parsed).collect()
}

fn asked(answer: &Told) -> Diagnosis {
    let makers = makers(provider(answer.service.provider), answer.service.host);
    let status = StatusCode::from_u16(answer.status).unwrap();
    diagnose(makers, status, &head(answer), answer.body.as_bytes(), |_| false)
}

#[test]
fn each_answer_is_understood() {
    let mut otherwise = Vec::new();
    for answer in answers::all() {
        let found = asked(&answer);
        let mend = found.cause.map_or("", |cause| cause.mend);
        let behind = if answer.named.is_empty() { String::new() } else { format!(" ({})", answer.named) };
        let ours = found.is_ours(StatusCode::from_u16(answer.status).unwrap());
        let understood =
            (found.id(), found.whose(), found.retry(), found.code.as_deref(), found.mend(), ours);
        let expected = (
            &*answer.cause,
            &*answer.whose,
            &*answer.retry,
            answer.code.as_deref(),
            format!("{mend}{behind}"),
            answer.client == Client::Hidden,
        );
        if understood != expected {
            otherwise.push(format!("{}\n  found    {understood:?}\n  expected {expected:?}", answer.told()));
        }
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
}

#[test]
fn each_known_refusal_has_an_answer() {
    let shown: BTreeSet<u16> = answers::all().into_iter().flat_map(|answer| answer.numbers).collect();
    assert_eq!(shown, (1..=answers::KNOWN).collect());
}

/// A row, or a part of one, that no answer shows is one that nobody has tried.
#[test]
fn each_status_code_and_phrase_of_the_table_has_an_answer() {
    let mut unshown = Vec::new();
    let all = answers::all();
    for cause in causes() {
        let id = cause.id;
        let shown: Vec<&Told> = all.iter().filter(|answer| answer.cause == id).collect();
        let statuses = cause.statuses.iter().filter(|status| !shown.iter().any(|by| by.status == **status));
        unshown.extend(statuses.map(|status| format!("{id} {status}")));
        let read: Vec<(HeaderMap, &[u8])> = shown.iter().map(|by| (head(by), by.body.as_bytes())).collect();
        let read: Vec<Answer<'_>> = read.iter().map(|(head, body)| Answer::read(head, body)).collect();
        let codes = cause.codes.iter().filter(|code| !read.iter().any(|answer| answer.has_code(code)));
        unshown.extend(codes.map(|code| format!("{id} {code}")));
        let says = cause.says.iter().filter(|phrase| !read.iter().any(|answer| answer.says(phrase)));
        unshown.extend(says.map(|phrase| format!("{id} '{phrase}'")));
    }
    assert_eq!(unshown, [""; 0], "add an answer to tests/answers that shows it");
}

#[test]
fn each_cause_says_where_it_is_known_from() {
    for Cause { id, source, .. } in causes() {
        let plain = source.bytes().all(|b| b.is_ascii_graphic() && !b"|()".contains(&b));
        assert!(
            plain && (source.starts_with("https://") || *source == "../README.md#what-a-refusal-looks-like"),
            "{id}: {source}"
        );
    }
}

#[test]
fn what_an_answer_names_is_in_the_mend() {
    let body = openai("Missing scopes: model.request, files.read. Check", "x", "");
    assert!(of(Maker::OpenAi, 401, OPENAI, &body).mend().ends_with("(missing model.request, files.read)"));
    let body = openai("Project `proj_1` does not have access to model `gpt-4o`", "x", "model_not_found");
    let found = of(Maker::OpenAi, 403, OPENAI, &body);
    assert!(found.mend().ends_with("(project proj_1; model gpt-4o)"), "{}", found.mend());
    assert_eq!(found.code.as_deref(), Some("model_not_found"));
    let found = of(Maker::OpenAi, 403, EDGE, "<html><title>Just a moment...</title></html>");
    assert!(found.mend().ends_with("(cf-ray 8d1f0a-FRA)"), "{}", found.mend());
}

#[test]
fn it_is_ours_only_where_the_credential_failed() {
    let ours = |maker, status: u16, list: &[(&'static str, &str)], body: &str| {
        of(maker, status, list, body).is_ours(StatusCode::from_u16(status).unwrap())
    };
    assert!(ours(Maker::OpenAi, 401, OPENAI, &openai("no", "x", "invalid_api_key")));
    assert!(ours(Maker::OpenAi, 401, OPENAI, "nobody knows this"));
    assert!(!ours(Maker::OpenAi, 400, OPENAI, "nobody knows this"));
    assert!(!ours(Maker::OpenAi, 429, OPENAI, &openai("no", "insufficient_quota", "insufficient_quota")));
    assert!(!ours(
        Maker::OpenAi,
        403,
        OPENAI,
        &openai("Project `p` does not have access to model `m`", "x", "")
    ));
}

#[test]
fn a_credential_is_blamed_only_for_what_another_would_not_meet() {
    let effect = |maker, status: u16, body: &str| {
        of(maker, status, PLAIN, body).effect(StatusCode::from_u16(status).unwrap())
    };
    let says = |code: &str| openai("no", "x", code);
    for (status, body, expected) in [
        (401, says("invalid_api_key"), Effect::Rejected),
        (401, says("account_deactivated"), Effect::Rejected),
        (401, "nobody knows this".to_owned(), Effect::Rejected),
        (403, "nobody knows this".to_owned(), Effect::None),
        (429, says("insufficient_quota"), Effect::Spent),
        (429, says("billing_not_active"), Effect::Spent),
        (429, says("rate_limit_exceeded"), Effect::RateLimited),
        // The egress, the region, the model, the endpoint, the request, the provider.
        (401, says("ip_not_authorized"), Effect::None),
        (403, says("unsupported_country_region_territory"), Effect::None),
        (404, says("model_not_found"), Effect::None),
        (401, openai("Missing scopes: model.request. Check", "x", ""), Effect::None),
        (400, says("context_length_exceeded"), Effect::None),
        (503, says("server_is_overloaded"), Effect::None),
        (500, String::new(), Effect::None),
    ] {
        assert_eq!(effect(Maker::OpenAi, status, &body), expected, "{status} {body}");
    }
    // Whatever is wrong with the credential itself is nothing for the caller to mend.
    assert!(causes().iter().all(|cause| cause.ours || cause.effect != Effect::Rejected));
    // Where a request comes from is the same for all of them.
    let place = [About::Region, About::Address, About::Way];
    let of_the_place = causes().iter().filter(|cause| place.contains(&cause.about));
    assert!(of_the_place.into_iter().all(|cause| cause.effect == Effect::None));
    let egress = [1, 4, 15, 16, 28, 31, 44, 45, 46, 66, 70];
    for answer in answers::all() {
        let blamed = asked(&answer).cause.is_some_and(|cause| cause.effect != Effect::None);
        let of_egress = answer.numbers.iter().any(|number| egress.contains(number));
        assert!(!(blamed && of_egress), "{}", answer.told());
    }
}

/// Messages as providers write them about a request, with words of the client's in them, at last in front.
fn repeating(words: &str) -> Vec<String> {
    let text = |message: String| serde_json::json!({ "error": { "message": message } }).to_string();
    vec![
        text(format!(r#"Invalid JSON payload received. Unknown name "{words}": Cannot find field."#)),
        text(format!(r#"Invalid value at 'contents' (type.googleapis.com/google.ai.Content), "{words}""#)),
        text(format!("Unrecognized request argument supplied: {words}")),
        text(format!("The model `{words}` does not exist")),
        text(format!("Invalid value: '{words}'. Supported values are: 'a'.")),
        serde_json::json!({ "detail": [{ "loc": ["body", words], "msg": "extra fields" }] }).to_string(),
        text(format!("messages.0.{words}: Extra inputs are not permitted")),
        text(format!("{words}: Extra inputs are not permitted")),
    ]
}

#[test]
fn no_words_of_a_clients_cost_a_credential() {
    for cause in causes().iter().filter(|cause| cause.effect != Effect::None) {
        for status in cause.statuses.iter().filter(|status| matches!(**status, 400 | 403 | 404 | 429)) {
            // Only what is wrong with a request is named in front.
            let (of_it, formats) = if of_the_request(*status) { (true, 8) } else { (false, 6) };
            let status = StatusCode::from_u16(*status).unwrap();
            let understood = |body: &str| {
                let found = diagnose(&[cause.maker], status, &headers(PLAIN), body.as_bytes(), |_| false);
                (found.effect(status), of_it && found.is_ours(status))
            };
            for phrase in cause.says {
                // Also with what would end the client's words before they end.
                for words in [
                    (*phrase).to_owned(),
                    format!("Your {phrase}"),
                    format!("{phrase}. Mend it."),
                    format!("x\" {phrase} \"y"),
                ] {
                    for (body, usual) in repeating(&words).iter().zip(repeating("foo")).take(formats) {
                        assert_eq!(understood(body), understood(&usual), "{status} {body}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_phrase_that_stands_in_the_request_is_not_the_providers() {
    let body = r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key."}}"#;
    let found = |asked: &str| {
        let asked = |phrase: &str| stands_in([asked.as_bytes()].into_iter(), phrase);
        diagnose(&[Maker::Google], StatusCode::BAD_REQUEST, &headers(PLAIN), body.as_bytes(), asked).id()
    };
    assert_eq!(found(r#"{"contents":[]}"#), "google_key_invalid");
    assert_eq!(found(r#"{"contents":[],"API key\u0020not valid":1}"#), "request_invalid");
}

#[test]
fn a_causes_number_leads_back_to_it() {
    for cause in causes() {
        assert_eq!(cause_word(cause_number(Some(cause))), cause.id);
    }
    assert_eq!(cause_word(cause_number(None)), "undiagnosed");
    // As many as the state of a credential has room for.
    assert!(causes().len() < 0x7fff);
}

#[test]
fn no_part_of_a_key_is_repeated() {
    let body = openai(
        "Missing scopes: sk-proj-0123456789abcdef. Check",
        "sk-ant-api03-0123456789",
        "AIzaSy0123456789abc",
    );
    let found = of(Maker::OpenAi, 401, OPENAI, &body);
    let said = format!("{found:?} {}", excerpt(body.as_bytes()));
    assert!(!said.contains("0123456789"), "{said}");
}

#[test]
fn every_cause_has_a_word_of_its_own() {
    let mut ids: Vec<_> = causes().iter().map(|cause| cause.id).collect();
    assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), causes().len());
    // Phrases are compared in small letters.
    assert!(
        causes().iter().flat_map(|cause| cause.says).all(|phrase| *phrase == phrase.to_ascii_lowercase())
    );
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(status in 400u16..600, body in prop::collection::vec(any::<u8>(), 0..300)) {
        let status = StatusCode::from_u16(status).unwrap();
        let found = diagnose(&[Maker::OpenAi, Maker::Google], status, &headers(PLAIN), &body, |_| false);
        prop_assert!(found.mend().len() < 2000);
        prop_assert!(excerpt(&body).bytes().all(|b| matches!(b, b' '..=b'~')));
    }
}
