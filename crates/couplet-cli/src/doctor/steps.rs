//! Runs the steps in order. A step without the result that later ones need ends the examination.

use std::future::Future;
use std::time::Duration;

use couplet::{Config, Jid};
use tokio::time::timeout;

use super::dialer::Dialer;
use super::instances::Consent;
use super::report::{Checked, Finding, Report, Step};
use super::{
    address, config, connection, foreign, host, instances, login, name, neighbours, routes, second,
    secrecy, secret, size, stream, tls,
};
use crate::component_args::ComponentArgs;

/// Runs the steps before a connection; returns `None` if the configuration cannot be used.
pub(super) fn read_config(args: &ComponentArgs, report: &mut Report) -> Option<Config> {
    let loaded = report.add(Step::Config, config::check(args))?;
    let config = report.add(Step::Secret, secret::check(loaded))?;
    report.set_subject(format!("{} at {}", config.domain, config.server));
    Some(config)
}

/// Runs the steps with a connection, each within `limit`. Returns `None` if one ended the
/// examination.
pub(super) async fn run(
    config: &Config,
    consent: Consent,
    limit: Duration,
    report: &mut Report,
) -> Option<()> {
    let endpoints = report.add(Step::Name, within(limit, name::check(config)).await)?;
    let connecting = connection::check(config, endpoints, limit);
    let connected = within(limit + limit / 4, connecting).await;
    let endpoint = report.add(Step::Connection, connected)?;
    let tls = report.add(
        Step::Tls,
        within(limit, tls::check(config, &endpoint)).await,
    )?;
    let dialer = Dialer {
        config,
        domain: Jid::new(&config.domain).ok()?,
        endpoint,
        tls,
    };
    let software = report.add(Step::Stream, stream::check(&dialer, limit).await)?;
    // Without a limit, because the user may be asked.
    report.add(Step::Instances, instances::check(&dialer, consent).await)?;
    let logging_in = login::check(&dialer, software, limit);
    let mut session = report.add(Step::Login, within(limit, logging_in).await)?;
    let session = &mut session;
    report.add(Step::Address, address::check(session).await)?;
    report.add(Step::Routes, within(limit, routes::check(session)).await)?;
    report.add(Step::Host, within(limit, host::check(session)).await)?;
    let examined = within(limit, neighbours::check(session)).await;
    report.add(Step::Neighbours, examined)?;
    report.add(Step::Size, within(limit, size::check(session)).await)?;
    report.add(Step::Second, within(limit, second::check(session)).await)?;
    report.add(Step::Foreign, within(limit, foreign::check(session)).await)?;
    report.add(Step::Secrecy, within(limit, secrecy::check(session)).await)
}

async fn within<T>(limit: Duration, step: impl Future<Output = Checked<T>>) -> Checked<T> {
    let timed_out = |_elapsed| Err(Finding::timed_out(limit));
    timeout(limit, Box::pin(step))
        .await
        .unwrap_or_else(timed_out)
}
