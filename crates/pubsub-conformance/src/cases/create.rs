//! Own subscriptions and affiliations, and the creation of nodes. (XEP-0060, 5.6, 5.7 and 8.1)

use super::{Case, case};
use crate::error::{About, CaseResult, check};
use crate::request::{config, element, entry, item, owner, pubsub};
use crate::test_context::{O, OUTSIDER, P, S, TestContext, X};

pub(super) const CASES: &[Case] = &[
    case!(
        7,
        "5.6",
        "one's own subscriptions: none, all of the bare address, those of a node",
        own_subscriptions
    ),
    case!(
        8,
        "5.7",
        "one's own affiliations: none, all, those of a node",
        own_affiliations
    ),
    case!(
        9,
        "8.1",
        "the creator of a node is its owner",
        creator_is_owner
    ),
    case!(10, "8.1.1", "a name is taken once", a_name_is_taken_once),
    case!(
        11,
        "8.1.1",
        "a node without a name gets one",
        an_instant_node
    ),
    case!(
        12,
        "8.1.1",
        "not every user may create nodes",
        not_everybody_creates
    ),
    case!(
        13,
        "8.1.3",
        "a node is created and configured at once",
        create_and_configure
    ),
    case!(
        14,
        "8.1.2",
        "an unsupported access model creates no node",
        unsupported_access_model
    ),
    case!(
        15,
        "8.1.3",
        "a configuration follows its request",
        misplaced_configure
    ),
    case!(
        16,
        "8.1",
        "a node keeps any name it is created with",
        strange_names
    ),
];

async fn own_subscriptions(cx: &mut TestContext) -> CaseResult {
    let (one, other) = (cx.node(&[]).await?, cx.node(&[]).await?);
    let gone = cx.node(&[]).await?;
    cx.subscribed(S, &gone).await?;
    cx.deletes(O, &gone).await?.is_ok()?;
    let ours = |all: Vec<[String; 4]>| -> Vec<[String; 4]> {
        all.into_iter()
            .filter(|[node, ..]| [&one, &other, &gone].contains(&node))
            .collect()
    };
    let none = ours(cx.own_subscriptions(S, &[]).await?);
    cx.line(check(
        none.is_empty(),
        "no subscription, none to a node that is gone",
        format!("{none:?}"),
    ));
    let subid = cx.subscribed(S, &one).await?;
    let full = cx.full(S).await?;
    cx.subscribes_as(S, &other, &full)
        .await?
        .subscription("subscribed")?;
    let some = ours(cx.own_subscriptions(S.at(1), &[]).await?);
    let bare = cx.bare(S);
    let has = |node: &str, jid: &str| {
        some.iter()
            .any(|[n, j, state, _]| n == node && j == jid && state == "subscribed")
    };
    let met = some.len() == 2 && has(&one, &bare) && has(&other, &full);
    cx.line(check(
        met,
        "both subscriptions, of the bare and of the full address",
        format!("{some:?}"),
    ));
    if let Some(subid) = subid {
        let met = some
            .iter()
            .any(|[node, .., id]| *node == one && *id == subid);
        cx.line(check(met, format!("subid='{subid}'"), format!("{some:?}")));
    }
    let of_one = cx.own_subscriptions(S, &[("node", &one)]).await?;
    let met = matches!(&of_one[..], [[node, jid, ..]] if *node == one && *jid == bare);
    check(
        met,
        "only the subscription to that node",
        format!("{of_one:?}"),
    )
}

async fn own_affiliations(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let all = pubsub("<affiliations/>");
    let answer = cx.get(P, &all).await?;
    cx.unless_refused(&answer, "retrieve-affiliations")?;
    let none = answer.with("affiliations")?;
    let about = |list: couplet_core::element::Element<'_>| -> Vec<String> {
        list.children()
            .filter(|child| child.attr("node").as_deref().unwrap_or(&node) == node)
            .map(|child| child.attr("affiliation").unwrap_or_default().into_owned())
            .collect()
    };
    cx.line(check(
        about(none).is_empty(),
        "no affiliation",
        answer.received(),
    ));
    cx.affiliated(&node, P, "publisher").await?;
    let answer = cx.get(P, &all).await?;
    let some = about(answer.with("affiliations")?);
    cx.line(check(
        some == ["publisher"],
        "affiliation='publisher'",
        answer.received(),
    ));
    let one = pubsub(&element("affiliations", &[("node", &node)], ""));
    let answer = cx.get(P, &one).await?;
    let some = about(answer.with("affiliations")?);
    check(
        some == ["publisher"],
        "affiliation='publisher' of that node",
        answer.received(),
    )
}

async fn creator_is_owner(cx: &mut TestContext) -> CaseResult {
    let name = cx.name();
    let create = pubsub(&element("create", &[("node", &name)], ""));
    cx.set(O, &create).await?.is_ok()?;
    let list = cx.affiliations(&name).await?;
    let owner = cx.bare(O);
    let met = list == [(owner, "owner".to_owned())];
    check(met, "only the creator is owner", format!("{list:?}"))
}

async fn a_name_is_taken_once(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let create = pubsub(&element("create", &[("node", &node)], ""));
    cx.set(O, &create).await?.error("conflict", "")
}

async fn an_instant_node(cx: &mut TestContext) -> CaseResult {
    let mut names = Vec::new();
    for _ in 0..2 {
        let answer = cx.set(O, &pubsub("<create/>")).await?;
        let create = answer.with("create")?;
        let name = create.attr("node").unwrap_or_default().into_owned();
        cx.remember(&name);
        check(!name.is_empty(), "a generated NodeID", answer.received())?;
        cx.info(O, &name).await?.is_ok()?;
        names.push(name);
    }
    check(
        names.first() != names.last(),
        "another NodeID each time",
        format!("{names:?}"),
    )
}

async fn not_everybody_creates(cx: &mut TestContext) -> CaseResult {
    let name = cx.name();
    let create = pubsub(&element("create", &[("node", &name)], ""));
    let answer = cx.set(OUTSIDER, &create).await?;
    answer.error_of(&["forbidden", "registration-required"])?;
    cx.info(O, &name)
        .await?
        .error("item-not-found", "")
        .about("and there is no node")
}

async fn create_and_configure(cx: &mut TestContext) -> CaseResult {
    let fields = [("max_items", "7"), ("access_model", "whitelist")];
    let node = cx.node(&fields).await?;
    cx.configured(&node, &fields).await?;
    cx.items(X, &node)
        .await?
        .error_of(&["not-allowed", "forbidden"])
        .about("it is in force")
}

async fn unsupported_access_model(cx: &mut TestContext) -> CaseResult {
    let mut models = vec!["nonsense"];
    for (feature, model) in [("access-presence", "presence"), ("access-roster", "roster")] {
        if !cx.announces(feature) {
            models.push(model);
        }
    }
    for model in models {
        let name = cx.name();
        let create = element("create", &[("node", &name)], "");
        let configure = element("configure", &[], &config(&[("access_model", model)]));
        let answer = cx.set(O, &pubsub(&(create + &configure))).await?;
        cx.line(
            answer
                .error("not-acceptable", "unsupported-access-model")
                .about(model),
        );
        let answer = cx.info(O, &name).await?;
        cx.line(
            answer
                .error("item-not-found", "")
                .about(&format!("{model} made no node")),
        );
    }
    Ok(())
}

async fn misplaced_configure(cx: &mut TestContext) -> CaseResult {
    let form = config(&[("access_model", "open")]);
    let name = cx.name();
    let create = element("create", &[("node", &name)], "");
    let with_node = create + &element("configure", &[("node", &name)], &form);
    let answer = cx.set(O, &pubsub(&with_node)).await?;
    cx.line(
        answer
            .error("bad-request", "")
            .about("<configure node=.../> inside create"),
    );
    let name = cx.name();
    let create = element("create", &[("node", &name)], "");
    let before = element("configure", &[], &form) + &create;
    let answer = cx.set(O, &pubsub(&before)).await?;
    answer
        .error("bad-request", "")
        .about("<configure/> before <create/>")
}

async fn strange_names(cx: &mut TestContext) -> CaseResult {
    let run = cx.name();
    let names = [
        format!("{run} with  spaces"),
        format!("{run}/slash/and?query#hash"),
        format!("{run}'\"quotes\"'"),
        format!("{run}<&>]]>"),
        format!("{run}\u{1F600}\u{E9}\u{4E2D}"),
        format!("{run}{}", "x".repeat(1_000 - run.len())),
        format!("{run}-CASE"),
        format!("{run}-case"),
    ];
    for name in &names {
        cx.remember(name);
        cx.create(name, &[]).await.about(name)?;
        cx.subscribed(S, name).await.about(name)?;
    }
    for (number, name) in names.iter().enumerate() {
        let id = format!("item-{number}");
        cx.publishes_raw(O, name, &item(&id, &entry(&id)))
            .await?
            .is_ok()
            .about(name)?;
        cx.event(S)
            .await?
            .has_item(name, &id)
            .about("kept byte-exact in the event")?;
        cx.items(X, name)
            .await?
            .items_are(&[&id])
            .about("kept distinct")?;
    }
    let request = pubsub("<subscriptions/>");
    let answer = cx.get(S, &request).await?;
    if answer.is_result() {
        let all = cx.own_subscriptions(S, &[]).await?;
        let listed = |name: &String| all.iter().any(|[node, ..]| node == name);
        let met = names.iter().all(listed);
        cx.line(check(
            met,
            "all names in the list of subscriptions",
            answer.received(),
        ));
    }
    let get = owner(&element(
        "configure",
        &[("node", &format!("{run}<&>]]>"))],
        "",
    ));
    cx.get(O, &get).await?.is_ok()
}
