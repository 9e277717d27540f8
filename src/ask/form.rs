//! What a multipart form asks for, read while it arrives.
//!
//! 1. Of a form's fields the gate reads `model` and `stream`, `purpose` where files are sent, and `session`
//!    where a call is begun. None of them stands twice, is a file, or has a name beside it that looks alike.
//! 2. What stands before the first file is read before anything is sent. What comes behind it is read on the
//!    way: a model found there that may not be used, or none where one must be, breaks the form off.
//! 3. A file of requests for a batch is checked line by line (`lines.rs`), where the project may use only
//!    listed models; it has to be known by then that it is one.

use std::sync::{Arc, OnceLock};

use super::lines::Lines;
use super::rules::Rules;
use super::{bare, denied};
use crate::body::Watch;
use crate::denial::{Denial, Reason};
use crate::endpoint::{LONGEST_MODEL, ModelIn, Places, Takes};
use crate::multipart::{Found, Multipart, Part, Reader, Unclear};
use crate::peek::{Peek, Peeked, REROUTING};
use crate::provider::Provider;

/// Where a session names the model that transcribes.
const SESSION: Places =
    &[&["audio", "input", "transcription", "model"], &["input_audio_transcription", "model"]];

/// A form that is being read.
#[derive(Debug)]
pub(super) struct Form {
    scan: Multipart,
    read: Read,
}

/// What was read of it.
#[derive(Debug)]
struct Read {
    rules: Rules,
    now: Now,
    model: Option<Arc<str>>,
    purpose: Option<Box<str>>,
    stream: Option<bool>,
    session: Option<Peeked>,
    rerouting: Option<&'static str>,
    /// Whether a file has begun.
    in_files: bool,
    /// Whether nothing may go on before the model is known, since a limit depends on it.
    needs_model: bool,
    /// Where a model is told that is found when the rest is on its way.
    late: Option<Arc<OnceLock<Arc<str>>>>,
    /// Whether the rest is on its way.
    under_way: bool,
    /// The model that was refused on the way.
    refused: Option<Arc<str>>,
}

/// The part under way.
#[derive(Debug)]
enum Now {
    Nothing,
    Field(Field, Vec<u8>),
    Session(Box<Peek>),
    Lines(Box<Lines>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Model,
    Purpose,
    Stream,
}

impl From<Unclear> for Denial {
    fn from(Unclear(what): Unclear) -> Self {
        Self::built_in(Reason::BodyInvalid).because(what)
    }
}

impl Form {
    pub(super) fn new(content_type: &[u8], rules: Rules) -> Result<Self, Denial> {
        let named_in_it = matches!(rules.endpoint.model, ModelIn::Form | ModelIn::FormOrProvidersChoice);
        let read = Read {
            needs_model: named_in_it && rules.limit_models(),
            late: None,
            rules,
            now: Now::Nothing,
            model: None,
            purpose: None,
            stream: None,
            session: None,
            rerouting: None,
            in_files: false,
            under_way: false,
            refused: None,
        };
        Ok(Self { scan: Multipart::new(content_type)?, read })
    }

    /// What is wrong with a form that goes on before its model is known.
    pub(super) fn may_name_it_later(&self) -> Result<(), Denial> {
        if self.read.needs_model {
            return Err(Unclear(
                "a limit depends on the model: the field 'model' has to stand before the file",
            )
            .into());
        }
        Ok(())
    }

    /// Whether nothing more has to be known before the form goes on.
    pub(super) fn is_settled(&self) -> bool {
        let read = &self.read;
        read.in_files && !read.needs_model
            || match read.rules.endpoint.model {
                ModelIn::Form | ModelIn::FormOrProvidersChoice if read.takes_session() => {
                    read.session.is_some()
                }
                ModelIn::Form | ModelIn::FormOrProvidersChoice => read.model.is_some(),
                ModelIn::Lines => read.rules.open || read.purpose.is_some(),
                ModelIn::Nowhere
                | ModelIn::Body
                | ModelIn::BodyOrProvidersChoice
                | ModelIn::Path
                | ModelIn::Query(_)
                | ModelIn::Inside
                | ModelIn::Message
                | ModelIn::Unknown => true,
            }
    }

    pub(super) fn feed(&mut self, piece: &[u8]) -> Result<(), Denial> {
        self.scan.feed(piece, &mut self.read)
    }

    /// What it asks for, as far as it came.
    pub(super) fn peeked(&self) -> Peeked {
        let read = &self.read;
        let mut peeked = read.session.clone().unwrap_or_default();
        peeked.model = read.model.clone().or(peeked.model);
        // Where it stands in a part is nowhere in the body.
        peeked.model_at = None;
        peeked.stream = read.stream;
        peeked.rerouting = read.rerouting;
        peeked
    }

    /// Whether its end has come.
    pub(super) fn whole(&self) -> Result<(), Denial> {
        if self.scan.is_whole() { Ok(()) } else { Err(Unclear("it ends too early").into()) }
    }

    /// The rest goes on while it arrives.
    pub(super) fn go_on(&mut self, late: Option<Arc<OnceLock<Arc<str>>>>) {
        self.read.under_way = true;
        self.read.late = late;
    }

    /// Under which rules the lines of a file are checked.
    pub(super) fn checked(&self) -> Option<Box<str>> {
        let read = &self.read;
        let batch = read.rules.endpoint.model == ModelIn::Lines && read.purpose.as_deref() == Some("batch");
        if batch && !read.rules.open { read.rules.text() } else { None }
    }

    /// Whether it is known what the file is for.
    pub(super) fn purpose_known(&self) -> Result<(), Denial> {
        self.read.purpose_known()
    }

    pub(super) const fn rules(&self) -> &Rules {
        &self.read.rules
    }

    pub(super) fn refused_model(&self) -> Option<Arc<str>> {
        self.read.refused.clone()
    }
}

impl Watch for Form {
    fn feed(&mut self, piece: &[u8]) -> Result<(), Denial> {
        Self::feed(self, piece)
    }

    fn finish(&mut self) -> Result<(), Denial> {
        self.whole()?;
        let read = &self.read;
        let named = read.model.is_some() || read.session.as_ref().is_some_and(|said| said.model.is_some());
        match read.rules.endpoint.model {
            ModelIn::Form if !named => Err(Denial::built_in(Reason::ModelMissing)),
            ModelIn::FormOrProvidersChoice if !named && !read.rules.open => {
                Err(Denial::built_in(Reason::ModelMissing))
            }
            ModelIn::Lines if !read.rules.open => read.purpose_known(),
            ModelIn::Nowhere
            | ModelIn::Body
            | ModelIn::BodyOrProvidersChoice
            | ModelIn::Path
            | ModelIn::Query(_)
            | ModelIn::Form
            | ModelIn::FormOrProvidersChoice
            | ModelIn::Inside
            | ModelIn::Lines
            | ModelIn::Message
            | ModelIn::Unknown => Ok(()),
        }
    }

    fn model(&self) -> Option<Arc<str>> {
        self.refused_model().or_else(|| self.read.model.clone())
    }
}

impl Reader for Read {
    type Refusal = Denial;

    fn take(&mut self, found: Found<'_>) -> Result<(), Denial> {
        match found {
            Found::Part(part) => self.begin(&part),
            Found::Data(data) => match &mut self.now {
                Now::Nothing => Ok(()),
                Now::Field(_, text) => {
                    text.extend_from_slice(data.get(..=LONGEST_MODEL).unwrap_or(data));
                    if text.len() > LONGEST_MODEL {
                        Err(Unclear("a field is too long").into())
                    } else {
                        Ok(())
                    }
                }
                Now::Session(peek) => peek.feed(data).map_err(denied),
                Now::Lines(lines) => {
                    let fed = lines.feed(data, &self.rules);
                    self.refused = self.refused.take().or_else(|| lines.refused.take());
                    fed
                }
            },
            Found::Ended => match std::mem::replace(&mut self.now, Now::Nothing) {
                Now::Nothing => Ok(()),
                Now::Field(field, text) => self.field(field, &text),
                Now::Session(mut peek) => self.session(peek.finish().map_err(denied)?),
                Now::Lines(mut lines) => {
                    let ended = lines.end(&self.rules);
                    self.refused = self.refused.take().or_else(|| lines.refused.take());
                    ended
                }
            },
        }
    }
}

impl Read {
    fn takes_session(&self) -> bool {
        self.rules.endpoint.takes == Takes::FormOrSdp
    }

    fn begin(&mut self, part: &Part<'_>) -> Result<(), Denial> {
        let lines = self.rules.endpoint.model == ModelIn::Lines;
        let own = [
            ("model", true, self.model.is_some()),
            ("stream", true, self.stream.is_some()),
            ("purpose", lines, self.purpose.is_some()),
            ("session", self.takes_session(), self.session.is_some()),
        ];
        for (name, _, there) in own.into_iter().filter(|(_, read, _)| *read) {
            if part.name != name {
                if looks_like(part.name, name) {
                    return Err(twice(name, "a field looks like it without being it"));
                }
                continue;
            }
            if there {
                return Err(twice(name, "the field is there twice"));
            }
            if part.is_file {
                return Err(twice(name, "the field is a file"));
            }
            if !part.content_type.is_none_or(is_plain) {
                return Err(Unclear("a field is not of plain text").into());
            }
            self.now = match name {
                "model" => Now::Field(Field::Model, Vec::new()),
                "stream" => Now::Field(Field::Stream, Vec::new()),
                "purpose" => Now::Field(Field::Purpose, Vec::new()),
                _ => Now::Session(Box::new(Peek::within(SESSION))),
            };
            return Ok(());
        }
        if part.name.eq_ignore_ascii_case("_charset_") {
            return Err(Unclear("it changes how its fields are read").into());
        }
        if self.rules.endpoint.model != ModelIn::Nowhere
            && let Some(field) = REROUTING.iter().copied().find(|field| *field == part.name)
        {
            self.rerouting = Some(field);
            if self.under_way {
                return Err(Denial::built_in(Reason::ParameterNotAllowed).because(field));
            }
        }
        if part.is_file || part.name == "file" {
            self.in_files = true;
            if lines && !self.rules.open {
                self.purpose_known()?;
                if self.purpose.as_deref() == Some("batch") {
                    let job_names_model = self.rules.provider() == Some(Provider::Mistral);
                    self.now = Now::Lines(Box::new(Lines::new(job_names_model)));
                }
            }
        }
        Ok(())
    }

    fn purpose_known(&self) -> Result<(), Denial> {
        if self.purpose.is_some() {
            return Ok(());
        }
        Err(Unclear("the field 'purpose' has to stand before the file").into())
    }

    fn field(&mut self, field: Field, text: &[u8]) -> Result<(), Denial> {
        let text = std::str::from_utf8(text).map_err(|_| Unclear("a field is not UTF-8"))?;
        if text.is_empty() || text.bytes().any(|b| b.is_ascii_control()) || text.trim() != text {
            return Err(Unclear("a field is empty, or has blanks around it").into());
        }
        match field {
            Field::Model => {
                let model = Arc::from(text);
                self.found(&model)?;
                self.model = Some(model);
            }
            Field::Purpose => self.purpose = Some(text.into()),
            Field::Stream => self.stream = Some(text.eq_ignore_ascii_case("true") || text == "1"),
        }
        Ok(())
    }

    fn session(&mut self, said: Peeked) -> Result<(), Denial> {
        for model in said.model.iter().chain(&said.inside) {
            self.found(model)?;
        }
        self.session = Some(said);
        Ok(())
    }

    /// A model was found; on the way nobody else judges it.
    fn found(&mut self, model: &Arc<str>) -> Result<(), Denial> {
        if !self.under_way {
            return Ok(());
        }
        let judged = self.rules.late(bare(self.rules.endpoint, model));
        if let (Ok(()), Some(late)) = (&judged, &self.late) {
            let _ = late.set(bare(self.rules.endpoint, model).into());
        }
        if judged.is_err() {
            self.refused = Some(Arc::clone(model));
        }
        judged
    }
}

/// Whether a lenient reader could take a field for another.
fn looks_like(name: &str, field: &str) -> bool {
    let base = name.split(['[', '.', '/']).next().unwrap_or_default();
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    letters(base).eq_ignore_ascii_case(field) || letters(name).eq_ignore_ascii_case(field)
}

fn is_plain(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let known = ["text/plain", "application/json"];
    parts.next().is_some_and(|essence| known.iter().any(|one| essence.eq_ignore_ascii_case(one)))
        && parts.all(|parameter| parameter.to_ascii_lowercase().replace('"', "") == "charset=utf-8")
}

fn twice(field: &str, what: &str) -> Denial {
    if field == "model" || field == "session" {
        return Denial::built_in(Reason::ModelAmbiguous).because(format!("of '{field}', {what}"));
    }
    Denial::built_in(Reason::BodyInvalid).because(format!("of '{field}', {what}"))
}
