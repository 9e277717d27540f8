//! The configuration as texts that can be replaced, and where each setting stands in them.
//!
//! For whoever proposes a change: the files are read once, and nothing is ever written.

use super::fault::{Faults, Severity};
use super::layer::layered;
use super::load::Sources;
use super::place::{Places, child};

/// The texts of a configuration.
#[derive(Clone, Debug)]
pub struct Sheets {
    texts: Vec<(String, String)>,
    sources: Sources,
    places: Places,
}

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In the text of this number, or it is not written and would belong there.
    Text(usize),
    /// In the environment, under this name, which overrides every text.
    Variable(String),
}

impl Sheets {
    /// Reads the files of a configuration.
    ///
    /// # Errors
    /// When one cannot be read, or is not TOML.
    pub fn read(sources: &Sources) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let texts = sources.texts(&mut faults);
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        Self::of(sources.holding(&texts), texts)
    }

    fn of(sources: Sources, texts: Vec<(String, String)>) -> Result<Self, Faults> {
        let layered = layered(&sources);
        let mut faults = layered.faults;
        faults.retain(|fault| fault.severity == Severity::Error);
        if faults.is_empty() {
            Ok(Self { texts, sources, places: layered.places })
        } else {
            Err(Faults(faults))
        }
    }

    /// The same with another text.
    ///
    /// # Errors
    /// When the text is not TOML.
    pub fn with(&self, number: usize, text: String) -> Result<Self, Faults> {
        let mut texts = self.texts.clone();
        if let Some((_, old)) = texts.get_mut(number) {
            *old = text;
        }
        Self::of(self.sources.holding(&texts), texts)
    }

    /// Each file's name, as it was given, and its text.
    #[must_use]
    pub fn texts(&self) -> &[(String, String)] {
        &self.texts
    }

    /// What a configuration is loaded from, with the texts as they are here.
    #[must_use]
    pub const fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The path under which a list is written: a list can be the `list` of a table, which holds more
    /// about it.
    #[must_use]
    pub fn list_path(&self, path: &str) -> String {
        if self.places.is_table(path) { child(path, "list") } else { path.to_owned() }
    }

    /// Where a setting stands, or would belong.
    #[must_use]
    pub fn standing(&self, path: &str) -> Standing {
        self.places.standing(path)
    }
}
