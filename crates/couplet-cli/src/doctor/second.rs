//! Step `second`: what the server does with a second instance (docs/servers.md, 2 and 4).

use std::time::Duration;

use couplet::error::Reason;
use tokio::time::timeout;

use super::dialer::Dialer;
use super::doctor_stream::{DoctorStream, StreamEnd};
use super::login::DoctorSession;
use super::probe::{PING, new_id, own_address};
use super::report::{Checked, Finding};

/// Time within which a server ends a stream.
const ENDED_WITHIN: Duration = Duration::from_millis(500);

/// Logs in a second time; the session continues on a stream that is still open.
pub(super) async fn check(session: &mut DoctorSession<'_>) -> Checked<()> {
    let domain = session.domain();
    let mut second = match session.dialer.login_as(domain).await {
        Ok(second) => second,
        Err(end) => return Ok((rejected(session.dialer, &end), ())),
    };
    let first_is_open = is_open(&mut session.stream, domain).await;
    let second_is_open = is_open(&mut second, domain).await;
    std::mem::replace(&mut session.stream, second).close().await;
    let finding = match (first_is_open, second_is_open) {
        (false, true) => {
            Finding::pass("a second instance replaces the first, which ends (Prosody's kick_old)")
        }
        (true, true) => Finding::pass(
            "a second instance is accepted too, and both share the stanzas (ejabberd)",
        ),
        _ => Finding::warn(
            "a second login ended both",
            "Run one instance of this component.",
        ),
    };
    match second_is_open {
        true => Ok((finding, ())),
        false => Err(finding),
    }
}

fn rejected(dialer: &Dialer<'_>, end: &StreamEnd) -> Finding {
    match end {
        StreamEnd::Rejected(error) if dialer.rejected(error, None).reason() == Reason::Taken => {
            Finding::pass(
                "a second instance is rejected while the first is connected, and waits (Prosody's \
                 kick_new)",
            )
        }
        end => Finding::warn(format!("a second instance cannot log in: {end}"), ""),
    }
}

async fn is_open(stream: &mut DoctorStream, domain: &str) -> bool {
    let own = own_address(domain);
    if stream.send_get(&own, &own, &new_id(), PING).await.is_err() {
        return false;
    }
    // Stanzas sent before the end are read before it.
    let end = async { while stream.next_stanza(&[]).await.is_ok() {} };
    timeout(ENDED_WITHIN, end).await.is_err()
}
