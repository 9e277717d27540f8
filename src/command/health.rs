//! `portcullis health`: asks the admin listener whether the gate is ready.
//!
//! For a container's health check, where there is neither a shell nor curl.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::{FAILED, FINE, complain, say};

const PATIENCE: Duration = Duration::from_secs(3);

/// Asks and tells.
#[must_use]
pub fn run(admin: &str) -> u8 {
    match ask(admin) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => {
            say("ready");
            FINE
        }
        Ok(answer) => {
            let body = answer.split("\r\n\r\n").nth(1).unwrap_or("no answer").trim().to_owned();
            complain(&format!("not ready: {body}"));
            FAILED
        }
        Err(error) => {
            complain(&format!("not ready: {admin} does not answer: {error}"));
            FAILED
        }
    }
}

fn ask(admin: &str) -> std::io::Result<String> {
    let mut stream = Err(std::io::Error::other("it has no address"));
    for address in admin.to_socket_addrs()? {
        stream = TcpStream::connect_timeout(&address, PATIENCE);
        if stream.is_ok() {
            break;
        }
    }
    let mut stream = stream?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}
