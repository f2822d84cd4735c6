//! Which server this is, whether the domain above ours answers, and what else lives there.
//!
//! XEP-0030 and XEP-0092, asked as any component may.

use std::time::Duration;

use couplet::Stanza;
use tokio::time::{Instant, timeout_at};

use super::chart::Finding;
use super::home::{PING, Went, id, went};
use super::line::{Line, Lost};

pub(super) const NS_INFO: &str = "http://jabber.org/protocol/disco#info";
const NS_ITEMS: &str = "http://jabber.org/protocol/disco#items";
pub(super) const NS_VERSION: &str = "jabber:iq:version";
/// More neighbours than these are not looked at.
const NEIGHBOURS: usize = 5;
/// One of two connections gets all of them once in 256 times.
const PINGS: usize = 8;
/// Where another instance is online, an answer may reach that one.
const TIMES: usize = 4;

/// The domain above ours, which the same server usually serves.
pub(super) fn above(domain: &str) -> Option<&str> {
    domain
        .split_once('.')
        .map(|(_, above)| above)
        .filter(|above| !above.is_empty())
}

/// Asks the domain above what it is; the value are the other components it knows.
pub(super) async fn examine(
    line: &mut Line,
    domain: &str,
    limit: Duration,
) -> (Finding, Option<Vec<String>>) {
    let Some(above) = above(domain) else {
        return (
            Finding::skipped(format!("{domain} has no domain above it")),
            Some(Vec::new()),
        );
    };
    match ask(line, domain, above, limit).await {
        Ok(said) => (said.told(above), Some(said.neighbours(domain, above))),
        Err(lost) => (Finding::fail(lost.to_string(), ""), None),
    }
}

/// What is sent to other components comes to them and not to us.
pub(super) async fn neighbours(
    line: &mut Line,
    domain: &str,
    others: &[String],
    limit: Duration,
) -> (Finding, Option<()>) {
    if others.is_empty() {
        return (Finding::skipped("there is none to be seen"), Some(()));
    }
    match stolen(line, domain, others, limit).await {
        Ok(stolen) if stolen.is_empty() => {
            let told = format!("nothing for {} comes here", others.join(", "));
            (Finding::pass(told), Some(()))
        }
        Ok(stolen) => {
            let told = format!("what is sent to {} comes here too", stolen.join(", "));
            let advice = "By default ejabberd gives each component of a listener the stanzas of \
                          all of them. In ejabberd.yml:\n\n  listen:\n    -\n      \
                          module: ejabberd_service\n      global_routes: false\n\nthen \
                          `ejabberdctl reload_config`, and restart the components.";
            (Finding::fail(told, advice), Some(()))
        }
        Err(lost) => (Finding::fail(lost.to_string(), ""), None),
    }
}

/// What the domain above said about itself.
#[derive(Debug, Default)]
struct Said {
    answered: bool,
    identity: Option<String>,
    software: Option<String>,
    items: Vec<String>,
}

impl Said {
    fn told(&self, above: &str) -> Finding {
        if !self.answered {
            return Finding::warn(
                format!("{above} does not answer"),
                "Where this server does not serve it that is no fault; otherwise its users do not \
                 find this component.",
            );
        }
        let mut told = match &self.software {
            Some(software) => format!("{above} is {software}"),
            None => format!("{above} answers, but does not say which software it is"),
        };
        told.extend(
            self.identity
                .as_ref()
                .map(|identity| format!(" ({identity})")),
        );
        Finding::pass(told)
    }

    fn neighbours(&self, domain: &str, above: &str) -> Vec<String> {
        let others = self.items.iter().filter(|item| {
            !item.contains('@') && !item.contains('/') && *item != domain && *item != above
        });
        others.take(NEIGHBOURS).cloned().collect()
    }

    fn hear(&mut self, stanza: &Stanza) {
        self.answered = true;
        // ejabberd's errors carry the question (servers.md, 3).
        if stanza.type_().as_deref() != Some("result") {
            return;
        }
        if stanza.payload("query", NS_INFO).is_some() {
            self.identity = identity(stanza);
        }
        if let Some(version) = stanza.payload("query", NS_VERSION) {
            let of = |name| {
                version
                    .child(name, NS_VERSION)
                    .map(|one| short(&one.text()))
            };
            let parts = ["name", "version"].into_iter().filter_map(of);
            self.software = Some(parts.collect::<Vec<_>>().join(" "));
        }
        if let Some(items) = stanza.payload("query", NS_ITEMS) {
            let items = items.children().filter_map(|item| item.attr("jid"));
            self.items = items.map(|jid| jid.into_owned()).collect();
        }
    }
}

/// `category/type` of the first identity in an answer of service discovery.
pub(super) fn identity(stanza: &Stanza) -> Option<String> {
    let info = stanza.payload("query", NS_INFO)?;
    let identity = info.child("identity", NS_INFO)?;
    let of = |name| {
        identity
            .attr(name)
            .map(|value| short(&value))
            .unwrap_or_default()
    };
    Some(format!("{}/{}", of("category"), of("type")))
}

async fn ask(line: &mut Line, domain: &str, above: &str, limit: Duration) -> Result<Said, Lost> {
    let deadline = Instant::now() + limit / 2;
    let mut open = Vec::new();
    for ns in [NS_INFO, NS_VERSION, NS_ITEMS].repeat(TIMES) {
        let id = id();
        let query = format!("<query xmlns='{ns}'/>");
        line.ask(domain, above, &id, &query).await?;
        open.push((id, ns));
    }
    let mut said = Said::default();
    while !open.is_empty() {
        let Ok(stanza) = timeout_at(deadline, line.heard(&[above])).await else {
            break;
        };
        let stanza = stanza?;
        let of = open
            .iter()
            .find(|(id, _)| stanza.id().as_deref() == Some(id));
        let Some((_, answered)) = of.cloned() else {
            continue;
        };
        open.retain(|(_, ns)| *ns != answered);
        if !is_unreachable(&stanza) {
            said.hear(&stanza);
        }
    }
    Ok(said)
}

/// The neighbours whose pings came to us.
async fn stolen(
    line: &mut Line,
    domain: &str,
    others: &[String],
    limit: Duration,
) -> Result<Vec<String>, Lost> {
    let peers: Vec<&str> = others.iter().map(String::as_str).collect();
    let mut open = Vec::new();
    for other in others {
        for n in 0..PINGS {
            let id = format!("{}-{n}", id());
            line.ask(domain, other, &id, PING).await?;
            open.push((id, other));
        }
    }
    let deadline = Instant::now() + limit / 2;
    let mut stolen: Vec<String> = Vec::new();
    while !open.is_empty() {
        let Ok(stanza) = timeout_at(deadline, line.heard(&peers)).await else {
            break;
        };
        let stanza = stanza?;
        let Some(at) = open.iter().position(|(id, _)| went(&stanza, id).is_some()) else {
            continue;
        };
        let (id, other) = open.swap_remove(at);
        if went(&stanza, &id) == Some(Went::Home) && !stolen.contains(other) {
            stolen.push(other.clone());
        }
    }
    Ok(stolen)
}

/// Said by our server about another one that it cannot reach.
fn is_unreachable(stanza: &Stanza) -> bool {
    let error = stanza
        .root()
        .children()
        .find(|child| child.name() == "error");
    let condition = error.and_then(|error| error.children().next());
    condition.is_some_and(|condition| condition.name().starts_with("remote-server"))
        || error.is_some_and(|error| error.children().any(|child| child.name() == "not-allowed"))
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}
