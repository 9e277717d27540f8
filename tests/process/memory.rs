//! What memory the real binary takes: idle, and while a file of many times what it may grow by goes through.
//!
//! `PORTCULLIS_UPLOAD_MIB`, set at compile time, says how large the file is; 300 MiB if it does not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Process;
use crate::common::{Client, Setup};

const MIB: u64 = 1 << 20;
/// What the process may grow by.
const MOST_GROWTH: u64 = 64 * MIB;

/// What an idle process may hold of its own, code and tables of the binary aside. Those are the release build's to
/// bound, in `docker/scenario`: of a debug build they are several times as large.
const MOST_IDLE: u64 = 6 * MIB;

/// How much memory a process holds.
fn resident(process: u32) -> u64 {
    told(&format!("/proc/{process}/status"), "VmRSS:")
}

/// What a file of the kernel says of a process, in bytes.
fn told(file: &str, what: &str) -> u64 {
    let told = std::fs::read_to_string(file).unwrap();
    let line = told.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// An upstream that throws the body away as slowly as it likes, and counts.
fn sink() -> (std::net::SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, counted) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
    let count = Arc::clone(&counted);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            swallow(stream.unwrap(), &count);
        }
    });
    (address, counted)
}

fn swallow(stream: TcpStream, count: &AtomicU64) {
    let mut reader = BufReader::with_capacity(1 << 20, stream);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = said.trim().parse::<u64>().unwrap();
        }
        line.clear();
    }
    let mut piece = vec![0; 1 << 20];
    while length > 0 {
        let read = u64::try_from(reader.read(&mut piece).unwrap()).unwrap();
        count.fetch_add(read, Ordering::Relaxed);
        length -= read;
    }
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 19\r\n\r\n{\"id\":\"file-large\"}";
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
}

#[test]
fn an_idle_gate_is_small_and_has_no_huge_page() {
    let (upstream, _) = sink();
    let process = Process::start("idle", Setup::new(upstream).set("server", "workers", "1"));
    let id = process.child.id();
    // It is idle when it has answered: a refusal, for which all is made ready that is made at the first request.
    let mut client = Client::connect(process.address);
    client.send("POST /openai/v1/chat/completions HTTP/1.1\r\nhost: gate\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(client.answer().status, 401);
    assert_eq!(told(&format!("/proc/{id}/smaps_rollup"), "AnonHugePages:"), 0);
    let own = told(&format!("/proc/{id}/status"), "RssAnon:");
    let said = format!("{} KiB of an idle gate's own\n", own / 1024);
    std::io::stdout().write_all(said.as_bytes()).unwrap();
    assert!(own < MOST_IDLE, "{own}");
}

#[test]
fn a_large_file_goes_through_in_constant_memory() {
    let mib = option_env!("PORTCULLIS_UPLOAD_MIB").map_or(300, |mib| mib.parse::<u64>().unwrap());
    let (upstream, counted) = sink();
    // A model list, so that every line of the file is read on its way.
    let setup = Setup::new(upstream).set("projects.search", "models", r#"["gpt-4o-mini"]"#).set(
        "server",
        "body_timeout",
        r#""30s""#,
    );
    let process = Process::start("upload", setup);
    let (id, mut client) = (process.child.id(), Client::connect(process.address));

    let line =
        r#"{"custom_id":"a","url":"/v1/chat/completions","body":{"model":"gpt-4o-mini","messages":[]}}"#;
    let filler = format!("{line}{}\n", " ".repeat((64 << 10) - 1 - line.len()));
    let piece = filler.repeat(16);
    let part = |head: &str| format!("--b0undary\r\nContent-Disposition: form-data; name={head}\r\n\r\n");
    let before = part("\"purpose\"") + "batch\r\n" + &part("\"file\"; filename=\"a.jsonl\"");
    let after = "\r\n--b0undary--\r\n";
    let length = u64::try_from(before.len() + after.len() + line.len()).unwrap() + mib * MIB;
    client.send(format!(
        "POST /openai/v1/files HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary=b0undary\r\ncontent-length: {length}\r\n\r\n{before}",
        process.setup.client_key
    ));
    let at_first = resident(id);
    let mut most = at_first;
    for _ in 0..mib {
        client.send(&piece);
        most = most.max(resident(id));
    }
    client.send(format!("{line}{after}"));
    let answer = client.answer();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(counted.load(Ordering::Relaxed), length);
    let grown = most - at_first;
    let said =
        format!("{mib} MiB sent; {} KiB at first, {} KiB more at most\n", at_first / 1024, grown / 1024);
    std::io::stdout().write_all(said.as_bytes()).unwrap();
    assert!(grown < MOST_GROWTH, "{grown}");
}
