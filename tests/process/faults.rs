//! What the machine does to a gate: it runs out of file descriptors.

use std::net::TcpStream;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

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
    assert_eq!(ask(&mut known, &process), 200, "who is connected is served");
    drop(crowd);
    until("they are free again", || descriptors(process.child.id()) <= open + 2);
    for _ in 0..8 {
        assert_eq!(ask(&mut Client::connect(process.address), &process), 200);
    }
}
