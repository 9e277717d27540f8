//! Makes the sockets on which the gate listens.
//!
//! 1. Each worker has a socket of its own for each port, so that the kernel spreads the connections. The file of
//!    a Unix socket cannot be shared so: there the workers wait at one.
//! 2. The file of a Unix socket has its mode before anybody can connect.
//! 3. A file that is there already is removed only if it is a socket at which nobody listens.
//! 4. Sockets that systemd hands over are systemd's: they stay when the gate goes, and who connects meanwhile waits
//!    for the next one. Each is shared by all workers.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use crate::snapshot::{Listen, Server};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 4096;

/// A socket that listens.
#[derive(Debug)]
pub(super) enum Open {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

/// All sockets of a gate.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// Those of each worker.
    pub(super) of_workers: Vec<Vec<Open>>,
    /// Where they listen; a port that was left open is known now.
    pub(super) listens: Vec<Listen>,
    /// The files that go when the gate does.
    pub(super) files: Vec<SocketFile>,
}

impl Sockets {
    /// Opens them.
    ///
    /// # Errors
    /// When one of the places cannot be listened on.
    pub(super) fn open(server: &Server) -> io::Result<Self> {
        let mut all = Self::default();
        all.of_workers.resize_with(server.workers.max(1), Vec::new);
        for listen in &server.listen {
            let cannot = |error: io::Error| {
                io::Error::new(error.kind(), format!("cannot listen on {listen}: {error}"))
            };
            match listen {
                Listen::Tcp(address) => all.open_port(*address),
                Listen::Unix(file) => all.open_file(file, server.socket_mode),
                Listen::Systemd => all.take_over(),
            }
            .map_err(cannot)?;
        }
        Ok(all)
    }

    fn open_port(&mut self, mut address: SocketAddr) -> io::Result<()> {
        if address.port() != 0 {
            // Sockets that share a port would also share it with another gate that is already there;
            // a plain one tells.
            bind(address, false)?;
        }
        let mut sockets = Vec::new();
        for _ in &self.of_workers {
            let socket = bind(address, true)?;
            address = socket.local_addr()?;
            sockets.push(socket);
        }
        for (socket, worker) in sockets.into_iter().zip(&mut self.of_workers) {
            SockRef::from(&socket).listen(BACKLOG)?;
            worker.push(Open::Tcp(socket));
        }
        self.listens.push(Listen::Tcp(address));
        Ok(())
    }

    fn open_file(&mut self, path: &Path, mode: u32) -> io::Result<()> {
        make_room(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::unix(path)?)?;
        self.files.push(SocketFile::at(path)?);
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        socket.listen(BACKLOG)?;
        for worker in &mut self.of_workers {
            worker.push(Open::Unix(socket.try_clone()?.into()));
        }
        self.listens.push(Listen::Unix(path.to_owned()));
        Ok(())
    }

    /// Takes the sockets that systemd hands over.
    fn take_over(&mut self) -> io::Result<()> {
        let mut handed = ListenFd::from_env();
        if handed.len() == 0 {
            return Err(wrong("systemd handed over no socket: LISTEN_FDS is not set for this process"));
        }
        for at in 0..handed.len() {
            if let Ok(Some(tcp)) = handed.take_tcp_listener(at) {
                is_listening(&SockRef::from(&tcp))?;
                tcp.set_nonblocking(true)?;
                self.listens.push(Listen::Tcp(tcp.local_addr()?));
                for worker in &mut self.of_workers {
                    worker.push(Open::Tcp(tcp.try_clone()?));
                }
            } else if let Ok(Some(unix)) = handed.take_unix_listener(at) {
                is_listening(&SockRef::from(&unix))?;
                unix.set_nonblocking(true)?;
                let address = unix.local_addr()?;
                let file = address.as_pathname().ok_or_else(|| wrong("one of the sockets has no file"))?;
                self.listens.push(Listen::Unix(file.to_owned()));
                for worker in &mut self.of_workers {
                    worker.push(Open::Unix(unix.try_clone()?));
                }
            } else {
                return Err(wrong("one of the sockets is no stream over TCP or a Unix socket's file"));
            }
        }
        Ok(())
    }
}

/// Makes sure that clients can connect at a socket that was handed over.
fn is_listening(socket: &SockRef<'_>) -> io::Result<()> {
    if socket.is_listener()? {
        Ok(())
    } else {
        Err(wrong("one of the sockets does not listen (Accept=yes?)"))
    }
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

/// Removes a socket at which nobody listens.
fn make_room(path: &Path) -> io::Result<()> {
    let seen = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        seen => seen?,
    };
    if !seen.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Whoever is too busy to take it is there too.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        Ok(()) | Err(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process serves it")),
    }
}

/// The file of a socket, which is removed in the end unless another has taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    seen: (u64, u64),
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), seen: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.seen) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|seen| (seen.dev(), seen.ino()))
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if !shared {
        socket.listen(1)?;
    }
    Ok(socket.into())
}
