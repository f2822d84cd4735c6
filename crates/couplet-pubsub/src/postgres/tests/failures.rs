//! A server that goes away and comes back, and databases that must not be opened.

use std::time::Duration;

use couplet_test::Postgres;
use futures_util::future::join_all;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use crate::{
    request::Wanted,
    snapshot::Snapshot,
    store::{
        StoreError,
        suite::{announce_to_subscribers, at, claim, create, node, publish, run},
    },
};

use super::{Shared, new_id, server, store};

/// How long the first publication may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Publishes until the store returns a temporary error, and returns what was acknowledged.
async fn publish_until_busy(store: &Shared, who: usize, first: &Notify) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0..100_000 {
        let id = format!("{who}-{number}");
        let changes = vec![publish(&id), announce_to_subscribers()];
        match store
            .change(at("news"), Box::new(move |_: &Snapshot| changes))
            .await
        {
            Ok(()) => {
                first.notify_one();
                acknowledged.push(id);
            }
            Err(StoreError::Busy(_)) => return acknowledged,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it was never busy");
}

async fn until_it_works(store: &Shared) {
    for _ in 0..600 {
        match store
            .change(at("news"), Box::new(|_: &Snapshot| vec![publish("back")]))
            .await
        {
            Ok(()) => return,
            Err(StoreError::Busy(_)) => sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it never came back");
}

#[tokio::test]
async fn a_server_that_is_killed_loses_nothing_that_was_acknowledged() {
    let mut server = Postgres::start().await.unwrap();
    let store = store(&server.url()).await;
    create(&store, "news").await;
    for _ in 0..3 {
        let first = Notify::new();
        let working = join_all((0..4).map(|who| publish_until_busy(&store, who, &first)));
        let killing = async {
            let _then_nothing_is_acknowledged = timeout(PATIENCE, first.notified()).await;
            sleep(Duration::from_millis(100)).await;
            server.kill();
        };
        let (acknowledged, ()) = tokio::join!(working, killing);
        let acknowledged = acknowledged.concat();
        assert!(!acknowledged.is_empty());
        let away = store.snapshot(at("news")).await;
        assert!(matches!(away, Err(StoreError::Busy(_))), "{away:?}");
        let _heard_before = futures_util::FutureExt::now_or_never(store.announced().notified());
        server.restart().await.unwrap();
        // The connection for notifications is restored by itself, which is logged.
        store.announced().notified().await;
        until_it_works(&store).await;
        let id = node(&store, "news").await.id;
        let wanted = Wanted::Ids(acknowledged.clone());
        let found = store.items(id, wanted).await.unwrap().entries;
        assert_eq!(found.len(), acknowledged.len());
        let jobs = claim(&store, "a", 0).await;
        assert!(!jobs.is_empty());
        store.release("a").await.unwrap();
        run(&store, "news", vec![crate::change::Change::Purge]).await;
    }
}

#[tokio::test]
async fn a_change_that_is_dropped_half_way_holds_nothing() {
    let store = store(&new_id().await).await;
    create(&store, "news").await;
    let decided = std::sync::Arc::new(tokio::sync::Notify::new());
    for _ in 0..20 {
        let notify = std::sync::Arc::clone(&decided);
        let decide = Box::new(move |_: &Snapshot| {
            notify.notify_one();
            vec![publish("dropped")]
        });
        tokio::select! {
            biased;
            () = decided.notified() => {}
            done = store.change(at("news"), decide) => done.unwrap(),
        }
    }
    run(&store, "news", vec![publish("kept")]).await;
    assert!(node(&store, "news").await.items >= 1);
}

#[tokio::test]
async fn a_missing_password_is_reported_and_none_is_shown() {
    let server = server().await;
    let (url, password) = server.url_and_password();
    let url = format!("{url}?schema=password");
    let store = super::super::open(&url, Some(password)).await.unwrap();
    create(&store, "news").await;
    for wrong in [None, Some("sesame")] {
        let Err(error) = super::super::open(&url, wrong).await else {
            panic!("{wrong:?} opens it");
        };
        assert!(matches!(error, StoreError::Broken(_)), "{error:?}");
        assert!(error.to_string().contains("password"), "{error}");
        assert!(!error.to_string().contains("sesame"), "{error}");
    }
}

#[tokio::test]
async fn an_encrypted_way_is_as_good_as_any() {
    let url = format!("{}&schema=encrypted", server().await.tls_url());
    let opened = super::super::Postgres::open(&url, None).await.unwrap();
    let client = opened.pool.get().await.unwrap();
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
    let store: Shared = std::sync::Arc::new(opened);
    create(&store, "news").await;
}

#[tokio::test]
async fn a_server_without_a_trusted_certificate_is_not_used() {
    let server = server().await;
    let stranger = format!("{}?sslmode=require", server.url());
    // The certificate is for localhost.
    let misnamed = server.tls_url().replace("@localhost", "@127.0.0.1");
    for url in [stranger, misnamed] {
        let Err(error) = super::super::open(&url, None).await else {
            panic!("{url} was opened");
        };
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_unless_it_serves_us() {
    let url = new_id().await;
    let newer = async |tables: i32, serves: i32| {
        let open = super::super::Postgres::open(&url, None).await.unwrap();
        let client = open.pool.get().await.unwrap();
        let sql = "UPDATE version SET tables = $1, serves = $2";
        client.execute(sql, &[&tables, &serves]).await.unwrap();
    };
    newer(7, 1).await;
    create(&store(&url).await, "news").await;
    newer(7, 6).await;
    let Err(error) = super::super::open(&url, None).await else {
        panic!("it was opened");
    };
    assert!(matches!(error, StoreError::Broken(_)), "{error:?}");
    assert!(error.to_string().contains("newer"), "{error}");
}

#[tokio::test]
async fn several_that_open_an_empty_database_make_its_tables_once() {
    let url = new_id().await;
    let stores = join_all((0..4).map(|_| store(&url))).await;
    create(&stores[0], "news").await;
    for store in &stores {
        assert_eq!(node(store, "news").await.name, "news");
    }
}

#[tokio::test]
async fn a_refused_connection_is_reported_at_once() {
    let Err(error) = super::super::open("postgres://news@127.0.0.1:9/news", None).await else {
        panic!("it was opened");
    };
    assert!(matches!(error, StoreError::Busy(_)), "{error:?}");
}
