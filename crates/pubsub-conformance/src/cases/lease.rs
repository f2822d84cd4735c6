//! Leased and temporary subscriptions. (XEP-0060, 12.5 and 12.18)

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use super::options::offered;
use super::{Case, case};
use crate::error::{About, CaseError, CaseResult, check};
use crate::request::{element, options, pubsub};
use crate::test_context::{S, TestContext};

pub(super) const CASES: &[Case] = &[
    case!(
        46,
        "12.18",
        "a lease ends at its time, and is never longer than the limit",
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

async fn a_lease_ends(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    cx.subscribed(S, &node).await?;
    offered(cx, S, &node, "expire").await?;
    if let Some(longest) = cx.limits.lease_limit {
        let answer = cx
            .sets_options(S, &node, &[("expire", "2999-01-01T00:00:00Z")])
            .await?;
        answer.is_ok().about("a lease over the longest")?;
        let granted = granted(cx, &node).await?;
        // Tolerance for the difference of the two clocks and the time of an answer.
        let latest = now() + longest + Duration::from_secs(60);
        cx.line(check(
            granted <= latest,
            format!("at most {}", written(latest)),
            written(granted),
        ));
    }
    let end = written(now() + Duration::from_secs(2));
    let answer = cx.sets_options(S, &node, &[("expire", &end)]).await?;
    answer.is_ok().about("a lease of 2 s")?;
    cx.published(&node, &["one"]).await?;
    cx.event(S)
        .await?
        .has_item(&node, "one")
        .about("until then")?;
    cx.event(S)
        .await
        .about("the end")?
        .has_state(&node, "none")?;
    cx.published(&node, &["two"]).await?;
    cx.expect_no_event(S).await?;
    let list = cx.subscriptions(&node).await?;
    check(list.is_empty(), "no subscription", format!("{list:?}"))
}

async fn granted(cx: &mut TestContext, node: &str) -> CaseResult<DateTime<Utc>> {
    let jid = cx.bare(S);
    let answer = cx.options(S, node, &jid).await?;
    let form = answer.form(answer.with("options")?)?;
    let expire = form.required_value("expire")?;
    let time = DateTime::parse_from_rfc3339(&expire);
    let time =
        time.map_err(|_| CaseError::unmet("a dateTime in pubsub#expire", form.received()))?;
    Ok(time.with_timezone(&Utc))
}

async fn as_long_as_online(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let guest = S.at(1);
    let jid = cx.full(guest).await?;
    cx.subscribes_as(guest, &node, &jid)
        .await?
        .subscription("subscribed")?;
    cx.send(guest, "<presence to='{to}'/>").await?;
    let form = options(&[("expire", "presence")]);
    let set = pubsub(&element(
        "options",
        &[("node", &node), ("jid", &jid)],
        &form,
    ));
    let answer = cx.set(guest, &set).await?;
    cx.unless_refused(&answer, "subscription-options")?;
    let refused = |received: String| CaseError::Refused {
        feature: "expire=presence".to_owned(),
        received,
    };
    if !answer.is_result() {
        answer.error("bad-request", "invalid-options")?;
        return Err(refused(answer.received()));
    }
    let answer = cx.options(guest, &node, &jid).await?;
    let form = answer.form(answer.with("options")?)?;
    if !form.has("expire") {
        return Err(refused(form.received()));
    }
    cx.line(form.has_value("expire", "presence"));
    cx.send(guest, "<presence to='{to}' type='unavailable'/>")
        .await?;
    cx.drain_events(guest).await?;
    let list = cx.subscriptions(&node).await?;
    check(
        list.is_empty(),
        "no subscription after unavailable presence",
        format!("{list:?}"),
    )
}
