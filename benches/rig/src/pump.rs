//! Two threads on one stream: one asks, one counts answers; the caller observes.
//! Blocking sockets and no runtime, so that the rig's own cost stays small and the same for all.

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

/// How long the last answers may take before they count as lost.
const LOST: Duration = Duration::from_secs(10);
/// How long to listen for answers too many once all have come.
const LINGER: Duration = Duration::from_millis(30);
/// The sides look this often whether the run is over.
const TICK: Duration = Duration::from_millis(10);

/// When a question is due.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Always so many outstanding.
    Window(u64),
    /// So many a second, answered or not; latency counts from the moment that a question was due,
    /// so that a component that stalls cannot hide it by not being asked.
    Rate(f64),
}

/// Nanoseconds collected at [`Pace::Rate`].
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// From due to answered.
    pub(crate) latencies: Vec<u64>,
    /// From due to written: how late the rig itself was.
    pub(crate) lateness: Vec<u64>,
}

/// One run under way.
pub(crate) struct Pump<'t> {
    pub(crate) tally: &'t Tally<'t>,
    pace: Pace,
    /// Ask so many in all, if a number is given.
    limit: u64,
    started: Instant,
    /// When the question in a slot was due, in nanoseconds from the start.
    due: Vec<AtomicU64>,
    collecting: AtomicBool,
    stopping: AtomicBool,
    over: AtomicBool,
    waiting: AtomicBool,
    asides: Mutex<Vec<u8>>,
    fault: Mutex<Option<Fault>>,
}

/// Asks and counts until `observe` returns, then waits for every answer that is still due.
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
    // A fault of the stream explains what the observer saw, not the other way round.
    match lock(&pump.fault).take() {
        Some(fault) => Err(fault),
        None => Ok((observed?, samples)),
    }
}

impl Pump<'_> {
    /// Lets the run go on for a while, as long as nothing is wrong with it.
    pub(crate) fn go_on(&self, time: Duration, child: &mut Child) -> Result<(), Fault> {
        let until = clock::now() + time;
        loop {
            self.sound(child)?;
            let left = until.saturating_duration_since(clock::now());
            if left.is_zero() {
                return Ok(());
            }
            clock::pause(left.min(TICK * 2));
        }
    }

    /// Lets the run go on until all questions of its limit are answered.
    pub(crate) fn go_on_to_the_limit(&self, child: &mut Child) -> Result<(), Fault> {
        let (mut last, mut moved) = (0, clock::now());
        while self.tally.answered() < self.limit {
            self.sound(child)?;
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

    /// From now on latencies are kept.
    pub(crate) fn collect(&self) {
        self.collecting.store(true, Ordering::SeqCst);
    }

    fn sound(&self, child: &mut Child) -> Result<(), Fault> {
        match lock(&self.fault).as_ref() {
            Some(fault) => Err(fault.clone()),
            None => child.alive(),
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

    /// Asks as many as the window has room for, or sleeps until the reader has made some.
    fn fill(&self, mut stream: &TcpStream, window: u64) -> Result<(), Fault> {
        if let Some(count) = self.room(window) {
            let bytes = self.tally.ask(count);
            if !bytes.is_empty() {
                return Ok(stream.write_all(bytes)?);
            }
        }
        self.waiting.store(true, Ordering::SeqCst);
        // Looked at again behind the flag: the reader may have made room before it was up.
        if self.room(window).is_none() {
            thread::park_timeout(Duration::from_millis(1));
        }
        self.waiting.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// How many to ask now: nothing until an eighth of the window is free, so that neither side
    /// is woken for every stanza.
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
        let due_by_now = (now as f64 / 1e9 * rate) as u64;
        let due_at = |number: u64| ((number + 1) as f64 / rate * 1e9) as u64;
        if due_by_now <= asked {
            clock::pause(Duration::from_nanos(due_at(asked).saturating_sub(now)));
            return Ok(());
        }
        if self.tally.outstanding() > self.tally.ring.slots() as u64 / 2 {
            return Err(Fault::new("cannot keep up with this rate"));
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

/// What a panicked thread left behind is still good: both values are whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
