//! What is to be done without being asked: leases and items that run out, and a look at the queue.

use std::{sync::Arc, time::Duration};

use couplet::Shutdown;
use tokio::time;

use crate::{clock, service_context::ServiceContext};

/// How late a lease may end: a look costs one query by index.
const EVERY: Duration = Duration::from_secs(1);

/// Looks between two that count how much there is.
const COUNT_EVERY: u32 = 15;

/// Sweeps until the component stops.
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
