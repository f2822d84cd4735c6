//! What is no request, or none of this protocol. (RFC 6120, 8)

use super::{Case, case};
use crate::ask::{NS_PUBSUB, element, owner, pubsub};
use crate::fault::{About, Checked, holds};
use crate::world::{S, World};

pub(super) const CASES: &[Case] = &[case!(
    98,
    "RFC 6120",
    "every question gets one answer, and an answer gets none",
    manners
)];

async fn manners(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let answer = w.set(S, &pubsub("")).await?;
    w.line(answer.error("bad-request", "").about("an empty <pubsub/>"));
    let answer = w.set(S, &owner("")).await?;
    w.line(
        answer
            .error("bad-request", "")
            .about("an empty <pubsub/> of an owner"),
    );
    for kind in ["get", "set"] {
        let answer = w.ask(S, kind, &pubsub("<frobnicate/>")).await?;
        let line = answer.error("feature-not-implemented", "");
        w.line(line.about(&format!("an unknown child, {kind}")));
    }
    let jid = w.bare(S);
    let subscribe = pubsub(&element("subscribe", &[("node", &node), ("jid", &jid)], ""));
    let answer = w.get(S, &subscribe).await?;
    w.line(answer.error("bad-request", "").about("get instead of set"));
    let list = w.subscriptions(&node).await?;
    w.line(holds(
        list.is_empty(),
        "and no subscription",
        format!("{list:?}"),
    ));
    for kind in ["get", "set"] {
        let answer = w
            .ask(S, kind, "<query xmlns='urn:example:unheard-of'/>")
            .await?;
        let line = answer.error("service-unavailable", "");
        w.line(line.about(&format!("an unknown namespace, {kind}")));
    }
    no_answer_to_an_answer(w).await
}

async fn no_answer_to_an_answer(w: &mut World) -> Checked {
    let cases = [
        (
            "an IQ result",
            "<iq to='{to}' type='result' id='stray-1'/>".to_owned(),
        ),
        (
            "an IQ result with a payload",
            format!(
                "<iq to='{{to}}' type='result' id='stray-2'><pubsub xmlns='{NS_PUBSUB}'/></iq>"
            ),
        ),
        (
            "an IQ error",
            "<iq to='{to}' type='error' id='stray-3'><error type='cancel'><service-unavailable \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
                .to_owned(),
        ),
        (
            "a message error",
            "<message to='{to}' type='error' id='stray-4'><body>Hello</body><error type='cancel'>\
             <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
                .to_owned(),
        ),
    ];
    for (line, stanza) in cases {
        w.send(S, &stanza).await?;
        // The answer to a question behind it: same two ends, in order.
        let answer = w
            .get(S, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
            .await?;
        answer.good()?;
        let service = w.service.clone();
        let strays = w.session(S).await?.take_all(|tree| {
            let root = tree.root();
            root.attr("from").as_deref() == Some(&service)
                && root.attr("id").is_some_and(|id| id.starts_with("stray-"))
        });
        let came = strays.first().map_or("", |stray| stray.as_str());
        w.line(holds(strays.is_empty(), "no answer", came).about(line));
    }
    w.silent(S).await
}
