//! Where clients connect: several ports, and the files of Unix sockets.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it cannot go on"
)]

#[expect(dead_code, reason = "each test uses another part of the harness")]
mod common;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;

use common::{Client, OK, PATIENCE, Running, Setup, Upstream, load};
use portcullis::clock::Moment;
use portcullis::limits::Registry;
use portcullis::run::{Ended, Gate};
use portcullis::snapshot::Listen;

fn file(name: &str) -> PathBuf {
    // The path of a socket is short, and that of the target folder may not be.
    let folder = std::env::temp_dir().join(format!("pcl-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(name);
    drop(std::fs::remove_file(&file));
    file
}

fn listening(upstream: &Upstream, files: &[&PathBuf]) -> Setup {
    let files: Vec<_> = files.iter().map(|file| format!("\"unix:{}\"", file.display())).collect();
    Setup::new(upstream.address).set("server", "listen", &format!("[\"127.0.0.1:0\", {}]", files.join(", ")))
}

fn ask(file: &PathBuf, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(file).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    while !read.ends_with(b"}") {
        let length = stream.read(&mut piece).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..length]);
    }
    String::from_utf8(read).unwrap()
}

fn refused(setup: &Setup) -> String {
    let registry = Arc::new(Registry::new(Moment::now()));
    let loaded = load(setup, &registry);
    Gate::start(loaded, registry, std::io::sink()).unwrap_err().to_string()
}

#[test]
fn ports_and_files_are_served_by_each_worker() {
    let upstream = Upstream::answering(OK);
    let (one, two) = (file("one"), file("two"));
    let setup = listening(&upstream, &[&one, &two]);
    let list = r#"["127.0.0.1:0", "127.0.0.1:0", "unix:ONE", "unix:TWO"]"#;
    let list = list.replace("ONE", one.to_str().unwrap()).replace("TWO", two.to_str().unwrap());
    let gate = setup.set("server", "listen", &list).start();
    let ports = gate.gate.listens.iter().filter_map(|listen| match listen {
        Listen::Tcp(address) => Some(*address),
        Listen::Unix(_) | Listen::Systemd => None,
    });
    let ports: Vec<_> = ports.collect();
    assert_eq!((ports.len(), gate.gate.listens.len()), (2, 4));
    for port in &ports {
        let mut client = Client::connect(*port);
        client.send(gate.chat());
        assert_eq!(client.answer().status, 200);
    }
    for file in [&one, &two] {
        assert!(ask(file, &gate.chat()).starts_with("HTTP/1.1 200"));
    }
    let from: Vec<_> = gate.records_when(4).into_iter().map(|record| record["client_ip"].clone()).collect();
    assert_eq!(from, ["127.0.0.1"; 4]);
    assert_eq!(gate.stop(), Ended::Drained);
    assert!(!one.exists() && !two.exists(), "the files are gone with the gate");
}

#[test]
fn a_file_lets_in_whom_its_mode_does_and_projects_that_list_this_machine() {
    let upstream = Upstream::answering(OK);
    let path = file("mode");
    let gate = listening(&upstream, &[&path]).start();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(ask(&path, &gate.chat()).starts_with("HTTP/1.1 200"));
    assert_eq!(gate.stop(), Ended::Drained);
    let setup = listening(&upstream, &[&path]).set("server", "socket_mode", r#""666""#);
    let gate = setup.set("projects.search", "allow_ips", r#"["127.0.0.2", "::1"]"#).start();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o666);
    assert!(ask(&path, &gate.chat()).contains("ip_not_allowed"));
    let proxied =
        listening(&upstream, &[&file("proxied")]).set("server", "trusted_proxies", r#"["127.0.0.1"]"#);
    let proxied = proxied.set("projects.search", "allow_ips", r#"["203.0.113.7"]"#).start();
    let bytes = String::from_utf8(proxied.chat()).unwrap();
    let bytes = bytes.replacen("host: gate", "host: gate\r\nx-forwarded-for: 203.0.113.7", 1);
    let Listen::Unix(socket) = &proxied.gate.listens[1] else { panic!("no file") };
    assert!(ask(socket, bytes.as_bytes()).starts_with("HTTP/1.1 200"), "a proxy on this machine is one");
}

#[test]
fn only_a_socket_that_nobody_serves_is_removed() {
    let upstream = Upstream::answering(OK);
    let path = file("stale");
    std::fs::write(&path, "precious").unwrap();
    let told = refused(&listening(&upstream, &[&path]));
    assert!(told.contains("no socket") && told.contains(path.to_str().unwrap()), "{told}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();

    let other = UnixListener::bind(&path).unwrap();
    let told = refused(&listening(&upstream, &[&path]));
    assert!(told.contains("another process serves it"), "{told}");
    assert!(path.exists());
    drop(other);
    assert!(std::fs::metadata(&path).unwrap().file_type().is_socket(), "it is left behind");
    let gate = listening(&upstream, &[&path]).start();
    assert!(ask(&path, &gate.chat()).starts_with("HTTP/1.1 200"));
    // Another gate has taken its place meanwhile: its file stays.
    std::fs::remove_file(&path).unwrap();
    let next: Running = listening(&upstream, &[&path]).start();
    assert_eq!(gate.stop(), Ended::Drained);
    assert!(ask(&path, &next.chat()).starts_with("HTTP/1.1 200"));
}

#[test]
fn an_answer_that_is_not_taken_over_a_file_is_given_up() {
    let whole = 64u64 << 20;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-length: {whole}\r\n\r\n");
    let upstream = Upstream::start(move |talk| {
        if talk.request().is_some() && talk.send(&head).is_ok() {
            let piece = vec![b'a'; 1 << 20];
            while talk.send(&piece).is_ok() {}
        }
    });
    let path = file("slow");
    let gate = listening(&upstream, &[&path]).set("server", "write_timeout", r#""300ms""#).start();
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(&gate.chat()).unwrap();
    let record = gate.record();
    assert_eq!(record["event"], "abandoned", "{record}");
    assert!(record["response_bytes"].as_u64().unwrap() < whole);
}
