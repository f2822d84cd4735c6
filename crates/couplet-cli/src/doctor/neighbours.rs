//! Step `neighbours`: stanzas to other components do not arrive here.

use super::doctor_stream::StreamEnd;
use super::host::BARE_IQS_DROPPED;
use super::login::DoctorSession;
use super::probe::{Arrival, pings, send_probes};
use super::report::{Checked, Finding};

/// If two connections share the stanzas, one gets all of this number once in 256 times.
const PINGS_EACH: usize = 8;

pub(super) async fn check(session: &mut DoctorSession<'_>) -> Checked<()> {
    if session.drops_bare_iqs {
        return Ok((Finding::skipped(BARE_IQS_DROPPED), ()));
    }
    let others = std::mem::take(&mut session.neighbours);
    if others.is_empty() {
        return Ok((Finding::skipped("the server lists no other component"), ()));
    }
    let arriving = arriving_here(session, &others).await?;
    let finding = match arriving.is_empty() {
        true => Finding::pass(format!("no stanza to {} arrives here", others.join(", "))),
        false => Finding::fail(
            format!("stanzas to {} arrive here too", arriving.join(", ")),
            "By default ejabberd routes to each component of a listener the stanzas of all of them. In \
             ejabberd.yml:\n\n  listen:\n    -\n      module: ejabberd_service\n      \
             global_routes: false\n\nthen `ejabberdctl reload_config`, and restart the components.",
        ),
    };
    Ok((finding, ()))
}

/// Returns the components whose pings arrive on this connection.
async fn arriving_here(
    session: &mut DoctorSession<'_>,
    others: &[String],
) -> Result<Vec<String>, StreamEnd> {
    let domain = session.domain();
    let peers: Vec<&str> = others.iter().map(String::as_str).collect();
    let all = peers
        .iter()
        .flat_map(|other| pings(*other, domain, other, PINGS_EACH));
    let mut arriving: Vec<String> = Vec::new();
    let wait = session.limit / 2;
    send_probes(&mut session.stream, all, &peers, wait, |other, stanza| {
        let is_here = Arrival::of(stanza) == Arrival::Here;
        if is_here && !arriving.iter().any(|known| known == other) {
            arriving.push(other.to_owned());
        }
        false
    })
    .await?;
    Ok(arriving)
}
