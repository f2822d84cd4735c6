//! Items in pages. (XEP-0060, 6.5.4; XEP-0059)

use super::{Case, case};
use crate::error::{About, CaseError, CaseResult, check};
use crate::expect::Answer;
use crate::request::{NS_PUBSUB, NS_RSM, element, entry, escaped, item, page, pubsub};
use crate::test_context::{O, TestContext, X};

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
        "a long list of items is shortened, with a result set",
        many_items
    )
    .slow(18),
];

async fn a_page(cx: &mut TestContext, node: &str, set: &str) -> CaseResult<Answer> {
    let items = element("items", &[("node", node)], "");
    cx.get(X, &pubsub(&(items + &page(set)))).await
}

fn cursor(direction: &str, id: &str) -> String {
    element(direction, &[], &escaped(id))
}

/// Ends the case as refused if pages are neither announced nor implemented.
fn unless_no_pages(cx: &TestContext, answer: &Answer) -> CaseResult {
    let announced = cx.announces("rsm") || cx.features.contains(NS_RSM);
    if announced || answer.page().is_ok() {
        return Ok(());
    }
    answer.is_ok()?;
    Err(CaseError::Refused {
        feature: "rsm".to_owned(),
        received: answer.received(),
    })
}

async fn pages(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.published(&node, &["i1", "i2", "i3", "i4", "i5"]).await?;
    let first = a_page(cx, &node, "<max>2</max>").await?;
    unless_no_pages(cx, &first)?;
    cx.line(check(
        cx.announces("rsm"),
        "feature pubsub#rsm",
        "not announced",
    ));
    cx.line(first.items_are(&["i1", "i2"]).about("max=2"));
    let said = first.page()?;
    cx.line(check(said.count == Some(5), "count 5", first.received()));
    cx.line(check(
        said.index.unwrap_or(0) == 0,
        "index 0",
        first.received(),
    ));
    let last = said.last.unwrap_or_default();
    let second = a_page(
        cx,
        &node,
        &format!("<max>2</max>{}", cursor("after", &last)),
    )
    .await?;
    cx.line(
        second
            .items_are(&["i3", "i4"])
            .about("after the last of the first page"),
    );
    let said = second.page()?;
    cx.line(check(
        said.index.unwrap_or(2) == 2,
        "index 2",
        second.received(),
    ));
    let (from, to) = (
        said.first.unwrap_or_default(),
        said.last.unwrap_or_default(),
    );
    let third = a_page(cx, &node, &format!("<max>2</max>{}", cursor("after", &to))).await?;
    cx.line(
        third
            .items_are(&["i5"])
            .about("after the last of the second page"),
    );
    let back = a_page(
        cx,
        &node,
        &format!("<max>2</max>{}", cursor("before", &from)),
    )
    .await?;
    cx.line(
        back.items_are(&["i1", "i2"])
            .about("before the first of the second page"),
    );
    let end = a_page(cx, &node, "<max>2</max><before/>").await?;
    cx.line(end.items_are(&["i4", "i5"]).about("an empty before"));
    let none = a_page(cx, &node, "<max>0</max>").await?;
    cx.line(none.item_ids().and_then(|ids| {
        let count = none.page()?.count;
        check(
            ids.is_empty() && count == Some(5),
            "max=0: the count 5 and no item",
            none.received(),
        )
    }));
    let indexed = a_page(cx, &node, "<max>2</max><index>2</index>").await?;
    // XEP-0059, 2.6: a service without index jumps returns an error.
    if indexed.condition() != "feature-not-implemented" {
        cx.line(indexed.items_are(&["i3", "i4"]).about("index=2"));
    }
    cx.published(&node, &["i6", "i1"]).await?;
    let again = a_page(
        cx,
        &node,
        &format!("<max>2</max>{}", cursor("after", &last)),
    )
    .await?;
    again
        .items_are(&["i3", "i4"])
        .about("the second page after more was published")
}

async fn an_unknown_cursor(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.published(&node, &["i1", "i2"]).await?;
    let answer = a_page(cx, &node, "<max>1</max>").await?;
    unless_no_pages(cx, &answer)?;
    for direction in ["after", "before"] {
        let set = format!("<max>1</max>{}", cursor(direction, "no-such-item"));
        let answer = a_page(cx, &node, &set).await?;
        cx.line(answer.error("item-not-found", "").about(direction));
    }
    Ok(())
}

async fn many_items(cx: &mut TestContext) -> CaseResult {
    let many = cx.limits.many_items;
    let name = cx.name();
    let made = match cx.create(&name, &[("max_items", &many.to_string())]).await {
        Ok(()) => Ok(()),
        Err(_) => cx.create(&name, &[("max_items", "max")]).await,
    };
    if made.is_err() {
        return Err(CaseError::NotRun(format!("a node keeps no {many} items")));
    }
    publish_many(cx, &name, many).await?;
    let answer = cx.items(X, &name).await?;
    let ids = answer.item_ids()?;
    let all = format!("fewer than {many} items");
    cx.line(check(
        !ids.is_empty() && ids.len() < many,
        all,
        format!("{} items", ids.len()),
    ));
    let set = answer.root().child("pubsub", NS_PUBSUB);
    let has_set = set.and_then(|pubsub| pubsub.child("set", NS_RSM)).is_some();
    cx.line(check(
        has_set,
        "a <set/> of XEP-0059 in the answer",
        format!("{} items without", ids.len()),
    ));
    let said = answer.page()?;
    cx.line(check(
        said.count == Some(many),
        format!("count {many}"),
        format!("{said:?}"),
    ));
    check(
        said.last.is_some(),
        "a cursor to go on with",
        format!("{said:?}"),
    )
}

/// Publishes several items at a time: one after the other would make this the longest of all cases,
/// and a service may reject items while its backlog is full.
async fn publish_many(cx: &mut TestContext, node: &str, many: usize) -> CaseResult {
    let service = cx.service.clone();
    let session = cx.session(O).await?;
    let numbers: Vec<usize> = (0..many).collect();
    for window in numbers.chunks(32) {
        let mut asked = Vec::new();
        for number in window {
            let item = item(&format!("i{number}"), &entry("one of many"));
            let publish = pubsub(&element("publish", &[("node", node)], &item));
            asked.push(
                session
                    .send_request("set", Some(&service), &publish)
                    .await?,
            );
        }
        for id in asked {
            let answer = Answer::new(session.answer(Some(&service), &id).await?);
            answer.is_ok().about("publishing one of many")?;
        }
    }
    Ok(())
}
