//! The cost of known conversations: many addresses write once, then again. This measures memory,
//! and speed as a hint; `scale.sh` counts instructions.

use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use crate::child::Child;
use crate::clock;
use crate::fault::Fault;
use crate::peers::Peer;
use crate::port::Port;
use crate::pump::{Pace, pump};
use crate::run::DOMAIN;
use crate::stanzas::{Kind, Ring};
use crate::tally::{Answers, Tally};

/// Number of outstanding messages.
const WINDOW: u64 = 1024;
/// Idle time before the memory of the component is read.
const SETTLE: Duration = Duration::from_millis(500);

/// Prints a line for few conversations, for `senders` new ones, and for the same ones known.
pub(crate) fn known(peer: &Peer, senders: usize, at_most: u64) -> Result<ExitCode, Fault> {
    let port = Port::open(DOMAIN)?;
    let mut child = Child::start(peer, &port.door)?;
    let stream = port.accept(&mut child)?;
    clock::pause(SETTLE);
    let name = &peer.name;
    println!("{name}: idle, nobody known: {} KiB", child.memory().0);
    println!(
        "{:<36}{:>11}{:>12}{:>14}{:>10}",
        "", "answers/s", "CPU s/100k", "idle KiB then", "peak KiB"
    );
    let few = pass(
        &stream,
        &mut child,
        "from 64 addresses in turn",
        64,
        senders,
    )?;
    pass(
        &stream,
        &mut child,
        &format!("from {senders}, each for the first time"),
        senders,
        senders,
    )?;
    let many = pass(
        &stream,
        &mut child,
        &format!("from {senders}, each known"),
        senders,
        senders,
    )?;
    child.stop(&stream)?;
    let grown = many.saturating_sub(few);
    println!("grown by {grown} KiB for {senders} idle conversations; {at_most} KiB are allowed");
    Ok(if grown > at_most {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Sends one message per slot; returns the memory when all are answered.
fn pass(
    stream: &TcpStream,
    child: &mut Child,
    title: &str,
    senders: usize,
    count: usize,
) -> Result<u64, Fault> {
    let ring = Ring::new(Kind::Messages, count.next_multiple_of(8), senders, DOMAIN);
    let tally = Tally::new(&ring, Answers::Given);
    let (began, cpu) = (clock::now(), child.cpu());
    pump(
        stream,
        &tally,
        Pace::Window(WINDOW),
        Some(count as u64),
        |pump| pump.go_on_to_the_limit(|| child.alive()),
    )?;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), child.cpu() - cpu);
    clock::pause(SETTLE);
    let (now, peak) = child.memory();
    let answers = count as f64;
    println!(
        "{title:<36}{:>11.0}{:>12.3}{now:>14}{peak:>10}",
        answers / seconds,
        cpu / answers * 1e5
    );
    Ok(now)
}
