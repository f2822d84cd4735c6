//! The responses of the tokio-xmpp peers. The two binaries differ only in how they send them.

use std::collections::BTreeSet;
use std::env;

use tokio_xmpp::Stanza;
use tokio_xmpp::connect::{DnsConfig, TcpServerConnector};
use tokio_xmpp::xmlstream::Timeouts;
use tokio_xmpp::{Component, Error};
use xmpp_parsers::disco::{DiscoInfoQuery, DiscoInfoResult, Identity};
use xmpp_parsers::iq::{Iq, IqHeader};
use xmpp_parsers::message::{Lang, Message, MessageType};
use xmpp_parsers::ping::Ping;

/// The features that every peer of the rig announces, so that disco responses have the same size.
const FEATURES: [&str; 6] = [
    "http://jabber.org/protocol/disco#info",
    "http://jabber.org/protocol/disco#items",
    "jabber:iq:last",
    "jabber:iq:version",
    "urn:xmpp:ping",
    "urn:xmpp:time",
];

/// Opens the component stream that the environment describes.
pub async fn online() -> Result<Component<TcpServerConnector>, Error> {
    let domain = env::var("RIG_DOMAIN").unwrap_or_default();
    let secret = env::var("RIG_SECRET").unwrap_or_default();
    let server = env::var("RIG_SERVER").unwrap_or_default();
    let server = DnsConfig::addr(&server);
    Component::new_plaintext(&domain, &secret, server, Timeouts::tight()).await
}

/// Returns the response to one stanza, or `None` if it needs none.
pub fn answer(stanza: Stanza) -> Option<Stanza> {
    match stanza {
        Stanza::Message(message) => echo(message).map(Stanza::Message),
        Stanza::Iq(Iq::Get {
            from,
            to,
            id,
            payload,
        }) => {
            let header = IqHeader {
                from: to,
                to: from,
                id,
            };
            Some(Stanza::Iq(result(header, payload)))
        }
        _ => None,
    }
}

/// Returns a message with the body, as in the library's `echo_component` example; the rig also
/// needs `from` (as a server does) and the id.
fn echo(message: Message) -> Option<Message> {
    if message.type_ == MessageType::Error {
        return None;
    }
    // The example only reads a body without a language, and so does not reply behind Prosody, which
    // adds one to every message.
    let bodies = &message.bodies;
    let body = bodies.get("").or_else(|| bodies.values().next())?;
    let mut reply = Message::chat(message.from);
    reply.from = message.to;
    reply.id = message.id;
    reply.bodies.insert(Lang::default(), body.clone());
    Some(reply)
}

fn result(IqHeader { from, to, id }: IqHeader, payload: xmpp_parsers::minidom::Element) -> Iq {
    if payload.is("query", xmpp_parsers::ns::DISCO_INFO) {
        return match DiscoInfoQuery::try_from(payload) {
            Ok(_) => Iq::Result {
                from,
                to,
                id,
                payload: Some(info().into()),
            },
            Err(_) => refused(from, to, id),
        };
    }
    match Ping::try_from(payload) {
        Ok(Ping) => Iq::Result {
            from,
            to,
            id,
            payload: None,
        },
        Err(_) => refused(from, to, id),
    }
}

fn info() -> DiscoInfoResult {
    DiscoInfoResult {
        node: None,
        identities: vec![identity()],
        features: FEATURES
            .iter()
            .map(|feature| (*feature).to_owned())
            .collect::<BTreeSet<_>>(),
        extensions: Vec::new(),
    }
}

fn refused(
    from: Option<xmpp_parsers::jid::Jid>,
    to: Option<xmpp_parsers::jid::Jid>,
    id: String,
) -> Iq {
    use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};
    let error = StanzaError::new(
        ErrorType::Cancel,
        DefinedCondition::ServiceUnavailable,
        "en",
        "",
    );
    Iq::Error {
        from,
        to,
        id,
        error,
        payload: None,
    }
}

fn identity() -> Identity {
    Identity {
        category: "client".to_owned(),
        type_: "bot".to_owned(),
        lang: None,
        name: None,
    }
}
