//! Subscriptions that an owner must approve. (XEP-0060, 6.1.4 and 8.6)

use super::{Case, case};
use crate::error::{About, CaseError, CaseResult, check};
use crate::expect::Event;
use crate::request::{escaped, form};
use crate::test_context::{O, P, S, TestContext, User, X};

pub(super) const CASES: &[Case] = &[
    case!(
        25,
        "6.1.4",
        "a subscription is pending, and every owner gets a form",
        every_owner_is_asked
    ),
    case!(
        26,
        "6.1.3.7",
        "subscribing again while pending is pending-subscription",
        still_pending
    ),
    case!(
        27,
        "8.6",
        "an owner approves, denies or cancels; other users cannot",
        the_owner_decides
    ),
    case!(
        28,
        "8.7",
        "an affiliation decides what was waiting",
        an_affiliation_decides
    ),
];

/// Creates a node with subscription approval; without the feature the case ends as refused.
pub(super) async fn authorized(cx: &mut TestContext) -> CaseResult<String> {
    let name = cx.name();
    match cx.create(&name, &[("access_model", "authorize")]).await {
        Ok(()) => Ok(name),
        Err(_) if !cx.announces("access-authorize") => {
            let configure = crate::request::config(&[("access_model", "authorize")]);
            let create = crate::request::element("create", &[("node", &name)], "");
            let configure = crate::request::element("configure", &[], &configure);
            let answer = cx
                .set(O, &crate::request::pubsub(&(create + &configure)))
                .await?;
            // Case 14 checks the pubsub condition.
            answer.error("not-acceptable", "")?;
            Err(CaseError::Refused {
                feature: "access-authorize".to_owned(),
                received: answer.received(),
            })
        }
        Err(error) => Err(error),
    }
}

async fn pending(cx: &mut TestContext, user: User, node: &str) -> CaseResult {
    let answer = cx.subscribes(user, node).await?;
    answer.subscription("pending").map(|_| ())
}

/// Checks the form that an owner gets: it names the node and the subscriber.
fn check_form(event: &Event, node: &str, subscriber: &str) -> CaseResult {
    let form = event.form()?;
    form.is_for("subscribe_authorization")?;
    form.is_of(&["form"])?;
    form.has_value("node", node)?;
    form.has_value("subscriber_jid", subscriber)?;
    form.has_value("allow", "0").about("no is the default")
}

async fn every_owner_is_asked(cx: &mut TestContext) -> CaseResult {
    let node = authorized(cx).await?;
    cx.affiliated(&node, P, "owner").await?;
    for owner in [O, P] {
        cx.drain_events(owner).await?;
    }
    pending(cx, S, &node).await?;
    let subscriber = cx.bare(S);
    for owner in [O, P] {
        let event = cx.event(owner).await.about("an owner gets the form")?;
        cx.line(check_form(&event, &node, &subscriber));
    }
    cx.published(&node, &["one"]).await?;
    cx.expect_no_event(S).await
}

async fn still_pending(cx: &mut TestContext) -> CaseResult {
    let node = authorized(cx).await?;
    pending(cx, S, &node).await?;
    let answer = cx.subscribes(S, &node).await?;
    answer.error("not-authorized", "pending-subscription")
}

/// Answers the form in a message, as a client does.
async fn reply(cx: &mut TestContext, user: User, form_event: &Event, allow: &str) -> CaseResult {
    let form_asked = form_event.form()?;
    let value = |field: &str| form_asked.value(field);
    let (node, jid, subid) = (value("node"), value("subscriber_jid"), value("subid"));
    let mut fields = Vec::new();
    for (field, value) in [("subid", &subid), ("node", &node), ("subscriber_jid", &jid)] {
        fields.extend(value.as_deref().map(|value| (field, value)));
    }
    fields.push(("allow", allow));
    let form = match allow {
        "" => form("subscribe_authorization", &[]).replace("'submit'", "'cancel'"),
        _ => form("subscribe_authorization", &fields),
    };
    let id = escaped(&form_event.id());
    cx.send(
        user,
        &format!("<message to='{{to}}' id='{id}'>{form}</message>"),
    )
    .await
}

async fn form_event(cx: &mut TestContext, node: &str, user: User) -> CaseResult<Event> {
    pending(cx, user, node).await?;
    let event = cx.event(O).await?;
    check_form(&event, node, &cx.bare(user))?;
    Ok(event)
}

async fn state(cx: &mut TestContext, node: &str, user: User) -> CaseResult<String> {
    let all = cx.own_subscriptions(user, &[]).await?;
    let one = all.into_iter().find(|[n, ..]| n == node);
    Ok(one.map_or_else(|| "none".to_owned(), |[_, _, state, _]| state))
}

async fn the_owner_decides(cx: &mut TestContext) -> CaseResult {
    let node = authorized(cx).await?;
    let yes = form_event(cx, &node, S).await?;
    reply(cx, X, &yes, "1").await?;
    cx.expect_no_event(S)
        .await
        .about("an answer of a user who is not an owner")?;
    let received = state(cx, &node, S).await?;
    cx.line(check(
        received == "pending",
        "still pending after a stranger's answer",
        received,
    ));
    reply(cx, O, &yes, "").await?;
    cx.expect_no_event(S)
        .await
        .about("a form that is cancelled")?;
    let received = state(cx, &node, S).await?;
    cx.line(check(
        received == "pending",
        "still pending after a cancelled form",
        received,
    ));
    reply(cx, O, &yes, "1").await?;
    cx.event(S).await?.has_state(&node, "subscribed")?;
    cx.published(&node, &["one"]).await?;
    cx.gets_one(S, &node, "one").await?;
    let no = form_event(cx, &node, X).await?;
    reply(cx, O, &no, "0").await?;
    cx.event(X).await?.has_state(&node, "none")?;
    let received = state(cx, &node, X).await?;
    cx.line(check(
        received == "none",
        "no subscription after a no",
        received,
    ));
    cx.published(&node, &["two"]).await?;
    cx.expect_no_event(X).await
}

async fn an_affiliation_decides(cx: &mut TestContext) -> CaseResult {
    let node = authorized(cx).await?;
    for (user, affiliation, decided) in [
        (S, "member", "subscribed"),
        (P, "publisher", "subscribed"),
        (X, "outcast", "none"),
    ] {
        pending(cx, user, &node).await?;
        cx.affiliated(&node, user, affiliation).await?;
        let notice = match cx.event(user).await {
            Ok(event) => event.has_state(&node, decided).map(|_| ()),
            Err(error) => Err(error),
        };
        cx.line(notice.about(&format!("{affiliation}: notified")));
        let received = state(cx, &node, user).await?;
        cx.line(check(
            received == decided,
            format!("{affiliation}: {decided}"),
            received,
        ));
    }
    Ok(())
}
