//! Whether the server takes the largest stanza that we may send.
//!
//! Deliberately absent: the largest that it takes exactly; a power of two is near enough.

use super::chart::Finding;
use super::door::Door;
use super::home::{id, is_taken, own};
use super::line::{Line, Lost, question};

/// RFC 6120, 13.12: no server may refuse what is below.
const LEAST: usize = 10_000;

/// Sends itself a stanza of `limits.outgoing_stanza_bytes`, and smaller ones where that fails.
/// The value is a line to go on with.
pub(super) async fn examine(mut line: Line, door: &Door<'_>) -> (Finding, Option<Line>) {
    let ours = door.config.limits.outgoing_stanza_bytes;
    let Err(lost) = send(&mut line, &door.config.domain, ours).await else {
        let told = format!("a stanza of {ours} bytes (limits.outgoing_stanza_bytes) is taken");
        return (Finding::pass(told), Some(line));
    };
    let mut size = ours;
    loop {
        size = (size / 2).max(LEAST);
        line = match door.enter().await {
            Ok(line) => line,
            Err(finding) => return (finding, None),
        };
        match send(&mut line, &door.config.domain, size).await {
            Ok(()) => return (told(ours, size, &lost), Some(line)),
            Err(_) if size == LEAST => {
                let told = format!("not even a stanza of {LEAST} bytes is taken: {lost}");
                return (Finding::fail(told, advice(ours)), None);
            }
            Err(_) => {}
        }
    }
}

fn told(ours: usize, taken: usize, lost: &Lost) -> Finding {
    Finding::fail(
        format!(
            "a stanza of {ours} bytes (limits.outgoing_stanza_bytes) is too large, one of {taken} \
             is taken: {lost}"
        ),
        format!(
            "Send no larger ones: in couplet.toml\n\n  [limits]\n  outgoing_stanza_bytes = {taken}\n\n\
             {}",
            advice(ours)
        ),
    )
}

fn advice(ours: usize) -> String {
    format!(
        "Or let the server take larger ones.\nProsody, in prosody.cfg.lua above the first \
         VirtualHost, then a restart:\n\n  component_stanza_size_limit = {ours}\n\n\
         ejabberd, in ejabberd.yml, then `ejabberdctl reload_config`:\n\n  listen:\n    -\n      \
         module: ejabberd_service\n      max_stanza_size: {ours}"
    )
}

/// A ping to ourselves, padded; whatever comes back after it shows that the server took it.
async fn send(line: &mut Line, domain: &str, size: usize) -> Result<(), Lost> {
    let id = id();
    let ping = |padding| format!("<ping xmlns='urn:xmpp:ping'>{}</ping>", " ".repeat(padding));
    let own = own(domain);
    let least = question(&own, &own, &id, &ping(0)).len();
    let padded = ping(size.saturating_sub(least));
    line.ask(&own, &own, &id, &padded).await?;
    is_taken(line, &own, &own).await
}
