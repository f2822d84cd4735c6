//! Step `foreign`: the server rejects stanzas from foreign domains (docs/servers.md, 3).

use tokio::time::timeout;

use super::doctor_stream::{DoctorStream, StreamEnd};
use super::login::DoctorSession;
use super::probe::{PING, is_about, new_id, own_address};
use super::report::{Checked, Finding};

/// RFC 2606: a domain that does not exist.
const DOMAIN: &str = "couplet.invalid";
const SENDER: &str = "couplet-doctor@couplet.invalid/doctor";

pub(super) async fn check(session: &mut DoctorSession<'_>) -> Checked<()> {
    let (domain, limit) = (session.domain(), session.limit);
    let sending = send_as_foreign(&mut session.stream, domain);
    let finding = match timeout(limit / 2, sending).await {
        Ok(Err(StreamEnd::Rejected(error))) => Finding::pass(format!(
            "the server ends the stream for such a stanza ({})",
            error.condition
        )),
        Ok(Err(_)) => Finding::pass("the server ends the stream for such a stanza"),
        Ok(Ok(())) => Finding::warn(
            "the server lets a component send from foreign domains",
            "With this secret a program can send as any user. Remove these lines, unless they are \
             needed.\nProsody, in the Component's section:  validate_from_addresses = false\n\
             ejabberd, in the listener:  check_from: false",
        ),
        Err(_elapsed) => Finding::pass("the server does not deliver such a stanza"),
    };
    Ok((finding, ()))
}

/// Sends a stanza from a foreign domain; returns once it has arrived.
async fn send_as_foreign(stream: &mut DoctorStream, domain: &str) -> Result<(), StreamEnd> {
    let id = new_id();
    stream
        .send_get(SENDER, &own_address(domain), &id, PING)
        .await?;
    while !is_about(&stream.next_stanza(&[DOMAIN]).await?, &id) {}
    Ok(())
}
