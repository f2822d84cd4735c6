//! Deleting and purging nodes. (XEP-0060, 8.4 and 8.5)

use super::{Case, case};
use crate::ask::{NS_EVENT, NS_STANZAS, element, owner};
use crate::fault::{About, Checked, holds};
use crate::world::{O, S, World, X};

pub(super) const CASES: &[Case] = &[
    case!(
        89,
        "8.4",
        "an owner deletes a node, and all hear of it and of the new place",
        deleted
    ),
    case!(
        90,
        "6.1.3.11",
        "who subscribes to a node that has moved is told where",
        moved
    ),
    case!(
        91,
        "8.5",
        "an owner purges a node, and subscribers hear of it once",
        purged
    ),
];

fn delete(node: &str, uri: &str) -> String {
    let redirect = element("redirect", &[("uri", uri)], "");
    owner(&element("delete", &[("node", node)], &redirect))
}

async fn deleted(w: &mut World) -> Checked {
    let uri = format!("xmpp:{}?;node=elsewhere", w.service);
    let node = w.node(&[("notify_delete", "1")]).await?;
    w.subscribed(S, &node).await?;
    let answer = w.deletes(X, &node).await?;
    w.line(answer.error("forbidden", "").about("a stranger"));
    let mut gone = vec![(node, S)];
    let name = w.name();
    let asks = [("access_model", "authorize"), ("notify_delete", "1")];
    if w.create(&name, &asks).await.is_ok() {
        w.subscribes(X, &name).await?.subscription("pending")?;
        gone.push((name, X));
    }
    for (node, who) in &gone {
        w.set(O, &delete(node, &uri)).await?.good()?;
        let event = w.event(*who).await.about("subscribed or pending")?;
        let delete = event.about("delete", node)?;
        let redirect = delete.child("redirect", NS_EVENT);
        let said = redirect.and_then(|redirect| redirect.attr("uri"));
        let expected = format!("<redirect uri='{uri}'/> in the event");
        w.line(holds(said.as_deref() == Some(&uri), expected, event.came()));
        let answer = w.info(O, node).await?;
        w.line(
            answer
                .error_of(&["item-not-found", "gone"])
                .about("the node afterwards"),
        );
    }
    let name = w.name();
    let answer = w.deletes(O, &name).await?;
    w.line(answer.error("item-not-found", "").about("an unknown node"));
    let answer = w.set(O, &owner("<delete/>")).await?;
    answer
        .error("bad-request", "nodeid-required")
        .about("without node")
}

async fn moved(w: &mut World) -> Checked {
    let uri = format!("xmpp:{}?;node=elsewhere", w.service);
    let node = w.node(&[]).await?;
    w.set(O, &delete(&node, &uri)).await?.good()?;
    let answer = w.subscribes(S, &node).await?;
    answer.error("gone", "")?;
    let gone = answer
        .error_element()
        .and_then(|error| error.child("gone", NS_STANZAS));
    let said = gone.map(|gone| gone.text().into_owned());
    holds(
        said.as_deref() == Some(&uri),
        format!("<gone>{uri}</gone>"),
        answer.came(),
    )
}

async fn purged(w: &mut World) -> Checked {
    let node = w.node(&[("notify_retract", "1")]).await?;
    let purge = owner(&element("purge", &[("node", &node)], ""));
    w.subscribed(S, &node).await?;
    w.published(&node, &["a", "b", "c"]).await?;
    for id in ["a", "b", "c"] {
        w.event(S).await?.brings(&node, id)?;
    }
    let answer = w.set(X, &purge).await?;
    w.unless_refused(&answer, "purge-nodes")?;
    w.line(answer.error("forbidden", "").about("a stranger"));
    w.set(O, &purge).await?.good()?;
    w.event(S).await?.about("purge", &node)?;
    w.silent(S).await.about("one event")?;
    let answer = w.items(O, &node).await?;
    w.line(answer.items_are(&[]).about("afterwards"));
    let transient = w.node(&[("persist_items", "0")]).await?;
    let purge = owner(&element("purge", &[("node", &transient)], ""));
    let answer = w.set(O, &purge).await?;
    answer
        .unsupported("persistent-items")
        .about("a node that keeps no items")
}
