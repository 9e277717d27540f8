//! Money, in whole trillionths of a US dollar: prices of single tokens are whole numbers of it, so that sums never
//! drift.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// An amount of US dollars, in picodollars; up to about 18 million dollars, where sums stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

const PICO: u64 = 1_000_000_000_000;

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many picodollars.
    #[must_use]
    pub const fn picodollars(pico: u64) -> Self {
        Self(pico)
    }

    /// The amount in picodollars.
    #[must_use]
    pub const fn as_picodollars(self) -> u64 {
        self.0
    }

    /// The amount in dollars, for metrics; not exact.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a metric is a floating-point number")]
    pub fn as_dollars(self) -> f64 {
        self.0 as f64 / PICO as f64
    }

    /// The price of `count` pieces at this price each.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// What is left when an amount is taken away; nothing if that is more.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The amount with at most six digits behind the point, and never less than it is.
    #[must_use]
    pub const fn rounded_up(self) -> Self {
        let step = 1_000_000;
        Self(self.0.div_ceil(step).saturating_mul(step))
    }

    /// Reads a number of dollars, such as `500` or `0.25`, exactly.
    #[must_use]
    pub fn parse_dollars(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 12 || text.ends_with('.') {
            return None;
        }
        let part: u64 = format!("{part:0<12}").parse().ok()?;
        whole.parse::<u64>().ok()?.checked_mul(PICO)?.checked_add(part).map(Self)
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

/// In dollars, exactly, with at least two digits behind the point.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One above, so that there are always as many digits behind the first as there are places.
        let mut part = itoa::Buffer::new();
        let part = part.format(PICO + self.0 % PICO).get(1..).unwrap_or_default();
        let (cents, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        f.write_str(itoa::Buffer::new().format(self.0 / PICO))?;
        f.write_str(".")?;
        f.write_str(cents)?;
        f.write_str(rest.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_and_written_exactly() {
        for (text, pico, written) in [
            ("500", 500 * PICO, "500.00"),
            ("0.25", PICO / 4, "0.25"),
            ("0.000000000001", 1, "0.000000000001"),
            ("1.5", 3 * PICO / 2, "1.50"),
        ] {
            let money = Money::parse_dollars(text).unwrap();
            assert_eq!((money.as_picodollars(), money.to_string()), (pico, written.to_owned()), "{text}");
        }
        for wrong in ["", ".", "1.", ".5", "-1", "1e3", "1,5", "0.0000000000001", "99999999999999999999"] {
            assert_eq!(Money::parse_dollars(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sums_stop_instead_of_turning_over() {
        let most = Money::picodollars(u64::MAX);
        assert_eq!(most + Money::picodollars(1), most);
        assert_eq!(Money::ZERO.less(most), Money::ZERO);
    }
}
