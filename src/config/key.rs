//! `[[projects.NAME.keys]]`: which keys a project has, and how each narrows it.

use serde::Deserialize;

use super::client_auth::CertificateWritten;
use super::limit::{LimitsWritten, spender};
use super::observable::{Observable, listed};
use super::place::child;
use super::value::{a_year_ahead, date};
use super::work::Work;
use crate::certificate::Mark;
use crate::project_key::{Digest, PREFIX, is_id};
use crate::snapshot::{Key, Observed};

/// A key of a project; narrows it, never widens it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Key"))]
pub(super) struct KeyWritten {
    /// The key's public name; stands in records. Unique over all projects.
    pub(super) id: Option<String>,
    /// The SHA-256 of the key, as `portcullis key new` prints it. Never the key itself.
    pub(super) sha256: Option<String>,
    /// The client's certificate that the key is tied to. With a `sha256` both must be shown; without one the
    /// certificate stands for the key, where no key is sent. Default: none.
    pub(super) certificate: Option<CertificateWritten>,
    /// From when on the key no longer works: a date (its first second in UTC) or a date with time.
    /// Default: never.
    pub(super) expires: Option<String>,
    /// From when on the key works. Default: at once.
    pub(super) not_before: Option<String>,
    /// Whether the key was revoked. Default: false.
    pub(super) revoked: Option<bool>,
    /// Whether the key is a decoy: one that nobody holds, left where only an intruder finds it. It is
    /// refused like an unknown key, and its use is told as an alert. Default: false.
    pub(super) decoy: Option<bool>,
    /// Narrows the addresses of the project. Default: as the project.
    pub(super) allow_ips: Option<Observable>,
    /// Narrows the scopes of the project. Default: as the project.
    pub(super) scopes: Option<Observable>,
    /// Narrows the models of the project. Default: as the project.
    pub(super) models: Option<Observable>,
    /// Limits of this key alone, beside the project's. Default: only the project's.
    pub(super) limits: Option<LimitsWritten>,
    /// A mistake that is explained.
    #[cfg_attr(test, schemars(skip))]
    pub(super) key: Option<serde_json::Value>,
}

/// What a key is recognised by.
pub(super) enum Proofs {
    /// A text with this digest.
    Text(Digest),
    /// A certificate.
    Certificate(Mark),
}

const STORE_THE_HASH: &str = "store only the hash: sha256 = \"…\", as `portcullis key new` prints it; \
                              a key that stood in a file is spent: make a new one";

impl Work<'_> {
    /// Compiles a key of a project; nothing if it lacks what a key must have.
    pub(super) fn key(
        &mut self,
        path: &str,
        (project, project_name): (usize, &str),
        written: &KeyWritten,
    ) -> Option<(Proofs, Key)> {
        let of = |key: &str| child(path, key);
        if written.key.is_some() {
            self.wrong(&of("key"), "a key must never be written in the file", STORE_THE_HASH);
        }
        let id = self.key_id(&of("id"), written.id.as_deref());
        let certificate = self.mark(&of("certificate"), written.certificate.as_ref());
        let by_certificate = written.certificate.is_some() && written.sha256.is_none();
        let digest =
            if by_certificate { None } else { self.key_digest(&of("sha256"), written.sha256.as_deref()) };
        let (not_before, expires) = self.validity(path, written);
        let owner = child("keys", id.unwrap_or_default());
        let spender = spender(project_name, id);
        let limits = self.limits(&of("limits"), &owner, &spender, written.limits.as_ref());
        let allow_ips = listed(&of("allow_ips"), written.allow_ips.as_ref());
        let scopes = listed(&of("scopes"), written.scopes.as_ref());
        let models = listed(&of("models"), written.models.as_ref());
        let own_ips = written.allow_ips.is_some().then(|| self.allow_ips(&allow_ips.path, allow_ips.list));
        let own_scopes = written.scopes.is_some().then(|| self.scopes(&scopes.path, scopes.list));
        let own_models = written.models.is_some().then(|| self.models(&models.path, models.list));
        let key = Key {
            id: id?.into(),
            project,
            revoked: written.revoked.unwrap_or(false),
            revoked_rule: self.rule(&of("revoked")),
            decoy: written.decoy.unwrap_or(false),
            decoy_rule: self.rule(&of("decoy")),
            not_before,
            not_before_rule: self.rule(&of("not_before")),
            expires,
            expires_rule: self.rule(&of("expires")),
            certificate: certificate.clone(),
            certificate_rule: self.rule(&of("certificate")),
            allow_ips: own_ips,
            allow_ips_rule: self.rule(&of("allow_ips")),
            scopes: own_scopes,
            scopes_rule: self.rule(&of("scopes")),
            models: own_models,
            models_rule: self.rule(&of("models")),
            limits,
            observed: Observed {
                allow_ips: allow_ips.observed,
                scopes: scopes.observed,
                models: models.observed,
                limits: written.limits.as_ref().is_some_and(LimitsWritten::observed),
            },
        };
        // A key whose certificate is wrong is none, so that it cannot work without.
        let proof = match (written.certificate.is_some(), by_certificate) {
            (_, true) => Proofs::Certificate(certificate?),
            (true, false) => certificate.and(digest).map(Proofs::Text)?,
            (false, false) => Proofs::Text(digest?),
        };
        Some((proof, key))
    }

    fn key_id<'w>(&mut self, path: &str, id: Option<&'w str>) -> Option<&'w str> {
        let Some(id) = id else {
            self.wrong(
                path,
                "this key has no id",
                "name it: id = \"…\"; the name stands in records, the key does not",
            );
            return None;
        };
        if !is_id(id) {
            self.wrong(
                path,
                "a key's id has 1 to 64 letters, digits, `-`, `.` and `_`",
                "give it such an id",
            );
            return None;
        }
        Some(id)
    }

    fn key_digest(&mut self, path: &str, text: Option<&str>) -> Option<Digest> {
        let Some(text) = text else {
            self.wrong(
                path,
                "this key has no sha256",
                "write the hash that `portcullis key new` prints: sha256 = \"…\"",
            );
            return None;
        };
        if text.starts_with(PREFIX) {
            self.wrong(path, "this is a key itself, not its hash", STORE_THE_HASH);
            return None;
        }
        let digest = parse_digest(text);
        if digest.is_none() {
            let what = format!(
                "a SHA-256 has 64 hexadecimal digits; this text has {} characters",
                text.chars().count()
            );
            self.wrong(path, &what, "write the hash that `portcullis key new` prints");
        }
        digest
    }

    fn validity(&mut self, path: &str, written: &KeyWritten) -> (Option<i64>, Option<i64>) {
        let not_before = self.date(&child(path, "not_before"), written.not_before.as_deref());
        let expires = self.date(&child(path, "expires"), written.expires.as_deref());
        if let (Some(from), Some(until)) = (not_before, expires)
            && from >= until
        {
            let what = "the key expires before it becomes valid";
            self.wrong(&child(path, "expires"), what, "let expires be later than not_before");
        }
        (not_before, expires)
    }

    fn date(&mut self, path: &str, text: Option<&str>) -> Option<i64> {
        let seconds = date(text?);
        if seconds.is_none() {
            let date = a_year_ahead(self.now);
            self.wrong(path, "this is not a date", &format!("write it like {date} or {date}T12:00:00Z"));
        }
        seconds
    }
}

pub(super) fn parse_digest(text: &str) -> Option<Digest> {
    let nibble = |b: &u8| char::from(*b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let nibbles: Vec<u8> = text.as_bytes().iter().map(nibble).collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        nibbles.chunks_exact(2).filter_map(|pair| Some(pair.first()? << 4 | pair.last()?)).collect();
    (nibbles.len() == 64).then(|| Digest::try_from(bytes.as_slice()).ok()).flatten()
}
