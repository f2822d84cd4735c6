//! An owner's lists of affiliations and of subscriptions. (XEP-0060, 8.8 and 8.9)

use super::{Case, case};
use crate::ask::{element, owner};
use crate::fault::{About, Checked, holds};
use crate::world::{O, P, S, Who, World, X};

pub(super) const CASES: &[Case] = &[
    case!(
        92,
        "8.9",
        "an owner sees and changes affiliations, by their bare addresses",
        affiliations
    ),
    case!(
        93,
        "8.9.2.4",
        "of several changes those that cannot be are named",
        several
    ),
    case!(94, "8.9.2.4", "a node keeps its last owner", the_last_owner),
    case!(
        95,
        "8.8",
        "an owner sees and changes subscriptions, and the subscriber is told",
        subscriptions
    ),
];

async fn has(w: &mut World, node: &str, expected: &[(Who, &str)], line: &str) -> Checked {
    let mut came = w.affiliations(node).await?;
    came.sort();
    let pairs = expected
        .iter()
        .map(|(who, affiliation)| (w.bare(*who), (*affiliation).to_owned()));
    let mut expected: Vec<_> = pairs.collect();
    expected.sort();
    holds(
        came == expected,
        format!("{line}: {expected:?}"),
        format!("{came:?}"),
    )
}

async fn affiliations(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.affiliated(&node, P, "publisher").await?;
    let full = format!("{}/resource", w.bare(S));
    let answer = w.affiliates(&node, &[(&full, "member")]).await?;
    w.line(answer.good().about("a full address"));
    let all = [(O, "owner"), (P, "publisher"), (S, "member")];
    let line = has(w, &node, &all, "by bare addresses").await;
    w.line(line);
    w.affiliated(&node, P, "none").await?;
    let without = [(O, "owner"), (S, "member")];
    let line = has(w, &node, &without, "without none").await;
    w.line(line);
    let (s, x) = (w.bare(S), w.bare(X));
    let answer = w
        .affiliates(&node, &[(&s, "outcast"), (&x, "emperor")])
        .await?;
    w.line(
        answer
            .error("bad-request", "")
            .about("an unknown affiliation"),
    );
    let line = has(w, &node, &without, "nothing stored").await;
    w.line(line);
    let request = owner(&element("affiliations", &[("node", &node)], ""));
    let answer = w.get(X, &request).await?;
    answer.error("forbidden", "").about("a stranger")
}

async fn several(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let (o, p, s) = (w.bare(O), w.bare(P), w.bare(S));
    let answer = w
        .affiliates(&node, &[(&s, "member"), (&s, "publisher")])
        .await?;
    w.line(
        answer
            .error("bad-request", "")
            .about("the same address twice"),
    );
    let line = has(w, &node, &[(O, "owner")], "and nothing stored").await;
    w.line(line);
    let three = [
        (p.as_str(), "publisher"),
        (o.as_str(), "none"),
        (s.as_str(), "member"),
    ];
    let answer = w.affiliates(&node, &three).await?;
    w.line(
        answer
            .error("not-acceptable", "")
            .about("one bad entry of three"),
    );
    let list = answer
        .root()
        .children()
        .find_map(|child| child.children().find(|list| list.name() == "affiliations"));
    let named: Vec<(String, String)> = list
        .into_iter()
        .flat_map(couplet_core::element::Element::children)
        .map(|one| {
            let text = |name: &str| one.attr(name).unwrap_or_default().into_owned();
            (text("jid"), text("affiliation"))
        })
        .collect();
    let met = named == [(o, "owner".to_owned())];
    w.line(holds(
        met,
        "only the failed entry, with its old value",
        answer.came(),
    ));
    // XEP-0060, 8.9.2.4: what is not returned has been done.
    let all = [(O, "owner"), (P, "publisher"), (S, "member")];
    has(w, &node, &all, "the other two are done").await
}

async fn the_last_owner(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let o = w.bare(O);
    for affiliation in ["none", "member"] {
        let answer = w.affiliates(&node, &[(&o, affiliation)]).await?;
        w.line(answer.error("not-acceptable", "").about(affiliation));
        let line = has(w, &node, &[(O, "owner")], "unchanged").await;
        w.line(line);
    }
    Ok(())
}

async fn subscriptions(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let (s, x) = (w.bare(S), w.bare(X));
    let request = owner(&element("subscriptions", &[("node", &node)], ""));
    let answer = w.get(O, &request).await?;
    w.unless_refused(&answer, "manage-subscriptions")?;
    let empty = answer.with("subscriptions")?.children().next().is_none();
    w.line(holds(empty, "an empty list", answer.came()));
    w.subscribed(X, &node).await?;
    w.sets_subscriptions(&node, &[(&s, "subscribed")])
        .await?
        .good()
        .about("adding")?;
    let line = told(w, &node, "subscribed").await;
    w.line(line.about("added"));
    let mut list = w.subscriptions(&node).await?;
    list.sort();
    let subscribed = |jid: &String| (jid.clone(), "subscribed".to_owned());
    let met = list == [subscribed(&s), subscribed(&x)];
    w.line(holds(met, "both in the list", format!("{list:?}")));
    w.published(&node, &["one"]).await?;
    w.gets_one(S, &node, "one").await.about("added")?;
    w.sets_subscriptions(&node, &[(&s, "none")])
        .await?
        .good()
        .about("removing")?;
    let line = told(w, &node, "none").await;
    w.line(line.about("removed"));
    let list = w.subscriptions(&node).await?;
    let met = list == [subscribed(&x)];
    w.line(holds(met, "the other one in the list", format!("{list:?}")));
    w.published(&node, &["two"]).await?;
    let answer = w.get(X, &request).await?;
    w.line(answer.error("forbidden", "").about("a stranger"));
    w.silent(S).await.about("removed")?;
    pending_is_not_listed(w).await
}

async fn told(w: &mut World, node: &str, state: &str) -> Checked {
    w.event(S).await?.tells(node, state)?;
    w.silent(S).await.about("told once")
}

/// XEP-0060, 8.8.1.2: who waits stands in another list.
async fn pending_is_not_listed(w: &mut World) -> Checked {
    let name = w.name();
    if w.create(&name, &[("access_model", "authorize")])
        .await
        .is_err()
    {
        return Ok(());
    }
    w.subscribes(S, &name).await?.subscription("pending")?;
    let list = w.subscriptions(&name).await?;
    let met = !list
        .iter()
        .any(|(_, state)| state == "pending" || state == "none");
    holds(met, "no pending in the list", format!("{list:?}"))
}
