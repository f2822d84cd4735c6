//! Malformed requests, and stanzas that are not requests. (RFC 6120, 8)

use super::{Case, case};
use crate::error::{About, CaseResult, check};
use crate::request::{NS_PUBSUB, element, owner, pubsub};
use crate::test_context::{S, TestContext};

pub(super) const CASES: &[Case] = &[case!(
    98,
    "RFC 6120",
    "every request gets one response, and a response gets none",
    malformed
)];

async fn malformed(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let answer = cx.set(S, &pubsub("")).await?;
    cx.line(answer.error("bad-request", "").about("an empty <pubsub/>"));
    let answer = cx.set(S, &owner("")).await?;
    cx.line(
        answer
            .error("bad-request", "")
            .about("an empty <pubsub/> of an owner"),
    );
    for kind in ["get", "set"] {
        let answer = cx.request(S, kind, &pubsub("<frobnicate/>")).await?;
        let line = answer.error("feature-not-implemented", "");
        cx.line(line.about(&format!("an unknown child, {kind}")));
    }
    let jid = cx.bare(S);
    let subscribe = pubsub(&element("subscribe", &[("node", &node), ("jid", &jid)], ""));
    let answer = cx.get(S, &subscribe).await?;
    cx.line(answer.error("bad-request", "").about("get instead of set"));
    let list = cx.subscriptions(&node).await?;
    cx.line(check(
        list.is_empty(),
        "and no subscription",
        format!("{list:?}"),
    ));
    for kind in ["get", "set"] {
        let answer = cx
            .request(S, kind, "<query xmlns='urn:example:unheard-of'/>")
            .await?;
        let line = answer.error("service-unavailable", "");
        cx.line(line.about(&format!("an unknown namespace, {kind}")));
    }
    no_answer_to_an_answer(cx).await
}

async fn no_answer_to_an_answer(cx: &mut TestContext) -> CaseResult {
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
        cx.send(S, &stanza).await?;
        // The response to a later request: same two ends, in order.
        let answer = cx
            .get(S, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
            .await?;
        answer.is_ok()?;
        let service = cx.service.clone();
        let strays = cx.session(S).await?.take_all(|tree| {
            let root = tree.root();
            root.attr("from").as_deref() == Some(&service)
                && root.attr("id").is_some_and(|id| id.starts_with("stray-"))
        });
        let received = strays.first().map_or("", |stray| stray.as_str());
        cx.line(check(strays.is_empty(), "no answer", received).about(line));
    }
    cx.expect_no_event(S).await
}
