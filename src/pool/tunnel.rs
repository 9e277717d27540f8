//! Asks a proxy for a tunnel to a host: an upstream, or a token service.
//!
//! 1. Its answer is read byte by byte up to the empty line: what stands behind it is the host's.
//! 2. Only 200 makes a tunnel, and nothing but its status is told of another answer.
//! 3. The proxy sees where the tunnel leads and its own password, and no byte of a request: inside is TLS, or what
//!    the operator allowed to travel in the clear.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::egress::{Address, EgressProxy};

/// How long the answer's head may be.
const LONGEST_HEAD: usize = 16 * 1024;

/// Why there is no tunnel.
#[derive(Debug)]
pub(super) enum NoTunnel {
    /// The proxy answered something else.
    Status(u16),
    /// Its answer is none.
    NotHttp,
    /// The connection to it broke.
    Broken(io::Error),
}

impl From<io::Error> for NoTunnel {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Makes a tunnel of a connection to a proxy.
pub(super) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    proxy: &EgressProxy,
    to: Address<'_>,
) -> Result<(), NoTunnel> {
    let asked = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    // Written piece by piece, so that the password is in no text of its own.
    stream.write_all(asked.as_bytes()).await?;
    if let Some(login) = &proxy.login {
        let (name, value) = login.expose();
        stream.write_all(name.as_str().as_bytes()).await?;
        stream.write_all(b": ").await?;
        stream.write_all(value.as_bytes()).await?;
        stream.write_all(b"\r\n").await?;
    }
    stream.write_all(b"\r\n").await?;
    stream.flush().await?;
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST_HEAD {
            return Err(NoTunnel::NotHttp);
        }
        head.push(stream.read_u8().await?);
    }
    match status(&head) {
        Some(200) => Ok(()),
        Some(other) => Err(NoTunnel::Status(other)),
        None => Err(NoTunnel::NotHttp),
    }
}

/// The status of an answer's head.
fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, behind) = rest.split_at_checked(3)?;
    let ends = behind.starts_with(b" ") || behind.starts_with(b"\r\n");
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    ends.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_line_has_a_status() {
        for (head, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Some(200)),
            ("HTTP/1.0 407\r\n\r\n", Some(407)),
            ("HTTP/1.1 2000\r\n\r\n", None),
            ("HTTP/1.1 +20 \r\n\r\n", None),
            ("HTTP/2 200\r\n\r\n", None),
            ("SSH-2.0-OpenSSH\r\n\r\n", None),
            ("\r\n\r\n", None),
        ] {
            assert_eq!(status(head.as_bytes()), expected, "{head:?}");
        }
    }
}
