//! Configuring a node, and what it does to those who are there. (XEP-0060, 8.2 and 4.5)

use super::{Case, case};
use crate::ask::{NS_DATA, element, owner};
use crate::expect::Form;
use crate::fault::{About, Checked, Fault, holds};
use crate::world::{O, S, Who, World, X};

pub(super) const CASES: &[Case] = &[
    case!(
        83,
        "8.2",
        "an owner sees the configuration, and nobody else does",
        seen
    ),
    case!(
        84,
        "8.2.4",
        "a form changes the fields that it has, if all of it makes sense",
        changed
    ),
    case!(
        85,
        "8.2.5.3",
        "subscribers hear of a new configuration if they shall",
        heard_of
    ),
    case!(
        86,
        "8.2",
        "a node that is closed drops who is not on its list",
        closed
    ),
    case!(
        87,
        "4.5",
        "who is put off the list gets nothing any more",
        put_off
    ),
    case!(
        88,
        "8.3",
        "an owner sees the default configuration",
        defaults
    ),
];

async fn seen(w: &mut World) -> Checked {
    let fields = [
        ("title", "A title"),
        ("access_model", "whitelist"),
        ("max_items", "7"),
    ];
    let node = w.node(&fields).await?;
    let answer = w.configuration(O, &node).await?;
    let configure = answer.with("configure")?;
    let met = configure.attr("node").as_deref() == Some(&node);
    w.line(holds(
        met,
        format!("<configure node='{node}'/>"),
        answer.came(),
    ));
    let form = answer.form(configure)?;
    w.line(form.is_of(&["form"]));
    w.line(form.is_for("node_config"));
    for (field, value) in fields {
        w.line(form.says(field, value));
    }
    let answer = w.configuration(X, &node).await?;
    w.line(answer.error("forbidden", "").about("a stranger"));
    let answer = w.get(O, &owner("<configure/>")).await?;
    w.line(
        answer
            .error("bad-request", "nodeid-required")
            .about("without node"),
    );
    let name = w.name();
    let answer = w.configuration(O, &name).await?;
    answer.error("item-not-found", "").about("an unknown node")
}

async fn changed(w: &mut World) -> Checked {
    let before = [
        ("title", "before"),
        ("description", "stays"),
        ("max_items", "7"),
    ];
    let node = w.node(&before).await?;
    w.configures(&node, &[("title", "after")])
        .await?
        .good()
        .about("a partial form")?;
    let now = [
        ("title", "after"),
        ("description", "stays"),
        ("max_items", "7"),
    ];
    let partial = w.configured(&node, &now).await;
    w.line(partial.about("only the given fields change"));
    let cancel = format!("<x xmlns='{NS_DATA}' type='cancel'/>");
    let request = owner(&element("configure", &[("node", &node)], &cancel));
    let answer = w.set(O, &request).await?;
    w.line(answer.good().about("a cancelled form"));
    let bad = [("title", "worse"), ("max_items", "minus one")];
    let answer = w.configures(&node, &bad).await?;
    w.line(answer.error("not-acceptable", "").about("a bad value"));
    let bad = [("title", "worse"), ("access_model", "nonsense")];
    let answer = w.configures(&node, &bad).await?;
    w.line(
        answer
            .error_of(&["not-acceptable"])
            .about("a bad access model"),
    );
    let unchanged = w.configured(&node, &now).await;
    w.line(unchanged.about("nothing changed by a bad form or a cancelled one"));
    let more = [("title", "last"), ("no_such_field", "1")];
    w.configures(&node, &more)
        .await?
        .good()
        .about("an unknown field is ignored")?;
    w.configured(&node, &[("title", "last")]).await
}

async fn heard_of(w: &mut World) -> Checked {
    for payloads in ["1", "0"] {
        let node = w
            .node(&[("notify_config", "1"), ("deliver_payloads", payloads)])
            .await?;
        w.subscribed(S, &node).await?;
        w.configures(&node, &[("title", "news")]).await?.good()?;
        let event = w
            .event(S)
            .await
            .about(&format!("deliver_payloads={payloads}"))?;
        let configuration = event.about("configuration", &node)?;
        let form = configuration
            .children()
            .find(|child| child.is("x", NS_DATA))
            .map(Form::new);
        let line = match (payloads, form) {
            ("1", Some(form)) => form.says("title", "news"),
            ("1", None) => Err(Fault::unmet("the configuration in the event", event.came())),
            (_, form) => holds(form.is_none(), "an empty <configuration/>", event.came()),
        };
        w.line(line);
        w.silent(S).await?;
    }
    Ok(())
}

/// Somebody hears that the subscription is over, and then nothing.
async fn dropped(w: &mut World, who: Who, node: &str, line: &str) -> Checked {
    let told = match w.event(who).await {
        Ok(event) => event.tells(node, "none").map(|_| ()),
        Err(fault) => Err(fault),
    };
    w.line(told.about(&format!("{line}: told")));
    w.published(node, &["later"]).await?;
    let more = w.quiet(who).await?;
    let more = more.iter().find(|event| event.is_about("items", node));
    let came = more.map_or_else(String::new, |event| event.came());
    w.line(holds(
        more.is_none(),
        format!("{line}: no more events"),
        came,
    ));
    let bare = w.bare(who);
    let list = w.subscriptions(node).await?;
    let left = list
        .iter()
        .any(|(jid, state)| *jid == bare && state == "subscribed");
    holds(
        !left,
        format!("{line}: no subscription"),
        format!("{list:?}"),
    )
}

async fn closed(w: &mut World) -> Checked {
    let node = w.node(&[("access_model", "open")]).await?;
    for who in [S, X] {
        w.subscribed(who, &node).await?;
    }
    w.affiliated(&node, S, "member").await?;
    for who in [S, X] {
        w.quiet(who).await?;
    }
    w.configures(&node, &[("access_model", "whitelist")])
        .await?
        .good()?;
    let line = dropped(w, X, &node, "not on the list").await;
    w.line(line);
    w.quiet(S).await?;
    w.published(&node, &["for the member"]).await?;
    w.gets_one(S, &node, "for the member")
        .await
        .about("on the list")
}

async fn put_off(w: &mut World) -> Checked {
    for affiliation in ["none", "outcast"] {
        let node = w.node(&[("access_model", "whitelist")]).await?;
        w.affiliated(&node, S, "member").await?;
        w.subscribed(S, &node).await?;
        w.quiet(S).await?;
        w.affiliated(&node, S, affiliation).await?;
        let line = dropped(w, S, &node, affiliation).await;
        w.line(line);
        let answer = w.items(S, &node).await?;
        let refused = match affiliation {
            "none" => answer.error_of(&["not-allowed", "forbidden"]),
            _ => answer.error("forbidden", ""),
        };
        w.line(refused.about(&format!("{affiliation}: items")));
    }
    Ok(())
}

async fn defaults(w: &mut World) -> Checked {
    let answer = w.get(O, &owner("<default/>")).await?;
    w.unless_refused(&answer, "retrieve-default")?;
    let form = answer.form(answer.with("default")?)?;
    w.line(form.is_for("node_config"));
    w.line(form.is_of(&["form", "result"]));
    form.needs("access_model").map(|_| ())
}
