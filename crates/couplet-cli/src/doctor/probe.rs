//! Probes: gets that show where the server routes stanzas.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use couplet::Stanza;
use tokio::time::timeout;

use super::doctor_stream::{DoctorStream, StreamEnd};

pub(super) const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";
/// Number of pings: a server that distributes stanzas at random sends at least one of them
/// elsewhere.
pub(super) const PINGS: usize = 12;

/// A get to send. Probes with the same label send the same query.
pub(super) struct Probe<'a, L> {
    pub(super) label: L,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) payload: String,
}

/// Where the server routed a get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// To this connection.
    Here,
    /// To another connection or service, which answered it.
    Elsewhere,
    /// Nowhere: the server returned an error.
    Nowhere,
}

impl Arrival {
    /// Recognises it by the stanza that came back: the get itself, or a response to it.
    pub(super) fn of(stanza: &Stanza) -> Arrival {
        match stanza.type_().as_deref() {
            Some("get") => Arrival::Here,
            // Prosody returns this for a connection that it has forgotten (docs/servers.md, 6).
            Some("error") if has_condition(stanza, "remote-server-") => Arrival::Nowhere,
            _ => Arrival::Elsewhere,
        }
    }
}

/// Returns whether a stanza is an error whose condition has this prefix.
pub(super) fn has_condition(stanza: &Stanza, prefix: &str) -> bool {
    let mut children = stanza.root().children();
    let error = children.find(|child| child.name() == "error");
    error.is_some_and(|error| {
        error
            .children()
            .any(|child| child.name().starts_with(prefix))
    })
}

/// Sends the probes and passes each stanza that comes back to `on_return`, until all are back or
/// `wait` is over. If `on_return` returns true, the other probes with this label are no longer
/// awaited.
pub(super) async fn send_probes<L: Copy + PartialEq>(
    stream: &mut DoctorStream,
    probes: impl IntoIterator<Item = Probe<'_, L>>,
    peers: &[&str],
    wait: Duration,
    mut on_return: impl FnMut(L, &Stanza) -> bool,
) -> Result<(), StreamEnd> {
    let exchange = async {
        let mut open = Vec::new();
        for probe in probes {
            let id = new_id();
            let Probe { from, to, .. } = probe;
            stream.send_get(from, to, &id, &probe.payload).await?;
            open.push((id, probe.label));
        }
        while !open.is_empty() {
            let stanza = stream.next_stanza(peers).await?;
            let Some(at) = open.iter().position(|(id, _)| is_about(&stanza, id)) else {
                continue;
            };
            let (_, label) = open.swap_remove(at);
            if on_return(label, &stanza) {
                open.retain(|(_, other)| *other != label);
            }
        }
        Ok(())
    };
    timeout(wait, exchange).await.unwrap_or(Ok(()))
}

/// Waits until the server has routed everything sent before. Sends several pings: if another
/// instance is online, each may be routed to that one.
pub(super) async fn wait_until_routed(
    stream: &mut DoctorStream,
    from: &str,
    to: &str,
) -> Result<(), StreamEnd> {
    let pings = pings((), from, to, PINGS);
    send_probes(stream, pings, &[], Duration::MAX, |(), _| true).await
}

pub(super) fn pings<'a, L: Copy>(
    label: L,
    from: &'a str,
    to: &'a str,
    count: usize,
) -> impl Iterator<Item = Probe<'a, L>> {
    (0..count).map(move |_| Probe {
        label,
        from,
        to,
        payload: PING.to_owned(),
    })
}

pub(super) fn is_about(stanza: &Stanza, id: &str) -> bool {
    stanza.id().as_deref() == Some(id)
}

/// Returns an id that no other program uses.
pub(super) fn new_id() -> String {
    format!("doctor-{:016x}", RandomState::new().hash_one("id"))
}

/// Returns an address of the domain with a resource: with mod_privilege, ejabberd since 24.10 drops
/// the IQs of components to addresses without one (docs/servers.md, 5).
pub(super) fn own_address(domain: &str) -> String {
    format!("{domain}/doctor")
}
