//! `couplet doctor`: checks step by step why a component does not get online, and what to do about it.
//!
//! Each step that the user sees has a file of its name, with a function `check`; `steps.rs` runs them
//! in order. A step may use earlier steps and what is declared below them.
//!
//! The doctor never changes a configuration; it prints what to paste.

mod steps;
mod secrecy;
mod foreign;
mod second;
mod size;
mod neighbours;
mod host;
mod routes;
mod address;
mod disco;
mod probe;
mod login;
mod instances;
mod stream;
mod dialer;
mod doctor_stream;
mod tls;
mod connection;
mod name;
mod config;
mod secret;
mod process;
mod socket_table;
mod endpoint;
mod report;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;

use self::instances::Consent;
use self::report::{Report, ReportFormat, Step};
use crate::component_args::ComponentArgs;
use crate::failure::{Failure, context};
use crate::log;
use crate::signals::run_until_signal;

const ABOUT_STEPS: &str = "\
The steps, in this order. Each prints pass, warn or FAIL and the reason, and what to paste into the
configuration of Prosody or ejabberd:
";

const AFTER_STEPS: &str = "
A login can disturb a running instance: Prosody with kick_old ends its connection, ejabberd routes
only a part of the stanzas to it. So the doctor logs in only where no program of this machine is
connected to the server, or only components of other domains are (it reads their settings, where it
may). Otherwise it asks, and without a terminal it stops before the login, unless --takeover is
given. Instances on other machines cannot be seen. What others send to the component meanwhile is
answered with recipient-unavailable.

Examples:
    couplet doctor
    couplet doctor --config /etc/echo/couplet.toml
    COUPLET_SECRET=wrong couplet doctor --domain echo.localhost --json

Exit codes:
    0    every step passed, some perhaps with a warning
    1    a step failed
    2    the arguments, the configuration or the secret are wrong
    3    nothing failed, but the login was not tried
    130  interrupted by a signal";

/// Find out why a component does not get online, and what to do about it
#[derive(Args, Debug)]
#[command(after_help = [ABOUT_STEPS, &Step::list(), AFTER_STEPS].concat())]
pub(crate) struct Doctor {
    #[command(flatten)]
    component: ComponentArgs,
    /// Log in even if that may disturb a running instance
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
        let format = match self.json {
            true => ReportFormat::Json,
            false => ReportFormat::Lines,
        };
        let mut report = Report::new(format);
        if let Some(config) = steps::read_config(&self.component, &mut report) {
            log::start(config.clone(), filter)?;
            let running = steps::run(&config, self.consent(), self.timeout, &mut report);
            run_until_signal(async { Ok(running.await) })?;
        }
        report
            .finish()
            .map_err(context("writing to standard output"))?;
        match report.exit_code() {
            0 => Ok(()),
            code => Err(Failure::already_reported(code)),
        }
    }

    fn consent(&self) -> Consent {
        match self.takeover {
            true => Consent::Granted,
            false if !self.json && std::io::stdin().is_terminal() => Consent::Ask,
            false => Consent::Denied,
        }
    }
}
