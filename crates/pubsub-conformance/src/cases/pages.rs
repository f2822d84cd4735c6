//! Items in pages. (XEP-0060, 6.5.4; XEP-0059)

use super::{Case, case};
use crate::ask::{NS_PUBSUB, NS_RSM, element, entry, escaped, item, page, pubsub};
use crate::expect::Answer;
use crate::fault::{About, Checked, Fault, holds};
use crate::world::{O, World, X};

pub(super) const CASES: &[Case] = &[
    case!(
        52,
        "6.5.4",
        "items come in pages, from either end, and stay in them",
        pages
    ),
    case!(
        53,
        "6.5.4",
        "a page behind an item that is not there is not found",
        an_unknown_cursor
    ),
    case!(
        54,
        "6.5.4",
        "so many items come cut short, and it is said",
        many_items
    )
    .slow(18),
];

async fn a_page(w: &mut World, node: &str, set: &str) -> Checked<Answer> {
    let items = element("items", &[("node", node)], "");
    w.get(X, &pubsub(&(items + &page(set)))).await
}

fn cursor(direction: &str, id: &str) -> String {
    element(direction, &[], &escaped(id))
}

/// The case ends as refused where pages are neither announced nor there.
fn unless_no_pages(w: &World, answer: &Answer) -> Checked {
    let announced = w.announces("rsm") || w.features.contains(NS_RSM);
    if announced || answer.page().is_ok() {
        return Ok(());
    }
    answer.good()?;
    Err(Fault::Refused {
        feature: "rsm".to_owned(),
        came: answer.came(),
    })
}

async fn pages(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.published(&node, &["i1", "i2", "i3", "i4", "i5"]).await?;
    let first = a_page(w, &node, "<max>2</max>").await?;
    unless_no_pages(w, &first)?;
    w.line(holds(
        w.announces("rsm"),
        "feature pubsub#rsm",
        "not announced",
    ));
    w.line(first.items_are(&["i1", "i2"]).about("max=2"));
    let said = first.page()?;
    w.line(holds(said.count == Some(5), "count 5", first.came()));
    w.line(holds(said.index.unwrap_or(0) == 0, "index 0", first.came()));
    let last = said.last.unwrap_or_default();
    let second = a_page(w, &node, &format!("<max>2</max>{}", cursor("after", &last))).await?;
    w.line(
        second
            .items_are(&["i3", "i4"])
            .about("after the last of the first page"),
    );
    let said = second.page()?;
    w.line(holds(
        said.index.unwrap_or(2) == 2,
        "index 2",
        second.came(),
    ));
    let (from, to) = (
        said.first.unwrap_or_default(),
        said.last.unwrap_or_default(),
    );
    let third = a_page(w, &node, &format!("<max>2</max>{}", cursor("after", &to))).await?;
    w.line(
        third
            .items_are(&["i5"])
            .about("after the last of the second page"),
    );
    let back = a_page(
        w,
        &node,
        &format!("<max>2</max>{}", cursor("before", &from)),
    )
    .await?;
    w.line(
        back.items_are(&["i1", "i2"])
            .about("before the first of the second page"),
    );
    let end = a_page(w, &node, "<max>2</max><before/>").await?;
    w.line(end.items_are(&["i4", "i5"]).about("an empty before"));
    let none = a_page(w, &node, "<max>0</max>").await?;
    w.line(none.item_ids().and_then(|ids| {
        let count = none.page()?.count;
        holds(
            ids.is_empty() && count == Some(5),
            "max=0: the count 5 and no item",
            none.came(),
        )
    }));
    let indexed = a_page(w, &node, "<max>2</max><index>2</index>").await?;
    // XEP-0059, 2.6: who does not jump to an index says so.
    if indexed.condition() != "feature-not-implemented" {
        w.line(indexed.items_are(&["i3", "i4"]).about("index=2"));
    }
    w.published(&node, &["i6", "i1"]).await?;
    let again = a_page(w, &node, &format!("<max>2</max>{}", cursor("after", &last))).await?;
    again
        .items_are(&["i3", "i4"])
        .about("the second page after more was published")
}

async fn an_unknown_cursor(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.published(&node, &["i1", "i2"]).await?;
    let answer = a_page(w, &node, "<max>1</max>").await?;
    unless_no_pages(w, &answer)?;
    for direction in ["after", "before"] {
        let set = format!("<max>1</max>{}", cursor(direction, "no-such-item"));
        let answer = a_page(w, &node, &set).await?;
        w.line(answer.error("item-not-found", "").about(direction));
    }
    Ok(())
}

async fn many_items(w: &mut World) -> Checked {
    let many = w.facts.many_items;
    let name = w.name();
    let made = match w.create(&name, &[("max_items", &many.to_string())]).await {
        Ok(()) => Ok(()),
        Err(_) => w.create(&name, &[("max_items", "max")]).await,
    };
    if made.is_err() {
        return Err(Fault::NotRun(format!("a node keeps no {many} items")));
    }
    publish_many(w, &name, many).await?;
    let answer = w.items(X, &name).await?;
    let ids = answer.item_ids()?;
    let all = format!("fewer than {many} items");
    w.line(holds(
        !ids.is_empty() && ids.len() < many,
        all,
        format!("{} items", ids.len()),
    ));
    let set = answer.root().child("pubsub", NS_PUBSUB);
    let has_set = set.and_then(|pubsub| pubsub.child("set", NS_RSM)).is_some();
    w.line(holds(
        has_set,
        "a <set/> of XEP-0059 in the answer",
        format!("{} items without", ids.len()),
    ));
    let said = answer.page()?;
    w.line(holds(
        said.count == Some(many),
        format!("count {many}"),
        format!("{said:?}"),
    ));
    holds(
        said.last.is_some(),
        "a cursor to go on with",
        format!("{said:?}"),
    )
}

/// Publishes in windows: one after the other would take the longest of all cases, and a service may
/// refuse those who let too much wait.
async fn publish_many(w: &mut World, node: &str, many: usize) -> Checked {
    let service = w.service.clone();
    let session = w.session(O).await?;
    let numbers: Vec<usize> = (0..many).collect();
    for window in numbers.chunks(32) {
        let mut asked = Vec::new();
        for number in window {
            let item = item(&format!("i{number}"), &entry("one of many"));
            let publish = pubsub(&element("publish", &[("node", node)], &item));
            asked.push(session.ask_only("set", Some(&service), &publish).await?);
        }
        for id in asked {
            let answer = Answer::new(session.answer(Some(&service), &id).await?);
            answer.good().about("publishing one of many")?;
        }
    }
    Ok(())
}
