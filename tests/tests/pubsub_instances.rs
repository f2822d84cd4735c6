//! Three pubsub programs on one PostgreSQL, behind an ejabberd that distributes stanzas among them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use couplet_test::{Backend, Postgres};
use couplet_tests::pubsub_rig::{NODE, Rig, condition};
use couplet_tests::pubsub_service::Service;
use couplet_tests::pubsub_sink::Sink;

/// Maximum number of concurrent items of each of two publishers.
const WINDOW: u32 = 20;

/// Three instances: the first is that of the rig.
struct Trial {
    rig: Rig,
    others: Vec<Service>,
    _postgres: Postgres,
}

impl Trial {
    async fn begin() -> Trial {
        let postgres = Postgres::start().await.unwrap();
        let store = postgres.url();
        let mut rig = Rig::on(Backend::Ejabberd, |service| {
            service.set("COUPLET_PUBSUB_STORE", &store);
        })
        .await;
        let mut others = Vec::new();
        for _ in 0..2 {
            let mut other = Service::beside(&rig.server.components());
            other.set("COUPLET_PUBSUB_STORE", &store);
            other.start().await;
            others.push(other);
        }
        let open = "<x xmlns='jabber:x:data' type='submit'><field var='pubsub#publish_model'>\
            <value>open</value></field></x>";
        let configure = format!("<configure node='{NODE}'>{open}</configure>");
        let answer = rig.owns("set", &configure).await;
        assert_eq!(condition(&answer), "", "{}", answer.as_str());
        Trial {
            rig,
            others,
            _postgres: postgres,
        }
    }

    /// Checks that no warning or error was logged.
    fn log_is_quiet(&self) {
        let services = self.others.iter().chain([&self.rig.service]);
        services.for_each(Service::logged_no_problem);
    }
}

#[tokio::test]
async fn two_publishers_and_three_instances_give_every_subscriber_the_same_order() {
    let mut trial = Trial::begin().await;
    let sink = Sink::subscribe(&trial.rig.server.components(), NODE, 50).await;
    for first in (0..400).step_by(2 * WINDOW as usize) {
        let both = trial.rig.both_publish(first, WINDOW).await;
        assert_eq!(both, 2 * WINDOW as usize);
    }
    let stored = trial.rig.stored().await;
    assert_eq!(stored.len(), 400);
    sink.until("all items", |tally| tally.firsts() == 400 * 50)
        .await;
    let tally = sink.tally();
    tally.is_whole(&stored);
    assert_eq!(tally.copies, tally.firsts(), "{tally}");
    trial.log_is_quiet();
}

#[tokio::test]
async fn what_an_instance_leaves_is_taken_over_by_the_others() {
    let mut trial = Trial::begin().await;
    let sink = Sink::subscribe(&trial.rig.server.components(), NODE, 2_000).await;
    assert_eq!(trial.rig.both_publish(0, WINDOW).await, 40);
    sink.until("the middle", |tally| tally.firsts() > 2_000)
        .await;
    trial.others[0].kill().await;
    // After its leases have expired.
    sink.until("all items", |tally| tally.firsts() == 40 * 2_000)
        .await;
    trial.others[0].start().await;
    let stored = trial.rig.stored().await;
    assert_eq!(stored.len(), 40);
    sink.tally().is_whole(&stored);
    trial.log_is_quiet();
    for mut service in trial.others {
        assert!(service.stop().await.success(), "{}", service.log());
    }
    assert!(trial.rig.service.stop().await.success());
}
