//! Whether what is sent to the domain comes to this connection, and who else answers for it.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::chart::Finding;
use super::home::{PINGS, count, id};
use super::host::{NS_INFO, NS_VERSION, identity};
use super::line::Line;

/// What is sent to the domain comes to this connection, and all of it.
pub(super) async fn examine(
    line: &mut Line,
    domain: &str,
    limit: Duration,
) -> (Finding, Option<()>) {
    match count(line, domain, limit).await {
        Ok(tally) if tally.elsewhere > 0 => {
            let answered = who_answers(line, domain, limit).await;
            match answered.module() {
                Some((module, service)) => (shared_with(domain, module, service), None),
                None => (tally.told(domain), Some(())),
            }
        }
        Ok(tally) => (tally.told(domain), Some(())),
        Err(lost) => (Finding::fail(lost.to_string(), ""), None),
    }
}

/// What the other one that answers for our domain says of itself.
#[derive(Debug, Default)]
struct Answered {
    /// Whether it has a software version, as every component of Couplet has; nothing until it has
    /// answered that question.
    has_version: Option<bool>,
    identity: Option<String>,
}

impl Answered {
    /// The module of ejabberd that answers, and its identity: those modules have no software version.
    fn module(&self) -> Option<(&'static str, &str)> {
        let service = self.identity.as_deref()?;
        let module = match service {
            "pubsub/service" => "mod_pubsub",
            "conference/text" => "mod_muc",
            "proxy/bytestreams" => "mod_proxy65",
            "store/file" => "mod_http_upload",
            "directory/user" => "mod_vcard",
            "service/multicast" => "mod_multicast",
            _ => return None,
        };
        (self.has_version == Some(false)).then_some((module, service))
    }
}

/// Asks our own domain who it is: what comes here is left without an answer, the rest the other one
/// answers.
async fn who_answers(line: &mut Line, domain: &str, limit: Duration) -> Answered {
    let mut answered = Answered::default();
    let mut open = Vec::new();
    for ns in [NS_INFO, NS_VERSION].repeat(PINGS) {
        let id = id();
        let query = format!("<query xmlns='{ns}'/>");
        if line.ask(domain, domain, &id, &query).await.is_err() {
            return answered;
        }
        open.push((id, ns));
    }
    let deadline = Instant::now() + limit / 4;
    while !open.is_empty() {
        let Ok(Ok(stanza)) = timeout_at(deadline, line.heard(&[])).await else {
            break;
        };
        let Some(at) = open
            .iter()
            .position(|(id, _)| stanza.id().as_deref() == Some(id))
        else {
            continue;
        };
        let (_, ns) = open.swap_remove(at);
        match (stanza.type_().as_deref(), ns) {
            (Some("result"), NS_VERSION) => answered.has_version = Some(true),
            (Some("result"), _) => answered.identity = identity(&stanza).or(answered.identity),
            (Some("error"), NS_VERSION) => {
                answered.has_version.get_or_insert(false);
            }
            _ => {}
        }
    }
    answered
}

fn shared_with(domain: &str, module: &str, service: &str) -> Finding {
    Finding::fail(
        format!(
            "the server itself answers for {domain} too ({service}): ejabberd's own {module} has this domain"
        ),
        format!(
            "Each of the two gets a part of the stanzas. Remove {module} from `modules` in \
             ejabberd.yml, give it another\nname there, or choose another domain for this \
             component; then restart ejabberd:\n\n  modules:\n    {module}:\n      hosts:\n        - \
             \"other.@HOST@\""
        ),
    )
}
