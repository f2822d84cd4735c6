//! Options of a subscription. (XEP-0060, 6.3 and 6.4)

use super::{Case, case};
use crate::ask::{element, options, pubsub};
use crate::fault::{About, Checked, Fault, holds};
use crate::world::{S, Who, World, X};

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
        "nobody sees or sets somebody else's options",
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
        "default options are told, or it is said that they are not",
        defaults
    ),
];

/// The case ends as refused where there are no options, or not this one in the form.
pub(super) async fn offered(w: &mut World, who: Who, node: &str, field: &str) -> Checked {
    let jid = w.bare(who);
    let answer = w.options(who, node, &jid).await?;
    w.unless_refused(&answer, "subscription-options")?;
    let form = answer.form(answer.with("options")?)?;
    if form.has(field) {
        return Ok(());
    }
    Err(Fault::Refused {
        feature: format!("pubsub#{field}"),
        came: form.came(),
    })
}

async fn with_the_request(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let answer = w.subscribes_with(S, &node, &[("deliver", "0")]).await?;
    w.unless_refused(&answer, "subscription-options")?;
    answer.subscription("subscribed")?;
    let echoed = answer.with("options").and_then(|options| {
        let form = answer.form(options)?;
        form.is_of(&["result"])?;
        form.is_for("subscribe_options")?;
        form.says("deliver", "0")
    });
    w.line(echoed.about("the options are echoed"));
    w.published(&node, &["one"]).await?;
    w.silent(S).await.about("deliver=0 is in force")
}

async fn misplaced(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let jid = w.bare(S);
    for (attribute, value) in [("node", &node), ("jid", &jid)] {
        let subscribe = element("subscribe", &[("node", &node), ("jid", &jid)], "");
        let form = options(&[("deliver", "1")]);
        let options = element("options", &[(attribute, value)], &form);
        let answer = w.set(S, &pubsub(&(subscribe + &options))).await?;
        w.unless_refused(&answer, "subscription-options")?;
        w.line(
            answer
                .error("bad-request", "")
                .about(&format!("<options {attribute}=.../>")),
        );
    }
    let list = w.subscriptions(&node).await?;
    holds(list.is_empty(), "no subscription", format!("{list:?}"))
}

async fn seen(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.subscribed(S, &node).await?;
    let jid = w.bare(S);
    let answer = w.options(S, &node, &jid).await?;
    w.unless_refused(&answer, "subscription-options")?;
    let form = answer.form(answer.with("options")?)?;
    w.line(form.is_of(&["form"]));
    w.line(form.is_for("subscribe_options"));
    if form.has("deliver") {
        w.line(form.says("deliver", "1"));
    }
    let field = if form.has("deliver") {
        "deliver"
    } else {
        "include_body"
    };
    for value in ["0", "1"] {
        w.sets_options(S, &node, &[(field, value)]).await?.good()?;
        let answer = w.options(S, &node, &jid).await?;
        let form = answer.form(answer.with("options")?)?;
        w.line(form.says(field, value).about("the current value"));
    }
    Ok(())
}

async fn somebody_elses(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.subscribed(S, &node).await?;
    let jid = w.bare(S);
    let answer = w.options(X, &node, &jid).await?;
    w.unless_refused(&answer, "subscription-options")?;
    w.line(answer.error("forbidden", "").about("seeing them"));
    let form = options(&[("deliver", "0")]);
    let set = pubsub(&element(
        "options",
        &[("node", &node), ("jid", &jid)],
        &form,
    ));
    let answer = w.set(X, &set).await?;
    w.line(answer.error("forbidden", "").about("setting them"));
    w.published(&node, &["one"]).await?;
    w.gets_one(S, &node, "one").await
}

async fn incomplete(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let jid = w.bare(S);
    let answer = w.options(S, &node, &jid).await?;
    w.unless_refused(&answer, "subscription-options")?;
    w.line(
        answer
            .error("unexpected-request", "not-subscribed")
            .about("not subscribed"),
    );
    w.subscribed(S, &node).await?;
    let without_jid = pubsub(&element("options", &[("node", &node)], ""));
    let answer = w.get(S, &without_jid).await?;
    w.line(
        answer
            .error("bad-request", "jid-required")
            .about("without jid"),
    );
    let name = w.name();
    let answer = w.options(S, &name, &jid).await?;
    answer.error("item-not-found", "").about("an unknown node")
}

async fn off_and_on(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.subscribed(S, &node).await?;
    offered(w, S, &node, "deliver").await?;
    w.sets_options(S, &node, &[("deliver", "0")])
        .await?
        .good()?;
    w.published(&node, &["one"]).await?;
    w.silent(S).await.about("deliver=0")?;
    let list = w.subscriptions(&node).await?;
    let kept = matches!(&list[..], [(_, state)] if state == "subscribed");
    w.line(holds(kept, "the subscription is kept", format!("{list:?}")));
    w.sets_options(S, &node, &[("deliver", "1")])
        .await?
        .good()?;
    w.published(&node, &["two"]).await?;
    w.gets_one(S, &node, "two").await.about("deliver=1")
}

async fn nonsense(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.subscribed(S, &node).await?;
    let jid = w.bare(S);
    let answer = w.options(S, &node, &jid).await?;
    w.unless_refused(&answer, "subscription-options")?;
    let form = answer.form(answer.with("options")?)?;
    let field = if form.has("deliver") {
        "deliver"
    } else {
        "include_body"
    };
    let before = form.value(field);
    let answer = w.sets_options(S, &node, &[(field, "perhaps")]).await?;
    w.line(answer.error("bad-request", "invalid-options"));
    let answer = w.options(S, &node, &jid).await?;
    let form = answer.form(answer.with("options")?)?;
    holds(
        form.value(field) == before,
        "the options unchanged",
        form.came(),
    )
}

async fn defaults(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let of_node = element("default", &[("node", &node)], "");
    for request in ["<default/>", &of_node] {
        let answer = w.get(X, &pubsub(request)).await?;
        let expected = "a form, or <unsupported feature='retrieve-default-sub'/>";
        if !answer.is_result() {
            let no_options = answer.unsupported("subscription-options");
            let no_defaults = answer.unsupported("retrieve-default-sub");
            let met = no_defaults.is_ok() || no_options.is_ok();
            w.line(holds(met, expected, answer.came()));
            continue;
        }
        let form = answer.form(answer.with("default")?)?;
        w.line(form.is_for("subscribe_options"));
    }
    Ok(())
}
