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
