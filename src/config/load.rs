//! Reads files and the environment; the only place that does.
//!
//! The main file comes first, then `conf.d/*.toml` beside it by name. Hidden files are left alone:
//! a mounted volume keeps its own book-keeping there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::fault::{Fault, Severity};

/// What a variable's name begins with.
pub const PREFIX: &str = "PORTCULLIS__";

/// From where the configuration is read. Each load reads anew.
#[derive(Clone, Debug)]
pub struct Sources {
    files: Files,
    folder: PathBuf,
    environment: Variables,
}

#[derive(Clone, Debug)]
enum Files {
    At(PathBuf),
    Texts(Vec<(String, String)>),
}

#[derive(Clone)]
enum Variables {
    OfProcess,
    Given(BTreeMap<String, String>),
}

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OfProcess => "OfProcess",
            Self::Given(_) => "Given(…)",
        })
    }
}

impl Sources {
    /// A file, the `conf.d` beside it, and the process's environment.
    #[must_use]
    pub fn at(file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        Self { files: Files::At(file.to_owned()), folder, environment: Variables::OfProcess }
    }

    /// Texts under the names that faults shall show, and an environment; both the `PORTCULLIS__`
    /// variables and those that `env:` refers to are looked up there.
    #[must_use]
    pub fn from_texts<N, T>(
        texts: impl IntoIterator<Item = (N, T)>,
        environment: impl IntoIterator<Item = (N, T)>,
    ) -> Self
    where
        N: Into<String>,
        T: Into<String>,
    {
        let owned = |(name, text): (N, T)| (name.into(), text.into());
        Self {
            files: Files::Texts(texts.into_iter().map(owned).collect()),
            folder: PathBuf::new(),
            environment: Variables::Given(environment.into_iter().map(owned).collect()),
        }
    }

    /// The same with another environment in place of the process's.
    #[must_use]
    pub fn with_environment<N, T>(self, environment: impl IntoIterator<Item = (N, T)>) -> Self
    where
        N: Into<String>,
        T: Into<String>,
    {
        let given = environment.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self { environment: Variables::Given(given.collect()), ..self }
    }

    /// The same environment with texts in place of the files.
    pub(super) fn holding(&self, texts: &[(String, String)]) -> Self {
        Self {
            files: Files::Texts(texts.to_vec()),
            folder: self.folder.clone(),
            environment: self.environment.clone(),
        }
    }

    /// The folder of the main file.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The directory whose files belong to the configuration beside the main file.
    #[must_use]
    pub fn directory(&self) -> Option<PathBuf> {
        match &self.files {
            Files::At(file) => Some(file.parent().unwrap_or(Path::new("")).join("conf.d")),
            Files::Texts(_) => None,
        }
    }

    /// The files as they stand now: the main file, then those of the directory by name.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.found().unwrap_or_default()
    }

    /// The same; fails when the directory is there but cannot be read: what it holds may narrow or
    /// revoke.
    fn found(&self) -> std::io::Result<Vec<PathBuf>> {
        let Files::At(file) = &self.files else { return Ok(Vec::new()) };
        let entries = match self.directory().map(std::fs::read_dir) {
            Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Some(Err(_)) | None => None,
            Some(Ok(entries)) => Some(entries),
        };
        let paths = entries.into_iter().flatten().map(|entry| Ok(entry?.path()));
        let mut more = paths.collect::<std::io::Result<Vec<PathBuf>>>()?;
        more.retain(|path| {
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            path.extension().is_some_and(|extension| extension == "toml") && !hidden
        });
        more.sort();
        Ok(std::iter::once(file.clone()).chain(more).collect())
    }

    /// The texts, each under its name.
    pub(super) fn texts(&self, faults: &mut Vec<Fault>) -> Vec<(String, String)> {
        let mut unreadable = |name: &Path, error: &std::io::Error| {
            let what = format!("{} cannot be read: {error}", name.display());
            let mend = if error.kind() == std::io::ErrorKind::InvalidData {
                "save it as UTF-8"
            } else {
                "mend the path or its permissions, or let `portcullis init` write a configuration"
            };
            faults.push(Fault::new(Severity::Error, "", None, &what, mend));
        };
        if let Files::Texts(texts) = &self.files {
            return texts.clone();
        }
        let files = self.found().unwrap_or_else(|error| {
            unreadable(&self.directory().unwrap_or_default(), &error);
            Vec::new()
        });
        let read = |path: PathBuf| match std::fs::read_to_string(&path) {
            Ok(text) => Some((path.display().to_string(), text)),
            Err(error) => {
                unreadable(&path, &error);
                None
            }
        };
        files.into_iter().filter_map(read).collect()
    }

    /// The variables that set values, by name.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        self.variables(PREFIX)
    }

    /// The names of variables that look as if they set one.
    pub(super) fn strays(&self) -> Vec<String> {
        let near = self.variables(PREFIX.trim_end_matches('_'));
        near.into_iter().map(|(name, _)| name).filter(|name| !name.starts_with(PREFIX)).collect()
    }

    /// The variables whose names begin so, by name.
    fn variables(&self, prefix: &str) -> Vec<(String, String)> {
        let ours = |name: &str| name.starts_with(prefix);
        match &self.environment {
            Variables::Given(given) => {
                given.iter().filter(|(name, _)| ours(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
            }
            Variables::OfProcess => {
                let mut found: Vec<(String, String)> = std::env::vars_os()
                    .map(|(name, value)| {
                        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
                    })
                    .filter(|(name, _)| ours(name))
                    .collect();
                found.sort();
                found
            }
        }
    }

    /// A variable that holds a secret.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub(super) fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        match &self.environment {
            Variables::Given(given) => given.get(name).cloned().map(Zeroizing::new),
            Variables::OfProcess => std::env::var(name).ok().map(Zeroizing::new),
        }
    }

    /// A file that the configuration refers to, and whether others than its owner may read it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn file(path: &Path) -> std::io::Result<(Zeroizing<Vec<u8>>, bool)> {
        use std::os::unix::fs::PermissionsExt as _;
        let bytes = Zeroizing::new(std::fs::read(path)?);
        let mode = std::fs::metadata(path)?.permissions().mode();
        Ok((bytes, mode & 0o077 != 0))
    }
}
