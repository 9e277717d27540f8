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
        if !project.allow_ips.contains(from.address) {
            return Err(Denial::by(Reason::AddressNotAllowed, project.allow_ips_rule));
        }
        match &key.allow_ips {
            Some(own) if !own.contains(from.address) => {
                Err(Denial::by(Reason::AddressNotAllowed, key.allow_ips_rule))
            }
            Some(_) | None => Ok(Placed { caller: from.caller }),
        }
    }
}
