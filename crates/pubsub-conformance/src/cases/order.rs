//! Many items, many subscribers, one order. (own case)

use std::collections::BTreeSet;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Case, case};
use crate::client::Session;
use crate::error::{About, CaseError, CaseResult, check};
use crate::expect::{Answer, Event};
use crate::request::{element, entry, item, pubsub};
use crate::test_context::{O, P, S, TestContext, User, X};

pub(super) const CASES: &[Case] = &[case!(
    99,
    "own",
    "all subscribers see all items of two publishers once, in the same order",
    one_order
)
.slow(12)];

/// Number of items of each of the two publishers.
const EACH: usize = 200;

async fn one_order(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("max_items", "10")]).await?;
    for user in [P, X] {
        cx.affiliated(&node, user, "publisher").await?;
    }
    let mut readers = JoinSet::new();
    for number in 0..cx.limits.crowd {
        let resource = u16::try_from(number + 1).unwrap_or(u16::MAX);
        // Services limit the subscriptions of one user to one node.
        let user = match number % 4 {
            0 => S,
            1 => O,
            2 => P,
            _ => X,
        };
        let mut session = cx.another_session(user.at(resource)).await?;
        let jid = session.jid().to_owned();
        let subscribe = pubsub(&element("subscribe", &[("node", &node), ("jid", &jid)], ""));
        let tree = session
            .request("set", Some(&cx.service), &subscribe)
            .await?;
        Answer::new(tree).subscription("subscribed")?;
        let (service, node) = (cx.service.clone(), node.clone());
        readers.spawn(async move { read(session, &service, &node).await });
    }
    let at_a_time = if cx.limits.balanced { 1 } else { 10 };
    let mut writers = JoinSet::new();
    for user in [P, X] {
        let session = cx.another_session(user).await?;
        let (service, node) = (cx.service.clone(), node.clone());
        writers.spawn(async move { write(session, user, &service, &node, at_a_time).await });
    }
    while let Some(written) = writers.join_next().await {
        written.map_err(|error| CaseError::unmet("a publisher", error.to_string()))??;
    }
    let mut first: Option<Vec<String>> = None;
    while let Some(read) = readers.join_next().await {
        let (jid, received) =
            read.map_err(|error| CaseError::unmet("a subscriber", error.to_string()))??;
        whole(&received).about(&jid)?;
        let order = first.get_or_insert_with(|| received.clone());
        check(
            *order == received,
            format!("{jid}: the same order as the others"),
            differs(order, &received),
        )?;
    }
    Ok(())
}

fn prefix(user: User) -> &'static str {
    if user == P { "p" } else { "x" }
}

/// Publishes all items, several at a time, as fast as they are acknowledged.
async fn write(
    mut session: Session,
    user: User,
    service: &str,
    node: &str,
    at_a_time: usize,
) -> CaseResult {
    let numbers: Vec<usize> = (0..EACH).collect();
    for window in numbers.chunks(at_a_time) {
        let mut asked = Vec::new();
        for number in window {
            let id = format!("{}-{number}", prefix(user));
            let publish = element("publish", &[("node", node)], &item(&id, &entry(&id)));
            asked.push(
                session
                    .send_request("set", Some(service), &pubsub(&publish))
                    .await?,
            );
        }
        for id in asked {
            Answer::new(session.answer(Some(service), &id).await?).is_ok()?;
        }
    }
    Ok(())
}

/// Reads until all items have arrived, or nothing more arrives.
async fn read(
    mut session: Session,
    service: &str,
    node: &str,
) -> CaseResult<(String, Vec<String>)> {
    let mut received = Vec::new();
    let mut distinct = BTreeSet::new();
    while distinct.len() < 2 * EACH {
        let deadline = Instant::now() + 4 * session.patience();
        let is_ours = |tree: &couplet_core::element::Tree| {
            tree.root().attr("from").as_deref() == Some(service)
        };
        let Some(tree) = session.message(deadline, is_ours).await? else {
            break;
        };
        let event = Event::new(tree);
        let Ok(item) = event.item(node) else { continue };
        let id = item.attr("id").unwrap_or_default().into_owned();
        distinct.insert(id.clone());
        received.push(id);
    }
    Ok((session.jid().to_owned(), received))
}

/// Checks that all items arrived once, and those of one publisher in its order.
fn whole(received: &[String]) -> CaseResult {
    let distinct: BTreeSet<&String> = received.iter().collect();
    check(
        received.len() == distinct.len(),
        "no item twice",
        format!(
            "{} items, {} of them distinct",
            received.len(),
            distinct.len()
        ),
    )?;
    check(
        distinct.len() == 2 * EACH,
        format!("{} items", 2 * EACH),
        format!("{}", distinct.len()),
    )?;
    for user in [P, X] {
        let begin = format!("{}-", prefix(user));
        let numbers: Vec<usize> = received
            .iter()
            .filter_map(|id| id.strip_prefix(&begin)?.parse().ok())
            .collect();
        check(
            numbers.is_sorted(),
            "a publisher's items in order",
            format!("{numbers:?}"),
        )?;
    }
    Ok(())
}

fn differs(one: &[String], other: &[String]) -> String {
    let place = one.iter().zip(other).position(|(one, other)| one != other);
    match place {
        Some(place) => format!("item {place} is another one"),
        None => format!("{} items, not {}", other.len(), one.len()),
    }
}
