//! Routes stanzas, and sends errors for those without a recipient. (RFC 6120, 10; RFC 6121, 8)

use couplet_core::element::{NS_CLIENT, Scope, Tree};
use couplet_core::handshake;
use couplet_core::jid::Jid;
use couplet_core::stanza_error::{Condition, ErrorType, StanzaError};
use couplet_core::stream_error::StreamError;
use couplet_core::xml_writer::XmlWriter;

use super::{State, start_tag};

/// Prosody's namespace in errors for a component that is not connected (servers.md, 7).
const NS_AWAY: &str = "xmpp:prosody.im/protocol/component";

impl State {
    /// Routes a component's stanza. Closes the stream for a stanza for which a real server would.
    pub(super) fn route_of_component(&mut self, line: u64, domain: &str, stanza: &Tree) {
        let root = stanza.root();
        if let Some(error) = StreamError::of(root) {
            self.remark(format!("the component {domain} ends the stream: {error}"));
            return self.close(line, handshake::closing().as_bytes());
        }
        if let Some((text, condition)) = &self.ends_streams_on
            && stanza.as_str().contains(text)
        {
            let Some(condition) = condition.clone() else {
                return self.close(line, b"");
            };
            return self.refuse(line, &condition, "requested by the test");
        }
        if root.ns() != NS_CLIENT || !matches!(root.name(), "message" | "presence" | "iq") {
            let what = format!("<{} xmlns='{}'/>", root.name(), root.ns());
            return self.fault(line, "unsupported-stanza-type", &what);
        }
        // Prosody 13: a missing `from` closes the stream; Prosody compares the raw text.
        let from = root.attr("from").unwrap_or_default();
        if domain_of(&from) != domain {
            let why = format!("a {} from '{from}' by the component {domain}", root.name());
            return self.fault(line, "invalid-from", &why);
        }
        let Some(to) = root.attr("to") else {
            let why = format!("a {} without `to`", root.name());
            return self.fault(line, "improper-addressing", &why);
        };
        if Jid::new(&from).is_err() || Jid::new(&to).is_err() {
            self.faults += 1;
            return self.bounce(stanza, &from, &Condition::JidMalformed.into());
        }
        if start_tag::declares_namespace(stanza.as_str()) {
            self.faults += 1;
            self.remark(format!(
                "a {} with an xmlns of its own is bounced",
                root.name()
            ));
            return self.bounce(stanza, &from, &Condition::ServiceUnavailable.into());
        }
        if root.name() == "iq" && !is_proper_iq(stanza) {
            self.faults += 1;
            self.remark("an improper iq is bounced".to_owned());
            return self.bounce(stanza, &from, &Condition::BadRequest.into());
        }
        if self.loses_self_pings && domain_of(&to) == domain {
            return;
        }
        self.note_subscription(stanza, &from, &to, true);
        self.route(stanza, &from, &to);
    }

    /// Routes a user's stanza, whose `from` is already set.
    pub(super) fn route_of_user(&mut self, stanza: &Tree) {
        let root = stanza.root();
        let (from, to) = (root.attr("from").unwrap_or_default(), root.attr("to"));
        match to {
            Some(to) => {
                self.note_subscription(stanza, &to, &from, false);
                self.route(stanza, &from, &to);
            }
            None if root.name() == "presence" => self.probe_contacts(stanza),
            None => self.bounce(stanza, &from, &Condition::ServiceUnavailable.into()),
        }
    }

    /// Notes that a contact accepts a user, or that either ends the subscription.
    fn note_subscription(&mut self, stanza: &Tree, contact: &str, user: &str, by_contact: bool) {
        if stanza.root().name() != "presence" {
            return;
        }
        let pair = (bare(user).to_owned(), bare(contact).to_owned());
        match (stanza.root().attr("type").as_deref(), by_contact) {
            (Some("subscribed"), true) => self.subscriptions.insert(pair),
            (Some("unsubscribed"), true) | (Some("unsubscribe"), false) => {
                self.subscriptions.remove(&pair)
            }
            _ => false,
        };
    }

    /// Asks the contacts of a user who has come online for their presence. (RFC 6121, 4.3.1)
    fn probe_contacts(&mut self, presence: &Tree) {
        let root = presence.root();
        let user = root.attr("from").unwrap_or_default();
        if root.attr("type").is_some() {
            return;
        }
        let subscriptions = self.subscriptions.iter();
        let own = subscriptions.filter(|(subscriber, _)| subscriber == bare(&user));
        let contacts: Vec<String> = own.map(|(_, contact)| contact.clone()).collect();
        for contact in contacts {
            let mut probe = Vec::new();
            let mut xml = XmlWriter::new(&mut probe);
            xml.raw("<presence type='probe'");
            xml.attribute("from", &user);
            xml.attribute("to", &contact);
            xml.raw("/>");
            if let Some(line) = self.line_of(domain_of(&contact)) {
                self.say(line, &probe);
            }
        }
    }

    fn route(&mut self, stanza: &Tree, from: &str, to: &str) {
        let domain = domain_of(to);
        if let Some(line) = self.line_of(domain) {
            return self.say(line, stanza.as_str().as_bytes());
        }
        if self.setup.domains().any(|known| known == domain) {
            return self.bounce(stanza, from, &away());
        }
        if self.deliver(stanza, to) {
            return;
        }
        let is_ours =
            domain == "localhost" || self.users.keys().any(|user| domain_of(user) == domain);
        if is_ours && to == domain && is_ping(stanza) {
            return self.pong(stanza, from);
        }
        let unknown = if is_ours {
            Condition::ServiceUnavailable
        } else {
            Condition::RemoteServerNotFound
        };
        self.bounce(stanza, from, &unknown.into());
    }

    /// Delivers a stanza to the user with this address, or to all resources of a bare address.
    fn deliver(&mut self, stanza: &Tree, to: &str) -> bool {
        let is_iq = stanza.root().name() == "iq";
        let mut found = false;
        for (address, user) in &mut self.users {
            // RFC 6121, 8.5.2.1.3: the server answers an IQ to a bare address itself.
            if address == to || bare(address) == to && !is_iq {
                user.heard.push_back(stanza.clone());
                found = true;
            }
        }
        found
    }

    /// Sends an error to the sender, unless the RFCs forbid it.
    fn bounce(&mut self, stanza: &Tree, sender: &str, refusal: &StanzaError) {
        let root = stanza.root();
        let type_ = root.attr("type");
        let silent = match root.name() {
            "iq" => matches!(type_.as_deref(), Some("result" | "error")),
            "message" => matches!(type_.as_deref(), Some("error" | "headline" | "groupchat")),
            _ => true,
        };
        if silent {
            return;
        }
        let answer = answer(stanza, "error", |xml| refusal.write(xml));
        self.answer(&answer, sender);
    }

    fn pong(&mut self, stanza: &Tree, sender: &str) {
        let pong = answer(stanza, "result", |_| ());
        self.answer(&pong, sender);
    }

    fn answer(&mut self, answer: &str, sender: &str) {
        // Also to a zombie: the response goes to the connection of the request (servers.md, 6).
        let domain = domain_of(sender);
        let line = self.line_of(domain).or_else(|| {
            let lines = self.lines.iter();
            let of_domain = lines.filter(|(_, line)| line.domain.as_deref() == Some(domain));
            of_domain.map(|(id, _)| *id).next()
        });
        if let Some(line) = line {
            return self.say(line, answer.as_bytes());
        }
        if let Ok(tree) = Tree::parse(answer.to_owned(), &Scope::client()) {
            let _gone_meanwhile = self.deliver(&tree, sender);
        }
    }
}

fn answer(stanza: &Tree, type_: &str, content: impl FnOnce(&mut XmlWriter<'_>)) -> String {
    let root = stanza.root();
    let mut out = Vec::new();
    let mut xml = XmlWriter::new(&mut out);
    xml.raw("<");
    xml.raw(root.name());
    for (name, of) in [("from", "to"), ("to", "from"), ("id", "id")] {
        if let Some(value) = root.attr(of) {
            xml.attribute(name, &value);
        }
    }
    xml.attribute("type", type_);
    xml.raw(">");
    content(&mut xml);
    xml.raw("</");
    xml.raw(root.name());
    xml.raw(">");
    String::from_utf8_lossy(&out).into_owned()
}

/// Returns whether an IQ is valid by RFC 6120, 8.2.3; ejabberd rejects others with `bad-request`
/// (servers.md, 3).
fn is_proper_iq(iq: &Tree) -> bool {
    let root = iq.root();
    match root.attr("type").as_deref() {
        Some("get" | "set") => root.attr("id").is_some() && root.children().count() == 1,
        // The response to an IQ without an id cannot have one.
        Some("result" | "error") => true,
        _ => false,
    }
}

fn is_ping(stanza: &Tree) -> bool {
    let root = stanza.root();
    root.attr("type").as_deref() == Some("get") && root.child("ping", "urn:xmpp:ping").is_some()
}

fn away() -> StanzaError {
    let away = xmpp_parsers::minidom::Element::bare("not-connected", NS_AWAY);
    StanzaError::new(Condition::RemoteServerTimeout)
        .of_type(ErrorType::Wait)
        .text("Component unavailable")
        .detail(&away)
}

/// Returns the domain in an address, as written. (RFC 7622, 3.2)
fn domain_of(address: &str) -> &str {
    let bare = bare(address);
    bare.split_once('@').map_or(bare, |(_, domain)| domain)
}

/// Returns an address without its resource.
fn bare(address: &str) -> &str {
    address.split_once('/').map_or(address, |(bare, _)| bare)
}
