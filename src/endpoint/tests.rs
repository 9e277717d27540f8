//! Every path of the tables is found, and nothing that only resembles one.

use proptest::prelude::*;

use super::*;
use crate::dialect::Surface;

fn found(surface: Surface, verb: Verb, path: &str) -> Option<(&'static str, Option<String>)> {
    let found = find(path)?;
    let fit = found.rows(verb).find(|fit| fit.endpoint.surface == surface)?;
    Some((fit.endpoint.name, fit.model.map(str::to_owned)))
}

/// A path of a row as a client writes it.
fn written(root: &str, endpoint: &Endpoint) -> String {
    let path = format!("{root}{}", endpoint.path);
    let mut out = String::new();
    for part in path.split_inclusive('}') {
        match part.split_once('{') {
            Some((plain, _)) => {
                out.push_str(plain);
                out.push_str("name-1.x_Y");
            }
            None => out.push_str(part),
        }
    }
    out
}

/// Every row with each spelling of its path.
fn spellings() -> Vec<(&'static Endpoint, String)> {
    let mut all = Vec::new();
    for endpoint in super::all().iter().filter(|endpoint| endpoint.surface != Surface::Passthrough) {
        if endpoint.at_root {
            all.push((endpoint, written("", endpoint)));
            continue;
        }
        for root in endpoint.surface.roots().iter().filter(|root| (root.only)(endpoint)) {
            all.push((endpoint, written(root.spelled, endpoint)));
        }
    }
    all
}

fn is_found(endpoint: &Endpoint, path: &str) -> bool {
    find(path).is_some_and(|found| found.rows(endpoint.verb).any(|fit| std::ptr::eq(fit.endpoint, endpoint)))
}

#[test]
fn a_path_at_the_end_has_several_segments() {
    let found = |path: &str| {
        let path = format!("/v1beta/environments/e/{path}");
        find(&path)
            .and_then(|one| one.rows(Verb::Get).next().map(|fit| (fit.endpoint.name, fit.tail.to_owned())))
    };
    for path in ["files/a", "files/a/b.txt", "files/src/a/b_c/d-1.txt"] {
        assert_eq!(found(path), Some(("environments.files.get", format!("/environments/e/{path}"))));
    }
    for path in [
        "files/",
        "files/a/",
        "files/a//b",
        "files/../a",
        "files/a/..",
        "files/a/./b",
        "files/a%2Fb/c",
        "files/a;b/c",
    ] {
        assert_eq!(found(path), None, "{path}");
    }
    // A parameter of any other name stands for one.
    assert!(find("/v1/responses/a/b/c").is_none());
}

#[test]
fn an_escaped_slash_makes_no_part_that_is_empty_or_dots() {
    let found = |model: &str| {
        find(&format!("/model/{model}/converse")).is_some_and(|one| one.rows(Verb::Post).count() > 0)
    };
    for model in [
        "..%2Fa",
        "a%2F..",
        "a%2f.%2Fb",
        "%2Fa",
        "a%2F",
        "a%2F%2fb",
        "%2F",
        "%2E%2E",
        "a%2F...",
        "..%2F..%2Fguardrail",
    ] {
        assert!(!found(model), "{model}");
    }
    for model in ["a%2Fb", "..a%2Fb..", "a%3A%2Fb", "arn%3Aaws%3Abedrock%3A%3Afoundation-model%2Fa.b-v1%3A0"]
    {
        assert!(found(model), "{model}");
    }
}

#[test]
fn sdk_paths_are_found() {
    use Surface::{
        Anthropic, Azure, Bedrock, Cohere, Gemini, Mistral, OpenAi, OpenRouter, Perplexity, Together, Vertex,
        Xai,
    };
    use Verb::{Delete, Get, Patch, Post, Put};
    let arn = "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude-sonnet-4";
    for (surface, verb, path, expected) in [
        (OpenAi, Post, "/v1/chat/completions", ("chat", None)),
        (OpenAi, Post, "/openai/v1/chat/completions", ("chat", None)),
        (OpenAi, Get, "/openai/files", ("files.list", None)),
        (OpenAi, Get, "/v1/models/ft:gpt-4o:acme::1", ("models.get", Some("ft:gpt-4o:acme::1"))),
        (OpenAi, Delete, "/v1/vector_stores/vs_1/files/file-2", ("vector_stores.files.delete", None)),
        (Anthropic, Post, "/v1/messages", ("messages", None)),
        (Anthropic, Post, "/messages", ("messages", None)),
        (Gemini, Post, "/v1/models/gemini-2.5-flash:generateContent", ("generate", Some("gemini-2.5-flash"))),
        (
            Gemini,
            Post,
            "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
            ("stream_generate", Some("gemini-2.5-pro")),
        ),
        (
            Vertex,
            Post,
            "/v1/projects/p-1/locations/europe-west4/publishers/google/models/gemini-2.5-pro:generateContent",
            ("generate", Some("gemini-2.5-pro")),
        ),
        (
            Vertex,
            Post,
            "/v1/publishers/anthropic/models/claude-sonnet-4@20250514:rawPredict",
            ("anthropic.raw_predict", Some("claude-sonnet-4@20250514")),
        ),
        (Azure, Post, "/openai/deployments/prod-4o/chat/completions", ("chat", Some("prod-4o"))),
        (
            Bedrock,
            Post,
            "/model/anthropic.claude-v2%3A1/converse-stream",
            ("converse_stream", Some("anthropic.claude-v2%3A1")),
        ),
        (Bedrock, Post, &format!("/model/{arn}/invoke"), ("invoke", Some(arn))),
        (Mistral, Post, "/v1/fim/completions", ("fim.completions", None)),
        (Cohere, Post, "/v2/batches/b-1:cancel", ("batches.cancel", None)),
        (OpenAi, Post, "/v1/evals/eval_1/runs/run_2", ("evals.runs.cancel_here", None)),
        (OpenAi, Post, "/v1/evals/eval_1/runs/run_2/cancel", ("evals.runs.cancel", None)),
        (Gemini, Post, "/v1beta/environments", ("environments.create", None)),
        (Gemini, Patch, "/v1alpha/credentials/c-1", ("credentials.update", None)),
        (
            Vertex,
            Post,
            "/v1beta1/projects/p-1/locations/l/endpoints/4095:generateContent",
            ("endpoints.generate", Some("4095")),
        ),
        (
            Vertex,
            Post,
            "/v1/endpoints/4095:streamGenerateContent",
            ("endpoints.stream_generate", Some("4095")),
        ),
        (Vertex, Post, "/v1/endpoints/openapi/chat/completions", ("openapi.chat", None)),
        (
            Vertex,
            Post,
            "/v1/projects/p/locations/l/publishers/openai/v1/responses",
            ("openai.responses", None),
        ),
        (Vertex, Get, "/v1/projects/p/locations/l/models/7", ("tuned_models.get", Some("7"))),
        (Vertex, Patch, "/v1beta1/models/7", ("tuned_models.update", Some("7"))),
        (Vertex, Delete, "/v1beta1/models/7", ("tuned_models.delete", Some("7"))),
        (Mistral, Get, "/v1/files", ("files.list", None)),
        (Together, Post, "/v1/fine-tunes", ("fine_tunes.create", None)),
        (OpenRouter, Post, "/v1/images", ("images", None)),
        (OpenRouter, Post, "/v1/videos", ("videos.create", None)),
        (OpenRouter, Get, "/v1/videos/job_1", ("videos.get", None)),
        (Xai, Post, "/v1/videos/generations", ("videos.generations", None)),
        (OpenAi, Get, "/v1/videos/video_1", ("videos.get", None)),
        (Perplexity, Post, "/v1/responses", ("responses", None)),
        (Perplexity, Get, "/v1/responses/r-1/files/f-2/content", ("responses.files.content", None)),
        (Perplexity, Post, "/v1/contextualizedembeddings", ("contextualized_embeddings", None)),
        (Perplexity, Put, "/v1/skills/s-1", ("skills.replace", None)),
        (Perplexity, Get, "/v1/skills/s-1/revisions", ("skills.revisions.list", None)),
        (Perplexity, Delete, "/v1/browser/sessions/s-1", ("browser.sessions.delete", None)),
    ] {
        let expected = (expected.0, expected.1.map(str::to_owned));
        assert_eq!(found(surface, verb, path), Some(expected), "{path}");
    }
}

#[test]
fn what_sdks_send_in_the_query_is_taken() {
    use Surface::{Anthropic, Gemini, Mistral, OpenAi, Perplexity, Together, Vertex};
    use Verb::{Delete, Get, Patch, Post};
    for (surface, verb, path, names) in [
        (OpenAi, Get, "/v1/chat/completions", "after limit metadata[a] model order"),
        (Anthropic, Get, "/v1/organizations/rate_limits", "group_type limit model page"),
        (Gemini, Get, "/v1beta/environments", "page_size page_token pageSize pageToken"),
        (Gemini, Get, "/v1beta/environments/e/files/src", "alt page_size page_token recursive"),
        (
            Gemini,
            Get,
            "/v1beta/voices",
            "accent context gender language_code persona pitch region_code search type",
        ),
        (Vertex, Patch, "/v1/models/7", "updateMask"),
        (Mistral, Get, "/v1/batch/jobs", "agent_id model page page_size"),
        (
            Mistral,
            Get,
            "/v1/files",
            "include_total mimetypes page page_size purpose sample_type search source",
        ),
        (Mistral, Get, "/v1/observability/datasets/d/records", "page page_size"),
        (Mistral, Get, "/v1/observability/traces/fields/f/options", "from to"),
        (Mistral, Post, "/v1/observability/spans/evaluations/search/latest", "cursor from page_size to"),
        (Mistral, Post, "/v1/context/search-indexes/i/summary_field/en", "force"),
        (Mistral, Get, "/v1/workflows/deployments/d/workers", "cursor limit worker_status"),
        (Mistral, Get, "/v1/workflows/executions/e/history", "decode_payloads"),
        (Mistral, Get, "/v1/workflows/registrations/r", "include_shared with_workflow"),
        (Together, Get, "/v1/queue/status", "model request_id"),
        (Together, Get, "/v1/queue/metrics", "model"),
        (Perplexity, Get, "/async/chat/completions/r", "local_mode"),
        (Perplexity, Delete, "/v1/skills/s", "expected_revision"),
    ] {
        let found = find(path).unwrap_or_else(|| panic!("{path} is not found"));
        let fit = found.rows(verb).find(|fit| fit.endpoint.surface == surface);
        let endpoint = fit.unwrap_or_else(|| panic!("{surface:?} has no {path}")).endpoint;
        for name in names.split(' ') {
            assert!(endpoint.takes_query(name), "{path} {name}");
        }
        assert!(!endpoint.takes_query("models"), "{path}");
        // A model there is a filter, and none that is used.
        assert!(!matches!(endpoint.model, ModelIn::Query(_)), "{path}");
    }
}

#[test]
fn what_streams_is_known_to() {
    for (surface, verb, path, gives) in [
        (Surface::OpenAi, Verb::Post, "/v1/agents/sessions", Gives::StreamIfAsked),
        (Surface::Mistral, Verb::Get, "/v1/workflows/events/stream", Gives::Events),
        (Surface::Mistral, Verb::Get, "/v1/workflows/deployments/d/logs/stream", Gives::Events),
        (Surface::Mistral, Verb::Get, "/v1/workflows/executions/e/stream", Gives::Events),
        (Surface::Mistral, Verb::Get, "/v1/workflows/executions/e/logs/stream", Gives::Events),
        (Surface::Vertex, Verb::Post, "/v1/endpoints/4095:streamGenerateContent", Gives::Events),
        (Surface::Vertex, Verb::Post, "/v1/publishers/openai/v1/responses", Gives::StreamIfAsked),
        (Surface::Perplexity, Verb::Post, "/v1/responses", Gives::StreamIfAsked),
    ] {
        let found = find(path).unwrap_or_else(|| panic!("{path} is not found"));
        let fit = found.rows(verb).find(|fit| fit.endpoint.surface == surface);
        assert_eq!(fit.map(|fit| fit.endpoint.gives), Some(gives), "{path}");
    }
}

#[test]
fn a_path_of_one_dialect_tells_it() {
    use crate::dialect::Dialect::{Anthropic, Aws, Message};
    for (path, dialect) in [
        ("/v2/chat", Some(Message)),
        ("/v1/messages", Some(Anthropic)),
        ("/model/anthropic.claude-v2%3A1/converse", Some(Aws)),
        ("/v1/models", None),
        ("/nothing", None),
    ] {
        assert_eq!(only_dialect(path), dialect, "{path}");
    }
}

#[test]
fn variants_of_a_path_are_not_the_path() {
    for path in [
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/./chat/completions",
        "/v1/x/../chat/completions",
        "/v1/chat/completions/",
        "/V1/chat/completions",
        "/v1/chat%2fcompletions",
        "/v1/chat/completions;a=b",
        "/v1/models/..",
        "/v1/models/a/b",
        "/v1/models/a%2fb",
        "/v1/v1/chat/completions",
        "/model/a%252Fb/converse",
        "/model/a%00/converse",
        "/model/../converse",
        "/v1beta/models/gemini:generateContent/",
        "/v1beta/models/:generateContent",
        "v1/chat/completions",
        "",
        "/",
    ] {
        for surface in Surface::ALL {
            for verb in Verb::ALL {
                assert_eq!(found(*surface, verb, path), None, "{path}");
            }
        }
    }
    // A verb behind a colon belongs to no name.
    assert_eq!(found(Surface::Gemini, Verb::Get, "/v1beta/models/gemini:generateContent"), None);
}

#[test]
fn every_path_is_found_and_goes_on_as_its_row_says() {
    for (endpoint, path) in spellings() {
        let found = find(&path).unwrap_or_else(|| panic!("{path} is not found"));
        let fit = found.rows(endpoint.verb).find(|fit| std::ptr::eq(fit.endpoint, endpoint));
        let fit = fit.unwrap_or_else(|| panic!("{} {path} is not {}", endpoint.verb.name(), endpoint.name));
        assert_eq!(fit.tail, written("", endpoint), "{path}");
        assert_eq!(fit.model.is_some(), endpoint.model == ModelIn::Path, "{path}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_mutation_of_a_path_is_its_endpoint(
        at in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        kind in 0..9,
    ) {
        let all = spellings();
        let (endpoint, path) = at.get(&all);
        let slashes: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
        let slash = *place.get(&slashes);
        let (before, after) = path.split_at(slash);
        let mutated = match kind {
            0 => format!("{before}/{after}"),
            1 => format!("{before}%2f{}", &after[1..]),
            2 => format!("{before}/.{after}"),
            3 => format!("{before}/x/..{after}"),
            4 => format!("{path}/"),
            5 => format!("{before};x=y{after}"),
            6 => format!("{before}\\{}", &after[1..]),
            7 => format!("{before}%20{after}"),
            _ => {
                // Another case of a letter that the table spells out.
                let letters: Vec<usize> = path
                    .char_indices()
                    .filter(|(_, c)| c.is_ascii_alphabetic())
                    .map(|(at, _)| at)
                    .filter(|at| !path.match_indices("name-1.x_Y").any(|(from, name)| (from..from + name.len()).contains(at)))
                    .collect();
                let at = *place.get(&letters);
                let mut bytes = path.clone().into_bytes();
                bytes[at] ^= 0x20;
                String::from_utf8(bytes).unwrap()
            }
        };
        prop_assert!(!is_found(endpoint, &mutated), "{mutated} is {}", endpoint.name);
    }

    #[test]
    fn finding_never_panics(path in ".{0,60}") {
        let _ = find(&path).map(|found| Verb::ALL.map(|verb| found.rows(verb).count()));
    }
}

#[test]
fn a_query_parameter_has_brackets_behind_it_and_nothing_else() {
    let files = all().iter().find(|row| row.name == "files.list").unwrap();
    for taken in ["after", "after[]", "after[a]", "after%5B%5D", "after%5bgte%5d"] {
        assert!(files.takes_query(taken), "{taken}");
    }
    for other in ["after_id", "after%5Fid", "after%5", "after%55", "%5Bafter", "[after]", "afte"] {
        assert!(!files.takes_query(other), "{other}");
    }
    // What names the model is no list.
    let realtime = all().iter().find(|row| row.model == ModelIn::Query("model")).unwrap();
    assert!(realtime.takes_query("model"));
    for other in ["model[]", "model%5B%5D", "model[0]"] {
        assert!(!realtime.takes_query(other), "{other}");
    }
}
