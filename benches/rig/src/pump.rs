//! Two threads on one stream: one sends requests, one counts responses; the caller observes.
//! Blocking sockets and no runtime keep the rig's own cost small and equal for all.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::child::Child;
use crate::clock;
use crate::fault::Fault;
use crate::intake::Intake;
use crate::port::route;
use crate::tally::{Settled, Tally};

/// Time after which the last responses count as lost.
const LOST: Duration = Duration::from_millis(if cfg!(test) { 2_000 } else { 10_000 });
/// Time to wait for surplus responses after all have arrived.
const LINGER: Duration = Duration::from_millis(30);
/// The interval at which both threads check whether the run is over.
const TICK: Duration = Duration::from_millis(10);

/// When a request is due.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As soon as fewer than this number are outstanding.
    Window(u64),
    /// At this rate per second, answered or not. Latency counts from the due time, so that a
    /// component that stalls cannot hide it.
    Rate(f64),
}

/// Samples in nanoseconds, collected at [`Pace::Rate`].
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// From the due time to the response.
    pub(crate) latencies: Vec<u64>,
    /// From the due time to writing: how late the rig itself was.
    pub(crate) lateness: Vec<u64>,
}

/// A run.
pub(crate) struct Pump<'t> {
    pub(crate) tally: &'t Tally<'t>,
    pace: Pace,
    /// The maximum number of requests, if limited.
    limit: u64,
    started: Instant,
    /// The due time of the request in a slot, in nanoseconds from the start.
    due: Vec<AtomicU64>,
    collecting: AtomicBool,
    stopping: AtomicBool,
    over: AtomicBool,
    waiting: AtomicBool,
    asides: Mutex<Vec<u8>>,
    fault: Mutex<Option<Fault>>,
}

/// Sends and counts until `observe` returns, then waits for all outstanding responses.
pub(crate) fn pump<'t, T>(
    stream: &TcpStream,
    tally: &'t Tally<'t>,
    pace: Pace,
    limit: Option<u64>,
    observe: impl FnOnce(&Pump<'t>) -> Result<T, Fault>,
) -> Result<(T, Samples), Fault> {
    stream.set_read_timeout(Some(TICK))?;
    stream.set_write_timeout(Some(LOST))?;
    let slots = tally.ring.slots();
    let pump = Pump {
        tally,
        pace,
        limit: limit.unwrap_or(u64::MAX),
        started: clock::now(),
        due: (0..slots).map(|_| AtomicU64::new(0)).collect(),
        collecting: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
        over: AtomicBool::new(false),
        waiting: AtomicBool::new(false),
        asides: Mutex::default(),
        fault: Mutex::default(),
    };
    let intake = Intake::new(stream)?;
    let (observed, samples) = thread::scope(|scope| {
        let pump = &pump;
        let writer = scope.spawn(move || pump.ended(pump.write(stream)));
        let awake = writer.thread().clone();
        let reader = scope.spawn(move || pump.ended(pump.read(intake, &awake)));
        let observed = observe(pump);
        pump.stopping.store(true, Ordering::SeqCst);
        pump.drain();
        pump.over.store(true, Ordering::SeqCst);
        let lateness = writer.join().unwrap_or_default();
        let latencies = reader.join().unwrap_or_default();
        (
            observed,
            Samples {
                latencies,
                lateness,
            },
        )
    });
    // A fault of the stream is the cause of what the observer saw, not the effect.
    match lock(&pump.fault).take() {
        Some(fault) => Err(fault),
        None => Ok((observed?, samples)),
    }
}

impl Pump<'_> {
    /// Continues the run for a while, unless there is a fault.
    pub(crate) fn go_on(&self, time: Duration, child: &mut Child) -> Result<(), Fault> {
        let until = clock::now() + time;
        loop {
            self.sound(|| child.alive())?;
            let left = until.saturating_duration_since(clock::now());
            if left.is_zero() {
                return Ok(());
            }
            clock::pause(left.min(TICK * 2));
        }
    }

    /// Continues the run until all requests of its limit are answered.
    pub(crate) fn go_on_to_the_limit(
        &self,
        mut alive: impl FnMut() -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let (mut last, mut moved) = (0, clock::now());
        while self.tally.answered() < self.limit {
            self.sound(&mut alive)?;
            if self.tally.answered() > last {
                (last, moved) = (self.tally.answered(), clock::now());
            }
            if moved.elapsed() > LOST {
                return Err(Fault::new(format!("no answer for {LOST:?} after {last}")));
            }
            clock::pause(TICK);
        }
        Ok(())
    }

    /// Starts to collect latencies.
    pub(crate) fn collect(&self) {
        self.collecting.store(true, Ordering::SeqCst);
    }

    fn sound(&self, mut alive: impl FnMut() -> Result<(), Fault>) -> Result<(), Fault> {
        match lock(&self.fault).as_ref() {
            Some(fault) => Err(fault.clone()),
            None => alive(),
        }
    }

    /// Keeps the first fault of either thread and ends both.
    fn ended(&self, side: Result<Vec<u64>, Fault>) -> Vec<u64> {
        side.unwrap_or_else(|fault| {
            lock(&self.fault).get_or_insert(fault);
            self.stopping.store(true, Ordering::SeqCst);
            self.over.store(true, Ordering::SeqCst);
            Vec::new()
        })
    }

    fn drain(&self) {
        let since = clock::now();
        while self.tally.outstanding() > 0 && !self.over.load(Ordering::SeqCst) {
            if since.elapsed() > LOST {
                let lost = self.tally.outstanding();
                lock(&self.fault).get_or_insert(Fault::new(format!("{lost} answers never came")));
                return;
            }
            clock::pause(Duration::from_millis(1));
        }
        clock::pause(LINGER);
    }

    fn write(&self, mut stream: &TcpStream) -> Result<Vec<u64>, Fault> {
        clock::wake_me_on_time();
        let mut lateness = Vec::new();
        while !self.over.load(Ordering::SeqCst) {
            let asides = std::mem::take(&mut *lock(&self.asides));
            stream.write_all(&asides)?;
            if self.stopping.load(Ordering::SeqCst) || self.tally.asked() >= self.limit {
                thread::park_timeout(TICK);
                continue;
            }
            match self.pace {
                Pace::Window(window) => self.fill(stream, window)?,
                Pace::Rate(rate) => self.keep_up(stream, rate, &mut lateness)?,
            }
        }
        Ok(lateness)
    }

    /// Sends as many requests as the window allows, or sleeps until the reader has made room.
    fn fill(&self, mut stream: &TcpStream, window: u64) -> Result<(), Fault> {
        if let Some(count) = self.room(window) {
            let bytes = self.tally.ask(count);
            if !bytes.is_empty() {
                return Ok(stream.write_all(bytes)?);
            }
        }
        self.waiting.store(true, Ordering::SeqCst);
        // Checked again after setting the flag: the reader may have made room before.
        if self.room(window).is_none() {
            thread::park_timeout(Duration::from_millis(1));
        }
        self.waiting.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// Returns the number of requests to send now: none until an eighth of the window is free, so
    /// that neither side is woken for every stanza.
    fn room(&self, window: u64) -> Option<usize> {
        let left = self.limit.saturating_sub(self.tally.asked());
        let free = window.saturating_sub(self.tally.outstanding()).min(left);
        let enough = (window / 8).clamp(1, left.max(1));
        (free >= enough).then(|| usize::try_from(free).unwrap_or(usize::MAX))
    }

    fn keep_up(
        &self,
        mut stream: &TcpStream,
        rate: f64,
        lateness: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        let now = nanoseconds(self.started.elapsed());
        let asked = self.tally.asked();
        let due_by_now = ((now as f64 / 1e9 * rate) as u64).min(self.limit);
        let due_at = |number: u64| ((number + 1) as f64 / rate * 1e9) as u64;
        if due_by_now <= asked {
            clock::pause(Duration::from_nanos(due_at(asked).saturating_sub(now)));
            return Ok(());
        }
        if self.tally.outstanding() > self.tally.ring.slots() as u64 / 2 {
            return Err(Fault::TooSlow(format!("cannot hold {rate:.0} a second")));
        }
        for number in asked..due_by_now {
            if let Some(due) = self.due.get(self.tally.slot_of(number)) {
                due.store(due_at(number), Ordering::Relaxed);
            }
        }
        if self.collecting.load(Ordering::Relaxed) {
            lateness.push(now.saturating_sub(due_at(asked)));
        }
        let count = usize::try_from(due_by_now - asked).unwrap_or(usize::MAX);
        Ok(stream.write_all(self.tally.ask(count))?)
    }

    fn read(&self, mut intake: Intake, writer: &Thread) -> Result<Vec<u64>, Fault> {
        let mut latencies = Vec::new();
        while !self.over.load(Ordering::SeqCst) {
            intake.take(|seen| match self.tally.settle(seen)? {
                Settled::Slot(slot) => {
                    self.note(slot, &mut latencies);
                    Ok(())
                }
                Settled::Aside => {
                    let routed = route(seen, &self.tally.ring.domain);
                    lock(&self.asides).extend_from_slice(&routed);
                    writer.unpark();
                    Ok(())
                }
            })?;
            if let Pace::Window(window) = self.pace
                && self.waiting.load(Ordering::SeqCst)
                && self.room(window).is_some()
            {
                writer.unpark();
            }
        }
        Ok(latencies)
    }

    fn note(&self, slot: usize, latencies: &mut Vec<u64>) {
        if matches!(self.pace, Pace::Window(_)) || !self.collecting.load(Ordering::Relaxed) {
            return;
        }
        let now = nanoseconds(self.started.elapsed());
        let due = self
            .due
            .get(slot)
            .map_or(now, |due| due.load(Ordering::Relaxed));
        latencies.push(now.saturating_sub(due));
    }
}

pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Locks a mutex. After a panic both values are still consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;
    use crate::stanzas::{Kind, Ring};
    use crate::tally::Answers;

    const COUNT: u64 = 50_000;
    /// Less than half a ring, so that even a slow machine can keep the rate.
    const FEW: u64 = 2_000;

    /// Pumps pings through a component that passes each stanza to `spoil`.
    fn through(
        pace: Pace,
        mut spoil: impl FnMut(usize, &[u8]) -> Vec<u8> + Send,
    ) -> Result<u64, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        let ring = Ring::new(Kind::Pings, 4096, 10, "echo.localhost");
        let each = ring.run(0, 1).len();
        let count = if matches!(pace, Pace::Rate(_)) {
            FEW
        } else {
            COUNT
        };
        let tally = Tally::new(&ring, Answers::CopiedBack);
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut stanza = vec![0; each];
                for number in 0.. {
                    if other.read_exact(&mut stanza).is_err() {
                        return;
                    }
                    if other.write_all(&spoil(number, &stanza)).is_err() {
                        return;
                    }
                }
            });
            let pumped = pump(&stream, &tally, pace, Some(count), |pump| {
                pump.go_on_to_the_limit(|| Ok(()))
            });
            stream.shutdown(std::net::Shutdown::Both).unwrap();
            pumped.map(|_| tally.answered())
        })
    }

    #[test]
    fn every_request_is_sent_and_answered_once() {
        assert_eq!(
            through(Pace::Window(512), |_, stanza| stanza.to_vec()),
            Ok(COUNT)
        );
        assert_eq!(
            through(Pace::Window(1), |_, stanza| stanza.to_vec()),
            Ok(COUNT)
        );
        assert_eq!(
            through(Pace::Rate(100_000.0), |_, stanza| stanza.to_vec()),
            Ok(FEW)
        );
    }

    #[test]
    fn a_lost_answer_fails_the_run() {
        let lossy = |number, stanza: &[u8]| {
            if number == 777 {
                Vec::new()
            } else {
                stanza.to_vec()
            }
        };
        assert!(through(Pace::Window(512), lossy).is_err_and(|fault| fault.is_wrong()));
    }

    #[test]
    fn an_answer_too_many_fails_the_run_even_if_it_is_the_last() {
        for spoiled in [777, usize::try_from(COUNT).unwrap() - 1] {
            let doubling =
                |number, stanza: &[u8]| stanza.repeat(1 + usize::from(number == spoiled));
            assert!(through(Pace::Window(512), doubling).is_err_and(|fault| fault.is_wrong()));
        }
    }

    #[test]
    fn a_wrong_id_fails_the_run() {
        let wrong = |number, stanza: &[u8]| {
            let text = String::from_utf8(stanza.to_vec()).unwrap();
            if number == 777 {
                text.replace("id='m", "id='n")
            } else {
                text
            }
            .into_bytes()
        };
        assert!(through(Pace::Window(512), wrong).is_err_and(|fault| fault.is_wrong()));
    }
}
