//! Clients write to the component through a real Prosody: the latency of a burst of eight messages,
//! and the CPU time of the component at a given rate.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use couplet_test::{Client, Prosody, Setup};
use serde::Serialize;
use serde_json::json;
use tokio::task::JoinSet;

use crate::child::{Child, Door};
use crate::clock;
use crate::fault::Fault;
use crate::figures::{Latency, median};
use crate::peers::{Peer, expand};
use crate::pump::nanoseconds;
use crate::quiet;
use crate::run::DOMAIN;

/// Number of messages in a burst.
const BURST: usize = 8;
/// Time limit for a response.
const LOST: Duration = Duration::from_secs(10);
const SECRET: &str = "not much of a secret";
/// The domain of the component that logs in and ends: a server routes a stanza to a connection that
/// has just closed, so no user may write to it.
const FLOOR: &str = "floor.localhost";
/// The reference of the ratios: the peer whose behaviour its library's example shows.
const YARDSTICK: &str = "tokio-xmpp-send";

/// What to measure through Prosody, and which components.
#[derive(Args, Debug)]
pub(crate) struct Through {
    /// Peers, as without Prosody
    #[arg(long, value_delimiter = ',', default_value = "ours,tokio-xmpp")]
    peers: Vec<String>,
    /// Another component of ours: NAME=[KEY=VALUE ...] PROGRAM [ARGUMENT ...]
    #[arg(long, value_name = "NAME=COMMAND")]
    also: Vec<String>,
    /// Messages a second in all at the steady rate; one core of Prosody passes not many more
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(8..))]
    rate: u32,
    /// Clients that write at the steady rate
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    users: u32,
    /// Seconds of each half of a run
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Runs of each component; the table shows medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds to wait for a quiet machine before each run
    #[arg(long, default_value_t = 10.0)]
    patience: f64,
    /// Where to write every run as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<std::path::PathBuf>,
}

/// The results of one run.
#[derive(Clone, Debug, Serialize)]
struct Found {
    peer: String,
    /// The time of the last of eight responses.
    burst: Latency,
    /// CPU seconds of the component per 100,000 responses at the steady rate.
    cpu_per_100k: f64,
    /// The achieved steady rate.
    per_second: f64,
    /// From the start of the process to its first response, in milliseconds.
    online_ms: f64,
    /// The same for a process that connects, logs in and ends.
    handshake_ms: f64,
    quiet: bool,
}

/// Runs all components in turn and prints the table.
pub(crate) fn through(settings: &Through) -> Result<ExitCode, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut peers = Vec::new();
    for name in expand(&settings.peers) {
        peers.push(Peer::known(&name)?);
    }
    for text in &settings.also {
        peers.push(Peer::spelled(text)?);
    }
    for text in peers.iter().filter_map(Peer::absent) {
        eprintln!("rig: {text}");
    }
    peers.retain(|peer| peer.absent().is_none());
    let (mut runs, mut failed) = (Vec::new(), false);
    for round in 0..settings.rounds {
        let turn = round as usize % peers.len().max(1);
        for peer in peers.iter().cycle().skip(turn).take(peers.len()) {
            match runtime.block_on(run(peer, settings)) {
                Ok(found) => runs.push(found),
                Err(fault) => {
                    eprintln!("rig: {} {fault}", peer.name);
                    failed = true;
                }
            }
        }
    }
    print(&peers, &runs, settings);
    if let Some(path) = &settings.json {
        let all = json!({ "rate": settings.rate, "users": settings.users, "runs": runs });
        std::fs::write(path, format!("{all:#}\n"))?;
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Runs both halves with a new server and a new component.
async fn run(peer: &Peer, settings: &Through) -> Result<Found, Fault> {
    let busy = quiet::wait(Duration::from_secs_f64(settings.patience));
    let setup = Setup::component(DOMAIN, SECRET).and_component(FLOOR, SECRET);
    let prosody = Prosody::start(setup).await.map_err(other)?;
    let door = |domain: &str| Door {
        server: prosody.component_addr(),
        domain: domain.to_owned(),
        secret: SECRET.to_owned(),
    };
    let mut users = Vec::new();
    for number in 0..settings.users {
        let name = format!("u{number}/desk");
        users.push(User::new(prosody.user(&name).await.map_err(other)?));
    }
    let floor = Child::start(&Peer::handshake(), &door(FLOOR))?;
    let handshake_ms = floor.ended()?.as_secs_f64() * 1e3;
    let Some(first) = users.first_mut() else {
        return Err(Fault::new("nobody there to write"));
    };
    let mut child = Child::start(peer, &door(DOMAIN))?;
    first.answered(&mut child).await?;
    let online_ms = child.started.elapsed().as_secs_f64() * 1e3;
    let half = Duration::from_secs_f64(settings.seconds);
    let burst = bursts(first, half).await?;
    let (cpu_per_100k, per_second) = steady(users, settings.rate, half, &mut child).await?;
    child.end()?;
    Ok(Found {
        peer: peer.name.clone(),
        burst,
        cpu_per_100k,
        per_second,
        online_ms,
        handshake_ms,
        quiet: busy <= quiet::QUIET,
    })
}

async fn bursts(user: &mut User, time: Duration) -> Result<Latency, Fault> {
    let warm = clock::now();
    while warm.elapsed() < time / 4 {
        user.burst().await?;
    }
    let (began, mut times) = (clock::now(), Vec::new());
    while began.elapsed() < time {
        let asked = clock::now();
        user.burst().await?;
        times.push(nanoseconds(asked.elapsed()));
    }
    Latency::of(times).ok_or_else(|| Fault::new("not one burst in the measured time"))
}

/// Each user writes a burst as often as its share of the rate demands.
async fn steady(
    users: Vec<User>,
    rate: u32,
    time: Duration,
    child: &mut Child,
) -> Result<(f64, f64), Fault> {
    let (answers, over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let each = Duration::from_secs_f64(users.len() as f64 * BURST as f64 / f64::from(rate));
    let mut writing = JoinSet::new();
    for (number, mut user) in (0..).zip(users) {
        let (answers, over) = (Arc::clone(&answers), Arc::clone(&over));
        writing.spawn(async move {
            // Spread over time.
            let mut due = tokio::time::interval(each);
            due.reset_after(each * number / 4);
            while !over.load(Ordering::Relaxed) {
                due.tick().await;
                user.burst().await?;
                answers.fetch_add(BURST as u64, Ordering::Relaxed);
            }
            Ok::<(), Fault>(())
        });
    }
    tokio::time::sleep(time / 4).await;
    let before = (clock::now(), answers.load(Ordering::Relaxed), child.cpu());
    tokio::time::sleep(time).await;
    let (seconds, count, cpu) = (
        before.0.elapsed().as_secs_f64(),
        (answers.load(Ordering::Relaxed) - before.1) as f64,
        child.cpu() - before.2,
    );
    child.alive()?;
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = writing.join_next().await {
        ended.map_err(other)??;
    }
    Ok((cpu / count.max(1.0) * 1e5, count / seconds))
}

/// A client with its outstanding messages.
struct User {
    client: Client,
    bursts: u64,
}

impl User {
    fn new(client: Client) -> User {
        User { client, bursts: 0 }
    }

    /// Writes eight messages at once and expects each response once.
    async fn burst(&mut self) -> Result<(), Fault> {
        self.bursts += 1;
        let mut due = Vec::with_capacity(BURST);
        let mut text = String::new();
        for number in 0..BURST {
            let said = format!(
                "{:-<64}",
                format!("{} {number} says what users say ", self.bursts)
            );
            text += &format!(
                "<message to='{DOMAIN}' id='m{number}' type='chat'><body>{said}</body></message>"
            );
            due.push(said);
        }
        self.client.send_raw(text).await.map_err(other)?;
        while !due.is_empty() {
            let Some(tree) = self.client.next(LOST).await.map_err(other)? else {
                return Err(Fault::new(format!("{} answers never came", due.len())));
            };
            let root = tree.root();
            let said = root.child("body", "jabber:client").map(|body| body.text());
            let good = root.name() == "message"
                && root.attr("from").as_deref() == Some(DOMAIN)
                && root.attr("type").as_deref() != Some("error");
            let found = due
                .iter()
                .position(|due| Some(due.as_str()) == said.as_deref());
            let Some(found) = found.filter(|_| good) else {
                let text = "not an answer, or one too many";
                return Err(Fault::quoting(text, tree.as_str().as_bytes()));
            };
            due.swap_remove(found);
        }
        Ok(())
    }

    /// Sends pings until the component responds; until then the server responds with errors.
    async fn answered(&mut self, child: &mut Child) -> Result<(), Fault> {
        while !self.ping().await? {
            child.alive()?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<bool, Fault> {
        let ping =
            format!("<iq to='{DOMAIN}' id='p' type='get'><ping xmlns='urn:xmpp:ping'/></iq>");
        self.client.send_raw(ping).await.map_err(other)?;
        match self.client.next(LOST).await.map_err(other)? {
            Some(tree) => Ok(tree.root().attr("type").as_deref() == Some("result")),
            None => Err(Fault::new("nobody answers a ping")),
        }
    }
}

fn print(peers: &[Peer], runs: &[Found], settings: &Through) {
    let of = |peer: &str, figure: fn(&Found) -> f64| {
        median(runs.iter().filter(|run| run.peer == peer).map(figure))
    };
    let burst = |run: &Found| run.burst.p50;
    let ratio = |peer: &str, figure: fn(&Found) -> f64| {
        let ratio = of(peer, figure).zip(of(YARDSTICK, figure));
        ratio.map_or_else(
            || "-".to_owned(),
            |(one, other)| format!("{:.3}", one / other),
        )
    };
    println!(
        "through Prosody and back, {} users, {} messages/s asked for  (x = {YARDSTICK})",
        settings.users, settings.rate
    );
    println!(
        "  {:<18}{:>14}{:>10}{:>8}{:>12}{:>8}{:>11}{:>11}{:>9}",
        "", "burst p50 us", "p99 us", "x", "CPU s/100k", "x", "answers/s", "online ms", "floor x"
    );
    for Peer { name, .. } in peers {
        let Some(p50) = of(name, burst) else { continue };
        let shown = |figure| of(name, figure).unwrap_or_default();
        let noisy = runs.iter().any(|run| run.peer == *name && !run.quiet);
        println!(
            "  {:<18}{p50:>14.0}{:>10.0}{:>8}{:>12.3}{:>8}{:>11.0}{:>11.1}{:>9.1}",
            format!("{name}{}", if noisy { "~" } else { "" }),
            shown(|run| run.burst.p99),
            ratio(name, burst),
            shown(|run| run.cpu_per_100k),
            ratio(name, |run| run.cpu_per_100k),
            shown(|run| run.per_second),
            shown(|run| run.online_ms),
            shown(|run| run.online_ms / run.handshake_ms),
        );
    }
}

fn other(error: impl std::fmt::Display) -> Fault {
    Fault::new(error.to_string())
}
