//! What every request is counted by when it has ended. A thread remembers the metrics of those that it saw, so that their
//! labels are not hashed anew for each request: there are few different ones, whatever comes.

use std::cell::RefCell;
use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::Metrics;
use super::labels::{Ended, Name, Of, status_class};
use crate::record::Record;

/// How many a thread remembers: two to the power of this.
const BITS: u32 = 6;

thread_local! {
    static KNOWN: RefCell<[Option<Known>; 1 << BITS]> = const { RefCell::new([const { None }; 1 << BITS]) };
}

/// The metrics of requests that ended alike.
struct Known {
    gate: u64,
    labels: Ended,
    requests: Counter,
    /// Where one of them had a first byte.
    first_byte: Option<Histogram>,
}

/// What a request's labels are made from.
#[derive(Clone, Copy)]
struct Marks<'r> {
    words: [&'static str; 4],
    names: [Option<&'r Arc<str>>; 2],
}

impl<'r> Marks<'r> {
    fn of(record: &'r Record) -> Self {
        let reason = record.reason().map_or("", |reason| reason.code());
        let endpoint = record.endpoint.map_or("", |endpoint| endpoint.name);
        Self {
            words: [record.event(), reason, status_class(record.status), endpoint],
            names: [
                record.project().map(|project| &project.name),
                record.upstream().map(|upstream| &upstream.name),
            ],
        }
    }

    /// The place of its metrics among those that are remembered.
    fn slot(self) -> usize {
        let words = self.words.into_iter().map(|word| word.as_ptr().addr());
        let names = self.names.into_iter().flatten().map(|name| name.as_ptr().addr());
        let mixed = words.chain(names).fold(0u64, |mixed, place| {
            (mixed.rotate_left(5) ^ place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        usize::try_from(mixed >> (u64::BITS - BITS)).unwrap_or_default()
    }

    fn labels(self) -> Ended {
        let [outcome, reason, status, endpoint] = self.words;
        let [project, upstream] = self.names.map(|name| Name(name.map(Arc::clone)));
        Ended { outcome, reason, status, project, upstream, endpoint }
    }

    /// Whether these make the labels. Both are compared by where they are: a name that is remembered cannot make room
    /// for another, and of two equal words one is as good as the other.
    fn make(self, labels: &Ended) -> bool {
        let Ended { outcome, reason, status, project, upstream, endpoint } = labels;
        let words = self.words.into_iter().zip([outcome, reason, status, endpoint]);
        let names = self.names.into_iter().zip([project, upstream]);
        words.into_iter().all(|(one, other)| std::ptr::eq(one, *other))
            && names.into_iter().all(|(one, Name(other))| match (one, other) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            })
    }
}

impl Metrics {
    /// Counts a request that has ended, and the time until its first byte.
    pub(super) fn count_ended(&self, record: &Record) {
        let marks = Marks::of(record);
        KNOWN.with_borrow_mut(|known| {
            let Some(slot) = known.get_mut(marks.slot()) else { return };
            let kept = match slot {
                Some(kept) if kept.gate == self.gate_number && marks.make(&kept.labels) => kept,
                other => {
                    let labels = marks.labels();
                    let requests = self.requests.get_or_create(&labels).clone();
                    other.insert(Known { gate: self.gate_number, labels, requests, first_byte: None })
                }
            };
            kept.requests.inc();
            if let Some(first) = record.first_byte {
                let upstream = || Of { upstream: kept.labels.upstream.clone() };
                let times =
                    kept.first_byte.get_or_insert_with(|| self.first_byte.get_or_create(&upstream()).clone());
                times.observe(first.as_secs_f64());
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::clock::Moment;
    use crate::config;
    use crate::denial::{Denial, Reason};
    use crate::endpoint;
    use crate::record::Outcome;

    /// More kinds than are remembered, each several times and in turns, from two gates on one thread.
    #[test]
    fn each_is_counted_by_its_own_labels_whatever_is_remembered() {
        let snapshot = config::smallest();
        let (head, ()) = http::Request::get("/v1/models").body(()).unwrap().into_parts();
        let gates = [Metrics::default(), Metrics::default()];
        let mut wanted = [BTreeMap::new(), BTreeMap::new()];
        for round in 0..3u16 {
            for (gate, metrics) in gates.iter().enumerate().filter(|(gate, _)| *gate == 0 || round == 0) {
                for (reason, endpoint) in Reason::ALL.iter().flat_map(|reason| {
                    endpoint::all().iter().take(4).map(move |endpoint| (*reason, endpoint))
                }) {
                    for (project, upstream) in [("", ""), ("p", ""), ("p", "o")] {
                        let mut record =
                            Record::begin(&head, [192, 0, 2, 1].into(), Arc::clone(&snapshot), Moment::now());
                        record.endpoint = Some(endpoint);
                        record.project = (!project.is_empty()).then_some(0);
                        record.upstream = (!upstream.is_empty()).then_some(0);
                        record.first_byte = record.upstream.map(|_| Duration::from_millis(1));
                        record.outcome = Outcome::Refused(Denial::built_in(reason));
                        record.status = reason.facts().status;
                        metrics.count_ended(&record);
                        let (outcome, status) = (record.event(), status_class(record.status));
                        let labels = [outcome, reason.code(), status, project, upstream, endpoint.name];
                        *wanted[gate].entry(labels.map(str::to_owned)).or_default() += 1;
                    }
                }
            }
        }
        assert!(wanted[0].len() > 1 << BITS);
        for (metrics, wanted) in gates.iter().zip(wanted) {
            let text = metrics.render().unwrap();
            let lines = text.lines().filter_map(|line| line.strip_prefix("portcullis_requests_total{"));
            let counted: BTreeMap<[String; 6], u64> = lines
                .map(|line| {
                    let (labels, count) = line.split_once("} ").unwrap();
                    let values = labels.split(',').map(|label| label.split('"').nth(1).unwrap().to_owned());
                    (values.collect::<Vec<_>>().try_into().unwrap(), count.parse().unwrap())
                })
                .collect();
            assert_eq!(counted, wanted);
            let all: u64 = wanted.iter().filter(|(labels, _)| labels[4] == "o").map(|(_, count)| count).sum();
            let times = text.lines().filter(|line| line.contains("first_byte") && line.contains("_count"));
            let times: Vec<_> = times.map(|line| line.split_once('{').unwrap().1).collect();
            assert_eq!(times, [format!("upstream=\"o\"}} {all}")]);
        }
    }
}
