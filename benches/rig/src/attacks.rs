//! Attacks by peers and by faulty servers: the component's memory, and the latency for another
//! sender.
//!
//! Each attack starts a new process. The figures are printed for comparison; only memory has a
//! limit, because it does not depend on the load of the machine.

mod neighbour;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use memchr::memmem;

use crate::child::Child;
use crate::clock;
use crate::fault::Fault;
use crate::peers::{Peer, Role};
use crate::port::Port;
use neighbour::{Line, Report};

/// Maximum memory of a component in MiB, whatever it receives.
const AT_MOST: u64 = 200;
const ECHO: &str = "echo.localhost";
const PUBSUB: &str = "pubsub.localhost";

/// The programs and the attacks.
#[derive(clap::Args)]
pub(crate) struct Attacks {
    /// The program `echo`
    #[arg(long, default_value = "target/release/echo")]
    echo: PathBuf,
    /// The program `pubsub`
    #[arg(long, default_value = "target/release/pubsub")]
    pubsub: PathBuf,
    /// Only attacks whose name has one of these prefixes, separated by commas
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// One attack: its name and its function.
type Attack = (&'static str, fn(&Attacks) -> Result<Outcome, Fault>);

const ATTACKS: [Attack; 10] = [
    ("trees-one-sender", |attacks| attacks.trees(300, 1, 60_000)),
    ("trees-within-the-limit", |attacks| {
        attacks.trees(300, 1, 19_000)
    }),
    ("trees-1000-senders", |attacks| {
        attacks.trees(1_000, 1_000, 60_000)
    }),
    ("texts-1000-senders", |attacks| {
        attacks.trees(1_000, 1_000, 0)
    }),
    ("many-subscriptions", Attacks::many_subscriptions),
    ("mismatched-end-tag", Attacks::mismatched_end_tag),
    ("after-the-end", Attacks::after_the_end),
    ("idle-visitors", Attacks::idle_visitors),
    ("oversized-stanzas", Attacks::oversized_stanzas),
    ("dead-for-stanzas", Attacks::dead_for_stanzas),
];

/// The result of an attack.
struct Outcome {
    peak: u64,
    words: String,
}

/// Runs the attacks and prints a line for each.
pub(crate) fn run(attacks: &Attacks) -> Result<ExitCode, Fault> {
    println!("{:<24}{:>9}  what a neighbour felt", "attack", "peak MiB");
    let mut within = true;
    for (name, attack) in ATTACKS {
        let chosen = |only: &String| name.starts_with(only.as_str());
        if !attacks.only.is_empty() && !attacks.only.iter().any(chosen) {
            continue;
        }
        match attack(attacks) {
            Ok(Outcome { peak, words }) => {
                within &= peak <= AT_MOST;
                println!("{name:<24}{peak:>9}  {words}");
            }
            Err(fault) => {
                within = false;
                println!("{name:<24}{:>9}  {fault}", "");
            }
        }
    }
    println!("{AT_MOST} MiB are allowed");
    Ok(if within {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A running component, and the folder that it may write to.
struct Target {
    port: Port,
    child: Child,
    folder: PathBuf,
}

impl Target {
    fn start(program: &Path, domain: &str, settings: &[(&str, &str)]) -> Result<Target, Fault> {
        let folder = std::env::temp_dir().join(format!("rig-attacks-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let store = format!("sqlite:{}", folder.join("pubsub.db").display());
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mut environment: Vec<_> = settings.iter().map(own).collect();
        if domain == PUBSUB {
            environment.push(("COUPLET_PUBSUB_STORE".to_owned(), store));
        }
        let peer = Peer {
            name: domain.to_owned(),
            role: Role::Ours,
            program: program.to_owned(),
            arguments: Vec::new(),
            environment,
        };
        let port = Port::open(domain)?;
        let child = Child::start(&peer, &port.door)?;
        Ok(Target {
            port,
            child,
            folder,
        })
    }

    fn line(&mut self, domain: &str) -> Result<Line, Fault> {
        Line::new(self.port.accept(&mut self.child)?, domain)
    }

    fn outcome(&self, words: String) -> Outcome {
        let peak = self.child.memory().1.div_ceil(1024);
        Outcome { peak, words }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _a_folder_for_temporary_files = std::fs::remove_dir_all(&self.folder);
    }
}

impl Attacks {
    /// Sends publications of 240,000 bytes, each to another address of the service.
    fn trees(&self, stanzas: usize, senders: usize, elements: usize) -> Result<Outcome, Fault> {
        let mut target = Target::start(&self.pubsub, PUBSUB, &[])?;
        let line = target.line(PUBSUB)?;
        let inside = "<a/>".repeat(elements);
        let text = "x".repeat(240_000 - inside.len());
        let publication = move |n: usize| {
            let sender = n % senders;
            format!(
                "<iq type='set' id='b{n}' from='o{sender}@l/o' to='x{n}@{PUBSUB}'>\
                 <pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n{n}'>\
                 <item><e xmlns='u'>{inside}{text}</e></item></publish></pubsub></iq>"
            )
            .into_bytes()
        };
        let report = line.attacked_by((0..stanzas).map(publication))?;
        Ok(target.outcome(words(&report)))
    }

    /// Subscribes one peer as often as allowed, then sends publications that are rejected.
    fn many_subscriptions(&self) -> Result<Outcome, Fault> {
        let mut target = Target::start(&self.pubsub, PUBSUB, &[])?;
        let line = target.line(PUBSUB)?;
        let iq = |id: &str, from: &str, inside: &str| {
            format!(
                "<iq type='set' id='{id}' from='{from}@l/r' to='{PUBSUB}'>\
                 <pubsub xmlns='http://jabber.org/protocol/pubsub'>{inside}</pubsub></iq>"
            )
            .into_bytes()
        };
        let created = iq("c", "owner", "<create node='n'/>");
        line.attacked_by([created].into_iter())?;
        let options = "<options><x xmlns='jabber:x:data' type='submit'/></options>";
        let subscribe = format!("<subscribe node='n' jid='eve@l/r'/>{options}");
        let mut taken = 0;
        for round in 0..60 {
            let fifty = (0..50).map(|n| iq(&format!("s{round}-{n}"), "eve", &subscribe));
            let report = line.attacked_by(fifty)?;
            taken += report.answers - report.errors;
        }
        let forbidden = "<publish node='n'><item><e xmlns='u'/></item></publish>";
        let (mut latencies, begun) = (Vec::new(), clock::now());
        let mut refused = 0;
        while begun.elapsed() < Duration::from_secs(5) {
            let many = (0..50).map(|n| iq(&format!("p{n}"), "eve", forbidden));
            let report = line.attacked_by(many)?;
            refused += report.errors;
            latencies.extend(report.latencies);
        }
        latencies.sort_unstable();
        let report = Report {
            latencies,
            unanswered: 0,
            answers: refused,
            errors: refused,
        };
        let words = format!("{taken} subscriptions taken; {}", words(&report));
        Ok(target.outcome(words))
    }

    /// Sends a mismatched end tag: all that follows could count as content of that stanza.
    fn mismatched_end_tag(&self) -> Result<Outcome, Fault> {
        let mut target = Target::start(&self.echo, ECHO, &[])?;
        let line = target.line(ECHO)?;
        line.write(b"<message from='a@l/r' to='echo.localhost'><body>x</message>")?;
        let begun = clock::now();
        while !line.has_ended() && begun.elapsed() < Duration::from_secs(60) {
            line.write(b"<message from='b@l/r' to='echo.localhost'><body>x</body></message>")
                .ok();
            clock::pause(Duration::from_millis(10));
        }
        let took = begun.elapsed();
        let words = match line.has_ended() {
            true => format!("the stream ended after {}", millis(took)),
            false => "nothing was answered for 60 s".to_owned(),
        };
        Ok(target.outcome(words))
    }

    /// Continues to send after the component's end of the stream, as a server that never closes its
    /// own.
    fn after_the_end(&self) -> Result<Outcome, Fault> {
        const CLOSING: &[u8] = b"</stream:stream>";
        let (mut behind, mut peak) = (0, 0);
        for _ in 0..8 {
            let mut target = Target::start(&self.echo, ECHO, &[])?;
            let mut stream = target.port.accept(&mut target.child)?;
            let mut writer = stream.try_clone()?;
            let writing = thread::spawn(move || {
                let ping = format!(
                    "<iq type='get' id='p' from='bob@l/r' to='{ECHO}'>\
                     <ping xmlns='urn:xmpp:ping'/></iq>"
                );
                while writer.write_all(ping.as_bytes()).is_ok() {
                    clock::pause(Duration::from_micros(200));
                }
            });
            clock::pause(Duration::from_millis(200));
            target.child.ask_to_end();
            let mut bytes = Vec::new();
            let _reset_perhaps = stream.read_to_end(&mut bytes);
            let end = memmem::find(&bytes, CLOSING).map(|at| at + CLOSING.len());
            let end = end.ok_or_else(|| Fault::new("the stream was not closed"))?;
            behind += usize::from(bytes.len() > end);
            peak = peak.max(target.outcome(String::new()).peak);
            drop(stream);
            let _it_has_ended = writing.join();
        }
        let words = format!("{behind} of 8 streams went on after their end");
        Ok(Outcome { peak, words })
    }

    /// Opens as many connections as this process may, each with half a request.
    fn idle_visitors(&self) -> Result<Outcome, Fault> {
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let settings = [("COUPLET_OPS_LISTEN", &*free)];
        let mut target = Target::start(&self.echo, ECHO, &settings)?;
        let _line = target.line(ECHO)?;
        let mut idle = Vec::new();
        let timeout = Duration::from_secs(1);
        while idle.len() < 10_000 {
            let address = free.parse().map_err(|_| Fault::new("no address"))?;
            let Ok(mut stream) = TcpStream::connect_timeout(&address, timeout) else {
                break;
            };
            let _closed_already = stream.write_all(b"GET /healthz HTTP/1.1\r\nHo");
            idle.push(stream);
        }
        let begun = clock::now();
        let answered = health(&free, Duration::from_secs(30));
        let words = format!(
            "{} idle connections; /healthz {}",
            idle.len(),
            match answered {
                true => format!("answered after {}", millis(begun.elapsed())),
                false => "did not answer within 30 s".to_owned(),
            }
        );
        Ok(target.outcome(words))
    }

    /// Sends oversized stanzas, each of which could cause a log line.
    fn oversized_stanzas(&self) -> Result<Outcome, Fault> {
        let mut target = Target::start(&self.echo, ECHO, &[])?;
        let line = target.line(ECHO)?;
        let text = "x".repeat(600_000);
        let large = |n: usize| {
            format!(
                "<iq type='get' id='b{n}' from='eve@l/r' to='{ECHO}'><x xmlns='u'>{text}</x></iq>"
            )
            .into_bytes()
        };
        let report = line.attacked_by((0..500).map(large))?;
        let lines = target.child.log().matches("over a limit").count();
        let words = format!("{lines} lines in the log; {}", words(&report));
        Ok(target.outcome(words))
    }

    /// Acts as a server that reads everything and never answers, but sends a space each second.
    fn dead_for_stanzas(&self) -> Result<Outcome, Fault> {
        let settings = [
            ("COUPLET_TIMING_KEEPALIVE", "1s"),
            ("COUPLET_TIMING_DEAD_AFTER", "3s"),
        ];
        let mut target = Target::start(&self.echo, ECHO, &settings)?;
        let mut stream = target.port.accept(&mut target.child)?;
        answer_one_ping(&mut stream)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let (begun, mut buffer) = (clock::now(), [0; 4096]);
        let patience = Duration::from_secs(20);
        let ended = loop {
            match stream.read(&mut buffer) {
                Ok(0) => break true,
                _ if begun.elapsed() > patience => break false,
                _ => {}
            }
            if stream.write_all(b" ").is_err() {
                break true;
            }
        };
        let words = match ended {
            true => format!("the stream ended after {}", millis(begun.elapsed())),
            false => "the stream was kept for 20 s, with dead_after = 3 s".to_owned(),
        };
        Ok(target.outcome(words))
    }
}

/// Routes the first self-ping back, so that the component knows that they are answered.
fn answer_one_ping(stream: &mut TcpStream) -> Result<(), Fault> {
    let ping = crate::port::read_to(stream, b"<iq ", b"</iq>")?;
    Ok(stream.write_all(&ping)?)
}

fn health(address: &str, patience: Duration) -> bool {
    let begun: Instant = clock::now();
    while begun.elapsed() < patience {
        let Ok(mut stream) = TcpStream::connect(address) else {
            continue;
        };
        let _its_answer_tells = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let _its_answer_tells =
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        let _its_answer_tells = stream.read_to_string(&mut answer);
        if answer.ends_with("alive\n") {
            return true;
        }
    }
    false
}

fn words(report: &Report) -> String {
    let count = report.latencies.len();
    let at = |part: usize| report.latencies.get(count * part / 100).copied();
    let (half, most) = (at(50), report.latencies.last().copied());
    let unanswered = match report.unanswered {
        0 => String::new(),
        pings => format!(", {pings} pings without an answer"),
    };
    format!(
        "pings {} median, {} longest{unanswered}; {} answers, {} of them errors",
        millis(half.unwrap_or_default()),
        millis(most.unwrap_or_default()),
        report.answers,
        report.errors
    )
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
