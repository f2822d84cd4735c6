//! What an entity asks about itself, and making nodes. (XEP-0060, 5.6, 5.7 and 8.1)

use super::{Case, case};
use crate::ask::{config, element, entry, item, owner, pubsub};
use crate::fault::{About, Checked, holds};
use crate::world::{O, OUTSIDER, P, S, World, X};

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
    case!(9, "8.1", "who makes a node is its owner", creator_is_owner),
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
        "not everybody may make nodes",
        not_everybody_creates
    ),
    case!(
        13,
        "8.1.3",
        "a node is made and configured at once",
        create_and_configure
    ),
    case!(
        14,
        "8.1.2",
        "an access model that is not there makes no node",
        unsupported_access_model
    ),
    case!(
        15,
        "8.1.3",
        "a configuration has its place",
        misplaced_configure
    ),
    case!(
        16,
        "8.1",
        "a node has the name it was given, whatever it is",
        strange_names
    ),
];

async fn own_subscriptions(w: &mut World) -> Checked {
    let (one, other) = (w.node(&[]).await?, w.node(&[]).await?);
    let gone = w.node(&[]).await?;
    w.subscribed(S, &gone).await?;
    w.deletes(O, &gone).await?.good()?;
    let ours = |all: Vec<[String; 4]>| -> Vec<[String; 4]> {
        all.into_iter()
            .filter(|[node, ..]| [&one, &other, &gone].contains(&node))
            .collect()
    };
    let none = ours(w.own_subscriptions(S, &[]).await?);
    w.line(holds(
        none.is_empty(),
        "no subscription, none to a node that is gone",
        format!("{none:?}"),
    ));
    let subid = w.subscribed(S, &one).await?;
    let full = w.full(S).await?;
    w.subscribes_as(S, &other, &full)
        .await?
        .subscription("subscribed")?;
    let some = ours(w.own_subscriptions(S.at(1), &[]).await?);
    let bare = w.bare(S);
    let has = |node: &str, jid: &str| {
        some.iter()
            .any(|[n, j, state, _]| n == node && j == jid && state == "subscribed")
    };
    let met = some.len() == 2 && has(&one, &bare) && has(&other, &full);
    w.line(holds(
        met,
        "both subscriptions, of the bare and of the full address",
        format!("{some:?}"),
    ));
    if let Some(subid) = subid {
        let met = some
            .iter()
            .any(|[node, .., id]| *node == one && *id == subid);
        w.line(holds(met, format!("subid='{subid}'"), format!("{some:?}")));
    }
    let of_one = w.own_subscriptions(S, &[("node", &one)]).await?;
    let met = matches!(&of_one[..], [[node, jid, ..]] if *node == one && *jid == bare);
    holds(
        met,
        "only the subscription to that node",
        format!("{of_one:?}"),
    )
}

async fn own_affiliations(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let all = pubsub("<affiliations/>");
    let answer = w.get(P, &all).await?;
    w.unless_refused(&answer, "retrieve-affiliations")?;
    let none = answer.with("affiliations")?;
    let about = |list: couplet_core::element::Element<'_>| -> Vec<String> {
        list.children()
            .filter(|child| child.attr("node").as_deref().unwrap_or(&node) == node)
            .map(|child| child.attr("affiliation").unwrap_or_default().into_owned())
            .collect()
    };
    w.line(holds(
        about(none).is_empty(),
        "no affiliation",
        answer.came(),
    ));
    w.affiliated(&node, P, "publisher").await?;
    let answer = w.get(P, &all).await?;
    let some = about(answer.with("affiliations")?);
    w.line(holds(
        some == ["publisher"],
        "affiliation='publisher'",
        answer.came(),
    ));
    let one = pubsub(&element("affiliations", &[("node", &node)], ""));
    let answer = w.get(P, &one).await?;
    let some = about(answer.with("affiliations")?);
    holds(
        some == ["publisher"],
        "affiliation='publisher' of that node",
        answer.came(),
    )
}

async fn creator_is_owner(w: &mut World) -> Checked {
    let name = w.name();
    let create = pubsub(&element("create", &[("node", &name)], ""));
    w.set(O, &create).await?.good()?;
    let list = w.affiliations(&name).await?;
    let owner = w.bare(O);
    let met = list == [(owner, "owner".to_owned())];
    holds(
        met,
        "the creator, and nobody else, is owner",
        format!("{list:?}"),
    )
}

async fn a_name_is_taken_once(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let create = pubsub(&element("create", &[("node", &node)], ""));
    w.set(O, &create).await?.error("conflict", "")
}

async fn an_instant_node(w: &mut World) -> Checked {
    let mut names = Vec::new();
    for _ in 0..2 {
        let answer = w.set(O, &pubsub("<create/>")).await?;
        let create = answer.with("create")?;
        let name = create.attr("node").unwrap_or_default().into_owned();
        w.remember(&name);
        holds(!name.is_empty(), "a generated NodeID", answer.came())?;
        w.info(O, &name).await?.good()?;
        names.push(name);
    }
    holds(
        names.first() != names.last(),
        "another NodeID each time",
        format!("{names:?}"),
    )
}

async fn not_everybody_creates(w: &mut World) -> Checked {
    let name = w.name();
    let create = pubsub(&element("create", &[("node", &name)], ""));
    let answer = w.set(OUTSIDER, &create).await?;
    answer.error_of(&["forbidden", "registration-required"])?;
    w.info(O, &name)
        .await?
        .error("item-not-found", "")
        .about("and there is no node")
}

async fn create_and_configure(w: &mut World) -> Checked {
    let fields = [("max_items", "7"), ("access_model", "whitelist")];
    let node = w.node(&fields).await?;
    w.configured(&node, &fields).await?;
    w.items(X, &node)
        .await?
        .error_of(&["not-allowed", "forbidden"])
        .about("it is in force")
}

async fn unsupported_access_model(w: &mut World) -> Checked {
    let mut models = vec!["nonsense"];
    for (feature, model) in [("access-presence", "presence"), ("access-roster", "roster")] {
        if !w.announces(feature) {
            models.push(model);
        }
    }
    for model in models {
        let name = w.name();
        let create = element("create", &[("node", &name)], "");
        let configure = element("configure", &[], &config(&[("access_model", model)]));
        let answer = w.set(O, &pubsub(&(create + &configure))).await?;
        w.line(
            answer
                .error("not-acceptable", "unsupported-access-model")
                .about(model),
        );
        let answer = w.info(O, &name).await?;
        w.line(
            answer
                .error("item-not-found", "")
                .about(&format!("{model} made no node")),
        );
    }
    Ok(())
}

async fn misplaced_configure(w: &mut World) -> Checked {
    let form = config(&[("access_model", "open")]);
    let name = w.name();
    let create = element("create", &[("node", &name)], "");
    let with_node = create + &element("configure", &[("node", &name)], &form);
    let answer = w.set(O, &pubsub(&with_node)).await?;
    w.line(
        answer
            .error("bad-request", "")
            .about("<configure node=.../> inside create"),
    );
    let name = w.name();
    let create = element("create", &[("node", &name)], "");
    let before = element("configure", &[], &form) + &create;
    let answer = w.set(O, &pubsub(&before)).await?;
    answer
        .error("bad-request", "")
        .about("<configure/> before <create/>")
}

async fn strange_names(w: &mut World) -> Checked {
    let run = w.name();
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
        w.remember(name);
        w.create(name, &[]).await.about(name)?;
        w.subscribed(S, name).await.about(name)?;
    }
    for (number, name) in names.iter().enumerate() {
        let id = format!("item-{number}");
        w.publishes_raw(O, name, &item(&id, &entry(&id)))
            .await?
            .good()
            .about(name)?;
        w.event(S)
            .await?
            .brings(name, &id)
            .about("kept byte-exact in the event")?;
        w.items(X, name)
            .await?
            .items_are(&[&id])
            .about("kept distinct")?;
    }
    let request = pubsub("<subscriptions/>");
    let answer = w.get(S, &request).await?;
    if answer.is_result() {
        let all = w.own_subscriptions(S, &[]).await?;
        let listed = |name: &String| all.iter().any(|[node, ..]| node == name);
        let met = names.iter().all(listed);
        w.line(holds(
            met,
            "all names in the list of subscriptions",
            answer.came(),
        ));
    }
    let get = owner(&element(
        "configure",
        &[("node", &format!("{run}<&>]]>"))],
        "",
    ));
    w.get(O, &get).await?.good()
}
