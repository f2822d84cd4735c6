//! Periodic work: ends expired leases and items, and updates the metrics of the store.

use std::{sync::Arc, time::Duration};

use couplet::Shutdown;
use tokio::time;

use crate::{clock, service_context::ServiceContext};

/// How late a lease may end: each check costs one query by index.
const EVERY: Duration = Duration::from_secs(1);

/// The number of checks between two counts of the store.
const COUNT_EVERY: u32 = 15;

/// Runs until shutdown.
pub(super) async fn keep(service: Arc<ServiceContext>, shutdown: Shutdown) {
    for look in 0_u32.. {
        Box::pin(service.engine.expire(clock::now())).await;
        if look % COUNT_EVERY == 0
            && let Ok(statistics) = service.store.statistics().await
        {
            service.metrics.hold(&statistics);
        }
        if time::timeout(EVERY, shutdown.requested()).await.is_ok() {
            return;
        }
    }
}
