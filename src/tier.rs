//! Tiers of service that have prices of their own.

/// A tier that a request can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Slower, for less.
    Flex,
    /// Before others.
    Priority,
    /// Faster.
    Fast,
}

/// The tier that an answer says it was served in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// The one that costs what it costs in any case.
    Usual,
    /// One with prices of its own.
    In(Tier),
}

impl Served {
    /// What a value of `service_tier` or `speed` in an answer says, if it is known.
    #[must_use]
    pub fn told(value: &[u8]) -> Option<Self> {
        match value {
            b"default" | b"standard" | b"on_demand" => Some(Self::Usual),
            _ => Tier::asked(value).map(Self::In),
        }
    }

    /// The tier that counts where this one was asked for, if it has prices of its own. Speed is no tier of Anthropic's: its
    /// fast answers are of the standard tier, so that word alone takes nothing back.
    #[must_use]
    pub const fn instead_of(self, asked: Option<Tier>) -> Option<Tier> {
        match (self, asked) {
            (Self::Usual, Some(Tier::Fast)) => asked,
            (Self::Usual, _) => None,
            (Self::In(tier), _) => Some(tier),
        }
    }
}

impl Tier {
    /// The tier that a value of `service_tier` or `speed` asks for; nothing where it costs what it costs in any case,
    /// or where the provider's settings decide.
    #[must_use]
    pub fn asked(value: &[u8]) -> Option<Self> {
        [Self::Flex, Self::Priority, Self::Fast].into_iter().find(|tier| tier.word().as_bytes() == value)
    }

    /// Its name in requests and in the list of prices.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Fast => "fast",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_served_counts_but_the_standard_tier_is_no_slower() {
        let counts = |said: &[u8], asked| Served::told(said).map_or(asked, |served| served.instead_of(asked));
        for (said, asked, expected) in [
            (&b"priority"[..], None, Some(Tier::Priority)),
            (b"default", Some(Tier::Priority), None),
            (b"flex", Some(Tier::Priority), Some(Tier::Flex)),
            (b"standard", Some(Tier::Fast), Some(Tier::Fast)),
            (b"fast", None, Some(Tier::Fast)),
            (b"standard", None, None),
            (b"scale", Some(Tier::Priority), Some(Tier::Priority)),
        ] {
            assert_eq!(counts(said, asked), expected, "{}", String::from_utf8_lossy(said));
        }
    }
}
