//! Where records and log lines go: one JSON object a line on stdout, or lines for a person.
//!
//! 1. The request's path only appends to a buffer in memory; one thread writes it out, a moment
//!    after the first line and then again and again while more come: the oftener, the more come.
//! 2. The buffer is bounded. If the sink stands still and the buffer is full, further lines are
//!    counted instead of kept, and the count is written as soon as there is room again.
//! 3. An event's message is its name, and, behind a colon, what people are told of it: in JSON two fields.
//! 4. [`Sink::flush`] returns when everything has been written: the last thing before exit.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::clock::Moment;
use crate::record::Form;

/// The target of events whose `line` field is a whole rendered record.
pub const RECORD: &str = "portcullis::record";

/// How much may wait to be written.
const MOST_WAITING: usize = 16 << 20;
/// How long lines are gathered before they are written together, and how long where there are many. To be woken costs as
/// much as a stream's event, so a gate that has little to do is not woken for each line.
const GATHER: Duration = Duration::from_millis(25);
const GATHER_MANY: Duration = Duration::from_millis(5);
/// How many bytes are many: less than a processor's cache holds of them until they are written.
const MANY: usize = 16 << 10;

/// A buffer with a thread behind it that writes.
#[derive(Debug)]
pub struct Sink {
    state: Mutex<State>,
    arrived: Condvar,
    written: Condvar,
    lost: Box<dyn Lost>,
}

/// Told when lines had to be dropped.
pub trait Lost: Send + Sync + std::fmt::Debug {
    /// So many lines were dropped.
    fn lost(&self, lines: u64);
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Whether the thread sleeps until it is told of a line.
    idle: bool,
    writing: bool,
    lost: u64,
    closed: bool,
}

impl Sink {
    /// A sink that writes to `out` from a thread of its own.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(out: impl Write + Send + 'static, lost: Box<dyn Lost>) -> io::Result<Arc<Self>> {
        let sink = Arc::new(Self {
            state: Mutex::default(),
            arrived: Condvar::new(),
            written: Condvar::new(),
            lost,
        });
        let writer = Arc::clone(&sink);
        std::thread::Builder::new().name("records".to_owned()).spawn(move || writer.write_out(out))?;
        Ok(sink)
    }

    /// Appends one line; never waits for the sink.
    pub fn push(&self, line: &str) {
        let mut state = self.state();
        if state.waiting.len() + line.len() >= MOST_WAITING {
            state.lost += 1;
            drop(state);
            self.lost.lost(1);
            return;
        }
        state.waiting.extend_from_slice(line.as_bytes());
        state.waiting.push(b'\n');
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        if idle {
            self.arrived.notify_one();
        }
    }

    /// Waits until everything that was pushed has been written, or the sink has not moved for a
    /// second.
    pub fn flush(&self) {
        let mut state = self.state();
        self.arrived.notify_one();
        while !state.waiting.is_empty() || state.writing {
            let before = state.waiting.len();
            let (after, waited) = self
                .written
                .wait_timeout(state, Duration::from_secs(1))
                .unwrap_or_else(PoisonError::into_inner);
            state = after;
            if waited.timed_out() && state.waiting.len() == before {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_out(&self, mut out: impl Write) {
        let (mut batch, mut pause) = (Vec::new(), GATHER);
        while self.wait() {
            // Under load this makes one write of many lines; alone, a line waits this long. While there are some each
            // time, nobody has to wake this thread: to be woken costs more than to look in vain once.
            std::thread::sleep(pause);
            while let Some(lost) = self.take(&mut batch) {
                pause = if batch.len() < MANY { GATHER } else { GATHER_MANY };
                self.write(&mut batch, lost, &mut out);
                std::thread::sleep(pause);
            }
        }
    }

    /// Waits for a line; false when none will come any more.
    fn wait(&self) -> bool {
        let mut state = self.state();
        while state.waiting.is_empty() && !state.closed {
            state.idle = true;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.idle = false;
        !state.waiting.is_empty()
    }

    /// Takes what waits, to be written; gives how many lines were lost before it. Nothing if nothing waits.
    fn take(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let mut state = self.state();
        if state.waiting.is_empty() {
            return None;
        }
        std::mem::swap(batch, &mut state.waiting);
        state.writing = true;
        Some(std::mem::take(&mut state.lost))
    }

    fn write(&self, batch: &mut Vec<u8>, lost: u64, out: &mut impl Write) {
        if lost > 0 {
            let _ = writeln!(batch, "{{\"level\":\"ERROR\",\"event\":\"records_lost\",\"count\":{lost}}}");
        }
        if out.write_all(batch).and_then(|()| out.flush()).is_err() {
            let lines = batch.iter().filter(|b| **b == b'\n').count();
            self.lost.lost(u64::try_from(lines).unwrap_or(u64::MAX));
        }
        batch.clear();
        if batch.capacity() > 1 << 20 {
            *batch = Vec::new();
        }
        self.state().writing = false;
        self.written.notify_all();
    }

    /// Lets the writing thread end once everything is written.
    pub fn close(&self) {
        self.flush();
        self.state().closed = true;
        self.arrived.notify_one();
    }
}

/// Which form lines take where the configuration leaves it open: people read terminals.
#[must_use]
pub fn form_for_stdout() -> Form {
    if io::stdout().is_terminal() { Form::Text } else { Form::Json }
}

/// A tracing subscriber that writes to the sink.
#[must_use]
pub fn subscriber(sink: Arc<Sink>, form: Form, level: LevelFilter) -> Dispatch {
    let lines = Lines { sink, form };
    Dispatch::new(tracing_subscriber::registry().with(lines).with(level))
}

struct Lines {
    sink: Arc<Sink>,
    form: Form,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let meta = event.metadata();
        if meta.target() == RECORD {
            event.record(&mut WholeLine(&self.sink));
            return;
        }
        let mut line = String::with_capacity(192);
        match self.form {
            Form::Json => {
                let mut fields = serde_json::Map::new();
                event.record(&mut JsonFields(&mut fields));
                let stamp = jiff::Timestamp::try_from(Moment::now().wall())
                    .map(|t| format!("{t:.3}"))
                    .unwrap_or_default();
                let mut whole = serde_json::Map::new();
                whole.insert("timestamp".to_owned(), stamp.into());
                whole.insert("level".to_owned(), meta.level().as_str().into());
                let message = fields.remove("message").unwrap_or_default();
                // What follows the event's name is for people.
                let message = message.as_str().unwrap_or_default();
                let (event, prose) = message.split_once(": ").unwrap_or((message, ""));
                whole.insert("event".to_owned(), event.into());
                if !prose.is_empty() {
                    whole.insert("message".to_owned(), prose.into());
                }
                whole.extend(fields);
                line.push_str(&ascii(&serde_json::Value::Object(whole).to_string()));
            }
            Form::Text => {
                let mut fields = TextFields { message: String::new(), rest: String::new() };
                event.record(&mut fields);
                let mark = if *meta.level() <= Level::WARN { "!" } else { "·" };
                line.push_str(mark);
                line.push(' ');
                line.push_str(&fields.message.replace('_', " "));
                line.push_str(&fields.rest);
            }
        }
        self.sink.push(&line);
    }
}

/// Writes what is not ASCII as JSON escapes, so that no terminal is driven by a log.
fn ascii(json: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if matches!(character, ' '..='~') {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

struct WholeLine<'s>(&'s Sink);

impl Visit for WholeLine<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "line" {
            self.0.push(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

struct JsonFields<'m>(&'m mut serde_json::Map<String, serde_json::Value>);

impl Visit for JsonFields<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}

struct TextFields {
    message: String,
    rest: String,
}

impl Visit for TextFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.rest.push_str("  ");
        self.rest.push_str(field.name());
        self.rest.push('=');
        self.rest.push_str(value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.record_str(field, &format!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;

    #[derive(Debug, Default, Clone)]
    struct Counted(Arc<AtomicU64>);

    impl Lost for Counted {
        fn lost(&self, lines: u64) {
            self.0.fetch_add(lines, Ordering::SeqCst);
        }
    }

    /// Lets one write through for each token it is sent.
    struct Held(mpsc::Receiver<()>, Arc<Mutex<Vec<u8>>>);

    impl Write for Held {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_line_is_written_whenever_it_comes() {
        let (open, gate) = mpsc::channel();
        let (seen, lost) = (Arc::new(Mutex::default()), Counted::default());
        let sink = Sink::start(Held(gate, Arc::clone(&seen)), Box::new(lost.clone())).unwrap();
        drop(open);
        let mut all = String::new();
        // While it writes, while it gathers few and many, and while it is idle: it looked once and found nothing.
        let idle = 2 * u64::try_from(GATHER.as_millis()).unwrap() + 10;
        for (number, pause) in [0, 0, 1, 5, 0, idle, 0, 12, 6, 0].into_iter().cycle().take(60).enumerate() {
            let line = format!("{number} {}", "x".repeat(number % 4 / 3 * MANY));
            sink.push(&line);
            all.push_str(&line);
            all.push('\n');
            std::thread::sleep(Duration::from_millis(pause));
        }
        sink.flush();
        assert_eq!(String::from_utf8_lossy(&seen.lock().unwrap()), all);
        sink.push("one more");
        sink.close();
        assert_eq!(String::from_utf8_lossy(&seen.lock().unwrap()), all + "one more\n");
        assert_eq!(lost.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_sink_that_stands_still_costs_counted_lines_and_never_the_caller() {
        let (open, gate) = mpsc::channel();
        let (seen, lost) = (Arc::new(Mutex::default()), Counted::default());
        let sink = Sink::start(Held(gate, Arc::clone(&seen)), Box::new(lost.clone())).unwrap();
        let line = "x".repeat((1 << 20) - 1);
        for _ in 0..40 {
            sink.push(&line);
        }
        let dropped = lost.0.load(Ordering::SeqCst);
        assert!(dropped >= 40 - 2 * 16, "{dropped}");
        drop(open);
        sink.flush();
        let seen = seen.lock().unwrap();
        let kept = seen.iter().filter(|b| **b == b'\n').count() as u64;
        assert_eq!(kept - 1 + dropped, 40, "every line is written or counted, and the count is told");
        assert!(
            String::from_utf8_lossy(&seen)
                .contains(&format!("\"event\":\"records_lost\",\"count\":{dropped}"))
        );
    }
}
