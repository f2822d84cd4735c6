use std::sync::atomic::{AtomicU32, Ordering};

use couplet_test::Postgres;
use tokio::sync::OnceCell;

use crate::store::suite::{Shared, suite};

/// One server for all tests; each has a schema of its own.
static SERVER: OnceCell<Postgres> = OnceCell::const_new();
static SCHEMAS: AtomicU32 = AtomicU32::new(0);

async fn server() -> &'static Postgres {
    let start = async || Postgres::start().await.unwrap();
    SERVER.get_or_init(start).await
}

async fn new_id() -> String {
    let server = server().await;
    let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
    format!("{}?schema=test_{number}", server.socket_url())
}

async fn store(url: &str) -> Shared {
    super::open(url, None).await.unwrap()
}

async fn open() -> (Shared, ()) {
    (store(&new_id().await).await, ())
}

suite!(open());

mod instances;
mod migration;
mod purged;
mod failures;
mod unreadable;
