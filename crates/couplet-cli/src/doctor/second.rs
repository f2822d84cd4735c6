//! What the server does with a second instance, and with a stanza that speaks for somebody else.
//!
//! Seen in servers.md, 2 and 3.

use std::time::Duration;

use couplet::error::{Reason, Rejected, Software};
use tokio::time::{Instant, timeout, timeout_at};

use super::chart::Finding;
use super::door::Door;
use super::home::{PING, id, own, went};
use super::line::{Line, Lost};

/// RFC 2606: a domain that nobody has.
const FOREIGN: &str = "couplet-doctor@couplet.invalid/doctor";

/// Logs in a second time beside the first; the value is a line to go on with.
pub(super) async fn examine(mut line: Line, door: &Door<'_>) -> (Finding, Option<Line>) {
    let mut other = match door.enter_again().await {
        Ok(other) => other,
        Err(lost) => return (refused(door, &lost), Some(line)),
    };
    let domain = &door.config.domain;
    let (here, there) = (
        is_alive(&mut line, domain).await,
        is_alive(&mut other, domain).await,
    );
    line.leave().await;
    let finding = match (here, there) {
        (false, true) => Finding::pass(
            "a second instance takes the place of the first, which ends (Prosody's kick_old)",
        ),
        (true, true) => Finding::pass(
            "a second instance is let in as well, and the stanzas are dealt out (ejabberd)",
        ),
        _ => Finding::warn(
            "a second login ended both",
            "Run one instance of this component.",
        ),
    };
    (finding, there.then_some(other))
}

/// A stanza in the name of a foreign domain has to end the stream.
pub(super) async fn foreign(
    mut line: Line,
    domain: &str,
    limit: Duration,
) -> (Finding, Option<()>) {
    let id = id();
    let said = async {
        line.ask(FOREIGN, &own(domain), &id, PING).await?;
        loop {
            if went(&line.heard(&["couplet.invalid"]).await?, &id).is_some() {
                return Ok::<(), Lost>(());
            }
        }
    };
    let finding = match timeout(limit / 2, said).await {
        Ok(Err(Lost::Refused(error))) => Finding::pass(format!(
            "the server ends a stream that does ({})",
            error.condition
        )),
        Ok(Err(_)) => Finding::pass("the server ends a stream that does"),
        Ok(Ok(())) => Finding::warn(
            "the server lets a component speak for foreign domains",
            "Whoever knows this secret can speak as anybody. Take these lines out where nobody \
             needs them.\nProsody, in the Component's section:  validate_from_addresses = false\n\
             ejabberd, in the listener:  check_from: false",
        ),
        Err(_) => Finding::pass("what speaks for a foreign domain arrives nowhere"),
    };
    (finding, Some(()))
}

/// The secret has to be good for our domain alone, which ejabberd's `password` without `hosts` is not.
pub(super) async fn any_domain(
    door: &Door<'_>,
    software: Option<Software>,
) -> (Finding, Option<()>) {
    let finding = match software {
        Some(Software::Prosody) => Finding::skipped("Prosody has a secret for each domain"),
        _ if door.takes_any_domain().await => Finding::warn(
            "this secret opens any domain, also those of others and of the internet",
            "In ejabberd.yml put the password below the domain in `hosts`, and then `ejabberdctl \
             reload_config`:\n\n  hosts:\n    \"DOMAIN\":\n      password: \"…the same secret…\""
                .replace("DOMAIN", &door.config.domain),
        ),
        _ => Finding::pass("this secret opens no other domain"),
    };
    (finding, Some(()))
}

fn refused(door: &Door<'_>, lost: &Lost) -> Finding {
    let Lost::Refused(error) = lost else {
        return Finding::warn(format!("a second instance is not let in: {lost}"), "");
    };
    let server = door.config.server.clone();
    let text = error.text.as_deref();
    let rejected = Rejected::new(&door.config.domain, server, &error.condition, text);
    match rejected.reason() {
        Reason::Taken => Finding::pass(
            "a second instance is refused while the first is there, and waits (Prosody's kick_new)",
        ),
        _ => Finding::warn(format!("a second instance is not let in: {lost}"), ""),
    }
}

/// Whether the server still talks on a line, or is about to end it.
async fn is_alive(line: &mut Line, domain: &str) -> bool {
    let own = own(domain);
    if line.ask(&own, &own, &id(), PING).await.is_err() {
        return false;
    }
    let deadline = Instant::now() + Duration::from_millis(500);
    loop {
        // What was said before the end is heard before it.
        match timeout_at(deadline, line.heard(&[])).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return false,
            Err(_) => return true,
        }
    }
}
