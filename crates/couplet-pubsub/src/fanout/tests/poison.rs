//! Announcements that end each session in which they are sent.

use super::*;
use crate::store::suite::{Shared, create, run, subscribe};

/// The reason in the table `set_aside`.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
const KEPT: &str =
    "announcement of news: the server ends the stream with not-well-formed when this is sent";

const POISON: &str = "<event><items node='7'>poison</items></event>";

fn sets_aside(store: &Announced) -> Vec<(JobId, String)> {
    store.aside.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn an_announcement_the_server_blames_is_set_aside_and_the_others_arrive() {
    let store = Announced::with(3);
    let (server, mut alice) = serving(&store, DeliverySettings::default()).await;
    server.end_streams_on("poison", Some("invalid-xml"));
    store.announce(6, 0);
    store.announce_content(7, 0, POISON.to_owned());
    store.announce(7, 1);
    store.announce(8, 0);
    let mut heard = BTreeSet::new();
    while heard.len() < 9 {
        heard.insert(hear(&mut alice).await);
    }
    store.until_all_is_done().await;
    let why = "the server ends the stream with invalid-xml when this is sent".to_owned();
    assert_eq!(sets_aside(&store), [(JobId(7000), why)]);
    assert!(heard.iter().all(|(announcement, _)| announcement != "7-0"));
}

#[tokio::test(start_paused = true)]
async fn an_announcement_that_ends_sessions_without_a_reason_is_set_aside() {
    let store = Announced::with(1);
    let (server, mut alice) = serving(&store, DeliverySettings::default()).await;
    server.end_streams_on("poison", None);
    store.announce_content(7, 0, POISON.to_owned());
    store.announce(7, 1);
    store.until_all_is_done().await;
    assert_eq!(hear(&mut alice).await.0, "7-1");
    assert_eq!(sets_aside(&store).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn other_nodes_do_not_wait_until_it_is_found() {
    let store = Announced::with(1);
    let (server, mut alice) = serving(&store, DeliverySettings::default()).await;
    server.end_streams_on("poison", None);
    // More of its node than are claimed at a time.
    store.announce_content(7, 0, POISON.to_owned());
    (1..100).for_each(|seq| store.announce(7, seq));
    store.announce(8, 0);
    while hear(&mut alice).await.0 != "8-0" {}
    assert_eq!(sets_aside(&store), []);
}

#[tokio::test(start_paused = true)]
async fn the_last_slice_of_a_long_list_is_found_too() {
    let store = Announced::with(1_200);
    let (server, mut alice) = serving(&store, DeliverySettings::default()).await;
    let last = message_id(NodeId(7), 0, ALICE, "1199");
    server.end_streams_on(&last, Some("invalid-xml"));
    store.announce(7, 0);
    store.announce(8, 0);
    let mut of_8 = BTreeSet::new();
    while of_8.len() < 1_200 {
        let (announcement, subscription) = hear(&mut alice).await;
        if announcement == "8-0" {
            of_8.insert(subscription);
        }
    }
    store.until_all_is_done().await;
    assert_eq!(sets_aside(&store).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_restarts_again_and_again_sets_nothing_aside() {
    for kills in [true, false] {
        let store = Announced::with(1_200);
        let (mut server, mut alice) = serving(&store, DeliverySettings::default()).await;
        (0..3).for_each(|seq| store.announce(7, seq));
        store.announce(8, 0);
        let mut heard = BTreeSet::new();
        for restart in 0..30 {
            // At once, in the middle, or when all of it is in flight.
            for _ in 0..restart * 71 % 600 {
                heard.insert(hear(&mut alice).await);
            }
            if kills {
                server.kill()
            } else {
                server.stop()
            }
            server.restart();
            server.component().online().await;
        }
        while heard.len() < 4 * 1_200 {
            heard.insert(hear(&mut alice).await);
        }
        store.until_all_is_done().await;
        assert_eq!(sets_aside(&store), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reports_a_shutdown_each_time_sets_nothing_aside() {
    let store = Announced::with(1);
    let (server, mut alice) = serving(&store, DeliverySettings::default()).await;
    server.end_streams_on("poison", Some("system-shutdown"));
    store.announce_content(7, 0, POISON.to_owned());
    time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(sets_aside(&store), []);
    server.end_streams_on("nothing of ours", None);
    store.until_all_is_done().await;
    assert_eq!(hear(&mut alice).await.0, "7-0");
}

/// Asserts for a store that the poison is set aside and that later announcements arrive.
async fn poison_is_set_aside(store: Shared) {
    create(&store, "news").await;
    let poison = Announcement {
        to: Audience::Subscribers,
        type_: NotificationType::Headline,
        content: POISON.to_owned(),
        body: None,
    };
    let good = Announcement {
        content: "<event><items node='news'/></event>".to_owned(),
        ..poison.clone()
    };
    let changes = [poison, good].map(crate::change::Change::Announce);
    run(&store, "news", vec![subscribe(ALICE, "s")]).await;
    run(&store, "news", changes.to_vec()).await;
    let settings = DeliverySettings {
        settle: Duration::from_millis(1),
        quiet: Duration::from_millis(1),
        ..DeliverySettings::default()
    };
    let fanout = Fanout::new(
        Arc::clone(&store),
        Arc::default(),
        settings,
        Metrics::of("pubsub.test"),
    );
    let server = Server::empty(couplet_test::Setup::component("news.test", "secret"));
    server.end_streams_on("poison", Some("not-well-formed"));
    let mut config = server.config("news.test");
    config.timing.reconnect_longest = Duration::from_millis(100);
    let component = Component::new(config)
        .connect_through(server.connector())
        .background_task(|handle, stopping| fanout.run(handle, stopping));
    let mut running = couplet_test::Running::start(component);
    running.online().await;
    let mut alice = server.user(ALICE);
    let heard = alice.next().await;
    let event = heard.root().children().next().unwrap();
    let items = event.children().next().unwrap();
    assert_eq!(items.attr("node").as_deref(), Some("news"));
    while store.statistics().await.unwrap().announcements > 0 {
        time::sleep(Duration::from_millis(10)).await;
    }
    running.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn in_memory_it_is_set_aside() {
    poison_is_set_aside(crate::memory::store()).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn in_sqlite_it_is_set_aside() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("pubsub.db");
    let store = crate::sqlite::open(&path).await.unwrap();
    poison_is_set_aside(Arc::clone(&store)).await;
    store.close().await.unwrap();
    let file = rusqlite::Connection::open(&path).unwrap();
    let sql = "SELECT what || ' of ' || node || ': ' || why FROM set_aside";
    let kept: String = file.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, KEPT);
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn in_postgres_it_is_set_aside() {
    let server = couplet_test::Postgres::start().await.unwrap();
    let url = server.socket_url();
    poison_is_set_aside(crate::postgres::open(&url, None).await.unwrap()).await;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    let sql = "SELECT what || ' of ' || node || ': ' || why FROM couplet_pubsub.set_aside";
    let query = async {
        let kept = client.query_one(sql, &[]).await.unwrap();
        drop(client);
        kept.get::<_, String>(0)
    };
    let (kept, closed) = tokio::join!(query, connection);
    closed.unwrap();
    assert_eq!(kept, KEPT);
}
