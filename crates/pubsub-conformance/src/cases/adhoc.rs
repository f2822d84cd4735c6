//! Retrieves pending subscriptions. (XEP-0060, 8.7)

use super::authorize::authorized;
use super::{Case, case};
use crate::error::{CaseError, CaseResult, check};
use crate::expect::{Answer, Event};
use crate::request::{NS_COMMANDS, NS_DATA, element, escaped};
use crate::test_context::{O, S, TestContext, X};

pub(super) const CASES: &[Case] = &[case!(
    96,
    "8.7",
    "an owner lists nodes with pending requests, and gets those of one",
    pending
)];

const NODE: &str = "http://jabber.org/protocol/pubsub#get-pending";

async fn command(cx: &mut TestContext, session: &str, inner: &str) -> CaseResult<Answer> {
    let mut attributes = vec![
        ("xmlns", NS_COMMANDS),
        ("node", NODE),
        ("action", "execute"),
    ];
    if !session.is_empty() {
        attributes.push(("sessionid", session));
    }
    cx.set(O, &element("command", &attributes, inner)).await
}

async fn pending(cx: &mut TestContext) -> CaseResult {
    let node = authorized(cx).await?;
    for user in [S, X] {
        cx.subscribes(user, &node).await?.subscription("pending")?;
    }
    // The two requests that a new subscription causes anyway.
    cx.events(O, |events| events.len() >= 2).await?;
    cx.drain_events(O).await?;
    let answer = command(cx, "", "").await?;
    cx.unless_refused(&answer, "get-pending")?;
    if !answer.is_result() && !cx.announces("get-pending") {
        // XEP-0060, 8.7.3.1: without any commands the error is an ordinary one.
        answer.error_of(&["service-unavailable", "feature-not-implemented"])?;
        let received = answer.received();
        return Err(CaseError::Refused {
            feature: "get-pending".to_owned(),
            received,
        });
    }
    let session = {
        let command = answer.payload("command", NS_COMMANDS)?;
        let form = answer.form(command)?;
        cx.line(form.is_for("subscribe_authorization"));
        let nodes = form.choices("node");
        let met = nodes.contains(&node);
        cx.line(check(met, format!("{node} to choose"), answer.received()));
        let executing = command.attr("status").as_deref() == Some("executing");
        cx.line(check(executing, "status='executing'", answer.received()));
        command.attr("sessionid").unwrap_or_default().into_owned()
    };
    let chosen = |node: &str| {
        format!(
            "<x xmlns='{NS_DATA}' type='submit'><field var='pubsub#node'><value>{}</value>\
             </field></x>",
            escaped(node)
        )
    };
    let answer = command(cx, &session, &chosen(&node)).await?;
    let command = answer.payload("command", NS_COMMANDS)?;
    // The example of the XEP says `action='completed'`, which XEP-0050 does not know.
    let completed = ["status", "action"].map(|name| command.attr(name).unwrap_or_default());
    let met = completed.iter().any(|completed| completed == "completed");
    cx.line(check(met, "status='completed'", answer.received()));
    let count = |events: &[Event]| -> Vec<String> {
        events
            .iter()
            .filter_map(|event| subscriber(event, &node))
            .collect()
    };
    let events = cx.events(O, |events| count(events).len() >= 2).await?;
    let mut asked = count(&events);
    asked.extend(count(&cx.drain_events(O).await?));
    asked.sort();
    let mut waiting = vec![cx.bare(S), cx.bare(X)];
    waiting.sort();
    check(
        asked == waiting,
        format!("one form for each of {waiting:?}"),
        format!("{asked:?}"),
    )
}

fn subscriber(event: &Event, node: &str) -> Option<String> {
    let form = event.form().ok()?;
    form.is_for("subscribe_authorization").ok()?;
    form.has_value("node", node).ok()?;
    form.value("subscriber_jid")
}
