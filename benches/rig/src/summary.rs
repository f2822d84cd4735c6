//! Medians of the runs of each row, and their ratios to the fastest peer and to the floor.

use serde::Serialize;

use crate::figures::{Figures, Latency, median};
use crate::peers::{Peer, Role};
use crate::run::{Measure, Run};

/// All rows of one measure.
#[derive(Debug, Serialize)]
pub(crate) struct Group {
    pub(crate) measure: Measure,
    pub(crate) rows: Vec<Row>,
    /// The peer that the ratios refer to: the most responses per second, or the least p99.
    pub(crate) yardstick: Option<String>,
}

/// One component in one measure.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) peer: String,
    pub(crate) role: Role,
    /// Medians of the good runs; `None` if there were none.
    pub(crate) median: Option<Figures>,
    pub(crate) lowest_per_second: f64,
    pub(crate) highest_per_second: f64,
    pub(crate) to_peer: Option<Ratios>,
    pub(crate) to_floor: Option<Ratios>,
    pub(crate) runs: usize,
    /// Good runs on a machine with other load.
    pub(crate) noisy: usize,
    /// Runs in which the component was wrong, not only too slow.
    pub(crate) failed: usize,
    pub(crate) faults: Vec<String>,
    /// The size of the component's program; `None` for a script.
    pub(crate) binary_bytes: Option<u64>,
}

/// This row's figures divided by another row's.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Ratios {
    pub(crate) per_second: f64,
    pub(crate) cpu: f64,
    pub(crate) p99: Option<f64>,
    pub(crate) online: f64,
}

/// Returns groups in the order in which the measures were first run, with rows in the order of
/// `peers`.
pub(crate) fn summary(peers: &[Peer], runs: &[Run]) -> Vec<Group> {
    let mut measures: Vec<Measure> = Vec::new();
    for run in runs {
        if !measures.contains(&run.measure) {
            measures.push(run.measure);
        }
    }
    measures
        .into_iter()
        .map(|measure| group(measure, peers, runs))
        .collect()
}

fn group(measure: Measure, peers: &[Peer], runs: &[Run]) -> Group {
    let of_peer = |peer: &Peer| -> Vec<&Run> {
        runs.iter()
            .filter(|run| run.measure == measure && run.peer == peer.name)
            .collect()
    };
    let mut rows: Vec<Row> = peers
        .iter()
        .map(|peer| (peer, of_peer(peer)))
        .filter(|(_, runs)| !runs.is_empty())
        .map(|(peer, runs)| row(peer, &runs))
        .collect();
    let yardstick = rows
        .iter()
        .filter(|row| row.role == Role::Peer)
        .filter_map(|row| {
            let figures = row.median.clone()?;
            let worth = match measure {
                Measure::Flood(_) => figures.per_second,
                _ => -figures.latency?.p99,
            };
            Some((worth, row.peer.clone(), figures))
        });
    let yardstick = yardstick.max_by(|one, other| one.0.total_cmp(&other.0));
    let floor = rows
        .iter()
        .find(|row| row.role == Role::Floor)
        .and_then(|row| row.median.clone());
    for row in &mut rows {
        let Some(figures) = &row.median else { continue };
        row.to_peer = yardstick
            .as_ref()
            .map(|(_, _, other)| ratios(figures, other));
        row.to_floor = floor.as_ref().map(|other| ratios(figures, other));
    }
    Group {
        measure,
        rows,
        yardstick: yardstick.map(|(_, peer, _)| peer),
    }
}

fn row(peer: &Peer, runs: &[&Run]) -> Row {
    let good: Vec<(&Run, &Figures)> = runs
        .iter()
        .filter_map(|run| Some((*run, run.outcome.as_ref().ok()?)))
        .collect();
    let rates = || good.iter().map(|(_, figures)| figures.per_second);
    let faults = || runs.iter().filter_map(|run| run.outcome.as_ref().err());
    Row {
        peer: peer.name.clone(),
        role: peer.role,
        median: medians(&good.iter().map(|(_, figures)| *figures).collect::<Vec<_>>()),
        lowest_per_second: rates().reduce(f64::min).unwrap_or_default(),
        highest_per_second: rates().reduce(f64::max).unwrap_or_default(),
        to_peer: None,
        to_floor: None,
        runs: runs.len(),
        noisy: good.iter().filter(|(run, _)| !run.quiet()).count(),
        failed: faults().filter(|fault| fault.is_wrong()).count(),
        faults: faults().map(ToString::to_string).collect(),
        binary_bytes: peer.binary_bytes(),
    }
}

/// Returns the median of each figure by itself: a run that was slow in one may be fast in others.
fn medians(runs: &[&Figures]) -> Option<Figures> {
    let of = |figure: fn(&Figures) -> f64| median(runs.iter().map(|run| figure(run)));
    let latency = |figure: fn(&Latency) -> f64| {
        median(
            runs.iter()
                .filter_map(|run| run.latency.as_ref())
                .map(figure),
        )
    };
    Some(Figures {
        per_second: of(|run| run.per_second)?,
        cpu_per_100k: of(|run| run.cpu_per_100k)?,
        answer_bytes: of(|run| run.answer_bytes)?,
        latency: latency(|l| l.p50).and_then(|p50| {
            let p999 = median(runs.iter().filter_map(|run| run.latency?.p999));
            let samples = runs
                .iter()
                .filter_map(|run| run.latency)
                .map(|l| l.samples)
                .sum();
            Some(Latency {
                p50,
                p99: latency(|l| l.p99)?,
                p999,
                samples,
            })
        }),
        rig_late: median(runs.iter().filter_map(|run| run.rig_late)),
        online_ms: of(|run| run.online_ms)?,
        idle_kib: of(|run| run.idle_kib)?,
        peak_kib: of(|run| run.peak_kib)?,
    })
}

fn ratios(one: &Figures, other: &Figures) -> Ratios {
    let by = |one: f64, other: f64| if other > 0.0 { one / other } else { 0.0 };
    let p99 = one
        .latency
        .zip(other.latency)
        .map(|(one, other)| by(one.p99, other.p99));
    Ratios {
        per_second: by(one.per_second, other.per_second),
        cpu: by(one.cpu_per_100k, other.cpu_per_100k),
        p99,
        online: by(one.online_ms, other.online_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::stanzas::Kind;

    const FLOOD: Measure = Measure::Flood(Kind::Pings);

    fn run(peer: &str, per_second: f64) -> Run {
        let figures = Figures {
            per_second,
            cpu_per_100k: 1e5 / per_second,
            ..Figures::default()
        };
        let (peer, outcome) = (peer.to_owned(), Ok(figures));
        Run {
            peer,
            measure: FLOOD,
            outcome,
            busy_before: 0.0,
            others: 0.0,
        }
    }

    #[test]
    fn ratios_are_to_the_fastest_peer_and_to_the_floor_and_never_to_ours() {
        let peers =
            ["couplet", "tokio-xmpp-feed", "slixmpp"].map(|name| Peer::known(name).unwrap());
        let peers = [peers.as_slice(), &[Peer::floor()]].concat();
        let mut runs = vec![run("couplet", 800.0), run("tokio-xmpp-feed", 100.0)];
        runs.extend([run("slixmpp", 10.0), run("copyback", 4000.0)]);
        runs.extend([run("couplet", 900.0), run("couplet", 100.0)]);
        let groups = summary(&peers, &runs);
        let group = groups.first().unwrap();
        assert_eq!(group.yardstick.as_deref(), Some("tokio-xmpp-feed"));
        let ours = group.rows.first().unwrap();
        assert_eq!(
            (ours.lowest_per_second, ours.highest_per_second),
            (100.0, 900.0)
        );
        assert_eq!(ours.to_peer.unwrap().per_second, 8.0);
        assert_eq!(ours.to_peer.unwrap().cpu, 0.125);
        assert_eq!(ours.to_floor.unwrap().per_second, 0.2);
    }

    #[test]
    fn a_failed_run_is_reported_and_does_not_count() {
        let mut bad = run("slixmpp", 1.0);
        bad.outcome = Err(Fault::new("3 answers never came"));
        let peers = [Peer::known("slixmpp").unwrap()];
        let groups = summary(&peers, &[run("slixmpp", 10.0), bad]);
        let row = groups.first().unwrap().rows.first().unwrap();
        assert_eq!(row.faults, ["FAILED: 3 answers never came"]);
        assert_eq!((row.runs, row.failed, row.lowest_per_second), (2, 1, 10.0));
    }
}
