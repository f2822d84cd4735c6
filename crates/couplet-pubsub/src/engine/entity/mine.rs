//! What an entity holds itself, at all nodes or one. (XEP-0060, 5.6, 5.7)
//!
//! A node that is not there is one where it holds nothing: the answer is empty.

use std::borrow::Cow;

use crate::{
    codec::{fit::fit, write_affiliation, write_subscription},
    engine::{
        Engine,
        ask::{Ask, is_paged},
    },
    page::Page,
    refused::Refused,
    reply::Reply,
};

pub(in crate::engine) async fn subscriptions(
    engine: &Engine,
    ask: Ask,
    node: Option<String>,
    page: Page,
) -> Result<Reply, Refused> {
    let bounded = ask.page(&page);
    let limit = ask.limits().answer_bytes;
    let mut held = engine
        .store()
        .subscriptions_of(ask.who, node.clone(), bounded)
        .await?;
    fit(
        &mut held,
        page.keep(),
        limit,
        |(_, held)| Cow::from(&held.subid),
        |(node, held), xml| write_subscription(Some(node), held, xml),
    );
    let paged = is_paged(&page, held.entries.len(), held.count);
    Ok(Reply::Subscriptions { node, held, paged })
}

pub(in crate::engine) async fn affiliations(
    engine: &Engine,
    ask: Ask,
    node: Option<String>,
    page: Page,
) -> Result<Reply, Refused> {
    let bounded = ask.page(&page);
    let limit = ask.limits().answer_bytes;
    let mut held = engine
        .store()
        .affiliations_of(ask.who, node.clone(), bounded)
        .await?;
    fit(
        &mut held,
        page.keep(),
        limit,
        |(node, _)| Cow::from(node),
        |(node, held), xml| write_affiliation(node, *held, xml),
    );
    let paged = is_paged(&page, held.entries.len(), held.count);
    Ok(Reply::Affiliations { node, held, paged })
}
