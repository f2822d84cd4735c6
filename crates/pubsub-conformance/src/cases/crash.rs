//! Crashes during fan-outs. (own case)

mod tally;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use self::tally::Tally;
use super::{Case, case};
use crate::client::attach;
use crate::crash_test::{CrashTarget, CrashTest, Sink};
use crate::error::{About, CaseError, CaseResult, check};
use crate::expect::Answer;
use crate::request::{element, pubsub};
use crate::test_context::{O, TestContext, X};

pub(super) const CASES: &[Case] = &[case!(
    100,
    "own",
    "what was acknowledged survives a crash, and every subscriber gets it",
    crash
)
.slow(240)];

/// Time limit for a killed process to be back and finish what it had begun.
const BACK_WITHIN: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);
/// The limit of this suite; XEP-0060 has none.
const ANSWERED_WITHIN: Duration = Duration::from_millis(100);

type Shared = Arc<Mutex<Tally>>;

fn with<T>(tally: &Shared, look: impl FnOnce(&mut Tally) -> T) -> T {
    look(&mut tally.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn crash(cx: &mut TestContext) -> CaseResult {
    let Some(crash_test) = cx.limits.crash_test.clone() else {
        return Err(CaseError::NotRun(
            "no commands to kill and start the service".to_owned(),
        ));
    };
    let node = cx.node(&[("max_items", "100")]).await?;
    subscribe_all(cx, &crash_test, &node).await?;
    let tally = Arc::new(Mutex::new(Tally::new(
        &crash_test.sink.domain,
        crash_test.subscribers,
    )));
    let mut reader = JoinSet::new();
    let (sink, service, shared) = (
        crash_test.sink.clone(),
        cx.service.clone(),
        Arc::clone(&tally),
    );
    let (patience, of) = (cx.patience(), node.clone());
    reader.spawn(async move { read(&sink, &service, &of, &shared, patience).await });
    let mut items = 0;
    calm(cx, &node, &tally).await?;
    items += 1;
    for target in [CrashTarget::Service, CrashTarget::Server] {
        for round in 1..=crash_test.rounds {
            let line = format!("{target:?}, crash {round}");
            one_crash(cx, &crash_test, target, (&node, items), &tally)
                .await
                .about(&line)?;
            items += 1;
        }
    }
    let expected: Vec<String> = (0..items).map(name).collect();
    let kept = cx.items(O, &node).await?.item_ids()?;
    cx.line(check(
        kept == expected,
        format!("{expected:?} kept"),
        format!("{kept:?}"),
    ));
    with(&tally, |tally| tally.verdict())
}

fn name(item: usize) -> String {
    format!("item-{item}")
}

async fn subscribe_all(cx: &mut TestContext, crash_test: &CrashTest, node: &str) -> CaseResult {
    let service = cx.service.clone();
    let mut sink = attach(&crash_test.sink, cx.patience()).await?;
    let numbers: Vec<usize> = (0..crash_test.subscribers).collect();
    for window in numbers.chunks(200) {
        let mut requests = String::new();
        for number in window {
            let jid = tally::address(&crash_test.sink.domain, *number);
            let subscribe = element("subscribe", &[("node", node), ("jid", &jid)], "");
            let (to, id) = (service.as_str(), format!("subscribe-{number}"));
            let attributes = [("type", "set"), ("from", &*jid), ("to", to), ("id", &*id)];
            requests += &element("iq", &attributes, &pubsub(&subscribe));
        }
        sink.send(&requests).await?;
        for number in window {
            let answer = sink
                .answer(Some(&service), &format!("subscribe-{number}"))
                .await?;
            Answer::new(answer)
                .subscription("subscribed")
                .about(&format!("subscriber {number}"))?;
        }
    }
    Ok(())
}

/// Reads the messages to the subscribers, and reconnects after a lost connection.
async fn read(sink: &Sink, service: &str, node: &str, tally: &Shared, patience: Duration) {
    loop {
        let Ok(mut session) = attach(sink, patience).await else {
            sleep(PAUSE).await;
            continue;
        };
        with(tally, |tally| tally.connected += 1);
        let far = Instant::now() + Duration::from_secs(86_400);
        let is_ours = |tree: &couplet_core::element::Tree| {
            tree.root().attr("from").as_deref() == Some(service)
        };
        while let Ok(Some(tree)) = session.message(far, is_ours).await {
            with(tally, |tally| {
                tally.received(&crate::expect::Event::new(tree), node)
            });
        }
    }
}

async fn publish(cx: &mut TestContext, node: &str, item: usize) -> CaseResult {
    let name = name(item);
    cx.publishes(O, node, &name).await?.is_ok()
}

/// Runs a fan-out without a crash, during which a stranger's request is answered.
async fn calm(cx: &mut TestContext, node: &str, tally: &Shared) -> CaseResult {
    until(tally, "the sink", |tally| tally.connected > 0).await?;
    publish(cx, node, 0).await?;
    let mut waited = Vec::new();
    let query = format!("<query xmlns='{}'/>", crate::request::NS_INFO);
    let deadline = Instant::now() + BACK_WITHIN;
    while !with(tally, |tally| tally.all_have(0)) && Instant::now() < deadline {
        let asked = Instant::now();
        cx.get(X, &query).await?.is_ok()?;
        waited.push(asked.elapsed());
    }
    let (have, of) = with(tally, |tally| (tally.have(0), tally.subscribers()));
    check(
        have == of,
        format!("item-0 at {of} subscribers"),
        format!("at {have}"),
    )?;
    waited.sort();
    let longest = waited
        .get(waited.len() * 99 / 100)
        .copied()
        .unwrap_or_default();
    let expected = format!("99 of 100 answers during a fan-out within {ANSWERED_WITHIN:?}");
    cx.line(check(
        longest < ANSWERED_WITHIN,
        expected,
        format!("{longest:?}"),
    ));
    Ok(())
}

async fn one_crash(
    cx: &mut TestContext,
    crash_test: &CrashTest,
    target: CrashTarget,
    (node, item): (&str, usize),
    tally: &Shared,
) -> CaseResult {
    let connected = with(tally, |tally| tally.connected);
    publish(cx, node, item).await?;
    let middle = crash_test.subscribers / 5;
    until(tally, "the middle of a fan-out", |tally| {
        tally.have(item) >= middle
    })
    .await?;
    let failed = |error: std::io::Error| {
        CaseError::unmet(format!("{target:?} killed and started"), error.to_string())
    };
    crash_test.control.kill(target).await.map_err(failed)?;
    crash_test.control.start(target).await.map_err(failed)?;
    back(cx).await?;
    if target == CrashTarget::Server {
        until(tally, "the sink", |tally| tally.connected > connected).await?;
    }
    until(tally, "the item at every subscriber", |tally| {
        tally.all_have(item)
    })
    .await
}

/// Waits until all users are logged in again and the service answers.
async fn back(cx: &mut TestContext) -> CaseResult {
    cx.disconnect_all();
    let again = async {
        while cx.connect_all().await.is_err() || cx.discover().await.is_err() {
            cx.disconnect_all();
            sleep(PAUSE).await;
        }
    };
    let ended = timeout(BACK_WITHIN, again).await;
    ended.map_err(|_| CaseError::unmet("a service that is back", "none in time"))
}

async fn until(tally: &Shared, what: &str, mut done: impl FnMut(&Tally) -> bool) -> CaseResult {
    let deadline = Instant::now() + BACK_WITHIN;
    while !with(tally, |tally| done(tally)) {
        if Instant::now() >= deadline {
            let received = with(tally, |tally| tally.to_string());
            return Err(CaseError::unmet(what, received));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}
