//! Lists of model names: exact names, and patterns with `*`.
//!
//! A `*` stands for any run of characters. Names are compared byte for byte with what the client
//! sent after decoding; there is no case folding and no default, so that a name which the list
//! does not show is a name the project may not use.

use crate::endpoint::LONGEST_MODEL;

/// Whether a name that a client sent can stand in a list as it is. With a `*` it would let other models through, and of
/// what is no plain text a list has none.
#[must_use]
pub fn can_be_listed(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'*';
    (1..=LONGEST_MODEL).contains(&name.len()) && name.bytes().all(plain)
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPattern {
    text: Box<str>,
    exact: bool,
    fixed: usize,
}

impl ModelPattern {
    /// An exact name, or a pattern with `*`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let exact = !text.contains('*');
        let fixed = text.bytes().filter(|b| *b != b'*').count() + usize::from(exact);
        Self { text: text.into(), exact, fixed }
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names exactly one model.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.exact
    }

    /// How many characters it fixes: of two patterns that fit, the one that fixes more is meant.
    #[must_use]
    pub const fn fixed(&self) -> usize {
        self.fixed
    }

    /// Whether the pattern fits a name.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        if self.exact || &*self.text == "*" {
            return !self.exact || *self.text == *name;
        }
        let mut parts = self.text.split('*');
        let Some(first) = parts.next() else { return false };
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

/// A list of models; an empty one allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelList {
    patterns: Vec<ModelPattern>,
}

impl ModelList {
    /// Whether some entry fits the name.
    #[must_use]
    pub fn allows(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.fits(name))
    }

    /// Whether it lets every model through, also one that is not named.
    #[must_use]
    pub fn allows_all(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.as_str() == "*")
    }

    /// Whether it allows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// How many characters the best fitting entry fixes.
    #[must_use]
    pub fn best_fit(&self, name: &str) -> Option<usize> {
        self.patterns.iter().filter(|pattern| pattern.fits(name)).map(ModelPattern::fixed).max()
    }

    /// The entries as written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(ModelPattern::as_str)
    }
}

impl<'a> FromIterator<&'a str> for ModelList {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        Self { patterns: names.into_iter().map(ModelPattern::new).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_stand_for_any_run() {
        for (pattern, name, fits) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4o*", "gpt-4o-mini", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("ft:*:acme:*", "ft:gpt-4o:acme::x", true),
            ("ft:*:acme:*", "ft:gpt-4o:other::x", false),
            ("GPT-4o", "gpt-4o", false),
        ] {
            assert_eq!(ModelPattern::new(pattern).fits(name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn an_empty_list_allows_nothing() {
        assert!(!ModelList::default().allows("gpt-4o"));
    }

    fn plain_fits(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', more)), _) => {
                plain_fits(more, name)
                    || name.split_first().is_some_and(|(_, rest)| plain_fits(pattern, rest))
            }
            (Some((p, more)), Some((n, rest))) => p == n && plain_fits(more, rest),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn fits_as_the_plain_definition_says(pattern in "[ab*]{0,7}", name in "[ab]{0,9}") {
            prop_assert_eq!(ModelPattern::new(&pattern).fits(&name), plain_fits(pattern.as_bytes(), name.as_bytes()));
        }

        #[test]
        fn order_changes_nothing(list in prop::collection::vec("[ab*]{0,4}", 0..5), name in "[ab]{0,5}") {
            let forward: ModelList = list.iter().map(String::as_str).collect();
            let back: ModelList = list.iter().rev().map(String::as_str).collect();
            prop_assert_eq!(forward.allows(&name), back.allows(&name));
        }
    }
}
