//! An owner's lists of affiliations and of subscriptions. (XEP-0060, 8.8 and 8.9)

use super::{Case, case};
use crate::error::{About, CaseResult, check};
use crate::request::{element, owner};
use crate::test_context::{O, P, S, TestContext, User, X};

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
        "of several changes the impossible ones are listed",
        several
    ),
    case!(94, "8.9.2.4", "a node keeps its last owner", the_last_owner),
    case!(
        95,
        "8.8",
        "an owner sees and changes subscriptions, and subscribers are notified",
        subscriptions
    ),
];

async fn has(
    cx: &mut TestContext,
    node: &str,
    expected: &[(User, &str)],
    line: &str,
) -> CaseResult {
    let mut received = cx.affiliations(node).await?;
    received.sort();
    let pairs = expected
        .iter()
        .map(|(user, affiliation)| (cx.bare(*user), (*affiliation).to_owned()));
    let mut expected: Vec<_> = pairs.collect();
    expected.sort();
    check(
        received == expected,
        format!("{line}: {expected:?}"),
        format!("{received:?}"),
    )
}

async fn affiliations(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.affiliated(&node, P, "publisher").await?;
    let full = format!("{}/resource", cx.bare(S));
    let answer = cx.affiliates(&node, &[(&full, "member")]).await?;
    cx.line(answer.is_ok().about("a full address"));
    let all = [(O, "owner"), (P, "publisher"), (S, "member")];
    let line = has(cx, &node, &all, "by bare addresses").await;
    cx.line(line);
    cx.affiliated(&node, P, "none").await?;
    let without = [(O, "owner"), (S, "member")];
    let line = has(cx, &node, &without, "without none").await;
    cx.line(line);
    let (s, x) = (cx.bare(S), cx.bare(X));
    let answer = cx
        .affiliates(&node, &[(&s, "outcast"), (&x, "emperor")])
        .await?;
    cx.line(
        answer
            .error("bad-request", "")
            .about("an unknown affiliation"),
    );
    let line = has(cx, &node, &without, "nothing stored").await;
    cx.line(line);
    let request = owner(&element("affiliations", &[("node", &node)], ""));
    let answer = cx.get(X, &request).await?;
    answer.error("forbidden", "").about("a stranger")
}

async fn several(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let (o, p, s) = (cx.bare(O), cx.bare(P), cx.bare(S));
    let answer = cx
        .affiliates(&node, &[(&s, "member"), (&s, "publisher")])
        .await?;
    cx.line(
        answer
            .error("bad-request", "")
            .about("the same address twice"),
    );
    let line = has(cx, &node, &[(O, "owner")], "and nothing stored").await;
    cx.line(line);
    let three = [
        (p.as_str(), "publisher"),
        (o.as_str(), "none"),
        (s.as_str(), "member"),
    ];
    let answer = cx.affiliates(&node, &three).await?;
    cx.line(
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
    cx.line(check(
        met,
        "only the failed entry, with its old value",
        answer.received(),
    ));
    // XEP-0060, 8.9.2.4: changes that the error does not list have been made.
    let all = [(O, "owner"), (P, "publisher"), (S, "member")];
    has(cx, &node, &all, "the other two are done").await
}

async fn the_last_owner(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let o = cx.bare(O);
    for affiliation in ["none", "member"] {
        let answer = cx.affiliates(&node, &[(&o, affiliation)]).await?;
        cx.line(answer.error("not-acceptable", "").about(affiliation));
        let line = has(cx, &node, &[(O, "owner")], "unchanged").await;
        cx.line(line);
    }
    Ok(())
}

async fn subscriptions(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let (s, x) = (cx.bare(S), cx.bare(X));
    let request = owner(&element("subscriptions", &[("node", &node)], ""));
    let answer = cx.get(O, &request).await?;
    cx.unless_refused(&answer, "manage-subscriptions")?;
    let empty = answer.with("subscriptions")?.children().next().is_none();
    cx.line(check(empty, "an empty list", answer.received()));
    cx.subscribed(X, &node).await?;
    cx.sets_subscriptions(&node, &[(&s, "subscribed")])
        .await?
        .is_ok()
        .about("adding")?;
    let line = notified(cx, &node, "subscribed").await;
    cx.line(line.about("added"));
    let mut list = cx.subscriptions(&node).await?;
    list.sort();
    let subscribed = |jid: &String| (jid.clone(), "subscribed".to_owned());
    let met = list == [subscribed(&s), subscribed(&x)];
    cx.line(check(met, "both in the list", format!("{list:?}")));
    cx.published(&node, &["one"]).await?;
    cx.gets_one(S, &node, "one").await.about("added")?;
    cx.sets_subscriptions(&node, &[(&s, "none")])
        .await?
        .is_ok()
        .about("removing")?;
    let line = notified(cx, &node, "none").await;
    cx.line(line.about("removed"));
    let list = cx.subscriptions(&node).await?;
    let met = list == [subscribed(&x)];
    cx.line(check(met, "the other one in the list", format!("{list:?}")));
    cx.published(&node, &["two"]).await?;
    let answer = cx.get(X, &request).await?;
    cx.line(answer.error("forbidden", "").about("a stranger"));
    cx.expect_no_event(S).await.about("removed")?;
    pending_is_not_listed(cx).await
}

async fn notified(cx: &mut TestContext, node: &str, state: &str) -> CaseResult {
    cx.event(S).await?.has_state(node, state)?;
    cx.expect_no_event(S).await.about("one notification")
}

/// Checks that pending subscriptions are not listed: they have a list of their own. (XEP-0060,
/// 8.8.1.2)
async fn pending_is_not_listed(cx: &mut TestContext) -> CaseResult {
    let name = cx.name();
    if cx
        .create(&name, &[("access_model", "authorize")])
        .await
        .is_err()
    {
        return Ok(());
    }
    cx.subscribes(S, &name).await?.subscription("pending")?;
    let list = cx.subscriptions(&name).await?;
    let met = !list
        .iter()
        .any(|(_, state)| state == "pending" || state == "none");
    check(met, "no pending in the list", format!("{list:?}"))
}
