//! One run: a new component, one measure, its figures. The plan chooses the order of runs, and the
//! table interprets the figures.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde::Serialize;

use crate::child::{Child, cpu_ticks};
use crate::clock;
use crate::fault::Fault;
use crate::figures::{Figures, Latency, rank};
use crate::intake::Intake;
use crate::peers::{Peer, Role};
use crate::port::{Port, route};
use crate::pump::{Pace, nanoseconds, pump};
use crate::quiet::{self, Load};
use crate::stanzas::{Kind, Ring};
use crate::tally::{Answers, Settled, Tally};

/// The domain of every component under test.
pub(crate) const DOMAIN: &str = "echo.localhost";

/// Idle time before the idle memory of a component is read.
const SETTLE: Duration = Duration::from_millis(150);

/// A measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Measure {
    /// Windowed throughput of one kind of stanza.
    Flood(Kind),
    /// Bursts of this number of messages, the next one when all are answered; the time of the last
    /// response.
    Burst(usize),
    /// Messages at this rate per second.
    Rate(u64),
}

/// The settings that all runs of a table share.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) window: usize,
    pub(crate) senders: usize,
    pub(crate) warm: Duration,
    pub(crate) measured: Duration,
    pub(crate) patience: Duration,
}

/// The result of one run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) peer: String,
    pub(crate) measure: Measure,
    pub(crate) outcome: Result<Figures, Fault>,
    /// The share of the machine that was busy before the run.
    pub(crate) busy_before: f64,
    /// The share of the machine that other programs used during the run.
    pub(crate) others: f64,
}

impl Run {
    pub(crate) fn quiet(&self) -> bool {
        self.busy_before <= quiet::QUIET && self.others <= quiet::QUIET
    }
}

/// Waits for a quiet machine, then measures `peer` once.
pub(crate) fn run(port: &Port, peer: &Peer, measure: Measure, settings: &Settings) -> Run {
    let busy_before = quiet::wait(settings.patience);
    let (load, rig) = (Load::now(), cpu_ticks("self"));
    let (outcome, component) = attempt(port, peer, measure, settings);
    let (busy, total) = Load::now().since(load);
    let others = (busy - component - (cpu_ticks("self") - rig)).max(0.0) / total.max(0.01);
    Run {
        peer: peer.name.clone(),
        measure,
        outcome,
        busy_before,
        others,
    }
}

/// Returns the figures, and the CPU seconds that the component used in total.
fn attempt(
    port: &Port,
    peer: &Peer,
    measure: Measure,
    settings: &Settings,
) -> (Result<Figures, Fault>, f64) {
    port.clear();
    let mut child = match Child::start(peer, &port.door) {
        Ok(child) => child,
        Err(fault) => return (Err(fault), 0.0),
    };
    let stream = match port.accept(&mut child) {
        Ok(stream) => stream,
        Err(fault) => return (Err(fault), 0.0),
    };
    let online = child.started.elapsed();
    clock::pause(SETTLE);
    let (idle, _) = child.memory();
    let outcome = figures(&stream, &mut child, peer, measure, settings).map(|figures| Figures {
        online_ms: online.as_secs_f64() * 1e3,
        idle_kib: idle as f64,
        peak_kib: child.memory().1 as f64,
        ..figures
    });
    // The exit of a component explains more than the end of its stream.
    let outcome = outcome.map_err(|fault| child.alive().err().unwrap_or(fault));
    let cpu = child.cpu();
    (
        outcome.and_then(|figures| child.stop(&stream).map(|()| figures)),
        cpu,
    )
}

fn figures(
    stream: &TcpStream,
    child: &mut Child,
    peer: &Peer,
    measure: Measure,
    settings: &Settings,
) -> Result<Figures, Fault> {
    let kind = if let Measure::Flood(kind) = measure {
        kind
    } else {
        Kind::Messages
    };
    // Far more slots than outstanding requests, but few enough to stay in a cache.
    let slots = (settings.window * 8)
        .max(settings.senders)
        .max(16_384)
        .next_multiple_of(8);
    let ring = Ring::new(kind, slots, settings.senders, DOMAIN);
    let answers = if peer.role == Role::Floor {
        Answers::CopiedBack
    } else {
        Answers::Given
    };
    let tally = Tally::new(&ring, answers);
    match measure {
        Measure::Burst(size) => burst(stream, child, &tally, size, settings),
        Measure::Flood(_) => {
            let window = settings.window as u64;
            steady(stream, child, &tally, Pace::Window(window), settings)
        }
        Measure::Rate(rate) => steady(stream, child, &tally, Pace::Rate(rate as f64), settings),
    }
}

fn steady(
    stream: &TcpStream,
    child: &mut Child,
    tally: &Tally<'_>,
    pace: Pace,
    settings: &Settings,
) -> Result<Figures, Fault> {
    let (mut figures, samples) = pump(stream, tally, pace, None, |pump| {
        pump.go_on(settings.warm, child)?;
        pump.collect();
        let before = (clock::now(), tally.answered(), tally.bytes(), child.cpu());
        pump.go_on(settings.measured, child)?;
        let (seconds, answers, cpu) = (
            before.0.elapsed().as_secs_f64(),
            tally.answered() - before.1,
            child.cpu() - before.3,
        );
        per_answer(answers, tally.bytes() - before.2, seconds, cpu)
    })?;
    figures.latency = Latency::of(samples.latencies);
    let mut lateness = samples.lateness;
    lateness.sort_unstable();
    figures.rig_late = rank(&lateness, 0.99).map(|late| late as f64 / 1e3);
    Ok(figures)
}

/// One thread sends and waits, so that the latency includes no switch between threads.
fn burst(
    stream: &TcpStream,
    child: &mut Child,
    tally: &Tally<'_>,
    size: usize,
    settings: &Settings,
) -> Result<Figures, Fault> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut intake = Intake::new(stream)?;
    let mut once = || -> Result<u64, Fault> {
        let asked = clock::now();
        (&*stream).write_all(tally.ask(size))?;
        while tally.outstanding() > 0 {
            let seen = intake.take(|seen| match tally.settle(seen)? {
                Settled::Slot(_) => Ok(()),
                Settled::Aside => Ok((&*stream).write_all(&route(seen, DOMAIN))?),
            })?;
            if seen == 0 && asked.elapsed() > Duration::from_secs(10) {
                return Err(Fault::new("no answer for ten seconds"));
            }
        }
        Ok(nanoseconds(asked.elapsed()))
    };
    let warm = clock::now();
    while warm.elapsed() < settings.warm {
        once()?;
    }
    let (began, before, bytes, cpu) = (clock::now(), tally.answered(), tally.bytes(), child.cpu());
    let mut latencies = Vec::new();
    while began.elapsed() < settings.measured {
        latencies.push(once()?);
    }
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), child.cpu() - cpu);
    let answers = tally.answered() - before;
    let mut figures = per_answer(answers, tally.bytes() - bytes, seconds, cpu)?;
    figures.latency = Latency::of(latencies);
    Ok(figures)
}

fn per_answer(answers: u64, bytes: u64, seconds: f64, cpu: f64) -> Result<Figures, Fault> {
    if answers == 0 {
        return Err(Fault::new("not one answer in the measured time"));
    }
    let count = answers as f64;
    Ok(Figures {
        per_second: count / seconds,
        cpu_per_100k: cpu / count * 1e5,
        answer_bytes: bytes as f64 / count,
        ..Figures::default()
    })
}

/// Drives exactly `count` stanzas of one kind through `peer`, for counting its instructions.
pub(crate) fn drive(
    port: &Port,
    peer: &Peer,
    kind: Kind,
    count: u64,
    settings: &Settings,
) -> Result<(), Fault> {
    let mut child = Child::start(peer, &port.door)?;
    let stream = port.accept(&mut child)?;
    let ring = Ring::new(
        kind,
        16_384.max(settings.senders),
        settings.senders,
        &port.door.domain,
    );
    let tally = Tally::new(&ring, Answers::Given);
    let pace = Pace::Window(settings.window as u64);
    pump(&stream, &tally, pace, Some(count), |pump| {
        pump.go_on_to_the_limit(|| child.alive())
    })?;
    child.stop(&stream)
}
