//! Step `routes`: all stanzas to the domain arrive here.

use super::disco::{NS_INFO, NS_VERSION, identity, queries};
use super::doctor_stream::StreamEnd;
use super::login::DoctorSession;
use super::probe::{Arrival, PINGS, own_address, pings, send_probes};
use super::report::{Checked, Finding};

pub(super) async fn check(session: &mut DoctorSession<'_>) -> Checked<()> {
    let domain = session.domain();
    let arrivals = count_arrivals(session).await?;
    if arrivals.elsewhere > 0 {
        let responder = ask_other_responder(session).await;
        if let Some((module, identity)) = responder.module() {
            return Err(shared_with_module(domain, module, identity));
        }
    }
    Ok((arrivals.finding(domain), ()))
}

/// The counts of where the pings to the component's own domain arrived.
#[derive(Debug, Default)]
struct Arrivals {
    here: usize,
    elsewhere: usize,
    nowhere: usize,
}

impl Arrivals {
    fn finding(&self, domain: &str) -> Finding {
        if self.here == PINGS {
            return Finding::pass(format!("all stanzas to {domain} arrive here"));
        }
        if self.nowhere > 0 {
            return Finding::fail(
                format!("the server does not route stanzas to {domain} to this connection"),
                format!(
                    "Prosody forgets a component when its module or host is reloaded, and keeps the \
                     connection:\nrestart the component, or activate the host again:\n\n  \
                     prosodyctl shell host activate {domain}"
                ),
            );
        }
        if self.here == 0 && self.elsewhere == 0 {
            return Finding::fail(
                format!("no stanza to {domain} arrives here"),
                "The server accepted the login, but routes stanzas elsewhere: is the domain also the \
                 name of another\nhost or component, or is the component disabled?",
            );
        }
        let answered = match self.elsewhere {
            0 => "",
            _ => ", which answers them",
        };
        let others = PINGS - self.here;
        Finding::warn(
            format!("{others} of {PINGS} pings to {domain} went to another connection{answered}"),
            "Another instance is online, and the server distributes the stanzas among both, as ejabberd \
             does. If this is\nnot intended, stop the other instance, or let ejabberd route each \
             conversation to one of them, in ejabberd.yml:\n\n  domain_balancing:\n    \
             \"DOMAIN\":\n      type: bare_source"
                .replace("DOMAIN", domain),
        )
    }
}

/// Leaves the rest of the step's time for pings that never come back.
async fn count_arrivals(session: &mut DoctorSession<'_>) -> Result<Arrivals, StreamEnd> {
    let own = own_address(session.domain());
    let mut arrivals = Arrivals::default();
    let pings = pings((), &own, &own, PINGS);
    let wait = session.limit / 2;
    send_probes(&mut session.stream, pings, &[], wait, |(), stanza| {
        match Arrival::of(stanza) {
            Arrival::Here => arrivals.here += 1,
            Arrival::Elsewhere => arrivals.elsewhere += 1,
            Arrival::Nowhere => arrivals.nowhere += 1,
        }
        false
    })
    .await?;
    Ok(arrivals)
}

/// Another responder for the domain, as far as its responses show.
#[derive(Debug, Default)]
struct Responder {
    /// Whether it has a software version, as every component made with Couplet has; `None` until it
    /// answers that query.
    has_version: Option<bool>,
    identity: Option<String>,
}

impl Responder {
    /// Returns the module of ejabberd with this identity; those modules have no software version.
    fn module(&self) -> Option<(&'static str, &str)> {
        let identity = self.identity.as_deref()?;
        let module = match identity {
            "pubsub/service" => "mod_pubsub",
            "conference/text" => "mod_muc",
            "proxy/bytestreams" => "mod_proxy65",
            "store/file" => "mod_http_upload",
            "directory/user" => "mod_vcard",
            "service/multicast" => "mod_multicast",
            _ => return None,
        };
        (self.has_version == Some(false)).then_some((module, identity))
    }
}

/// Queries the domain: queries that arrive here get no answer, the other responder answers the
/// rest.
async fn ask_other_responder(session: &mut DoctorSession<'_>) -> Responder {
    let domain = session.domain();
    let mut responder = Responder::default();
    let queries = queries(&[NS_INFO, NS_VERSION], domain, domain, PINGS);
    let wait = session.limit / 4;
    let sending = send_probes(&mut session.stream, queries, &[], wait, |ns, stanza| {
        match (stanza.type_().as_deref(), ns) {
            (Some("result"), NS_VERSION) => responder.has_version = Some(true),
            (Some("result"), _) => {
                responder.identity = identity(stanza).or(responder.identity.take());
            }
            (Some("error"), NS_VERSION) => {
                responder.has_version.get_or_insert(false);
            }
            _ => {}
        }
        false
    });
    let _unanswered_if_it_ended = sending.await;
    responder
}

fn shared_with_module(domain: &str, module: &str, identity: &str) -> Finding {
    Finding::fail(
        format!(
            "the server itself answers for {domain} too ({identity}): ejabberd's own {module} has this domain"
        ),
        format!(
            "Each of the two gets a part of the stanzas. Remove {module} from `modules` in \
             ejabberd.yml, give it another\nname there, or choose another domain for this \
             component; then restart ejabberd:\n\n  modules:\n    {module}:\n      hosts:\n        - \
             \"other.@HOST@\""
        ),
    )
}
