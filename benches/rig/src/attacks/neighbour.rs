//! A stream under attack, on which another sender (the neighbour) pings all the time.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use memchr::memmem;

use crate::clock;
use crate::fault::Fault;

/// The interval of the neighbour's pings.
const EVERY: Duration = Duration::from_millis(20);
/// Time limit for the last responses.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server's end of a component's stream.
pub(super) struct Line {
    stream: Arc<TcpStream>,
    domain: String,
    writing: Arc<Mutex<()>>,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    /// The due time of each ping of the neighbour without a response.
    pings: HashMap<u64, Instant>,
    latencies: Vec<Duration>,
    /// Responses to the attacker, and how many of them are errors.
    answers: u64,
    errors: u64,
    ended: bool,
}

/// The result of an attack.
pub(super) struct Report {
    pub(super) latencies: Vec<Duration>,
    pub(super) unanswered: usize,
    pub(super) answers: u64,
    pub(super) errors: u64,
}

impl Line {
    /// Starts to read; routes the component's self-pings back.
    pub(super) fn new(stream: TcpStream, domain: &str) -> Result<Line, Fault> {
        stream.set_read_timeout(None)?;
        let line = Line {
            stream: Arc::new(stream),
            domain: domain.to_owned(),
            writing: Arc::default(),
            heard: Arc::default(),
        };
        let (stream, heard) = (Arc::clone(&line.stream), Arc::clone(&line.heard));
        let (writing, domain) = (Arc::clone(&line.writing), domain.to_owned());
        thread::spawn(move || listen(&stream, &heard, &writing, &domain));
        Ok(line)
    }

    pub(super) fn write(&self, stanza: &[u8]) -> Result<(), Fault> {
        let _alone = self.writing.lock();
        Ok((&*self.stream).write_all(stanza)?)
    }

    /// Writes these stanzas while a neighbour pings, and waits for all responses.
    pub(super) fn attacked_by(
        &self,
        stanzas: impl Iterator<Item = Vec<u8>>,
    ) -> Result<Report, Fault> {
        let over = AtomicBool::new(false);
        let sent = thread::scope(|scope| {
            let neighbour = scope.spawn(|| self.ping_until(&over));
            let mut sent = 0;
            let written = stanzas.into_iter().try_for_each(|stanza| {
                sent += 1;
                self.write(&stanza)
            });
            let begun = clock::now();
            while self.heard().answers < sent && begun.elapsed() < PATIENCE {
                clock::pause(Duration::from_millis(5));
            }
            over.store(true, Ordering::Relaxed);
            let pinged = neighbour
                .join()
                .unwrap_or_else(|_| Err(Fault::new("the neighbour has panicked")));
            written.and(pinged).map(|()| sent)
        });
        sent?;
        let begun = clock::now();
        while !self.heard().pings.is_empty() && begun.elapsed() < PATIENCE {
            clock::pause(Duration::from_millis(5));
        }
        let mut heard = self.heard();
        let mut latencies = std::mem::take(&mut heard.latencies);
        latencies.sort_unstable();
        let unanswered = std::mem::take(&mut heard.pings).len();
        Ok(Report {
            latencies,
            unanswered,
            answers: std::mem::take(&mut heard.answers),
            errors: std::mem::take(&mut heard.errors),
        })
    }

    /// Returns whether the component has closed the stream.
    pub(super) fn has_ended(&self) -> bool {
        self.heard().ended
    }

    fn ping_until(&self, over: &AtomicBool) -> Result<(), Fault> {
        let (begun, mut number) = (clock::now(), 0_u64);
        while !over.load(Ordering::Relaxed) {
            let due = begun + EVERY * u32::try_from(number).unwrap_or(u32::MAX);
            clock::pause(due.saturating_duration_since(clock::now()));
            self.heard().pings.insert(number, due);
            let domain = &self.domain;
            self.write(
                format!(
                    "<iq type='get' id='neighbour-{number}-' from='bob@l/r' to='{domain}'>\
                     <ping xmlns='urn:xmpp:ping'/></iq>"
                )
                .as_bytes(),
            )?;
            number += 1;
        }
        Ok(())
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _gone_already = self.stream.shutdown(Shutdown::Both);
    }
}

fn listen(mut stream: &TcpStream, heard: &Mutex<Heard>, writing: &Mutex<()>, domain: &str) {
    let (mut buffer, mut bytes) = (vec![0; 1 << 16], Vec::new());
    let own = format!(" to='{domain}");
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
        let whole = memmem::rfind(&bytes, b"</iq>").map_or(0, |at| at + 5);
        let whole = whole.max(memmem::rfind(&bytes, b"/>").map_or(0, |at| at + 2));
        for stanza in split(bytes.get(..whole).unwrap_or_default()) {
            if memmem::find(stanza, own.as_bytes()).is_some() {
                let _alone = writing.lock();
                let _gone_already = stream.write_all(stanza);
                continue;
            }
            note(
                &mut heard.lock().unwrap_or_else(PoisonError::into_inner),
                stanza,
            );
        }
        bytes.drain(..whole);
    }
    heard.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
}

/// Splits bytes into top-level IQs. No content of our responses begins with `<iq `.
fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts: Vec<usize> = memmem::find_iter(bytes, b"<iq ").collect();
    let ends: Vec<usize> = starts
        .iter()
        .skip(1)
        .copied()
        .chain([bytes.len()])
        .collect();
    starts
        .into_iter()
        .zip(ends)
        .filter_map(|(start, end)| bytes.get(start..end))
}

fn note(heard: &mut Heard, stanza: &[u8]) {
    let head = stanza.get(..stanza.len().min(300)).unwrap_or_default();
    let Some(at) = memmem::find(head, b"neighbour-") else {
        heard.answers += 1;
        heard.errors += u64::from(memmem::find(head, b"type='error'").is_some());
        return;
    };
    let digits = head.get(at + 10..).unwrap_or_default();
    let number = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, byte| number * 10 + u64::from(byte - b'0'));
    if let Some(due) = heard.pings.remove(&number) {
        heard.latencies.push(due.elapsed());
    }
}
