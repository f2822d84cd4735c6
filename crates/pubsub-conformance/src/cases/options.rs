//! Options of a subscription. (XEP-0060, 6.3 and 6.4)

use super::{Case, case};
use crate::error::{About, CaseError, CaseResult, check};
use crate::request::{element, options, pubsub};
use crate::test_context::{S, TestContext, User, X};

pub(super) const CASES: &[Case] = &[
    case!(
        32,
        "6.3.7",
        "options that come with the request are in force",
        with_the_request
    ),
    case!(
        33,
        "6.3.7",
        "options that come with the request name no node and no address",
        misplaced
    ),
    case!(41, "6.3", "a subscriber sees the options", seen),
    case!(
        42,
        "6.3.4.1",
        "options of another user can neither be read nor set",
        somebody_elses
    ),
    case!(
        43,
        "6.3.4",
        "options need a subscription, an address and a node",
        incomplete
    ),
    case!(
        44,
        "6.3.5",
        "a subscriber turns delivery off and on",
        off_and_on
    ),
    case!(
        45,
        "6.3.6.2",
        "an option with a value that makes no sense is not set",
        nonsense
    ),
    case!(
        48,
        "6.4",
        "default options are returned, or reported as unsupported",
        defaults
    ),
];

/// Ends the case as refused if there are no options, or this one is not in the form.
pub(super) async fn offered(
    cx: &mut TestContext,
    user: User,
    node: &str,
    field: &str,
) -> CaseResult {
    let jid = cx.bare(user);
    let answer = cx.options(user, node, &jid).await?;
    cx.unless_refused(&answer, "subscription-options")?;
    let form = answer.form(answer.with("options")?)?;
    if form.has(field) {
        return Ok(());
    }
    Err(CaseError::Refused {
        feature: format!("pubsub#{field}"),
        received: form.received(),
    })
}

async fn with_the_request(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let answer = cx.subscribes_with(S, &node, &[("deliver", "0")]).await?;
    cx.unless_refused(&answer, "subscription-options")?;
    answer.subscription("subscribed")?;
    let echoed = answer.with("options").and_then(|options| {
        let form = answer.form(options)?;
        form.is_of(&["result"])?;
        form.is_for("subscribe_options")?;
        form.has_value("deliver", "0")
    });
    cx.line(echoed.about("the options are echoed"));
    cx.published(&node, &["one"]).await?;
    cx.expect_no_event(S).await.about("deliver=0 is in force")
}

async fn misplaced(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let jid = cx.bare(S);
    for (attribute, value) in [("node", &node), ("jid", &jid)] {
        let subscribe = element("subscribe", &[("node", &node), ("jid", &jid)], "");
        let form = options(&[("deliver", "1")]);
        let options = element("options", &[(attribute, value)], &form);
        let answer = cx.set(S, &pubsub(&(subscribe + &options))).await?;
        cx.unless_refused(&answer, "subscription-options")?;
        cx.line(
            answer
                .error("bad-request", "")
                .about(&format!("<options {attribute}=.../>")),
        );
    }
    let list = cx.subscriptions(&node).await?;
    check(list.is_empty(), "no subscription", format!("{list:?}"))
}

async fn seen(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.subscribed(S, &node).await?;
    let jid = cx.bare(S);
    let answer = cx.options(S, &node, &jid).await?;
    cx.unless_refused(&answer, "subscription-options")?;
    let form = answer.form(answer.with("options")?)?;
    cx.line(form.is_of(&["form"]));
    cx.line(form.is_for("subscribe_options"));
    if form.has("deliver") {
        cx.line(form.has_value("deliver", "1"));
    }
    let field = if form.has("deliver") {
        "deliver"
    } else {
        "include_body"
    };
    for value in ["0", "1"] {
        cx.sets_options(S, &node, &[(field, value)])
            .await?
            .is_ok()?;
        let answer = cx.options(S, &node, &jid).await?;
        let form = answer.form(answer.with("options")?)?;
        cx.line(form.has_value(field, value).about("the current value"));
    }
    Ok(())
}

async fn somebody_elses(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.subscribed(S, &node).await?;
    let jid = cx.bare(S);
    let answer = cx.options(X, &node, &jid).await?;
    cx.unless_refused(&answer, "subscription-options")?;
    cx.line(answer.error("forbidden", "").about("seeing them"));
    let form = options(&[("deliver", "0")]);
    let set = pubsub(&element(
        "options",
        &[("node", &node), ("jid", &jid)],
        &form,
    ));
    let answer = cx.set(X, &set).await?;
    cx.line(answer.error("forbidden", "").about("setting them"));
    cx.published(&node, &["one"]).await?;
    cx.gets_one(S, &node, "one").await
}

async fn incomplete(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let jid = cx.bare(S);
    let answer = cx.options(S, &node, &jid).await?;
    cx.unless_refused(&answer, "subscription-options")?;
    cx.line(
        answer
            .error("unexpected-request", "not-subscribed")
            .about("not subscribed"),
    );
    cx.subscribed(S, &node).await?;
    let without_jid = pubsub(&element("options", &[("node", &node)], ""));
    let answer = cx.get(S, &without_jid).await?;
    cx.line(
        answer
            .error("bad-request", "jid-required")
            .about("without jid"),
    );
    let name = cx.name();
    let answer = cx.options(S, &name, &jid).await?;
    answer.error("item-not-found", "").about("an unknown node")
}

async fn off_and_on(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.subscribed(S, &node).await?;
    offered(cx, S, &node, "deliver").await?;
    cx.sets_options(S, &node, &[("deliver", "0")])
        .await?
        .is_ok()?;
    cx.published(&node, &["one"]).await?;
    cx.expect_no_event(S).await.about("deliver=0")?;
    let list = cx.subscriptions(&node).await?;
    let kept = matches!(&list[..], [(_, state)] if state == "subscribed");
    cx.line(check(kept, "the subscription is kept", format!("{list:?}")));
    cx.sets_options(S, &node, &[("deliver", "1")])
        .await?
        .is_ok()?;
    cx.published(&node, &["two"]).await?;
    cx.gets_one(S, &node, "two").await.about("deliver=1")
}

async fn nonsense(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.subscribed(S, &node).await?;
    let jid = cx.bare(S);
    let answer = cx.options(S, &node, &jid).await?;
    cx.unless_refused(&answer, "subscription-options")?;
    let form = answer.form(answer.with("options")?)?;
    let field = if form.has("deliver") {
        "deliver"
    } else {
        "include_body"
    };
    let before = form.value(field);
    let answer = cx.sets_options(S, &node, &[(field, "perhaps")]).await?;
    cx.line(answer.error("bad-request", "invalid-options"));
    let answer = cx.options(S, &node, &jid).await?;
    let form = answer.form(answer.with("options")?)?;
    check(
        form.value(field) == before,
        "the options unchanged",
        form.received(),
    )
}

async fn defaults(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let of_node = element("default", &[("node", &node)], "");
    for request in ["<default/>", &of_node] {
        let answer = cx.get(X, &pubsub(request)).await?;
        let expected = "a form, or <unsupported feature='retrieve-default-sub'/>";
        if !answer.is_result() {
            let no_options = answer.unsupported("subscription-options");
            let no_defaults = answer.unsupported("retrieve-default-sub");
            let met = no_defaults.is_ok() || no_options.is_ok();
            cx.line(check(met, expected, answer.received()));
            continue;
        }
        let form = answer.form(answer.with("default")?)?;
        cx.line(form.is_for("subscribe_options"));
    }
    Ok(())
}
