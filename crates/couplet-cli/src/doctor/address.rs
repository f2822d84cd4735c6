//! Step `address`: the server lets the component send from its addresses.
//!
//! All requests go to the component's own domain.

use std::time::Duration;

use couplet::error::Software;
use tokio::time::timeout;

use super::doctor_stream::{DoctorStream, StreamEnd};
use super::login::DoctorSession;
use super::probe::{own_address, wait_until_routed};
use super::report::{Checked, Finding};

/// Pings the component itself: a server that does not let the component send ends the stream.
pub(super) async fn check(session: &mut DoctorSession<'_>) -> Checked<()> {
    let (domain, limit, software) = (session.domain(), session.limit, session.software);
    let sender = format!("couplet-doctor@{domain}");
    let sending = drops_bare_iqs(&mut session.stream, &sender, domain, limit);
    match timeout(limit, Box::pin(sending)).await {
        Ok(Ok(drops)) => {
            session.drops_bare_iqs = drops;
            let message = format!("the server lets the component send as {sender}");
            let finding = match drops {
                false => Finding::pass(message),
                true => bare_iqs_dropped(&message),
            };
            Ok((finding, ()))
        }
        Ok(Err(end)) => Err(Finding::fail(
            format!("the server does not let the component send as {sender}: {end}"),
            "The server compares the domain of `from` with the domain of its own configuration in \
             lower case: write\nthe same domain in both places.",
        )),
        Err(_elapsed) => Err(nothing_returned(software, limit)),
    }
}

/// Pings an address with a resource, then one without; returns whether only the first ping came back.
async fn drops_bare_iqs(
    stream: &mut DoctorStream,
    sender: &str,
    domain: &str,
    limit: Duration,
) -> Result<bool, StreamEnd> {
    let from = format!("{sender}/doctor");
    wait_until_routed(stream, &from, &own_address(domain)).await?;
    let bare = timeout(limit / 2, wait_until_routed(stream, &from, domain)).await;
    bare.map_or(Ok(true), |routed| routed.map(|()| false))
}

fn nothing_returned(software: Option<Software>, limit: Duration) -> Finding {
    let finding = Finding::timed_out(limit);
    match software {
        Some(Software::Ejabberd) => finding.with_advice(
            "Or the `access` of the listener lets no stanza through to this component, as `access: none` \
             does. In\nejabberd.yml, then `ejabberdctl reload_config`:\n\n  listen:\n    -\n      module: \
             ejabberd_service\n      access: all",
        ),
        _ => finding,
    }
}

fn bare_iqs_dropped(message: &str) -> Finding {
    Finding::warn(
        format!("{message}, but drops IQs to addresses without a resource"),
        "ejabberd since 24.10 drops these IQs of every component while mod_privilege is loaded (its \
         issues 4472 and\n4609): what this component asks users, rooms and the server gets no \
         response. Messages, presence and\nCouplet's own self-pings are not affected. Where no \
         component needs privileges, remove from ejabberd.yml:\n\n  modules:\n    mod_privilege: {}\n\n\
         and restart ejabberd.",
    )
}
