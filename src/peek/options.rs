//! What a body says of `stream_options`, and where, so that a report of usage can be asked for in it.

/// What a body says of `stream_options.include_usage`. Places are counted in bytes of the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamOptions {
    /// It does not name the options.
    #[default]
    Absent,
    /// They are null, from here to there.
    Null(usize, usize),
    /// They are an object that says nothing of it. It opens before this place, and may be empty.
    Silent {
        /// Behind its brace.
        at: usize,
        /// Whether nothing stands in it.
        empty: bool,
    },
    /// It is false or null, from here to there.
    Declined(usize, usize),
    /// It is true.
    Wanted,
    /// It is something else, stands twice, or in letters of another case: readers may differ on it.
    Odd,
}

/// What a body says of a report of usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// What its options say.
    pub options: StreamOptions,
    /// The place behind its first brace.
    pub top: usize,
}

impl StreamOptions {
    /// The name of the options, or one like it, stands at the top level; whether it is their name.
    #[inline]
    pub(super) fn named(&mut self, name: &[u8]) -> bool {
        if !name.eq_ignore_ascii_case(b"stream_options") {
            return false;
        }
        // What follows says what they are.
        *self = Self::Odd;
        name == b"stream_options"
    }

    /// A name stands in them; whether it is that of the report.
    pub(super) fn inside(&mut self, name: &[u8]) -> bool {
        let before = *self;
        if let Self::Silent { empty, .. } = self {
            *empty = false;
        }
        if !name.eq_ignore_ascii_case(b"include_usage") {
            return false;
        }
        *self = Self::Odd;
        name == b"include_usage" && matches!(before, Self::Silent { .. })
    }

    /// The bytes that ask for the report, and what of the body they take the place of; nothing where it is asked for
    /// already or cannot be. `top` is the place behind the body's first brace.
    #[must_use]
    pub fn asking(self, top: usize) -> Option<(usize, usize, &'static str)> {
        Some(match self {
            // A body that names a model is not empty: something follows.
            Self::Absent => (top, top, "\"stream_options\":{\"include_usage\":true},"),
            Self::Null(from, to) => (from, to, "{\"include_usage\":true}"),
            Self::Silent { at, empty: true } => (at, at, "\"include_usage\":true"),
            Self::Silent { at, empty: false } => (at, at, "\"include_usage\":true,"),
            Self::Declined(from, to) => (from, to, "true"),
            Self::Wanted | Self::Odd => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::Value;

    use super::super::Peek;
    use super::*;
    use crate::body::Frames;

    fn said(body: &str, size: usize) -> Said {
        let mut peek = Peek::default();
        for piece in body.as_bytes().chunks(size) {
            peek.feed(piece).unwrap();
        }
        peek.finish().unwrap().report
    }

    /// The body with what asks for the report in it.
    fn asking(body: &str) -> Option<String> {
        let Said { options, top } = said(body, body.len());
        for size in 1..body.len() {
            assert_eq!(said(body, size), Said { options, top }, "{body} {size}");
        }
        let (from, to, bytes) = options.asking(top)?;
        let frames = Frames::from(Bytes::copy_from_slice(body.as_bytes())).with(from, to, bytes.into());
        Some(String::from_utf8(frames.joined().to_vec()).unwrap())
    }

    #[test]
    fn the_report_is_asked_for_and_nothing_else_is_changed() {
        for (body, asked) in [
            (r#"{"model":"a"}"#, r#"{"stream_options":{"include_usage":true},"model":"a"}"#),
            (
                " {\n \"model\":\"a\",\"x\":{\"stream_options\":{}}}",
                " {\"stream_options\":{\"include_usage\":true},\n \"model\":\"a\",\"x\":{\"stream_options\":{}}}",
            ),
            (r#"{"stream_options":null,"a":1}"#, r#"{"stream_options":{"include_usage":true},"a":1}"#),
            (r#"{"stream_options" : { } ,"a":1}"#, r#"{"stream_options" : {"include_usage":true } ,"a":1}"#),
            (
                r#"{"a":1,"stream_options":{"include_obfuscation":false}}"#,
                r#"{"a":1,"stream_options":{"include_usage":true,"include_obfuscation":false}}"#,
            ),
            (
                r#"{"stream_options":{"x":[{"include_usage":1}]}}"#,
                r#"{"stream_options":{"include_usage":true,"x":[{"include_usage":1}]}}"#,
            ),
            (
                r#"{"stream_options":{"include_usage": false ,"b":null}}"#,
                r#"{"stream_options":{"include_usage": true ,"b":null}}"#,
            ),
            (
                r#"{"stream_options":{"b":true,"include_usage":null}}"#,
                r#"{"stream_options":{"b":true,"include_usage":true}}"#,
            ),
            (
                r#"{"stream_options":{"include\u005fusage":false}}"#,
                r#"{"stream_options":{"include\u005fusage":true}}"#,
            ),
        ] {
            let now = asking(body).unwrap();
            assert_eq!(now, asked);
            let read: Value = serde_json::from_str(&now).unwrap();
            assert_eq!(read["stream_options"]["include_usage"], true, "{now}");
        }
    }

    #[test]
    fn who_asks_already_is_left_alone() {
        for body in [
            r#"{"stream_options":{"include_usage":true}}"#,
            r#"{"stream_options":{"a":false,"include_usage" :true,"b":{"include_usage":false}}}"#,
        ] {
            assert_eq!(said(body, 99).options, StreamOptions::Wanted, "{body}");
            assert_eq!(asking(body), None);
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_odd() {
        for body in [
            r#"{"stream_options":[]}"#,
            r#"{"stream_options":[{"include_usage":true}]}"#,
            r#"{"stream_options":"x"}"#,
            r#"{"stream_options":7}"#,
            r#"{"stream_options":true}"#,
            r#"{"stream_options":{"include_usage":"true"}}"#,
            r#"{"stream_options":{"include_usage":1}}"#,
            r#"{"stream_options":{"include_usage":{}}}"#,
            r#"{"stream_options":{"include_usage":[true]}}"#,
            r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#,
            r#"{"stream_options":{"include_usage":false,"include_usage":true}}"#,
            r#"{"stream_options":{"include_usage":true,"Include_Usage":false}}"#,
            r#"{"stream_options":{"INCLUDE_USAGE":true}}"#,
            r#"{"Stream_Options":{"include_usage":true}}"#,
            r#"{"stream_options":{"include_usage":true},"STREAM_OPTIONS":null}"#,
        ] {
            assert_eq!(said(body, 99).options, StreamOptions::Odd, "{body}");
            assert_eq!(asking(body), None);
        }
    }
}
