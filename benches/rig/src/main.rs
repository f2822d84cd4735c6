//! Measures a component and its peers from the server's end of the stream. The rig does not use
//! Couplet: it starts components by their command lines. (The variants of the echo beside it are
//! programs of their own.)

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::json;

use crate::fault::Fault;
use crate::peers::Peer;
use crate::plan::Bench;
use crate::port::Port;
use crate::prosody::Through;
use crate::stanzas::Kind;

mod attacks;
mod prosody;
mod known;
mod plan;
mod table;
mod summary;
mod run;
mod pump;
mod intake;
mod port;
mod child;
mod peers;
mod tally;
mod stanzas;
mod scan;
mod copyback;
mod quiet;
mod figures;
mod clock;
mod fault;

/// Measures a component and its peers; benches/README.md explains the table.
#[derive(Parser)]
#[command(name = "rig", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    bench: Bench,
    #[command(subcommand)]
    mode: Option<Mode>,
}

#[derive(Subcommand)]
enum Mode {
    /// The floor: a component that copies bytes back (the rig starts it itself)
    Copyback,
    /// Another floor: a component that logs in and ends
    Handshake,
    /// Clients of a real Prosody write to the component: bursts of eight, then a steady rate
    Prosody(Through),
    /// Memory and speed before, while and after very many conversations become known
    Known {
        /// How many conversations
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(64..=9_999_999))]
        senders: u32,
        /// Kibibytes by which they may let the idle component grow
        #[arg(long, default_value_t = 1024)]
        at_most: u64,
        /// A known name, or NAME=COMMAND
        #[arg(default_value = "couplet")]
        peer: String,
    },
    /// Attacks by peers and faulty servers: memory, and the latency of another sender's pings
    Attacks(attacks::Attacks),
    /// Drive an exact number of stanzas through one component, to count its instructions
    Drive {
        /// How many
        #[arg(long)]
        count: u64,
        /// Of which kind
        #[arg(long, value_enum, default_value = "messages")]
        kind: Kind,
        /// Requests outstanding at a time
        #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65536))]
        window: u32,
        /// Addresses that the requests come from
        #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=9_999_999))]
        senders: u32,
        /// A known name, or NAME=COMMAND
        peer: String,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = match cli.mode {
        None => bench(&cli.bench),
        Some(Mode::Copyback) => copyback::run().map(|()| ExitCode::SUCCESS),
        Some(Mode::Handshake) => copyback::connect().map(|_| ExitCode::SUCCESS),
        Some(Mode::Attacks(attacks)) => attacks::run(&attacks),
        Some(Mode::Prosody(through)) => prosody::through(&through),
        Some(Mode::Known {
            senders,
            at_most,
            peer,
        }) => named(&peer).and_then(|peer| known::known(&peer, senders as usize, at_most)),
        Some(Mode::Drive {
            count,
            kind,
            window,
            senders,
            peer,
        }) => {
            let bench = Bench {
                window,
                senders,
                ..cli.bench
            };
            drive(&bench, &peer, kind, count)
        }
    };
    ended.unwrap_or_else(|fault| {
        eprintln!("rig: {fault}");
        ExitCode::from(2)
    })
}

fn bench(bench: &Bench) -> Result<ExitCode, Fault> {
    let (peers, absent) = bench.components()?;
    for text in &absent {
        eprintln!("rig: {text}");
    }
    let runs = plan::all(bench, &peers, |line| eprintln!("rig: {line}"))?;
    let groups = summary::summary(&peers, &runs);
    if bench.quick {
        println!("--quick: these runs show that it works, not how fast it is\n");
    }
    println!("{}", table::table(&groups));
    if let Some(path) = &bench.json {
        let runs: Vec<_> = runs.iter().map(as_json).collect();
        let settings = bench.settings();
        let all = json!({
            "quick": bench.quick, "window": settings.window, "senders": settings.senders,
            "warm_seconds": settings.warm.as_secs_f64(),
            "measured_seconds": settings.measured.as_secs_f64(),
            "processors": std::thread::available_parallelism().map_or(0, usize::from),
            "absent": absent, "table": groups, "runs": runs,
        });
        std::fs::write(path, format!("{all:#}\n"))
            .map_err(|error| Fault::new(format!("{}: {error}", path.display())))?;
    }
    let failed = runs
        .iter()
        .any(|run| run.outcome.as_ref().is_err_and(Fault::is_wrong));
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn as_json(run: &run::Run) -> serde_json::Value {
    json!({
        "peer": run.peer,
        "measure": run.measure,
        "figures": run.outcome.as_ref().ok(),
        "fault": run.outcome.as_ref().err().map(ToString::to_string),
        "quiet": run.quiet(),
        "busy_before": run.busy_before,
        "others": run.others,
    })
}

/// Returns a component by its name, or from a command line.
fn named(peer: &str) -> Result<Peer, Fault> {
    let peer = if peer.contains('=') {
        Peer::spelled(peer)?
    } else {
        Peer::known(peer)?
    };
    match peer.absent() {
        Some(text) => Err(Fault::new(text)),
        None => Ok(peer),
    }
}

fn drive(bench: &Bench, peer: &str, kind: Kind, count: u64) -> Result<ExitCode, Fault> {
    run::drive(
        &Port::open(run::DOMAIN)?,
        &named(peer)?,
        kind,
        count,
        &bench.settings(),
    )?;
    Ok(ExitCode::SUCCESS)
}
