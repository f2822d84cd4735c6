//! The pubsub program during fan-outs: crashes of the program and of its server, and shutdown.
//!
//! `PUBSUB_CRASH=10000x10` is the full test: subscribers, and crashes of each kind. By default
//! there are fewer, to run it with every change.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use couplet_test::Backend;
use couplet_tests::pubsub_rig::{NODE, Rig, condition};
use couplet_tests::pubsub_sink::Sink;
use rustix::process::Signal;

/// Returns the number of subscribers and of crashes.
fn measure() -> (usize, usize) {
    let wanted = std::env::var("PUBSUB_CRASH").unwrap_or_else(|_| "1000x2".to_owned());
    let (subscribers, rounds) = wanted.split_once('x').expect("subscribers x rounds");
    (subscribers.parse().unwrap(), rounds.parse().unwrap())
}

/// The published and acknowledged items, and what was received.
struct Trial {
    rig: Rig,
    sink: Sink,
    subscribers: usize,
    next: u32,
    acknowledged: Vec<u32>,
}

impl Trial {
    async fn begin(backend: Backend, subscribers: usize) -> Trial {
        let rig = Rig::on(backend, |_| {}).await;
        let sink = Sink::subscribe(&rig.server.components(), NODE, subscribers).await;
        Trial {
            rig,
            sink,
            subscribers,
            next: 0,
            acknowledged: Vec::new(),
        }
    }

    async fn publish(&mut self) {
        let item = self.number();
        let answer = self.rig.publishes(item).await;
        assert_eq!(condition(&answer), "", "{}", answer.as_str());
        self.acknowledged.push(item);
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    /// Brings two items in flight, `round` of `rounds` of their copies delivered, and a third one
    /// with an unknown outcome.
    async fn is_in_the_middle(&mut self, round: usize, rounds: usize) {
        let before = self.sink.tally().firsts();
        self.publish().await;
        self.publish().await;
        let part = 2 * self.subscribers * (round + 1) / (rounds + 1);
        self.sink
            .until("the middle", |tally| tally.firsts() >= before + part)
            .await;
        let item = self.number();
        self.rig.posts(item).await;
    }

    /// Checks that everything acknowledged is stored, and everything stored was received.
    async fn ends_well(mut self) {
        self.publish().await;
        let stored = self.rig.stored().await;
        let lost = self
            .acknowledged
            .iter()
            .filter(|item| !stored.contains(item));
        assert_eq!(lost.count(), 0, "{:?} of {stored:?}", self.acknowledged);
        let last = self.next - 1;
        self.sink
            .until("the last item", |tally| tally.all_have(last))
            .await;
        self.sink.tally().is_whole(&stored);
        eprintln!("{}", self.sink.tally());
    }
}

async fn survives_its_own_death(backend: Backend) {
    let (subscribers, rounds) = measure();
    let mut trial = Trial::begin(backend, subscribers).await;
    for round in 0..rounds {
        trial.is_in_the_middle(round, rounds).await;
        trial.rig.service.kill().await;
        trial.rig.service.start().await;
    }
    trial.ends_well().await;
}

async fn survives_the_death_of_its_server(backend: Backend) {
    let (subscribers, rounds) = measure();
    let mut trial = Trial::begin(backend, subscribers).await;
    for round in 0..rounds {
        trial.is_in_the_middle(round, rounds).await;
        let connected = trial.sink.tally().connected;
        trial.rig.server.kill();
        // Otherwise it may be back before its subscribers, and its messages to them bounce
        // permanently.
        trial.rig.service.signal(Signal::STOP);
        trial.rig.server.restart().await;
        trial
            .sink
            .until("the sink", |tally| tally.connected > connected)
            .await;
        trial.rig.service.signal(Signal::CONT);
        trial.rig.users_return().await;
        trial.rig.service.is_back().await;
    }
    trial.ends_well().await;
}

#[tokio::test]
async fn killed_beside_prosody_it_loses_nothing() {
    survives_its_own_death(Backend::Prosody).await;
}

#[tokio::test]
async fn killed_beside_ejabberd_it_loses_nothing() {
    survives_its_own_death(Backend::Ejabberd).await;
}

#[tokio::test]
async fn nothing_is_lost_when_prosody_is_killed() {
    survives_the_death_of_its_server(Backend::Prosody).await;
}

#[tokio::test]
async fn nothing_is_lost_when_ejabberd_is_killed() {
    survives_the_death_of_its_server(Backend::Ejabberd).await;
}

#[tokio::test]
async fn requests_during_a_fan_out_are_answered_before_its_end() {
    let mut trial = Trial::begin(Backend::Prosody, 10_000).await;
    trial.publish().await;
    let mut answered = 0;
    while trial.sink.tally().firsts() < trial.subscribers {
        trial.rig.is_answered().await;
        answered += usize::from(trial.sink.tally().firsts() < trial.subscribers);
    }
    assert!(answered > 1, "answered {answered} times during the fan-out");
    trial.ends_well().await;
}

#[tokio::test]
async fn a_shutdown_during_a_fan_out_resumes_after_the_next_start() {
    let mut trial = Trial::begin(Backend::Prosody, 10_000).await;
    trial.is_in_the_middle(0, 1).await;
    assert!(trial.rig.service.stop().await.success());
    trial.rig.service.start().await;
    trial.rig.service.logged_no_problem();
    trial.ends_well().await;
}
