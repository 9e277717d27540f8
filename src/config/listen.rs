//! Where the gate listens: addresses with a port, files of Unix sockets, and what systemd hands over.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::place::item;
use super::value::OneOrMany;
use super::work::Work;
use crate::address::is_loopback;
use crate::snapshot::Listen;

/// Where clients connect if nothing is said.
pub(super) const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// What the file of a Unix socket begins with.
const UNIX: &str = "unix:";
/// What stands for the sockets that systemd hands over.
const SYSTEMD: &str = "systemd:";
/// The longest path of a Unix socket that every system takes.
const LONGEST_PATH: usize = 100;
/// Who may connect to a Unix socket if nothing is said: its owner.
const SOCKET_MODE: u32 = 0o600;

impl Work<'_> {
    /// Where clients connect: one place or several.
    pub(super) fn listens(&mut self, path: &str, written: Option<&OneOrMany>) -> Vec<Listen> {
        let entries = match written {
            None => return vec![Listen::Tcp(LISTEN)],
            Some(OneOrMany::One(one)) => vec![(path.to_owned(), one.clone())],
            Some(OneOrMany::Many(many)) => {
                let read = |(at, entry): (usize, &Option<String>)| Some((item(path, at), entry.clone()?));
                many.iter().enumerate().filter_map(read).collect()
            }
        };
        if entries.is_empty() && !self.holds_wrong(path) {
            self.wrong(
                path,
                "the gate would listen nowhere",
                "name an address with a port, or leave the line out",
            );
        }
        let mut all: Vec<Listen> = Vec::new();
        for (path, text) in entries {
            let listen = match text.strip_prefix(UNIX) {
                Some(file) => self.unix(&path, file),
                None if text == SYSTEMD => Some(Listen::Systemd),
                None => Some(Listen::Tcp(self.address(&path, &text, LISTEN))),
            };
            let Some(listen) = listen else { continue };
            // A port of zero is another one each time.
            if all.contains(&listen) && !matches!(listen, Listen::Tcp(address) if address.port() == 0) {
                self.wrong(&path, "the gate would listen here twice", "remove one of them");
            }
            all.push(listen);
        }
        all
    }

    /// An address with a port.
    pub(super) fn address(&mut self, path: &str, text: &str, default: SocketAddr) -> SocketAddr {
        text.parse().unwrap_or_else(|_| {
            let port = default.port();
            let unix = if path.starts_with("server.") {
                ", or \"unix:/path\" for a socket's file, or \"systemd:\" for what systemd hands over"
            } else {
                ""
            };
            let mend = format!("write it like \"{default}\", \"0.0.0.0:{port}\" or \"[::]:{port}\"{unix}");
            self.wrong(path, "this is not an address with a port", &mend);
            default
        })
    }

    fn unix(&mut self, path: &str, file: &str) -> Option<Listen> {
        let mend = "write it like \"unix:/run/portcullis/gate.sock\"";
        if !file.starts_with('/') {
            self.wrong(path, "a socket's file is named by its whole path", mend);
            return None;
        }
        if file.len() > LONGEST_PATH {
            let what =
                format!("a socket's path has {LONGEST_PATH} characters at most, and this has {}", file.len());
            self.wrong(path, &what, mend);
            return None;
        }
        Some(Listen::Unix(PathBuf::from(file)))
    }

    /// Who may connect to the sockets' files.
    pub(super) fn socket_mode(&mut self, written: Option<&str>, listens: &[Listen]) -> u32 {
        let Some(text) = written else { return SOCKET_MODE };
        let path = "server.socket_mode";
        if !listens.iter().any(|listen| matches!(listen, Listen::Unix(_))) {
            self.lint(
                path,
                "the gate listens on no socket's file",
                "remove it, or add \"unix:/path\" to server.listen",
            );
        }
        let plain = (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| plain && *mode <= 0o777);
        mode.unwrap_or_else(|| {
            self.wrong(path, "this is not the mode of a file", "write it like \"600\", \"660\" or \"666\"");
            SOCKET_MODE
        })
    }
}

/// Whether other machines can reach this place.
pub(super) fn is_local(listen: &Listen) -> bool {
    match listen {
        Listen::Tcp(address) => is_loopback(address.ip()),
        Listen::Unix(_) => true,
        // Only systemd knows.
        Listen::Systemd => false,
    }
}
