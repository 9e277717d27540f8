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

    /// The tier, if it has prices of its own.
    #[must_use]
    pub const fn tier(self) -> Option<Tier> {
        match self {
            Self::Usual => None,
            Self::In(tier) => Some(tier),
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
