//! The way from the name to the last stanza; it ends where a step fails that others need.
//!
//! Deliberately absent: what a step looks at.

use std::future::Future;
use std::time::Duration;

use couplet::error::Software;
use couplet::{Config, Jid};
use tokio::time::timeout;

use super::chart::{Chart, Finding, Step};
use super::company::{self, Consent};
use super::door::Door;
use super::home::BareAddresses;
use super::line::Line;
use super::lock::Lock;
use super::reach::{self, Place};
use super::{home, host, routes, second, size};

const SILENT: &str = "The connection was taken and then nothing came: it may be the port of another \
                      service, or a proxy\nwhose server is down. Components usually connect to 5347.";

const UNASKED: &str =
    "the server drops IQs to addresses without a resource, as the step address says";

/// Each step within its time. `None` means that it ended early, as the chart tells.
pub(super) async fn walk(
    config: &Config,
    consent: Consent,
    limit: Duration,
    chart: &mut Chart,
) -> Option<()> {
    let places = chart.note(Step::Name, within(limit, reach::resolve(config)).await)?;
    let connecting = within(limit + limit / 4, reach::connect(config, places, limit));
    let connected = company::or_open_to_others(config, connecting.await);
    let place = chart.note(Step::Connection, connected)?;
    let lock = chart.note(Step::Tls, within(limit, lock(config, &place)).await)?;
    let door = Door {
        config,
        domain: Jid::new(&config.domain).ok()?,
        place,
        lock,
    };
    let knocked = match timeout(limit, Box::pin(door.knock())).await {
        Ok(found) => found,
        Err(_) => (Finding::too_slow(limit).and(SILENT), None),
    };
    let software = chart.note(Step::Stream, knocked)?;
    // A person may think about it as long as it takes.
    let examined = company::examine(&door.place, &config.domain, consent).await;
    chart.note(Step::Instances, examined)?;
    let line = chart.note(Step::Login, within(limit, login(&door)).await)?;
    inside(&door, software, line, limit, chart).await?;
    let examined = within(limit, second::any_domain(&door, software)).await;
    chart.note(Step::Secrecy, examined)
}

async fn lock(config: &Config, place: &Place) -> (Finding, Option<Option<Lock>>) {
    match (Lock::new(config), place) {
        (Err(finding), _) => (finding, None),
        (Ok(Some(lock)), Place::Tcp(address)) => {
            let finding = lock.examine(config, *address).await;
            let lock = (!finding.has_failed()).then_some(Some(lock));
            (finding, lock)
        }
        _ => (
            Finding::skipped("not configured (tls://host:port would be)"),
            Some(None),
        ),
    }
}

async fn login(door: &Door<'_>) -> (Finding, Option<Line>) {
    match door.enter().await {
        Ok(line) => {
            let told = format!("the server takes us in as {}", door.config.domain);
            (Finding::pass(told), Some(line))
        }
        Err(finding) => (finding, None),
    }
}

/// The steps behind the login.
async fn inside(
    door: &Door<'_>,
    software: Option<Software>,
    mut line: Line,
    limit: Duration,
    chart: &mut Chart,
) -> Option<()> {
    let domain = door.config.domain.as_str();
    let address = timeout(limit, Box::pin(home::address(&mut line, domain, limit))).await;
    let silent = |_| (home::nothing_comes(software, limit), None);
    let bare = chart.note(Step::Address, address.unwrap_or_else(silent))?;
    chart.note(
        Step::Routes,
        within(limit, routes::examine(&mut line, domain, limit)).await,
    )?;
    if bare == BareAddresses::Dropped {
        for step in [Step::Host, Step::Neighbours] {
            chart.note(step, (Finding::skipped(UNASKED), Some(())))?;
        }
    } else {
        let examined = within(limit, host::examine(&mut line, domain, limit)).await;
        let others = chart.note(Step::Host, examined)?;
        let examined = within(limit, host::neighbours(&mut line, domain, &others, limit)).await;
        chart.note(Step::Neighbours, examined)?;
    }
    let line = chart.note(Step::Size, within(limit, size::examine(line, door)).await)?;
    let line = chart.note(
        Step::Second,
        within(limit, second::examine(line, door)).await,
    )?;
    let examined = within(limit, second::foreign(line, domain, limit)).await;
    chart.note(Step::Foreign, examined)
}

async fn within<T>(
    limit: Duration,
    step: impl Future<Output = (Finding, Option<T>)>,
) -> (Finding, Option<T>) {
    match timeout(limit, Box::pin(step)).await {
        Ok(found) => found,
        Err(_) => (Finding::too_slow(limit), None),
    }
}
