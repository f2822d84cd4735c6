//! The subscriptions and affiliations of the requester, at all nodes or one. (XEP-0060, 5.6, 5.7)
//!
//! For an unknown node the answer is empty.

use std::borrow::Cow;

use crate::{
    codec::{truncate::truncate_page, write_affiliation, write_subscription},
    engine::{
        Engine,
        context::{RequestContext, is_paged},
    },
    page::Page,
    pubsub_error::PubsubError,
    reply::Reply,
};

pub(in crate::engine) async fn subscriptions(
    engine: &Engine,
    context: RequestContext,
    node: Option<String>,
    page: Page,
) -> Result<Reply, PubsubError> {
    let bounded = context.page(&page);
    let limit = context.limits().answer_bytes;
    let mut held = engine
        .store()
        .subscriptions_of(context.who, node.clone(), bounded)
        .await?;
    truncate_page(
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
    context: RequestContext,
    node: Option<String>,
    page: Page,
) -> Result<Reply, PubsubError> {
    let bounded = context.page(&page);
    let limit = context.limits().answer_bytes;
    let mut held = engine
        .store()
        .affiliations_of(context.who, node.clone(), bounded)
        .await?;
    truncate_page(
        &mut held,
        page.keep(),
        limit,
        |(node, _)| Cow::from(node),
        |(node, held), xml| write_affiliation(node, *held, xml),
    );
    let paged = is_paged(&page, held.entries.len(), held.count);
    Ok(Reply::Affiliations { node, held, paged })
}
