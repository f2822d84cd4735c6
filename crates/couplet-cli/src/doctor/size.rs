//! Step `size`: the server accepts the largest stanza that the component may send.
//!
//! It finds a size that works by halving, not the exact limit of the server.

use super::doctor_stream::{DoctorStream, StreamEnd, iq_get};
use super::login::{DoctorSession, login};
use super::probe::{new_id, own_address, wait_until_routed};
use super::report::{Checked, Finding};

/// RFC 6120, 13.12: every server accepts stanzas of this size.
const LEAST: usize = 10_000;

/// Sends a stanza of `limits.outgoing_stanza_bytes` to the component itself, and smaller ones if
/// the server ends the stream.
pub(super) async fn check(session: &mut DoctorSession<'_>) -> Checked<()> {
    let domain = session.domain();
    let largest = session.dialer.config.limits.outgoing_stanza_bytes;
    let Err(end) = send(&mut session.stream, domain, largest).await else {
        let message = format!(
            "the server accepts a stanza of {largest} bytes (limits.outgoing_stanza_bytes)"
        );
        return Ok((Finding::pass(message), ()));
    };
    let mut size = largest;
    loop {
        size = (size / 2).max(LEAST);
        session.stream = login(session.dialer).await?;
        match send(&mut session.stream, domain, size).await {
            Ok(()) => return Ok((too_large(largest, size, &end), ())),
            Err(_) if size == LEAST => {
                let message = format!("the server accepts not even {LEAST} bytes: {end}");
                return Err(Finding::fail(message, advice(largest)));
            }
            Err(_) => {}
        }
    }
}

fn too_large(largest: usize, accepted: usize, end: &StreamEnd) -> Finding {
    Finding::fail(
        format!(
            "a stanza of {largest} bytes (limits.outgoing_stanza_bytes) is too large, one of {accepted} \
             is accepted: {end}"
        ),
        format!(
            "Do not send larger ones: in couplet.toml\n\n  [limits]\n  outgoing_stanza_bytes = \
             {accepted}\n\n{}",
            advice(largest)
        ),
    )
}

fn advice(largest: usize) -> String {
    format!(
        "Or let the server accept larger ones.\nProsody, in prosody.cfg.lua above the first \
         VirtualHost, then a restart:\n\n  component_stanza_size_limit = {largest}\n\n\
         ejabberd, in ejabberd.yml, then `ejabberdctl reload_config`:\n\n  listen:\n    -\n      \
         module: ejabberd_service\n      max_stanza_size: {largest}"
    )
}

/// Sends a padded ping; any response to a later stanza shows that the server accepted it.
async fn send(stream: &mut DoctorStream, domain: &str, size: usize) -> Result<(), StreamEnd> {
    let id = new_id();
    let ping = |padding| format!("<ping xmlns='urn:xmpp:ping'>{}</ping>", " ".repeat(padding));
    let own = own_address(domain);
    let unpadded = iq_get(&own, &own, &id, &ping(0)).len();
    let padded = ping(size.saturating_sub(unpadded));
    stream.send_get(&own, &own, &id, &padded).await?;
    wait_until_routed(stream, &own, &own).await
}
