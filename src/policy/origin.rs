//! May this key be used from this address?
//!
//! The project's list must hold the address, and where the key has a list of its own, that one
//! too. A list that is not there allows nothing at the project and narrows nothing at the key.

use super::{Policy, Sight};
use crate::denial::{Denial, Reason};
use crate::exchange::{Identified, Placed};

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct Origin;

impl Policy for Origin {
    type From = Identified;
    type Into = Placed;

    fn decide(&self, from: Identified, sight: &mut Sight<'_>) -> Result<Placed, Denial> {
        let (Some(project), Some(key)) =
            (sight.snapshot.projects.get(from.caller.project), sight.snapshot.keys.get(from.caller.key))
        else {
            return Err(Denial::built_in(Reason::KeyUnknown));
        };
        for left_out in key.without_address(project, from.address) {
            sight.refuse(left_out.observed, Denial::by(Reason::AddressNotAllowed, left_out.rule))?;
        }
        Ok(Placed { caller: from.caller })
    }
}
