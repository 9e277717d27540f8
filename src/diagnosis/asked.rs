//! Finds words of a refusal in the request that was refused: what a client wrote itself says nothing of a credential.

/// Whether a phrase, written in small letters with one blank between two words, stands in a request's body: also in
/// other letters, with other blanks, or as JSON escapes it.
#[must_use]
pub fn stands_in<'p>(pieces: impl Iterator<Item = &'p [u8]>, phrase: &str) -> bool {
    let mut bytes = pieces.flatten().copied().peekable();
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        let mut character = byte;
        if byte == b'\\' {
            character = match bytes.next() {
                Some(b'n' | b't' | b'r' | b'f' | b'b') => b' ',
                Some(b'u') => {
                    let mut code = 0u32;
                    for _ in 0..4 {
                        let Some(digit) = bytes.peek().and_then(|byte| char::from(*byte).to_digit(16)) else {
                            break;
                        };
                        bytes.next();
                        code = code * 16 + digit;
                    }
                    // Phrases are ASCII; whatever else is no part of one.
                    u8::try_from(code).unwrap_or(u8::MAX)
                }
                Some(other) => other,
                None => break,
            };
        }
        let blank = character.is_ascii_whitespace();
        if !(blank && text.last() == Some(&b' ')) {
            text.push(if blank { b' ' } else { character.to_ascii_lowercase() });
        }
    }
    memchr::memmem::find(&text, phrase.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_found_however_a_client_writes_it() {
        for (body, expected) in [
            (r#"{"api key not valid":1}"#, true),
            (r#"{"API  Key\nNot\tvalid":1}"#, true),
            (r#"{"\u0061pi\u0020key not valid":1}"#, true),
            (r#"{"api key":"not valid"}"#, false),
            (r#"{"api key n\u00f6t valid"#, false),
            ("api key not vali", false),
            ("\\", false),
            ("\\u", false),
            ("", false),
        ] {
            for end in 0..=body.len() {
                let (first, second) = body.as_bytes().split_at(end);
                assert_eq!(
                    stands_in([first, second].into_iter(), "api key not valid"),
                    expected,
                    "{body} {end}"
                );
            }
        }
    }
}
