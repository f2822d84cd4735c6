//! Whether our own addresses lead here: what the server lets us say, and where it takes it.
//!
//! Every question goes to our own domain, so nobody else is asked anything.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use couplet::Stanza;
use couplet::error::Software;
use tokio::time::{Instant, timeout, timeout_at};

use super::chart::Finding;
use super::line::{Line, Lost};

pub(super) const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";
/// Enough for a server that deals stanzas out at random to deal one to somebody else.
pub(super) const PINGS: usize = 12;

/// An id that nobody else uses.
pub(super) fn id() -> String {
    format!("doctor-{:016x}", RandomState::new().hash_one("id"))
}

/// An address of ours with a resource: where mod_privilege is loaded, ejabberd since 24.10 drops what
/// a component asks addresses without one (docs/servers.md, 5).
pub(super) fn own(domain: &str) -> String {
    format!("{domain}/doctor")
}

/// Whether IQs to addresses without a resource arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BareAddresses {
    Reached,
    Dropped,
}

/// Where a question to our own domain went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Went {
    /// It came to us.
    Home,
    /// Somebody else answered it in our name.
    Elsewhere,
    /// The server says that nobody is there.
    Nowhere,
}

/// Where the stanza says that the question `id` went; nothing if it is about something else.
pub(super) fn went(stanza: &Stanza, id: &str) -> Option<Went> {
    if stanza.id().as_deref() != Some(id) {
        return None;
    }
    match stanza.type_().as_deref() {
        Some("get") => Some(Went::Home),
        // servers.md, 6: Prosody for a connection that it has forgotten, and what others say there.
        Some("error") if is_about_the_link(stanza) => Some(Went::Nowhere),
        _ => Some(Went::Elsewhere),
    }
}

/// The server lets the component speak as any of its addresses: it answers instead of closing.
///
/// The value is whether it also delivers IQs to addresses without a resource.
pub(super) async fn address(
    line: &mut Line,
    domain: &str,
    limit: Duration,
) -> (Finding, Option<BareAddresses>) {
    let speaker = format!("couplet-doctor@{domain}");
    let from = format!("{speaker}/doctor");
    let examined = async {
        is_taken(line, &from, &own(domain)).await?;
        let bare = timeout(limit / 2, is_taken(line, &from, domain)).await;
        bare.map_or(Ok(BareAddresses::Dropped), |taken| {
            taken.map(|()| BareAddresses::Reached)
        })
    };
    match examined.await {
        Ok(BareAddresses::Reached) => {
            let told = format!("the server lets us speak as {speaker}");
            (Finding::pass(told), Some(BareAddresses::Reached))
        }
        Ok(BareAddresses::Dropped) => (drops_bare(&speaker), Some(BareAddresses::Dropped)),
        Err(lost) => {
            let advice = "The server compares the domain of `from` with the one of its own \
                          configuration, after it has\nput that into lower case: write the same \
                          domain in both places.";
            let told = format!("it does not let us speak as {speaker}: {lost}");
            (Finding::fail(told, advice), None)
        }
    }
}

/// Nothing comes to us although the server took us in and ends no stream.
pub(super) fn nothing_comes(software: Option<Software>, limit: Duration) -> Finding {
    let finding = Finding::too_slow(limit);
    match software {
        Some(Software::Ejabberd) => finding.and(
            "Or the `access` of the listener lets nothing through to this component, as `access: none` \
             does. In\nejabberd.yml, then `ejabberdctl reload_config`:\n\n  listen:\n    -\n      module: \
             ejabberd_service\n      access: all",
        ),
        _ => finding,
    }
}

fn drops_bare(speaker: &str) -> Finding {
    Finding::warn(
        format!(
            "the server lets us speak as {speaker}, but drops IQs to addresses without a resource"
        ),
        "ejabberd since 24.10 does so with the IQs of every component while mod_privilege is loaded \
         (its issues 4472 and\n4609): what this component asks users, rooms and the server gets no \
         answer. Messages, presence and\nCouplet's own self-pings are not affected. Where no component needs \
         privileges, remove from ejabberd.yml:\n\n  modules:\n    mod_privilege: {}\n\n\
         and restart ejabberd.",
    )
}

/// Waits for the first sign that the server has taken all that was said so far. Many are asked
/// for: where another instance is online, each may reach that one.
pub(super) async fn is_taken(line: &mut Line, speaker: &str, to: &str) -> Result<(), Lost> {
    let ids: Vec<String> = (0..PINGS).map(|n| format!("{}-{n}", id())).collect();
    for id in &ids {
        line.ask(speaker, to, id, PING).await?;
    }
    loop {
        let stanza = line.heard(&[]).await?;
        if ids.iter().any(|id| went(&stanza, id).is_some()) {
            return Ok(());
        }
    }
}

/// Where the pings to our own domain went.
#[derive(Debug, Default)]
pub(super) struct Tally {
    home: usize,
    pub(super) elsewhere: usize,
    nowhere: usize,
}

impl Tally {
    pub(super) fn told(&self, domain: &str) -> Finding {
        let Tally {
            home,
            elsewhere,
            nowhere,
        } = self;
        if *home == PINGS {
            return Finding::pass(format!("what is sent to {domain} comes here"));
        }
        if *nowhere > 0 {
            let told = format!("the server does not bring us what is sent to {domain}");
            let advice = format!(
                "Prosody forgets a component when its module or host is reloaded, and keeps the \
                 connection:\nrestart the component, or load the host anew:\n\n  \
                 prosodyctl shell host activate {domain}"
            );
            return Finding::fail(told, advice);
        }
        let away = PINGS - home;
        let answered = match elsewhere {
            0 => "",
            _ => ", which answers",
        };
        if *home == 0 && *elsewhere == 0 {
            return Finding::fail(
                format!("nothing that is sent to {domain} comes here"),
                "The server took us in, but its routes lead elsewhere: is the domain also the name \
                 of another\nhost or component, or is the component disabled?",
            );
        }
        Finding::warn(
            format!("{away} of {PINGS} pings to {domain} went to another connection{answered}"),
            "Another instance is online, and the server deals the stanzas out among us. That is how \
             ejabberd\nworks; where it is not wanted, stop the other instance, or let all of a \
             conversation go to one of\nthem, in ejabberd.yml:\n\n  domain_balancing:\n    \
             \"DOMAIN\":\n      type: bare_source"
                .replace("DOMAIN", domain),
        )
    }
}

pub(super) async fn count(line: &mut Line, domain: &str, limit: Duration) -> Result<Tally, Lost> {
    // The rest of the step's time is for pings that never come back.
    let deadline = Instant::now() + limit / 2;
    let mut open: Vec<String> = (0..PINGS).map(|n| format!("{}-{n}", id())).collect();
    let own = own(domain);
    for id in &open {
        line.ask(&own, &own, id, PING).await?;
    }
    let mut tally = Tally::default();
    while !open.is_empty() {
        let Ok(stanza) = timeout_at(deadline, line.heard(&[])).await else {
            break;
        };
        let stanza = stanza?;
        let found = open.iter().position(|id| went(&stanza, id).is_some());
        let Some(id) = found.map(|at| open.swap_remove(at)) else {
            continue;
        };
        match went(&stanza, &id) {
            Some(Went::Home) => tally.home += 1,
            Some(Went::Nowhere) => tally.nowhere += 1,
            _ => tally.elsewhere += 1,
        }
    }
    Ok(tally)
}

fn is_about_the_link(stanza: &Stanza) -> bool {
    let conditions = ["remote-server-timeout", "remote-server-not-found"];
    let error = stanza
        .root()
        .children()
        .find(|child| child.name() == "error");
    error.is_some_and(|error| {
        error
            .children()
            .any(|child| conditions.contains(&child.name()))
    })
}
