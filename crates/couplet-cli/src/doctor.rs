//! `couplet doctor`: why a component does not get online, step by step, with the cure.
//!
//! Deliberately absent: changing anything. It says what to paste; a person pastes it.

mod walk;
mod second;
mod size;
mod routes;
mod host;
mod home;
mod door;
mod company;
mod process;
mod stranger;
mod line;
mod lock;
mod reach;
mod paper;
mod chart;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;

use self::chart::{Chart, Shown};
use self::company::Consent;
use crate::failure::{Failure, doing};
use crate::given::Given;
use crate::log;
use crate::signals::Signals;

const AFTER_HELP: &str = "\
The steps, in this order; each says pass, warn or FAIL and why, and what to paste into the
configuration of Prosody or ejabberd:
    config      the file, the environment and the flags are right
    secret      it can be read, by nobody else, and has no stray spaces
    name        the server's name has addresses
    connection  each of them takes connections
    tls         the certificate is trusted, for this name, for long enough
    stream      a server for components answers
    instances   no instance is connected that would be disturbed by what follows
    login       the server knows the domain, and the secret is the same
    address     the server lets the component speak for its addresses
    routes      what is sent to the domain comes here, all of it
    host        which server it is, and whether the domain above answers
    neighbours  what is sent to other components does not come here
    size        the largest stanza we may send is taken
    second      what happens to a second instance
    foreign     no component may speak for foreign domains
    secrecy     the secret opens this domain and no other

A login can disturb an instance that is running: Prosody with kick_old ends its connection,
ejabberd gives it only a part of the stanzas. So the doctor logs in only where no program of this
machine is connected to the server, or only components of other domains are (it reads their
settings, where it may). Otherwise it asks, and without a terminal it stops before the login, unless
--takeover says that it may go on. Instances on other machines cannot be seen. What others send to
the component meanwhile is answered with recipient-unavailable.

Examples:
    couplet doctor
    couplet doctor --config /etc/echo/couplet.toml
    COUPLET_SECRET=wrong couplet doctor --domain echo.localhost --json

Exit codes:
    0    every step passed, some perhaps with a warning
    1    a step failed
    2    the arguments, the configuration or the secret are wrong
    3    nothing failed, but the login was not tried
    130  a signal came first";

/// Find out why a component does not get online, and what to do about it
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Doctor {
    #[command(flatten)]
    given: Given,
    /// Log in even where that may disturb an instance that is running
    #[arg(long)]
    takeover: bool,
    /// How long one step may take; all of them together take at most sixteen times as long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) fn run(self, filter: &str) -> Result<(), Failure> {
        let shown = match self.json {
            true => Shown::AsJson,
            false => Shown::AsLines,
        };
        let mut chart = Chart::new(shown);
        if let Some(config) = paper::read(&self.given, &mut chart) {
            log::start(config.clone(), filter)?;
            let consent = match self.takeover {
                true => Consent::Given,
                false if !self.json && std::io::stdin().is_terminal() => Consent::Asked,
                false => Consent::Refused,
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(doing("starting the runtime"))?;
            let walked = runtime.block_on(walked(config, consent, self.timeout, &mut chart));
            // A thread that waits for a person's answer must not keep the process.
            runtime.shutdown_background();
            walked?;
        }
        chart
            .finish()
            .map_err(doing("writing to standard output"))?;
        // The chart has told everything; what is left to say is the code.
        match chart.exit_code() {
            0 => Ok(()),
            code => Err(Failure::told(code)),
        }
    }
}

async fn walked(
    config: couplet::Config,
    consent: Consent,
    limit: Duration,
    chart: &mut Chart,
) -> Result<(), Failure> {
    let mut signals = Signals::listen().map_err(doing("listening for signals"))?;
    tokio::select! {
        biased;
        () = signals.next() => Err(Failure::interrupted()),
        _ended_early = Box::pin(walk::walk(&config, consent, limit, chart)) => Ok(()),
    }
}
