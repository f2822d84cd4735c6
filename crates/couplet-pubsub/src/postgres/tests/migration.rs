//! A schema of version 0.1.0 is migrated.

use crate::store::suite::migrated;

use super::{Shared, new_id, store};

const WRITTEN: &str = include_str!("../../store/suite/fixture/0.1.0.postgres.sql");

async fn opened() -> Shared {
    let url = new_id().await;
    let (_, schema) = url.split_once("?schema=").unwrap();
    // Connects through another store; nothing else uses the schema while it is filled.
    let another = super::super::Postgres::open(&new_id().await, None)
        .await
        .unwrap();
    let client = another.pool.get().await.unwrap();
    let written = format!("CREATE SCHEMA {schema}; SET search_path TO {schema}; {WRITTEN}");
    client.batch_execute(&written).await.unwrap();
    store(&url).await
}

#[tokio::test]
async fn a_store_of_0_1_0_is_what_it_was() {
    migrated::holds_everything(&opened().await).await;
}

#[tokio::test]
async fn a_store_of_0_1_0_accepts_changes() {
    migrated::goes_on(&opened().await).await;
}
