//! What waits is written once, whatever the file takes at a time.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use super::*;
use crate::book::journal;
use crate::money::Money;
use crate::usage::Usage;

fn entry(at_ms: i64, usage: &Usage) -> Entry<'_> {
    Entry {
        at_ms,
        project: "search",
        key: "search-1",
        upstream: "openai",
        model: "gpt-4o-mini",
        usage,
        cost: Money::ZERO,
        estimated: false,
    }
}

/// A file that takes no more than there is room for, and never waits, and where that comes out.
fn narrow() -> (OwnedFd, UnixStream) {
    let (into, from) = UnixStream::pair().unwrap();
    into.set_nonblocking(true).unwrap();
    from.set_nonblocking(true).unwrap();
    (into.into(), from)
}

#[test]
fn what_was_written_in_part_is_there_once() {
    let (into, mut from) = narrow();
    let (onto, mut bytes) = Journal::onto(into, 3);
    let mut pen = Pen::new(onto);
    let usage = Usage { input: 1234, output: 56, ..Usage::default() };
    let many = 20_000;
    for at_ms in 0..many {
        assert!(pen.close(What::Settles, Some(Pending(1)), &entry(at_ms, &usage)));
    }
    let (mut parts, mut delayed) = (0, 0);
    loop {
        let flushed = pen.flush();
        let mut piece = vec![0; 1 << 20];
        while let Ok(read) = from.read(&mut piece) {
            bytes.extend_from_slice(&piece[..read]);
        }
        match flushed {
            Ok(_) => break,
            Err(failed) => (parts, delayed) = (parts + 1, delayed + failed.delayed),
        }
    }
    assert!(parts >= 2, "there is little room");
    assert!((1..20_000).contains(&delayed), "each is told once: {delayed}");
    let mut found = Vec::new();
    let torn =
        journal::read(&bytes[..], 3, |note| found.push(note::Note::read(note).unwrap().at_ms)).unwrap();
    assert!(torn > 0, "some are there in part as well");
    assert_eq!(found, (0..many).collect::<Vec<_>>());
    assert_eq!((pen.notes(), pen.waiting().count()), (0, 0));
}

#[test]
fn a_reservation_that_cannot_be_written_is_forgotten_and_what_waits_is_not() {
    let mut pen = Pen::new(Journal::full(3));
    let usage = Usage::default();
    assert!(pen.close(What::Settles, Some(Pending(1)), &entry(1, &usage)));
    for _ in 0..2 {
        assert!(pen.reserve(2, &entry(2, &usage)).is_err());
        assert_eq!(pen.waiting().map(|note| note::Note::read(note).unwrap().id).collect::<Vec<_>>(), [1]);
    }
    assert_eq!(pen.flush().unwrap_err().delayed, 0, "it was told before");
}
