//! Step `host`: which server it is, and whether the parent domain of the component answers.

use couplet::Stanza;

use super::disco::{NS_INFO, NS_ITEMS, NS_VERSION, identity, queries, software};
use super::doctor_stream::StreamEnd;
use super::login::DoctorSession;
use super::probe::{has_condition, send_probes};
use super::report::{Checked, Finding};

/// Maximum number of other components that the step `neighbours` examines.
const NEIGHBOURS: usize = 5;
/// Number of queries: if another instance is online, a response may be routed to that one.
const TIMES: usize = 4;

/// Why a step that sends IQs to addresses without a resource is skipped.
pub(super) const BARE_IQS_DROPPED: &str =
    "the server drops IQs to addresses without a resource, see the step address";

/// Queries the parent domain, which the same server usually serves, and records its other
/// components.
pub(super) async fn check(session: &mut DoctorSession<'_>) -> Checked<()> {
    if session.drops_bare_iqs {
        return Ok((Finding::skipped(BARE_IQS_DROPPED), ()));
    }
    let domain = session.domain();
    let above = domain.split_once('.').map(|(_, above)| above);
    let Some(above) = above.filter(|above| !above.is_empty()) else {
        let message = format!("{domain} has no domain above it");
        return Ok((Finding::skipped(message), ()));
    };
    let info = query(session, above).await?;
    session.neighbours = info.neighbours(domain, above);
    Ok((info.finding(above), ()))
}

/// The answers of the parent domain.
#[derive(Debug, Default)]
struct HostInfo {
    answered: bool,
    identity: Option<String>,
    software: Option<String>,
    items: Vec<String>,
}

impl HostInfo {
    fn finding(&self, above: &str) -> Finding {
        if !self.answered {
            return Finding::warn(
                format!("{above} does not answer"),
                "This is correct where this server does not serve it; otherwise its users do not find \
                 this component.",
            );
        }
        let mut message = match &self.software {
            Some(software) => format!("{above} is {software}"),
            None => format!("{above} answers, but not which software it is"),
        };
        if let Some(identity) = &self.identity {
            message += &format!(" ({identity})");
        }
        Finding::pass(message)
    }

    fn neighbours(&self, domain: &str, above: &str) -> Vec<String> {
        let others = self.items.iter().filter(|item| {
            !item.contains('@') && !item.contains('/') && *item != domain && *item != above
        });
        others.take(NEIGHBOURS).cloned().collect()
    }

    fn add(&mut self, stanza: &Stanza) {
        self.answered = true;
        // ejabberd's errors contain the query (docs/servers.md, 3).
        if stanza.type_().as_deref() != Some("result") {
            return;
        }
        self.identity = identity(stanza).or(self.identity.take());
        self.software = software(stanza).or(self.software.take());
        if let Some(items) = stanza.payload("query", NS_ITEMS) {
            let items = items.children().filter_map(|item| item.attr("jid"));
            self.items = items.map(|jid| jid.into_owned()).collect();
        }
    }
}

async fn query(session: &mut DoctorSession<'_>, above: &str) -> Result<HostInfo, StreamEnd> {
    let domain = session.domain();
    let mut info = HostInfo::default();
    let namespaces = [NS_INFO, NS_VERSION, NS_ITEMS];
    let queries = queries(&namespaces, domain, above, TIMES);
    let wait = session.limit / 2;
    let stream = &mut session.stream;
    send_probes(stream, queries, &[above], wait, |_ns, stanza| {
        if !is_unreachable(stanza) {
            info.add(stanza);
        }
        true
    })
    .await?;
    Ok(info)
}

/// Returns whether an error means that the server cannot reach the domain.
fn is_unreachable(stanza: &Stanza) -> bool {
    has_condition(stanza, "remote-server-") || has_condition(stanza, "not-allowed")
}
