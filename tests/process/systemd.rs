//! Sockets that systemd hands over.

use std::io::{BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::{Process, portcullis};
use crate::common::{CHAT, Client, OK, Setup, Upstream, post};

/// What systemd does when a service with two sockets starts.
const PARENT: &str = r#"
import fcntl, os, socket, sys
tcp = socket.create_server(("127.0.0.1", int(sys.argv[1])))
unix = socket.socket(socket.AF_UNIX)
unix.bind(sys.argv[2])
unix.listen()
# Out of the way first: the numbers 3 and 4 may be their own.
high = [fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in (tcp, unix)]
for at, one in enumerate(high):
    os.dup2(one, 3 + at)
os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[3], sys.argv[3:])
"#;

fn served_at_both(mut command: Command, name: &str, upstream: &Upstream, port: u16, socket: &Path) {
    let setup = Setup::new(upstream.address).set("server", "listen", "\"systemd:\"");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
    std::fs::write(&file, setup.text()).unwrap();
    command.args([env!("CARGO_BIN_EXE_portcullis"), "serve", "--config", file.to_str().unwrap()]);
    let mut child = command.env("PROVIDER_KEY", &setup.provider_key).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut process = Process { child, lines, file, setup, address };
    // The first client is who starts it.
    let mut connected = None;
    crate::common::until("the socket is there", || {
        connected = std::net::TcpStream::connect(address).ok();
        connected.is_some()
    });
    let ready = process.line("ready");
    assert_eq!(ready["listen"], format!("{address}, unix:{}", socket.display()), "{ready}");
    let request = post("/v1/chat/completions", &process.setup.client_key, CHAT);
    for _ in 0..8 {
        let mut client = Client::connect(address);
        client.send(&request);
        assert_eq!(client.answer().status, 200);
        let mut local = UnixStream::connect(socket).unwrap();
        local.write_all(&request).unwrap();
        let mut begin = [0; 12];
        local.read_exact(&mut begin).unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200");
    }
    process.signal(Signal::TERM);
    process.line("draining");
    assert_eq!(process.exit_code(), Some(0));
    assert!(socket.exists(), "the socket is systemd's");
    std::fs::remove_file(socket).unwrap();
}

#[test]
fn sockets_that_are_handed_over_are_served_and_left_where_they_are() {
    let upstream = Upstream::answering(OK);
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // The path of a socket is short, and that of the target folder may not be.
    let socket = std::env::temp_dir().join(format!("pcl-handed-{}", std::process::id()));
    let port = free();
    let mut command = Command::new("python3");
    command.args(["-c", PARENT, &port.to_string()]).arg(&socket);
    served_at_both(command, "handed", &upstream, port, &socket);

    // systemd's own, where it is installed.
    let judge = Path::new("/usr/bin/systemd-socket-activate");
    if judge.exists() {
        let port = free();
        let mut command = Command::new(judge);
        command.args(["-E", "PROVIDER_KEY", "-l", &format!("127.0.0.1:{port}"), "-l"]).arg(&socket);
        served_at_both(command, "handed-by-systemd", &upstream, port, &socket);
    }
}

#[test]
fn without_any_it_says_so() {
    let setup = Setup::new("127.0.0.1:9").set("server", "listen", "\"systemd:\"");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("handed-none.toml");
    std::fs::write(&file, setup.text()).unwrap();
    let start = |pid: &str| {
        let mut command = portcullis(&["serve", "--config", file.to_str().unwrap()]);
        command.env("PROVIDER_KEY", "sk-x").env_remove("LISTEN_FDS");
        if !pid.is_empty() {
            command.env("LISTEN_FDS", "1").env("LISTEN_PID", pid);
        }
        command.output().unwrap()
    };
    // Those of another process are not ours.
    for pid in ["", "1"] {
        let out = start(pid);
        assert_eq!(out.status.code(), Some(1));
        let told = String::from_utf8(out.stderr).unwrap();
        assert!(told.contains("cannot listen on systemd: systemd handed over no socket"), "{told}");
    }
}
