//! `env:NAME` and `file:/path`: where a secret is, since it must never stand in the configuration.

use std::path::Path;

use zeroize::Zeroizing;

use super::load::Sources;
use super::work::Work;

/// How a reference is written at this path.
fn wanted(path: &str) -> String {
    let key = path.rsplit('.').next().unwrap_or("secret");
    format!("write where it is: {key} = \"env:NAME\" or {key} = \"file:/path\"")
}

impl Work<'_> {
    /// What a reference refers to. No fault repeats the reference's text before it is known to be one.
    pub(super) fn referred_secret(
        &mut self,
        path: &str,
        reference: Option<&str>,
    ) -> Option<Zeroizing<String>> {
        let Some(reference) = reference else {
            let key = path.rsplit('.').next().unwrap_or("secret");
            self.wrong(path, &format!("this credential has no {key}"), &wanted(path));
            return None;
        };
        match reference.split_once(':') {
            Some(("env", name)) => self.secret_variable(path, name),
            Some(("file", file)) => self.secret_file(path, file),
            Some(_) | None => {
                let what = "a secret must never be written in the configuration itself";
                self.wrong(
                    path,
                    what,
                    &format!("{}; if this was a real secret, it is spent: make a new one", wanted(path)),
                );
                None
            }
        }
    }

    fn secret_variable(&mut self, path: &str, name: &str) -> Option<Zeroizing<String>> {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if name.is_empty() || !plain {
            self.wrong(path, "behind env: stands the name of an environment variable", &wanted(path));
            return None;
        }
        self.asked.push(name.to_owned());
        let value = self.sources.variable(name);
        match &value {
            None => {
                let what = format!("the environment variable {name} is not set");
                self.wrong(path, &what, "set it where the gate is started, or refer to another");
            }
            Some(value) if value.trim().is_empty() => {
                let what = format!("the environment variable {name} is empty");
                self.wrong(path, &what, "set it where the gate is started, or refer to another");
                return None;
            }
            Some(_) => {}
        }
        value
    }

    fn secret_file(&mut self, path: &str, file: &str) -> Option<Zeroizing<String>> {
        let (bytes, open) = self.read(path, file)?;
        if open {
            let what = format!("others than its owner may read {file}");
            self.lint(path, &what, "chmod 600 it, or give it to the gate's user alone");
        }
        let text = std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned()));
        match text {
            Ok(text) if !text.trim().is_empty() => Some(text),
            Ok(_) => {
                self.wrong(
                    path,
                    &format!("{file} is empty"),
                    "put the provider's key there, and nothing else",
                );
                None
            }
            Err(_) => {
                self.wrong(
                    path,
                    &format!("{file} is not text"),
                    "put the provider's key there, and nothing else",
                );
                None
            }
        }
    }

    /// Reads a file that the configuration names, and says whether others may read it too.
    pub(super) fn read(&mut self, path: &str, file: &str) -> Option<(Zeroizing<Vec<u8>>, bool)> {
        if !Path::new(file).is_absolute() {
            self.wrong(
                path,
                "the file's path must begin with /",
                "write the whole path, so that it is the same wherever the gate is started",
            );
            return None;
        }
        self.read_file(path, Path::new(file))
    }

    /// The same for a path that may begin anywhere.
    pub(super) fn read_file(&mut self, path: &str, at: &Path) -> Option<(Zeroizing<Vec<u8>>, bool)> {
        self.referred.push(at.to_owned());
        match Sources::file(at) {
            Ok(read) => Some(read),
            Err(error) => {
                self.wrong(
                    path,
                    &format!("{} cannot be read: {error}", at.display()),
                    "mend the path or the file's permissions",
                );
                None
            }
        }
    }
}
