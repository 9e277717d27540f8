//! Puts the name that a client asked for back into an answer, piece by piece.
//!
//! 1. What is replaced is the value of a field `model` (or `modelVersion`, `id`, `name` where those hold it) that
//!    begins with the name which the upstream was asked for: providers answer with a date behind it.
//! 2. A quote within a JSON text is escaped, so these bytes are a field wherever they stand; an answer's words
//!    are never touched.
//! 3. Only what may be the beginning of such a field is held back, until the next piece.

use bytes::Bytes;

/// The longest value that is looked at.
const LONGEST: usize = 512;

/// Replaces a model's name in an answer.
#[derive(Debug)]
pub struct Renamer {
    fields: &'static [&'static str],
    /// What the upstream calls the model.
    theirs: Box<str>,
    /// What the client calls it.
    ours: Box<str>,
    held: Vec<u8>,
}

/// What is at a place of the answer.
enum Here {
    /// A field's value that is to be replaced, with where it begins and ends.
    Value(usize, usize),
    /// Nothing of interest.
    Nothing,
    /// Too little has come to tell.
    Unclear,
}

impl Renamer {
    /// Replaces what begins with `theirs` by `ours` in these fields.
    #[must_use]
    pub fn new(fields: &'static [&'static str], theirs: &str, ours: &str) -> Self {
        // As it stands in JSON: names of models hold nothing that would be written in two ways but the slash,
        // which no provider escapes.
        let written = |name: &str| {
            let quoted = serde_json::Value::from(name).to_string();
            quoted.trim_matches('"').into()
        };
        Self { fields, theirs: written(theirs), ours: written(ours), held: Vec::new() }
    }

    /// Takes the next piece; gives what can be passed on.
    #[must_use]
    pub fn piece(&mut self, piece: &Bytes) -> Bytes {
        if self.held.is_empty() && memchr::memchr(b'"', piece).is_none() {
            return piece.clone();
        }
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(piece);
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        while let Some(quote) = memchr::memchr(b'"', text.get(at..).unwrap_or_default()) {
            let here = at + quote;
            match self.look(text.get(here..).unwrap_or_default()) {
                Here::Value(from, to) => {
                    out.extend_from_slice(text.get(at..here + from).unwrap_or_default());
                    out.extend_from_slice(self.ours.as_bytes());
                    at = here + to;
                }
                Here::Nothing => {
                    out.extend_from_slice(text.get(at..=here).unwrap_or_default());
                    at = here + 1;
                }
                Here::Unclear => {
                    out.extend_from_slice(text.get(at..here).unwrap_or_default());
                    self.held = text.split_off(here);
                    return out.into();
                }
            }
        }
        out.extend_from_slice(text.get(at..).unwrap_or_default());
        out.into()
    }

    /// What was held back, now that nothing follows.
    #[must_use]
    pub fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }

    /// Whether something is held back.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// What begins with this quote.
    fn look(&self, text: &[u8]) -> Here {
        let Some(inside) = text.get(1..) else { return Here::Nothing };
        let mut unclear = false;
        for field in self.fields {
            if let Some(rest) = inside.strip_prefix(field.as_bytes()) {
                match self.value(rest) {
                    Here::Value(from, to) => {
                        let before = text.len() - rest.len();
                        return Here::Value(before + from, before + to);
                    }
                    Here::Unclear => unclear = true,
                    Here::Nothing => {}
                }
            } else if field.as_bytes().starts_with(inside) {
                unclear = true;
            }
        }
        if unclear { Here::Unclear } else { Here::Nothing }
    }

    /// The value behind a field's name, from its closing quote on.
    fn value(&self, rest: &[u8]) -> Here {
        let mut at = 0;
        for wanted in [b'"', b':', b'"'] {
            while wanted != b'"' || at > 0 {
                match rest.get(at) {
                    Some(b' ' | b'\n' | b'\r' | b'\t') if at > 0 => at += 1,
                    _ => break,
                }
            }
            match rest.get(at) {
                Some(byte) if *byte == wanted => at += 1,
                Some(_) => return Here::Nothing,
                None => return Here::Unclear,
            }
        }
        let value = rest.get(at..).unwrap_or_default();
        let theirs = self.theirs.as_bytes();
        if !value.starts_with(theirs) {
            return if theirs.starts_with(value) { Here::Unclear } else { Here::Nothing };
        }
        match memchr::memchr(b'"', value) {
            Some(end) => Here::Value(at, at + end),
            None if value.len() > LONGEST => Here::Nothing,
            None => Here::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn renamed(pieces: &[&[u8]]) -> String {
        let mut renamer = Renamer::new(&["model", "modelVersion"], "gpt-4o", "fast");
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&renamer.piece(&Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&renamer.rest());
        String::from_utf8(out).unwrap()
    }

    const ANSWERS: [(&str, &str); 7] = [
        (r#"{"id":"x","model":"gpt-4o","n":1}"#, r#"{"id":"x","model":"fast","n":1}"#),
        (r#"{"model" : "gpt-4o-2024-08-06"}"#, r#"{"model" : "fast"}"#),
        (r#"{"modelVersion":"gpt-4o","model":"other"}"#, r#"{"modelVersion":"fast","model":"other"}"#),
        (r#"{"content":"say \"model\":\"gpt-4o\""}"#, r#"{"content":"say \"model\":\"gpt-4o\""}"#),
        (r#"{"models":"gpt-4o","a":"model"}"#, r#"{"models":"gpt-4o","a":"model"}"#),
        (
            "data: {\"model\":\"gpt-4o\"}\n\ndata: [DONE]\n\n",
            "data: {\"model\":\"fast\"}\n\ndata: [DONE]\n\n",
        ),
        (r#"{"model":"gpt-4o"#, r#"{"model":"gpt-4o"#),
    ];

    #[test]
    fn only_the_fields_value_is_replaced() {
        for (answer, expected) in ANSWERS {
            assert_eq!(renamed(&[answer.as_bytes()]), expected);
        }
    }

    #[test]
    fn borders_of_pieces_do_not_matter() {
        for (answer, expected) in ANSWERS {
            for at in 0..=answer.len() {
                let (before, after) = answer.as_bytes().split_at(at);
                assert_eq!(renamed(&[before, after]), expected, "{at}");
            }
            let bytes: Vec<&[u8]> = answer.as_bytes().chunks(1).collect();
            assert_eq!(renamed(&bytes), expected);
        }
    }

    #[test]
    fn an_event_is_passed_on_at_once() {
        let mut renamer = Renamer::new(&["model"], "gpt-4o", "fast");
        let event = Bytes::from_static(b"data: {\"model\":\"gpt-4o\",\"x\":\"y\"}\n\n");
        assert!(renamer.piece(&event).ends_with(b"}\n\n"));
        assert!(!renamer.holds());
    }

    proptest! {
        #[test]
        fn what_names_no_model_is_not_changed(text in "[ -~\\n]{0,200}", cuts in prop::collection::vec(0..200usize, 0..6)) {
            prop_assume!(!text.contains("gpt-4o"));
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(text.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for at in cuts {
                pieces.push(&text.as_bytes()[from..at]);
                from = at;
            }
            pieces.push(&text.as_bytes()[from..]);
            prop_assert_eq!(renamed(&pieces), text);
        }
    }
}
