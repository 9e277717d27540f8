//! Whose key is this?
//!
//! 1. A key is taken wherever an SDK puts one: `Authorization: Bearer`, `x-api-key`,
//!    `x-goog-api-key`, `api-key`, and `?key=`. The same key in two places is one key; two
//!    different ones are refused, since two readers could pick differently.
//! 2. A key's form is judged before it is hashed, so that a mistyped key is told from an unknown
//!    one and rubbish costs nothing.
//! 3. The look-up is by SHA-256: how long it takes tells nothing about any key.
//! 4. Who goes on with a resumable upload at the address that it was given for that is the one who began it.
//! 5. Keys that are none are counted for the client's address. Who tries too many is told to wait, and not what
//!    is wrong with the key; a key that works is let in all the same, so that nobody can lock others out.
//! 6. A key that is tied to a client's certificate works only over a connection on which that was shown. Where no
//!    key is sent a certificate may stand for one; it stands for one only, or for none.
//! 7. Whoever is not positively recognised is nobody: the proof cannot be made without a key.

use std::cell::RefCell;
use std::net::IpAddr;

use http::HeaderMap;

use super::{Policy, Sight};
use crate::certificate::Certificate;
use crate::denial::{Denial, Reason};
use crate::exchange::{Admitted, Caller, Identified};
use crate::project_key::{self, Malformed, Recent};
use crate::provider_key;
use crate::record::Alert;
use crate::snapshot::{FailedKeys, Key, Snapshot};
use crate::upgrade;
use crate::uploads::upload_id;

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct KeyCheck;

impl Policy for KeyCheck {
    type From = Admitted;
    type Into = Identified;

    fn decide(&self, from: Admitted, sight: &mut Sight<'_>) -> Result<Identified, Denial> {
        let address = from.address;
        match caller(sight) {
            Ok(caller) => Ok(Identified { address, caller }),
            Err(denial) => Err(counted(denial, address, sight)),
        }
    }
}

fn caller(sight: &mut Sight<'_>) -> Result<Caller, Denial> {
    let query = sight.head.uri.query().unwrap_or_default();
    let sent = match the_one_credential(&sight.head.headers, query) {
        Err(denial) if denial.reason == Reason::KeyMissing => {
            let at = certified(sight)?.or_else(|| goes_on(sight, query)).ok_or(denial)?;
            return works_here(at, sight);
        }
        sent => sent?,
    };
    let at = match RECENT.with_borrow_mut(|recent| recognised(sent, sight.snapshot, recent)) {
        Ok(at) => at,
        Err(Stranger::Malformed(why)) => {
            return Err(match provider_key::issuer(sent) {
                Some(issuer) => Denial::built_in(Reason::ProviderKeySent).because(issuer),
                None => Denial::built_in(Reason::KeyMalformed).because(why.sentence()),
            });
        }
        Err(Stranger::Unknown(claimed)) => {
            sight.notes.claimed_key_id = Some(claimed.into());
            return Err(Denial::built_in(Reason::KeyUnknown));
        }
    };
    works_here(at, sight)
}

/// The key that the client's certificate stands for.
#[cold]
fn certified(sight: &Sight<'_>) -> Result<Option<usize>, Denial> {
    let marks = sight.certificate.map(Certificate::marks).unwrap_or_default();
    let mut keys = marks.iter().filter_map(|mark| sight.snapshot.by_certificate.get(mark).copied());
    let first = keys.next();
    if keys.any(|other| Some(other) != first) {
        return Err(Denial::built_in(Reason::KeyConflict).because("by two names of one certificate"));
    }
    Ok(first)
}

/// Whether a recognised key works now, over this connection.
fn works_here(at: usize, sight: &mut Sight<'_>) -> Result<Caller, Denial> {
    let caller = works_now(at, sight)?;
    match sight.snapshot.keys.get(at) {
        Some(key) if key.certificate.is_some() => shown(key, sight).map(|()| caller),
        Some(_) | None => Ok(caller),
    }
}

#[cold]
fn shown(key: &Key, sight: &Sight<'_>) -> Result<(), Denial> {
    let missing =
        |what: &str| Err(Denial::by(Reason::CertificateRequired, key.certificate_rule).because(what));
    match (&key.certificate, sight.certificate) {
        (None, _) => Ok(()),
        (Some(wanted), Some(certificate)) if certificate.marks().contains(wanted) => Ok(()),
        (Some(_), Some(_)) => missing("another one was shown"),
        (Some(_), None) => missing("none was shown"),
    }
}

/// Counts a key that is none, or refuses to say more.
#[cold]
fn counted(denial: Denial, address: IpAddr, sight: &Sight<'_>) -> Denial {
    // A decoy is among them: it must look like any other key that is not known.
    let none = [Reason::KeyMalformed, Reason::ProviderKeySent, Reason::KeyUnknown, Reason::KeyConflict];
    if !none.contains(&denial.reason) {
        return denial;
    }
    let FailedKeys { tolerance, rule } = sight.snapshot.server.bounds.failed_keys;
    match sight.snapshot.attempts.failed(address, tolerance, sight.now) {
        Ok(()) => denial,
        Err(wait) => Denial::by(Reason::KeyAttemptsLimited, rule).until(wait),
    }
}

/// The policy with the key given by its number: for a request that nobody sent, whose key's secret
/// nobody has. Only `explain` may use it.
#[derive(Clone, Copy, Debug)]
pub struct KeyGiven(pub usize);

impl Policy for KeyGiven {
    type From = Admitted;
    type Into = Identified;

    fn decide(&self, from: Admitted, sight: &mut Sight<'_>) -> Result<Identified, Denial> {
        let caller = works_now(self.0, sight)?;
        Ok(Identified { address: from.address, caller })
    }
}

thread_local! {
    static RECENT: RefCell<Recent> = RefCell::default();
}

/// Why a text is none of our keys.
enum Stranger<'k> {
    Malformed(Malformed),
    Unknown(&'k str),
}

/// The number of the key with this text. The configuration is asked each time: only the digest of a
/// key that was recognised is remembered, never what it may do.
fn recognised<'k>(sent: &'k [u8], snapshot: &Snapshot, recent: &mut Recent) -> Result<usize, Stranger<'k>> {
    let (known, mark) = recent.find(sent);
    if let Some(&at) = known.and_then(|digest| snapshot.by_digest.get(&digest)) {
        return Ok(at);
    }
    let claimed = project_key::public_id(sent).map_err(Stranger::Malformed)?;
    let digest = project_key::digest(sent);
    let &at = snapshot.by_digest.get(&digest).ok_or(Stranger::Unknown(claimed))?;
    recent.keep(mark, digest);
    Ok(at)
}

/// The key that began the upload which a request without a key goes on with, at the address that it was given.
#[cold]
fn goes_on(sight: &Sight<'_>, query: &str) -> Option<usize> {
    let begun = sight.snapshot.uploads.begun(upload_id(query)?)?;
    if *begun.path != *sight.head.uri.path() {
        return None;
    }
    sight.snapshot.keys.iter().position(|key| key.id == begun.key_id)
}

/// Whether a recognised key and its project work at this moment.
fn works_now(at: usize, sight: &mut Sight<'_>) -> Result<Caller, Denial> {
    let found =
        sight.snapshot.keys.get(at).and_then(|key| Some((key, sight.snapshot.projects.get(key.project)?)));
    let Some((key, project)) = found else { return Err(Denial::built_in(Reason::KeyUnknown)) };
    sight.notes.project = Some(key.project);
    sight.notes.key = Some(at);
    if key.decoy {
        // To the client it is a key like any other that is not known.
        sight.notes.alert = Some(Alert::DecoyKey);
        return Err(Denial::by(Reason::KeyUnknown, key.decoy_rule));
    }
    if key.revoked {
        return Err(Denial::by(Reason::KeyRevoked, key.revoked_rule));
    }
    if !project.enabled {
        return Err(Denial::by(Reason::ProjectDisabled, project.enabled_rule));
    }
    if key.not_before.is_some() || key.expires.is_some() {
        let now = sight.now.unix_seconds();
        if key.not_before.is_some_and(|first| now < first) {
            return Err(Denial::by(Reason::KeyNotYetValid, key.not_before_rule));
        }
        if key.expires.is_some_and(|end| now >= end) {
            return Err(Denial::by(Reason::KeyExpired, key.expires_rule));
        }
    }
    Ok(Caller { project: key.project, key: at })
}

/// A credential, and where it was found first.
type Found<'h> = Option<(&'static str, &'h [u8])>;

fn the_one_credential<'h>(headers: &'h HeaderMap, query: &'h str) -> Result<&'h [u8], Denial> {
    let mut found = None;
    // Once over all headers: that costs less than to look up four names, most of them absent.
    for (name, value) in headers {
        match name.as_str() {
            "authorization" => note(&mut found, "authorization", bearer(value.as_bytes()))?,
            "x-api-key" => note(&mut found, "x-api-key", value.as_bytes())?,
            "x-goog-api-key" => note(&mut found, "x-goog-api-key", value.as_bytes())?,
            "api-key" => note(&mut found, "api-key", value.as_bytes())?,
            // A page can set no header of a WebSocket's handshake.
            "sec-websocket-protocol" => {
                for key in upgrade::keys_in(value) {
                    note(&mut found, "sec-websocket-protocol", key.as_bytes())?;
                }
            }
            _ => {}
        }
    }
    if !query.is_empty() {
        for value in query.split('&').filter_map(|pair| pair.strip_prefix("key=")) {
            note(&mut found, "?key=", value.as_bytes())?;
        }
    }
    found.map(|(_, sent)| sent).ok_or_else(|| Denial::built_in(Reason::KeyMissing))
}

/// Takes a credential if it is the first or the same as the first. An empty one is none.
fn note<'h>(found: &mut Found<'h>, at: &'static str, sent: &'h [u8]) -> Result<(), Denial> {
    match *found {
        _ if sent.is_empty() => Ok(()),
        None => {
            *found = Some((at, sent));
            Ok(())
        }
        Some((_, first)) if first == sent => Ok(()),
        Some((first_at, _)) if first_at == at => {
            Err(Denial::built_in(Reason::KeyConflict).because(format!("in two {at}")))
        }
        Some((first_at, _)) => {
            Err(Denial::built_in(Reason::KeyConflict).because(format!("in {first_at} and {at}")))
        }
    }
}

/// What stands behind `Bearer`; of another scheme, the whole value, which then is no project key.
fn bearer(value: &[u8]) -> &[u8] {
    match value.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => rest.trim_ascii(),
        _ if value.eq_ignore_ascii_case(b"bearer") => b"",
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(headers: &[(&'static str, &str)], query: &str) -> Result<String, Reason> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        the_one_credential(&map, query)
            .map(|key| String::from_utf8_lossy(key).into_owned())
            .map_err(|denial| denial.reason)
    }

    #[test]
    fn every_sdks_place_is_looked_at() {
        for (headers, query) in [
            (&[("authorization", "Bearer k")][..], ""),
            (&[("authorization", "bearer  k ")], ""),
            (&[("x-api-key", "k")], ""),
            (&[("x-goog-api-key", "k")], ""),
            (&[("api-key", "k")], ""),
            (&[], "alt=sse&key=k"),
            (&[("x-api-key", "k"), ("authorization", "Bearer k")], "key=k"),
            (&[("x-api-key", "k"), ("authorization", "Bearer ")], ""),
        ] {
            assert_eq!(sent(headers, query), Ok("k".to_owned()), "{headers:?} {query}");
        }
    }

    #[test]
    fn two_different_credentials_are_refused_wherever_they_stand() {
        for (headers, query) in [
            (&[("authorization", "Bearer a"), ("authorization", "Bearer b")][..], ""),
            (&[("authorization", "Bearer a"), ("api-key", "b")], ""),
            (&[("x-api-key", "a")], "key=b"),
            (&[], "key=a&key=b"),
            (&[("authorization", "Basic a"), ("x-api-key", "a")], ""),
        ] {
            assert_eq!(sent(headers, query), Err(Reason::KeyConflict), "{headers:?} {query}");
        }
    }

    #[test]
    fn nothing_is_no_key() {
        assert_eq!(sent(&[], ""), Err(Reason::KeyMissing));
        assert_eq!(sent(&[("authorization", "Bearer"), ("x-api-key", "")], "key="), Err(Reason::KeyMissing));
    }
}
