//! Asking for items. (XEP-0060, 6.5)

use super::{Case, case};
use crate::ask::{element, item, pubsub};
use crate::expect::Answer;
use crate::fault::{About, Checked, holds};
use crate::world::{O, S, World, X};

pub(super) const CASES: &[Case] = &[
    case!(
        49,
        "6.5.2",
        "all items come, the one published last is the last",
        all_items
    ),
    case!(
        50,
        "6.5.7",
        "the most recent item is the one published last, even if its id is old",
        most_recent
    ),
    case!(51, "6.5.8", "items are asked for by their ids", by_id),
    case!(55, "6.5.9.11", "items of no node", no_node),
    case!(
        56,
        "6.5.9.8",
        "a stranger gets no items of a whitelist node",
        a_closed_node
    ),
    case!(
        57,
        "6.5.9.3",
        "who is not approved gets no items",
        not_approved
    ),
    case!(58, "6.5.9.10", "an outcast gets no items", an_outcast),
    case!(
        59,
        "6.5.9.4",
        "a node that keeps no items says so",
        nothing_kept
    ),
];

async fn all_items(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.published(&node, &["a", "b", "c", "a"]).await?;
    let answer = w.items(X, &node).await?;
    w.line(answer.items_are(&["b", "c", "a"]));
    let items = answer.with("items")?;
    let met = items.attr("node").as_deref() == Some(&node);
    w.line(holds(met, format!("<items node='{node}'/>"), answer.came()));
    let full = items.children().all(|item| item.children().count() == 1);
    holds(full, "each item with its payload", answer.came())
}

async fn most_recent(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.published(&node, &["a", "b", "c", "a"]).await?;
    for (number, ids) in [("1", &["a"][..]), ("2", &["c", "a"])] {
        let request = element("items", &[("node", &node), ("max_items", number)], "");
        let answer = w.get(X, &pubsub(&request)).await?;
        w.line(answer.items_are(ids).about(&format!("max_items={number}")));
    }
    Ok(())
}

async fn these(w: &mut World, node: &str, ids: &[&str]) -> Checked<Answer> {
    let items: String = ids.iter().map(|id| item(id, "")).collect();
    w.get(X, &pubsub(&element("items", &[("node", node)], &items)))
        .await
}

async fn by_id(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.published(&node, &["a", "b", "c"]).await?;
    let answer = these(w, &node, &["b"]).await?;
    w.line(answer.items_are(&["b"]));
    for (asked, expected) in [(["a", "c"], &["a", "c"][..]), (["a", "missing"], &["a"])] {
        let answer = these(w, &node, &asked).await?;
        let mut ids = answer.item_ids()?;
        ids.sort();
        w.line(holds(
            ids == expected,
            format!("items {expected:?}"),
            answer.came(),
        ));
    }
    these(w, &node, &["missing"])
        .await?
        .items_are(&[])
        .about("none of them exists")
}

async fn no_node(w: &mut World) -> Checked {
    let name = w.name();
    let answer = w.items(X, &name).await?;
    w.line(answer.error("item-not-found", "").about("an unknown node"));
    let answer = w.get(X, &pubsub("<items/>")).await?;
    answer
        .error("bad-request", "nodeid-required")
        .about("without node")
}

async fn a_closed_node(w: &mut World) -> Checked {
    let node = w.node(&[("access_model", "whitelist")]).await?;
    w.published(&node, &["a"]).await?;
    let answer = w.items(X, &node).await?;
    w.line(answer.error("not-allowed", "closed-node"));
    w.affiliated(&node, S, "member").await?;
    w.items(S, &node)
        .await?
        .items_are(&["a"])
        .about("a member")?;
    w.items(O, &node)
        .await?
        .items_are(&["a"])
        .about("the owner")
}

async fn not_approved(w: &mut World) -> Checked {
    let node = super::authorize::authorized(w).await?;
    w.published(&node, &["a"]).await?;
    let answer = w.items(X, &node).await?;
    w.line(
        answer
            .error("not-authorized", "not-subscribed")
            .about("a stranger"),
    );
    w.subscribes(X, &node).await?.subscription("pending")?;
    let answer = w.items(X, &node).await?;
    answer
        .error("not-authorized", "not-subscribed")
        .about("who is pending")
}

async fn an_outcast(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.published(&node, &["a"]).await?;

    w.affiliated(&node, X, "outcast").await?;
    w.items(X, &node).await?.error("forbidden", "")
}

async fn nothing_kept(w: &mut World) -> Checked {
    let node = w.node(&[("persist_items", "0")]).await?;
    w.items(O, &node).await?.unsupported("persistent-items")
}
