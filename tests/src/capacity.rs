//! A component that is full, and one that is stopping: every request still gets exactly one
//! response.

use std::sync::Arc;
use std::time::Duration;

use couplet::{Component, Config, Empty, Incoming};
use couplet_test::{TestServer, TestUser};
use tokio::sync::Semaphore;

use crate::apps::{BOT, DOMAIN, Held, payload};

/// One handler runs, one stanza waits, and the third is rejected.
pub(crate) async fn a_full_component_answers_at_once(
    server: &mut TestServer,
    alice: &mut TestUser,
) {
    let (open, held) = held();
    let full = |mut config: Config| {
        config.limits.handlers = 1;
        config.limits.waiting_per_conversation = 1;
        held(config)
    };
    let component = server.run(full).await;
    let first = alice.send_request("get", BOT, &payload("held")).await;
    let second = alice.send_request("get", BOT, &payload("held")).await;
    let third = alice.send_request("get", BOT, &payload("held")).await;
    let refused = alice.next().await;
    assert_eq!(
        (refused.id(), refused.condition()),
        (&*third, "resource-constraint")
    );
    open.add_permits(2);
    for id in [first, second] {
        let answer = alice.next().await;
        assert_eq!((answer.id(), answer.type_()), (&*id, "result"));
    }
    alice.hears_only_a_pong_from(BOT).await;
    component.stop().await.unwrap();
}

/// New stanzas are rejected; running handlers finish, or their requests get an error.
pub(crate) async fn a_stopping_component_answers_every_request(
    server: &mut TestServer,
    alice: &mut TestUser,
) {
    let (open, held) = held();
    let mut bob = server.user("bob").await;
    let mut component = server
        .run(|mut config| {
            config.timing.grace = Duration::from_secs(3);
            held(config)
        })
        .await;
    let finishing = bob.send_request("get", BOT, &payload("held")).await;
    bob.ping(DOMAIN).await;
    let begun = alice.send_request("get", BOT, &payload("held")).await;
    let waiting = alice.send_request("get", BOT, &payload("held")).await;
    // From another conversation, so that the response shows what the component has received.
    alice.ping(DOMAIN).await;
    component.begin_to_stop();
    // The component may handle the shutdown request before or after the next stanza.
    let mut late = bob.ask("get", DOMAIN, &payload("absent")).await;
    while late.condition() == "service-unavailable" {
        late = bob.ask("get", DOMAIN, &payload("absent")).await;
    }
    assert_eq!(late.condition(), "recipient-unavailable");
    open.add_permits(1);
    let finished = bob.next().await;
    assert_eq!(
        (finished.id(), finished.type_()),
        (&*finishing, "result"),
        "{finished}"
    );
    let mut left = [alice.next().await, alice.next().await];
    left.sort_by_key(|answer| answer.id() != begun);
    for (answer, id) in left.iter().zip([&begun, &waiting]) {
        assert_eq!(
            (answer.id(), answer.condition()),
            (&**id, "recipient-unavailable")
        );
    }
    component.ended().await.unwrap();
    alice.hears_nothing().await;
}

/// Returns a component that answers [`Held`] once for each permit.
fn held() -> (Arc<Semaphore>, impl FnOnce(Config) -> Component) {
    let open = Arc::new(Semaphore::new(0));
    let door = Arc::clone(&open);
    let build = move |config| {
        Component::new(config).on_get(move |_: Incoming<Held>| {
            let door = Arc::clone(&door);
            async move {
                door.acquire().await?.forget();
                Ok(Empty)
            }
        })
    };
    (open, build)
}
