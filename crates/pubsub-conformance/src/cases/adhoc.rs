//! Asking for what is pending. (XEP-0060, 8.7)

use super::authorize::authorized;
use super::{Case, case};
use crate::ask::{NS_COMMANDS, NS_DATA, element, escaped};
use crate::expect::{Answer, Event};
use crate::fault::{Checked, Fault, holds};
use crate::world::{O, S, World, X};

pub(super) const CASES: &[Case] = &[case!(
    96,
    "8.7",
    "an owner asks which nodes have requests waiting, and for those of one",
    pending
)];

const NODE: &str = "http://jabber.org/protocol/pubsub#get-pending";

async fn command(w: &mut World, session: &str, inner: &str) -> Checked<Answer> {
    let mut attributes = vec![
        ("xmlns", NS_COMMANDS),
        ("node", NODE),
        ("action", "execute"),
    ];
    if !session.is_empty() {
        attributes.push(("sessionid", session));
    }
    w.set(O, &element("command", &attributes, inner)).await
}

async fn pending(w: &mut World) -> Checked {
    let node = authorized(w).await?;
    for who in [S, X] {
        w.subscribes(who, &node).await?.subscription("pending")?;
    }
    // The two requests that a new subscription makes anyway.
    w.events(O, |events| events.len() >= 2).await?;
    w.quiet(O).await?;
    let answer = command(w, "", "").await?;
    w.unless_refused(&answer, "get-pending")?;
    if !answer.is_result() && !w.announces("get-pending") {
        // XEP-0060, 8.7.3.1: without commands at all the refusal is an ordinary one.
        answer.error_of(&["service-unavailable", "feature-not-implemented"])?;
        let came = answer.came();
        return Err(Fault::Refused {
            feature: "get-pending".to_owned(),
            came,
        });
    }
    let session = {
        let command = answer.payload("command", NS_COMMANDS)?;
        let form = answer.form(command)?;
        w.line(form.is_for("subscribe_authorization"));
        let nodes = form.choices("node");
        let met = nodes.contains(&node);
        w.line(holds(met, format!("{node} to choose"), answer.came()));
        let executing = command.attr("status").as_deref() == Some("executing");
        w.line(holds(executing, "status='executing'", answer.came()));
        command.attr("sessionid").unwrap_or_default().into_owned()
    };
    let chosen = |node: &str| {
        format!(
            "<x xmlns='{NS_DATA}' type='submit'><field var='pubsub#node'><value>{}</value>\
             </field></x>",
            escaped(node)
        )
    };
    let answer = command(w, &session, &chosen(&node)).await?;
    let command = answer.payload("command", NS_COMMANDS)?;
    // The example of the XEP says `action='completed'`, which XEP-0050 does not know.
    let said = ["status", "action"].map(|name| command.attr(name).unwrap_or_default());
    let met = said.iter().any(|said| said == "completed");
    w.line(holds(met, "status='completed'", answer.came()));
    let count = |events: &[Event]| -> Vec<String> {
        events
            .iter()
            .filter_map(|event| subscriber(event, &node))
            .collect()
    };
    let events = w.events(O, |events| count(events).len() >= 2).await?;
    let mut asked = count(&events);
    asked.extend(count(&w.quiet(O).await?));
    asked.sort();
    let mut waiting = vec![w.bare(S), w.bare(X)];
    waiting.sort();
    holds(
        asked == waiting,
        format!("one form for each of {waiting:?}"),
        format!("{asked:?}"),
    )
}

fn subscriber(event: &Event, node: &str) -> Option<String> {
    let form = event.form().ok()?;
    form.is_for("subscribe_authorization").ok()?;
    form.says("node", node).ok()?;
    form.value("subscriber_jid")
}
