//! What a crash leaves. (own case)

mod tally;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use self::tally::Tally;
use super::{Case, case};
use crate::ask::{element, pubsub};
use crate::client::attach;
use crate::expect::Answer;
use crate::fault::{About, Checked, Fault, holds};
use crate::ordeal::{Ordeal, Sink, Victim};
use crate::world::{O, World, X};

pub(super) const CASES: &[Case] = &[case!(
    100,
    "own",
    "what was acknowledged survives a crash, and every subscriber gets it",
    crash
)
.slow(240)];

/// How long what was killed may take to be back, and to finish what it had begun.
const BACK_WITHIN: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);
/// XEP-0060 knows no such number; pubsub.md, 100, does.
const ANSWERED_WITHIN: Duration = Duration::from_millis(100);

type Shared = Arc<Mutex<Tally>>;

fn with<T>(tally: &Shared, look: impl FnOnce(&mut Tally) -> T) -> T {
    look(&mut tally.lock().unwrap_or_else(PoisonError::into_inner))
}

async fn crash(w: &mut World) -> Checked {
    let Some(ordeal) = w.facts.ordeal.clone() else {
        return Err(Fault::NotRun(
            "nobody kills and starts the service".to_owned(),
        ));
    };
    let node = w.node(&[("max_items", "100")]).await?;
    subscribe_all(w, &ordeal, &node).await?;
    let tally = Arc::new(Mutex::new(Tally::new(
        &ordeal.sink.domain,
        ordeal.subscribers,
    )));
    let mut reader = JoinSet::new();
    let (sink, service, shared) = (ordeal.sink.clone(), w.service.clone(), Arc::clone(&tally));
    let (patience, of) = (w.patience(), node.clone());
    reader.spawn(async move { read(&sink, &service, &of, &shared, patience).await });
    let mut items = 0;
    calm(w, &node, &tally).await?;
    items += 1;
    for victim in [Victim::Service, Victim::Server] {
        for round in 1..=ordeal.rounds {
            let line = format!("{victim:?}, crash {round}");
            one_crash(w, &ordeal, victim, (&node, items), &tally)
                .await
                .about(&line)?;
            items += 1;
        }
    }
    let expected: Vec<String> = (0..items).map(name).collect();
    let kept = w.items(O, &node).await?.item_ids()?;
    w.line(holds(
        kept == expected,
        format!("{expected:?} kept"),
        format!("{kept:?}"),
    ));
    with(&tally, |tally| tally.verdict())
}

fn name(item: usize) -> String {
    format!("item-{item}")
}

async fn subscribe_all(w: &mut World, ordeal: &Ordeal, node: &str) -> Checked {
    let service = w.service.clone();
    let mut sink = attach(&ordeal.sink, w.patience()).await?;
    let numbers: Vec<usize> = (0..ordeal.subscribers).collect();
    for window in numbers.chunks(200) {
        let mut requests = String::new();
        for number in window {
            let jid = tally::address(&ordeal.sink.domain, *number);
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

/// Reads what the subscribers get, and comes again whenever the connection is lost.
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
                tally.came(&crate::expect::Event::new(tree), node)
            });
        }
    }
}

async fn publish(w: &mut World, node: &str, item: usize) -> Checked {
    let name = name(item);
    w.publishes(O, node, &name).await?.good()
}

/// A fan-out that nothing happens to, during which a stranger asks and is answered.
async fn calm(w: &mut World, node: &str, tally: &Shared) -> Checked {
    until(tally, "the sink", |tally| tally.connected > 0).await?;
    publish(w, node, 0).await?;
    let mut waited = Vec::new();
    let query = format!("<query xmlns='{}'/>", crate::ask::NS_INFO);
    let deadline = Instant::now() + BACK_WITHIN;
    while !with(tally, |tally| tally.all_have(0)) && Instant::now() < deadline {
        let asked = Instant::now();
        w.get(X, &query).await?.good()?;
        waited.push(asked.elapsed());
    }
    let (have, of) = with(tally, |tally| (tally.have(0), tally.subscribers()));
    holds(
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
    w.line(holds(
        longest < ANSWERED_WITHIN,
        expected,
        format!("{longest:?}"),
    ));
    Ok(())
}

async fn one_crash(
    w: &mut World,
    ordeal: &Ordeal,
    victim: Victim,
    (node, item): (&str, usize),
    tally: &Shared,
) -> Checked {
    let connected = with(tally, |tally| tally.connected);
    publish(w, node, item).await?;
    let middle = ordeal.subscribers / 5;
    until(tally, "the middle of a fan-out", |tally| {
        tally.have(item) >= middle
    })
    .await?;
    let failed = |error: std::io::Error| {
        Fault::unmet(format!("{victim:?} killed and started"), error.to_string())
    };
    ordeal.crash.kill(victim).await.map_err(failed)?;
    ordeal.crash.start(victim).await.map_err(failed)?;
    back(w).await?;
    if victim == Victim::Server {
        until(tally, "the sink", |tally| tally.connected > connected).await?;
    }
    until(tally, "the item at every subscriber", |tally| {
        tally.all_have(item)
    })
    .await
}

/// Waits until everybody is logged in again and the service answers.
async fn back(w: &mut World) -> Checked {
    w.scatter();
    let again = async {
        while w.gather().await.is_err() || w.learn().await.is_err() {
            w.scatter();
            sleep(PAUSE).await;
        }
    };
    let ended = timeout(BACK_WITHIN, again).await;
    ended.map_err(|_| Fault::unmet("a service that is back", "none in time"))
}

async fn until(tally: &Shared, what: &str, mut done: impl FnMut(&Tally) -> bool) -> Checked {
    let deadline = Instant::now() + BACK_WITHIN;
    while !with(tally, |tally| done(tally)) {
        if Instant::now() >= deadline {
            let came = with(tally, |tally| tally.to_string());
            return Err(Fault::unmet(what, came));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}
