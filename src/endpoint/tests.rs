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
fn sdk_paths_are_found() {
    use Surface::{Anthropic, Azure, Bedrock, Cohere, Gemini, Mistral, OpenAi, Vertex};
    use Verb::{Delete, Get, Post};
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
    ] {
        let expected = (expected.0, expected.1.map(str::to_owned));
        assert_eq!(found(surface, verb, path), Some(expected), "{path}");
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
