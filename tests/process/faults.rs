//! What the machine does to a gate: it runs out of file descriptors.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use super::Process;
use crate::common::{CHAT, Client, OK, Setup, Upstream, post, until};

fn descriptors(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

#[test]
fn without_file_descriptors_it_waits_and_then_goes_on() {
    let upstream = Upstream::answering(OK);
    let mut process = Process::start("descriptors", Setup::new(upstream.address));
    let ask = |client: &mut Client, process: &Process| {
        client.send(post("/v1/chat/completions", &process.setup.client_key, CHAT));
        client.answer().status
    };
    // Connected before, with its upstream's connection: it is served all the time.
    let mut known = Client::connect(process.address);
    assert_eq!(ask(&mut known, &process), 200);
    let open = descriptors(process.child.id());
    let most = u64::try_from(open).unwrap() + 10;
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    prlimit(Some(Pid::from_child(&process.child)), Resource::Nofile, limit).unwrap();
    let crowd = (0..30).map(|_| TcpStream::connect(process.address).unwrap()).collect::<Vec<_>>();
    until("there is none left", || descriptors(process.child.id()) >= open + 10);
    let told = process.line("accept_failed");
    assert_eq!(told["level"], "ERROR", "{told}");
    // It tries again all the time, and does not tell that each time.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(ask(&mut known, &process), 200, "who is connected is served");
    drop(crowd);
    let mut between = 0;
    let over = loop {
        let line = process.line("");
        match line["event"].as_str().unwrap() {
            "accept_works_again" => break line,
            event => between += u32::from(event.starts_with("accept_")),
        }
    };
    assert!(over["failures"].as_u64().unwrap() >= 10, "{over}");
    assert_eq!(between, 0, "how often is told at the end");
    until("they are free again", || descriptors(process.child.id()) <= open + 2);
    for _ in 0..8 {
        assert_eq!(ask(&mut Client::connect(process.address), &process), 200);
    }
}

#[test]
fn without_file_descriptors_it_ends_in_order() {
    let upstream = Upstream::answering(OK);
    let mut process = Process::start("descriptors-end", Setup::new(upstream.address));
    let mut known = Client::connect(process.address);
    known.send(post("/v1/chat/completions", &process.setup.client_key, CHAT));
    assert_eq!(known.answer().status, 200);
    let open = descriptors(process.child.id());
    let most = u64::try_from(open).unwrap() + 4;
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    prlimit(Some(Pid::from_child(&process.child)), Resource::Nofile, limit).unwrap();
    let _crowd = (0..30).map(|_| TcpStream::connect(process.address).unwrap()).collect::<Vec<_>>();
    process.line("accept_failed");
    process.signal(Signal::TERM);
    process.line("draining");
    assert!(known.ended(), "a worker that cannot take connections hears of the end all the same");
    assert_eq!(process.exit_code(), Some(0));
}
