//! Chooses the runs and their order: interleaved, so that a slow minute of the machine affects all
//! alike. Interprets the command line; does not measure.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::fault::Fault;
use crate::figures::median;
use crate::peers::{Peer, Role, expand};
use crate::port::Port;
use crate::run::{DOMAIN, Measure, Run, Settings, run};
use crate::stanzas::Kind;
use crate::table::title;

/// What to measure, and compared with which peers.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// Peers, separated by commas: couplet, couplet-threads (the same on as many threads as there
    /// are processors), tokio-xmpp-send, tokio-xmpp-feed, xmpp-js, slixmpp; ours and tokio-xmpp for
    /// both of theirs, all for every one
    #[arg(long, value_delimiter = ',', default_value = "all")]
    pub(crate) peers: Vec<String>,
    /// Another component of ours: NAME=[KEY=VALUE ...] PROGRAM [ARGUMENT ...]
    #[arg(long, value_name = "NAME=COMMAND")]
    pub(crate) also: Vec<String>,
    /// Only these measures
    #[arg(long, value_delimiter = ',', value_enum)]
    pub(crate) only: Vec<Only>,
    /// Seconds that each run measures, after half of that to warm up
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    pub(crate) seconds: f64,
    /// Runs of each component in each measure; the table shows medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// One round of half a second: whether it works, not how fast it is
    #[arg(long)]
    pub(crate) quick: bool,
    /// Requests outstanding at a time in the windowed measures
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) window: u32,
    /// Addresses that the requests come from, in turn
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=9_999_999))]
    pub(crate) senders: u32,
    /// Messages a second of the fixed-rate measures; "half" is half of the fastest peer's peak
    #[arg(long, value_delimiter = ',', default_value = "10000,half")]
    pub(crate) rates: Vec<String>,
    /// Seconds to wait for a quiet machine before each run
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    pub(crate) patience: f64,
    /// Where to write every run and the table as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<std::path::PathBuf>,
}

/// The names of the measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// Windowed chat messages
    Messages,
    /// Windowed IQ pings
    Pings,
    /// Windowed disco#info
    Disco,
    /// Windowed messages with ten payload elements
    Rich,
    /// Latency with one message outstanding
    One,
    /// Latency of bursts of eight
    Burst,
    /// Latency at fixed rates
    Rates,
}

impl Bench {
    pub(crate) fn settings(&self) -> Settings {
        let measured = if self.quick { 0.5 } else { self.seconds };
        Settings {
            window: usize::try_from(self.window).unwrap_or(1),
            senders: usize::try_from(self.senders).unwrap_or(1),
            warm: Duration::from_secs_f64(measured / 2.0),
            measured: Duration::from_secs_f64(measured),
            patience: Duration::from_secs_f64(self.patience),
        }
    }

    /// Returns the installed components, and why the others are missing. The floor is always the
    /// last.
    pub(crate) fn components(&self) -> Result<(Vec<Peer>, Vec<String>), Fault> {
        let mut all = Vec::new();
        for name in expand(&self.peers) {
            all.push(Peer::known(&name)?);
        }
        for text in &self.also {
            all.push(Peer::spelled(text)?);
        }
        all.push(Peer::floor());
        let absent: Vec<String> = all.iter().filter_map(Peer::absent).collect();
        all.retain(|peer| peer.absent().is_none());
        let twice = all
            .iter()
            .find(|one| all.iter().filter(|two| two.name == one.name).count() > 1);
        match twice {
            Some(peer) => Err(Fault::new(format!("two components named {}", peer.name))),
            None => Ok((all, absent)),
        }
    }

    fn wants(&self, measure: Only) -> bool {
        self.only.is_empty() || self.only.contains(&measure)
    }

    /// Returns the measures that do not need the results of others.
    fn measures(&self) -> Vec<Measure> {
        let all = [
            (Only::Messages, Measure::Flood(Kind::Messages)),
            (Only::Pings, Measure::Flood(Kind::Pings)),
            (Only::Disco, Measure::Flood(Kind::Disco)),
            (Only::Rich, Measure::Flood(Kind::Rich)),
            (Only::One, Measure::Burst(1)),
            (Only::Burst, Measure::Burst(8)),
        ];
        all.into_iter()
            .filter(|(name, _)| self.wants(*name))
            .map(|(_, measure)| measure)
            .collect()
    }

    /// Returns the fixed rates. "half" needs the peers' peaks from earlier runs.
    fn rates(&self, peers: &[Peer], runs: &[Run]) -> Result<Vec<u64>, Fault> {
        let mut rates = Vec::new();
        for text in self.rates.iter().filter(|_| self.wants(Only::Rates)) {
            let rate =
                match text.as_str() {
                    "half" => half(peers, runs),
                    number => Some(number.parse().ok().filter(|rate| *rate > 0).ok_or_else(
                        || {
                            Fault::new(format!(
                                "--rates: {number} is neither a number nor \"half\""
                            ))
                        },
                    )?),
                };
            rates.extend(rate);
        }
        Ok(rates)
    }
}

/// Runs everything; calls `told` with a line for each run as it ends.
pub(crate) fn all(
    bench: &Bench,
    peers: &[Peer],
    mut told: impl FnMut(&str),
) -> Result<Vec<Run>, Fault> {
    let port = Port::open(DOMAIN)?;
    let settings = bench.settings();
    let mut runs: Vec<Run> = Vec::new();
    // Invalid rates are reported before the first run, not after a minute.
    bench.rates(peers, &runs)?;
    let mut rounds = |measures: &[Measure], runs: &mut Vec<Run>| {
        let count = if bench.quick { 1 } else { bench.rounds };
        let known = runs.clone();
        for round in 0..count {
            for measure in measures {
                // Another one is first in each round, because the first one finds the machine
                // coldest.
                let turn = usize::try_from(round).unwrap_or(0) % peers.len().max(1);
                for peer in peers.iter().cycle().skip(turn).take(peers.len()) {
                    if !beyond(peer, *measure, &known) {
                        let run = run(&port, peer, *measure, &settings);
                        told(&progress(&run));
                        runs.push(run);
                    }
                }
            }
        }
    };
    rounds(&bench.measures(), &mut runs);
    let rates: Vec<Measure> = bench
        .rates(peers, &runs)?
        .into_iter()
        .map(Measure::Rate)
        .collect();
    rounds(&rates, &mut runs);
    if bench.wants(Only::Rates) && rates.len() < bench.rates.len() {
        told("no rate \"half\": it is half of a peer's peak, so it needs a peer and the messages");
    }
    Ok(runs)
}

/// Formats one line about a run, as progress.
fn progress(run: &Run) -> String {
    let what = title(run.measure);
    let noise = if run.quiet() {
        String::new()
    } else {
        format!(
            "  ~ busy {:.0}%, others {:.0}%",
            run.busy_before * 100.0,
            run.others * 100.0
        )
    };
    match &run.outcome {
        Ok(figures) => {
            let latency = figures
                .latency
                .map(|latency| format!(", p99 {:.0} us", latency.p99));
            let latency = latency.unwrap_or_default();
            format!(
                "{what}: {} {:.0}/s{latency}{noise}",
                run.peer, figures.per_second
            )
        }
        Err(fault) => format!("{what}: {} {fault}{noise}", run.peer),
    }
}

/// Returns whether a rate exceeds the component's own peak, so that there is no latency, only a
/// queue.
fn beyond(peer: &Peer, measure: Measure, runs: &[Run]) -> bool {
    let Measure::Rate(rate) = measure else {
        return false;
    };
    peak(&peer.name, runs).is_some_and(|peak| rate as f64 > peak * 0.9)
}

fn half(peers: &[Peer], runs: &[Run]) -> Option<u64> {
    let others = peers.iter().filter(|peer| peer.role == Role::Peer);
    let fastest = others
        .filter_map(|peer| peak(&peer.name, runs))
        .reduce(f64::max)?;
    Some((fastest / 2.0 / 1000.0).round().max(1.0) as u64 * 1000)
}

fn peak(name: &str, runs: &[Run]) -> Option<f64> {
    let floods = runs
        .iter()
        .filter(|run| run.peer == name && run.measure == Measure::Flood(Kind::Messages));
    median(floods.filter_map(|run| Some(run.outcome.as_ref().ok()?.per_second)))
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    if (0.05..=600.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("0.05 to 600 seconds".to_owned())
    }
}
