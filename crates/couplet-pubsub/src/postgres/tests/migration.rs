//! What version 0.1.0 has written is read and goes on.

use crate::store::suite::migrated;

use super::{Shared, fresh, store};

const WRITTEN: &str = include_str!("../../store/suite/fixture/0.1.0.postgres.sql");

async fn opened() -> Shared {
    let url = fresh().await;
    // It makes the schema and a way to it.
    let opened = super::super::Postgres::open(&url, None).await.unwrap();
    let client = opened.pool.get().await.unwrap();
    let clear = "DROP TABLE version, node, redirect, affiliation, subscription, item, announcement,
                     total, set_aside, trash CASCADE;
                 DROP FUNCTION count_node";
    client.batch_execute(clear).await.unwrap();
    client.batch_execute(WRITTEN).await.unwrap();
    drop(client);
    store(&url).await
}

#[tokio::test]
async fn a_store_of_0_1_0_is_what_it_was() {
    migrated::holds_everything(&opened().await).await;
}

#[tokio::test]
async fn a_store_of_0_1_0_goes_on() {
    migrated::goes_on(&opened().await).await;
}
