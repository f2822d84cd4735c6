//! Tests that every store passes.
//!
//! Call [`run`] in a test of a [`Store`] of your own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

use super::{
    Store, StoreError,
    record::{JobEnd, JobId, NewJob, SessionRecord, StateKey},
};

const BOT: &str = "remind@bot.test";

/// Runs all tests, each on a new store of `open`.
pub async fn run<S: Store>(open: impl AsyncFn() -> S) {
    state_belongs_to_bot_conversation_and_name(&open().await).await;
    jobs_come_in_the_order_in_which_they_are_due(&open().await).await;
    a_conversation_has_a_limited_number_of_jobs(&open().await).await;
    a_failed_job_runs_again_until_it_is_parked(&open().await).await;
    a_job_that_repeats_gets_a_new_number(&open().await).await;
    cancelled_jobs_stay_away(&open().await).await;
    only_jobs_with_a_handler_are_found(&open().await).await;
    of_an_owner_the_latest_sessions_remain(&open().await).await;
    sessions_expire(&open().await).await;
    subscribers_are_kept_once(&open().await).await;
    a_notice_is_sent_once_in_its_time(&open().await).await;
}

fn key(conversation: &str, name: &'static str) -> StateKey {
    StateKey {
        bot: BOT.to_owned(),
        conversation: conversation.to_owned(),
        name,
    }
}

fn job(conversation: &str, value: &str, due: u64) -> NewJob {
    NewJob {
        key: key(conversation, "due"),
        value: value.to_owned(),
        due,
        every: None,
    }
}

async fn add(store: &impl Store, new: NewJob) -> JobId {
    store.add_job(new, 100).await.unwrap()
}

/// The values and times of the next jobs.
async fn next(store: &impl Store) -> Vec<(String, u64)> {
    let jobs = store.next_jobs(BOT, vec!["due"], 10).await.unwrap();
    jobs.into_iter().map(|job| (job.value, job.due)).collect()
}

fn pairs(of: &[(&str, u64)]) -> Vec<(String, u64)> {
    of.iter()
        .map(|(value, due)| ((*value).to_owned(), *due))
        .collect()
}

async fn state_belongs_to_bot_conversation_and_name(store: &impl Store) {
    let (alice, bob) = (key("alice", "pending"), key("bob", "pending"));
    let other = StateKey {
        bot: "other@bot.test".to_owned(),
        ..alice.clone()
    };
    for (key, value) in [
        (&alice, "1"),
        (&bob, "2"),
        (&key("alice", "level"), "3"),
        (&other, "4"),
    ] {
        store
            .set_state(key.clone(), Some(value.to_owned()))
            .await
            .unwrap();
    }
    assert_eq!(
        store.state(alice.clone()).await.unwrap().as_deref(),
        Some("1")
    );
    let named = store.states(BOT, "pending").await.unwrap();
    let expected =
        [("alice", "1"), ("bob", "2")].map(|(who, value)| (who.to_owned(), value.to_owned()));
    assert_eq!(named, expected);
    store.set_state(alice.clone(), None).await.unwrap();
    assert_eq!(store.state(alice).await.unwrap(), None);
    assert_eq!(store.state(bob).await.unwrap().as_deref(), Some("2"));
    assert_eq!(store.state(other).await.unwrap().as_deref(), Some("4"));
}

async fn jobs_come_in_the_order_in_which_they_are_due(store: &impl Store) {
    for (value, due) in [("c", 30), ("a", 10), ("b", 20), ("a2", 10)] {
        add(store, job("alice", value, due)).await;
    }
    assert_eq!(
        next(store).await,
        pairs(&[("a", 10), ("a2", 10), ("b", 20), ("c", 30)])
    );
    let two = store.next_jobs(BOT, vec!["due"], 2).await.unwrap();
    assert_eq!(two.len(), 2);
    assert_eq!(
        (two[0].conversation.as_str(), two[0].name.as_str()),
        ("alice", "due")
    );
    assert_eq!(
        store
            .next_jobs("other@bot.test", vec!["due"], 2)
            .await
            .unwrap(),
        []
    );
}

async fn a_conversation_has_a_limited_number_of_jobs(store: &impl Store) {
    for due in [1, 2] {
        store.add_job(job("alice", "x", due), 2).await.unwrap();
    }
    let third = store.add_job(job("alice", "x", 3), 2).await;
    assert!(matches!(third, Err(StoreError::Full(_))), "{third:?}");
    store.add_job(job("bob", "x", 3), 2).await.unwrap();
}

async fn a_failed_job_runs_again_until_it_is_parked(store: &impl Store) {
    let id = add(store, job("alice", "a", 10)).await;
    store.end_job(id, JobEnd::Retry { due: 20 }).await.unwrap();
    let again = store.next_jobs(BOT, vec!["due"], 10).await.unwrap();
    assert_eq!((again[0].id, again[0].tries), (id, 1));
    assert_eq!((again[0].due, again[0].first_due), (20, 10));
    let why = "it does not work".to_owned();
    store.end_job(id, JobEnd::Parked { why }).await.unwrap();
    assert_eq!(next(store).await, []);
    assert_eq!(store.job_names(BOT).await.unwrap(), []);
}

async fn a_job_that_repeats_gets_a_new_number(store: &impl Store) {
    let daily = NewJob {
        every: Some(100),
        ..job("alice", "a", 10)
    };
    let id = add(store, daily).await;
    store.end_job(id, JobEnd::Retry { due: 20 }).await.unwrap();
    store.end_job(id, JobEnd::Again { due: 110 }).await.unwrap();
    let again = store.next_jobs(BOT, vec!["due"], 10).await.unwrap();
    assert_eq!(again.len(), 1);
    assert!(again[0].id > id);
    assert_eq!((again[0].due, again[0].first_due), (110, 110));
    assert_eq!((again[0].tries, again[0].every), (0, Some(100)));
    store.end_job(again[0].id, JobEnd::Done).await.unwrap();
    assert_eq!(next(store).await, []);
}

async fn cancelled_jobs_stay_away(store: &impl Store) {
    let id = add(store, job("alice", "a", 10)).await;
    add(store, job("alice", "b", 10)).await;
    add(store, job("bob", "c", 10)).await;
    assert_eq!(store.cancel_jobs(key("alice", "due")).await.unwrap(), 2);
    assert_eq!(store.cancel_jobs(key("alice", "due")).await.unwrap(), 0);
    // It was running meanwhile.
    store.end_job(id, JobEnd::Retry { due: 20 }).await.unwrap();
    store.end_job(id, JobEnd::Again { due: 20 }).await.unwrap();
    assert_eq!(next(store).await, pairs(&[("c", 10)]));
}

async fn only_jobs_with_a_handler_are_found(store: &impl Store) {
    add(store, job("alice", "a", 10)).await;
    let gone = NewJob {
        key: key("alice", "gone"),
        ..job("alice", "b", 5)
    };
    add(store, gone).await;
    assert_eq!(next(store).await, pairs(&[("a", 10)]));
    let names = store.job_names(BOT).await.unwrap();
    assert_eq!(names, pairs(&[("due", 1), ("gone", 1)]));
    assert_eq!(store.next_jobs(BOT, vec![], 10).await.unwrap(), []);
}

fn session(value: &str, until: u64) -> Option<SessionRecord> {
    let value = value.to_owned();
    Some(SessionRecord { value, until })
}

async fn of_an_owner_the_latest_sessions_remain(store: &impl Store) {
    store
        .set_session(BOT, "bob", "1", session("bob's", 9), 2)
        .await
        .unwrap();
    for id in ["1", "2", "1", "3"] {
        store
            .set_session(BOT, "alice", id, session(id, 9), 2)
            .await
            .unwrap();
    }
    let value = async |owner: &str, id: &str| {
        let found = store.session(BOT, owner, id).await.unwrap();
        found.map(|session| session.value)
    };
    assert_eq!(value("alice", "1").await.as_deref(), Some("1"));
    assert_eq!(value("alice", "2").await, None, "the oldest goes");
    assert_eq!(value("alice", "3").await.as_deref(), Some("3"));
    assert_eq!(value("bob", "1").await.as_deref(), Some("bob's"));
    store.set_session(BOT, "alice", "3", None, 2).await.unwrap();
    assert_eq!(value("alice", "3").await, None);
}

async fn sessions_expire(store: &impl Store) {
    for (id, until) in [("1", 10), ("2", 20)] {
        store
            .set_session(BOT, "alice", id, session(id, until), 5)
            .await
            .unwrap();
    }
    assert_eq!(store.expire_sessions(BOT, 20).await.unwrap(), 1);
    assert_eq!(store.session(BOT, "alice", "1").await.unwrap(), None);
    assert!(store.session(BOT, "alice", "2").await.unwrap().is_some());
}

async fn subscribers_are_kept_once(store: &impl Store) {
    for (jid, is_one) in [("a@b", true), ("c@d", true), ("a@b", true), ("c@d", false)] {
        store.set_subscriber(BOT, jid, is_one).await.unwrap();
    }
    assert_eq!(store.subscribers(BOT).await.unwrap(), ["a@b"]);
}

async fn a_notice_is_sent_once_in_its_time(store: &impl Store) {
    let notice = async |jid: &str, now: u64| {
        let since = now.saturating_sub(100);
        store.notice(BOT, jid, "late", now, since).await.unwrap()
    };
    assert!(notice("alice", 1_000).await);
    assert!(!notice("alice", 1_050).await);
    assert!(notice("bob", 1_050).await);
    assert!(notice("alice", 1_101).await);
}
