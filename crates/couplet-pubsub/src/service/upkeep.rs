//! What is to be done without being asked: leases and items that run out, and a look at the queue.

use std::{sync::Arc, time::Duration};

use couplet::Stopping;
use metrics::Unit;
use tokio::time;

use crate::{clock, desk::Desk};

/// How late a lease may end: a look costs one query by index.
const EVERY: Duration = Duration::from_secs(1);

/// Looks between two that count how much there is.
const COUNT_EVERY: u32 = 15;

/// Sweeps until the component stops.
pub(super) async fn keep(desk: Arc<Desk>, mut stopping: Stopping) {
    for look in 0_u32.. {
        Box::pin(desk.engine.sweep(clock::now())).await;
        if look % COUNT_EVERY == 0
            && let Ok(statistics) = desk.store.statistics().await
        {
            metrics::gauge!("couplet_pubsub_outbox_depth").set(statistics.announcements as f64);
            metrics::gauge!("couplet_pubsub_nodes").set(statistics.nodes as f64);
            metrics::gauge!("couplet_pubsub_subscriptions").set(statistics.subscriptions as f64);
        }
        if time::timeout(EVERY, stopping.wait()).await.is_ok() {
            return;
        }
    }
}

/// Tells the recorder of metrics what they mean.
pub(super) fn describe() {
    metrics::describe_counter!(
        "couplet_pubsub_requests_total",
        Unit::Count,
        "Requests of XEP-0060, by operation and outcome"
    );
    metrics::describe_counter!(
        "couplet_pubsub_publishes_total",
        Unit::Count,
        "Items published"
    );
    metrics::describe_counter!(
        "couplet_pubsub_notifications_total",
        Unit::Count,
        "Notifications that the server took for good"
    );
    metrics::describe_histogram!(
        "couplet_pubsub_fanout_lag_seconds",
        Unit::Seconds,
        "From taking up an announcement to its end, the time to be sure included"
    );
    metrics::describe_gauge!(
        "couplet_pubsub_outbox_depth",
        Unit::Count,
        "Announcements that are not delivered for good"
    );
    metrics::describe_gauge!("couplet_pubsub_nodes", Unit::Count, "Nodes");
    metrics::describe_gauge!(
        "couplet_pubsub_subscriptions",
        Unit::Count,
        "Subscriptions, whatever their state"
    );
}
