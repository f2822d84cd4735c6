//! The conformance runner on our own pubsub service, with each store and behind each server; and,
//! as a control of the runner, on the services of Prosody and ejabberd.

use std::time::Duration;

use couplet_test::{Backend, Ejabberd, Packages, Postgres, Prosody, Setup, TestServerError};
use couplet_tests::pubsub::{OWNER, SERVICE, expect, first_case_over_tls, limited, ours, suite};
use couplet_tests::pubsub_service::SECRET;
use pubsub_conformance::Suite;

const PROSODY: &str = include_str!("../../crates/pubsub-conformance/known/prosody.txt");
const EJABBERD: &str = include_str!("../../crates/pubsub-conformance/known/ejabberd.txt");

/// Cases that we do not support: a component knows neither presence nor rosters.
const REFUSED: [u16; 2] = [29, 47];

/// Items of one node: several pages of ours.
const MANY: usize = 1_000;

/// The case that kills and starts programs.
const CRASH: u16 = 100;

#[tokio::test]
async fn memory_passes_behind_prosody() {
    passes_behind(Backend::Prosody, Packages::Installed, Some("memory"))
        .await
        .unwrap();
}

#[tokio::test]
async fn memory_passes_behind_ejabberd() {
    passes_behind(Backend::Ejabberd, Packages::Installed, Some("memory"))
        .await
        .unwrap();
}

#[tokio::test]
async fn memory_passes_behind_prosody_13() {
    passes_behind(Backend::Prosody, Packages::Debian13, Some("memory"))
        .await
        .unwrap();
}

#[tokio::test]
async fn memory_passes_behind_ejabberd_24() {
    passes_behind(Backend::Ejabberd, Packages::Debian13, Some("memory"))
        .await
        .unwrap();
}

/// The servers of Debian 13 offer channel binding, which the runner does not support.
#[tokio::test]
async fn users_log_in_over_tls_on_every_server() {
    for packages in [Packages::Installed, Packages::Debian13] {
        let setup = beside().client_tls().packages(packages);
        let prosody = Prosody::start(setup.clone()).await.unwrap();
        first_case_passes(
            &prosody.component_addr(),
            first_case_over_tls(&prosody.client_addr(), prosody.authority()).await,
        )
        .await;
        let ejabberd = Ejabberd::start(setup).await.unwrap();
        first_case_passes(
            &ejabberd.component_addr(),
            first_case_over_tls(&ejabberd.client_addr(), ejabberd.authority()).await,
        )
        .await;
    }
}

async fn first_case_passes(components: &str, suite: Suite) {
    let mut service = ours(components);
    service.set("COUPLET_PUBSUB_STORE", "memory");
    service.start().await;
    let report = expect(suite, "").await;
    assert_eq!(report.count("pass"), 1, "{}", report.to_text());
}

#[tokio::test]
async fn sqlite_passes_behind_prosody() {
    passes_behind(Backend::Prosody, Packages::Installed, None)
        .await
        .unwrap();
}

#[tokio::test]
async fn sqlite_passes_behind_ejabberd() {
    passes_behind(Backend::Ejabberd, Packages::Installed, None)
        .await
        .unwrap();
}

#[tokio::test]
async fn postgresql_passes_behind_prosody() {
    let postgres = Postgres::start().await.unwrap();
    passes_behind(Backend::Prosody, Packages::Installed, Some(&postgres.url()))
        .await
        .unwrap();
}

#[tokio::test]
async fn postgresql_passes_behind_ejabberd() {
    let postgres = Postgres::start().await.unwrap();
    passes_behind(
        Backend::Ejabberd,
        Packages::Installed,
        Some(&postgres.url()),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn three_instances_on_one_postgresql_notify_in_the_same_order() {
    let ejabberd = Ejabberd::start(beside()).await.unwrap();
    let postgres = Postgres::start().await.unwrap();
    let mut services = Vec::new();
    for _ in 0..3 {
        let mut service = ours(&ejabberd.component_addr());
        service.set("COUPLET_PUBSUB_STORE", &postgres.url());
        service.start().await;
        services.push(service);
    }
    let suite = suite(&ejabberd.client_addr()).await.only([99]);
    // ejabberd routes each stanza to any of them.
    let suite = suite.balanced();
    let report = expect(suite, "").await;
    assert_eq!(report.count("pass"), 1, "{}", report.to_text());
}

#[tokio::test]
async fn prosody_s_own_service_fails_what_it_is_known_to_fail() {
    let prosody = Prosody::start(alone()).await.unwrap();
    let report = expect(control(&prosody.client_addr()).await, PROSODY).await;
    assert!(report.count("pass") >= 33, "{}", report.to_text());
}

#[tokio::test]
async fn ejabberd_s_own_service_fails_what_it_is_known_to_fail() {
    let ejabberd = Ejabberd::start(alone()).await.unwrap();
    let report = expect(control(&ejabberd.client_addr()).await, EJABBERD).await;
    assert!(report.count("pass") >= 52, "{}", report.to_text());
}

/// Returns all cases, with small numbers, because known failures mostly wait for a timeout.
async fn control(clients: &str) -> Suite {
    let suite = suite(clients).await.deadline(Duration::from_secs(4));
    suite.many_items(200).subscribers(10)
}

/// Starts a server and runs the cases on our service.
async fn passes_behind(
    backend: Backend,
    packages: Packages,
    store: Option<&str>,
) -> Result<(), TestServerError> {
    let setup = beside().packages(packages);
    match backend {
        Backend::Ejabberd => {
            let ejabberd = Ejabberd::start(setup).await?;
            passes(&ejabberd.component_addr(), &ejabberd.client_addr(), store).await;
        }
        Backend::Prosody | Backend::Memory => {
            let prosody = Prosody::start(setup).await?;
            passes(&prosody.component_addr(), &prosody.client_addr(), store).await;
        }
    }
    Ok(())
}

/// Runs all cases except those that we do not support and the one of the crash tests.
async fn passes(components: &str, clients: &str, store: Option<&str>) {
    let mut service = ours(components);
    if let Some(store) = store {
        service.set("COUPLET_PUBSUB_STORE", store);
    }
    service.start().await;
    let suite = limited(suite(clients).await).many_items(MANY);
    let report = expect(suite, "").await;
    let with = |word: &str| -> Vec<u16> {
        let rows = report.rows.iter().filter(|row| row.outcome.word() == word);
        rows.map(|row| row.number).collect()
    };
    assert_eq!(with("refused"), REFUSED, "{}", report.to_text());
    assert_eq!(with("not run"), [CRASH], "{}", report.to_text());
}

/// Returns the setup of a server with its own service.
fn alone() -> Setup {
    Setup::component("unused.localhost", "unused")
        .own_pubsub(SERVICE, OWNER)
        .no_delay()
}

/// Returns the setup of a server for our service.
fn beside() -> Setup {
    Setup::component(SERVICE, SECRET).no_delay()
}
