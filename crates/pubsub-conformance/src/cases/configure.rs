//! Configures nodes, with the effect on subscriptions. (XEP-0060, 8.2 and 4.5)

use super::{Case, case};
use crate::error::{About, CaseError, CaseResult, check};
use crate::expect::Form;
use crate::request::{NS_DATA, element, owner};
use crate::test_context::{O, S, TestContext, User, X};

pub(super) const CASES: &[Case] = &[
    case!(83, "8.2", "only owners see the configuration", seen),
    case!(
        84,
        "8.2.4",
        "a form changes the fields that it has, if all of it makes sense",
        changed
    ),
    case!(
        85,
        "8.2.5.3",
        "subscribers are notified of a new configuration with notify_config",
        heard_of
    ),
    case!(
        86,
        "8.2",
        "a node that becomes a whitelist drops subscribers that are not on its list",
        closed
    ),
    case!(87, "4.5", "a removed member gets no more events", put_off),
    case!(
        88,
        "8.3",
        "an owner sees the default configuration",
        defaults
    ),
];

async fn seen(cx: &mut TestContext) -> CaseResult {
    let fields = [
        ("title", "A title"),
        ("access_model", "whitelist"),
        ("max_items", "7"),
    ];
    let node = cx.node(&fields).await?;
    let answer = cx.configuration(O, &node).await?;
    let configure = answer.with("configure")?;
    let met = configure.attr("node").as_deref() == Some(&node);
    cx.line(check(
        met,
        format!("<configure node='{node}'/>"),
        answer.received(),
    ));
    let form = answer.form(configure)?;
    cx.line(form.is_of(&["form"]));
    cx.line(form.is_for("node_config"));
    for (field, value) in fields {
        cx.line(form.has_value(field, value));
    }
    let answer = cx.configuration(X, &node).await?;
    cx.line(answer.error("forbidden", "").about("a stranger"));
    let answer = cx.get(O, &owner("<configure/>")).await?;
    cx.line(
        answer
            .error("bad-request", "nodeid-required")
            .about("without node"),
    );
    let name = cx.name();
    let answer = cx.configuration(O, &name).await?;
    answer.error("item-not-found", "").about("an unknown node")
}

async fn changed(cx: &mut TestContext) -> CaseResult {
    let before = [
        ("title", "before"),
        ("description", "stays"),
        ("max_items", "7"),
    ];
    let node = cx.node(&before).await?;
    cx.configures(&node, &[("title", "after")])
        .await?
        .is_ok()
        .about("a partial form")?;
    let now = [
        ("title", "after"),
        ("description", "stays"),
        ("max_items", "7"),
    ];
    let partial = cx.configured(&node, &now).await;
    cx.line(partial.about("only the given fields change"));
    let cancel = format!("<x xmlns='{NS_DATA}' type='cancel'/>");
    let request = owner(&element("configure", &[("node", &node)], &cancel));
    let answer = cx.set(O, &request).await?;
    cx.line(answer.is_ok().about("a cancelled form"));
    let bad = [("title", "worse"), ("max_items", "minus one")];
    let answer = cx.configures(&node, &bad).await?;
    cx.line(answer.error("not-acceptable", "").about("a bad value"));
    let bad = [("title", "worse"), ("access_model", "nonsense")];
    let answer = cx.configures(&node, &bad).await?;
    cx.line(
        answer
            .error_of(&["not-acceptable"])
            .about("a bad access model"),
    );
    let unchanged = cx.configured(&node, &now).await;
    cx.line(unchanged.about("nothing changed by a bad form or a cancelled one"));
    let more = [("title", "last"), ("no_such_field", "1")];
    cx.configures(&node, &more)
        .await?
        .is_ok()
        .about("an unknown field is ignored")?;
    cx.configured(&node, &[("title", "last")]).await
}

async fn heard_of(cx: &mut TestContext) -> CaseResult {
    for payloads in ["1", "0"] {
        let node = cx
            .node(&[("notify_config", "1"), ("deliver_payloads", payloads)])
            .await?;
        cx.subscribed(S, &node).await?;
        cx.configures(&node, &[("title", "news")]).await?.is_ok()?;
        let event = cx
            .event(S)
            .await
            .about(&format!("deliver_payloads={payloads}"))?;
        let configuration = event.about("configuration", &node)?;
        let form = configuration
            .children()
            .find(|child| child.is("x", NS_DATA))
            .map(Form::new);
        let line = match (payloads, form) {
            ("1", Some(form)) => form.has_value("title", "news"),
            ("1", None) => Err(CaseError::unmet(
                "the configuration in the event",
                event.received(),
            )),
            (_, form) => check(
                form.is_none(),
                "an empty <configuration/>",
                event.received(),
            ),
        };
        cx.line(line);
        cx.expect_no_event(S).await?;
    }
    Ok(())
}

/// Checks that a user is notified of the end of the subscription, and gets nothing more.
async fn dropped(cx: &mut TestContext, user: User, node: &str, line: &str) -> CaseResult {
    let notice = match cx.event(user).await {
        Ok(event) => event.has_state(node, "none").map(|_| ()),
        Err(error) => Err(error),
    };
    cx.line(notice.about(&format!("{line}: notified")));
    cx.published(node, &["later"]).await?;
    let more = cx.drain_events(user).await?;
    let more = more.iter().find(|event| event.is_about("items", node));
    let received = more.map_or_else(String::new, |event| event.received());
    cx.line(check(
        more.is_none(),
        format!("{line}: no more events"),
        received,
    ));
    let bare = cx.bare(user);
    let list = cx.subscriptions(node).await?;
    let left = list
        .iter()
        .any(|(jid, state)| *jid == bare && state == "subscribed");
    check(
        !left,
        format!("{line}: no subscription"),
        format!("{list:?}"),
    )
}

async fn closed(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("access_model", "open")]).await?;
    for user in [S, X] {
        cx.subscribed(user, &node).await?;
    }
    cx.affiliated(&node, S, "member").await?;
    for user in [S, X] {
        cx.drain_events(user).await?;
    }
    cx.configures(&node, &[("access_model", "whitelist")])
        .await?
        .is_ok()?;
    let line = dropped(cx, X, &node, "not on the list").await;
    cx.line(line);
    cx.drain_events(S).await?;
    cx.published(&node, &["for the member"]).await?;
    cx.gets_one(S, &node, "for the member")
        .await
        .about("on the list")
}

async fn put_off(cx: &mut TestContext) -> CaseResult {
    for affiliation in ["none", "outcast"] {
        let node = cx.node(&[("access_model", "whitelist")]).await?;
        cx.affiliated(&node, S, "member").await?;
        cx.subscribed(S, &node).await?;
        cx.drain_events(S).await?;
        cx.affiliated(&node, S, affiliation).await?;
        let line = dropped(cx, S, &node, affiliation).await;
        cx.line(line);
        let answer = cx.items(S, &node).await?;
        let refused = match affiliation {
            "none" => answer.error_of(&["not-allowed", "forbidden"]),
            _ => answer.error("forbidden", ""),
        };
        cx.line(refused.about(&format!("{affiliation}: items")));
    }
    Ok(())
}

async fn defaults(cx: &mut TestContext) -> CaseResult {
    let answer = cx.get(O, &owner("<default/>")).await?;
    cx.unless_refused(&answer, "retrieve-default")?;
    let form = answer.form(answer.with("default")?)?;
    cx.line(form.is_for("node_config"));
    cx.line(form.is_of(&["form", "result"]));
    form.required_value("access_model").map(|_| ())
}
