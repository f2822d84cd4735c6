//! Subscriptions that end by themselves. (XEP-0060, 12.5 and 12.18)

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use super::options::offered;
use super::{Case, case};
use crate::ask::{element, options, pubsub};
use crate::fault::{About, Checked, Fault, holds};
use crate::world::{S, World};

pub(super) const CASES: &[Case] = &[
    case!(
        46,
        "12.18",
        "a lease ends when it said, and is never longer than the longest",
        a_lease_ends
    )
    .slow(2),
    case!(
        47,
        "12.5",
        "a subscription for as long as one is online ends with it",
        as_long_as_online
    ),
];

fn now() -> DateTime<Utc> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a lease ends at a time of the calendar"
    )]
    let now = std::time::SystemTime::now();
    DateTime::from(now)
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

async fn a_lease_ends(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    w.subscribed(S, &node).await?;
    offered(w, S, &node, "expire").await?;
    if let Some(longest) = w.facts.lease_limit {
        let answer = w
            .sets_options(S, &node, &[("expire", "2999-01-01T00:00:00Z")])
            .await?;
        answer.good().about("a lease over the longest")?;
        let granted = granted(w, &node).await?;
        // What the two clocks and one answer may be apart.
        let latest = now() + longest + Duration::from_secs(60);
        w.line(holds(
            granted <= latest,
            format!("at most {}", written(latest)),
            written(granted),
        ));
    }
    let end = written(now() + Duration::from_secs(2));
    let answer = w.sets_options(S, &node, &[("expire", &end)]).await?;
    answer.good().about("a lease of 2 s")?;
    w.published(&node, &["one"]).await?;
    w.event(S).await?.brings(&node, "one").about("until then")?;
    w.event(S).await.about("the end")?.tells(&node, "none")?;
    w.published(&node, &["two"]).await?;
    w.silent(S).await?;
    let list = w.subscriptions(&node).await?;
    holds(list.is_empty(), "no subscription", format!("{list:?}"))
}

async fn granted(w: &mut World, node: &str) -> Checked<DateTime<Utc>> {
    let jid = w.bare(S);
    let answer = w.options(S, node, &jid).await?;
    let form = answer.form(answer.with("options")?)?;
    let expire = form.needs("expire")?;
    let time = DateTime::parse_from_rfc3339(&expire);
    let time = time.map_err(|_| Fault::unmet("a dateTime in pubsub#expire", form.came()))?;
    Ok(time.with_timezone(&Utc))
}

async fn as_long_as_online(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let guest = S.at(1);
    let jid = w.full(guest).await?;
    w.subscribes_as(guest, &node, &jid)
        .await?
        .subscription("subscribed")?;
    w.send(guest, "<presence to='{to}'/>").await?;
    let form = options(&[("expire", "presence")]);
    let set = pubsub(&element(
        "options",
        &[("node", &node), ("jid", &jid)],
        &form,
    ));
    let answer = w.set(guest, &set).await?;
    w.unless_refused(&answer, "subscription-options")?;
    let refused = |came: String| Fault::Refused {
        feature: "expire=presence".to_owned(),
        came,
    };
    if !answer.is_result() {
        answer.error("bad-request", "invalid-options")?;
        return Err(refused(answer.came()));
    }
    let answer = w.options(guest, &node, &jid).await?;
    let form = answer.form(answer.with("options")?)?;
    if !form.has("expire") {
        return Err(refused(form.came()));
    }
    w.line(form.says("expire", "presence"));
    w.send(guest, "<presence to='{to}' type='unavailable'/>")
        .await?;
    w.quiet(guest).await?;
    let list = w.subscriptions(&node).await?;
    holds(
        list.is_empty(),
        "no subscription after unavailable presence",
        format!("{list:?}"),
    )
}
