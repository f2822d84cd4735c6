//! What is to be done without being asked: leases and items that run out, and a look at the queue.

use std::{sync::Arc, time::Duration};

use couplet::Stopping;
use metrics::Unit;
use tokio::time;

use crate::{clock, desk::Desk};

/// However far the next lease's end is, a look now and then: other instances make new ones.
const RARELY: Duration = Duration::from_secs(15);
/// However much runs out, a pause between.
const OFTEN: Duration = Duration::from_secs(1);

/// Sweeps until the component stops.
pub(super) async fn keep(desk: Arc<Desk>, mut stopping: Stopping) {
    while !stopping.is_now() {
        let next = Box::pin(desk.engine.sweep(clock::now())).await;
        if let Ok(statistics) = desk.store.statistics().await {
            metrics::gauge!("couplet_pubsub_outbox_depth").set(statistics.announcements as f64);
            metrics::gauge!("couplet_pubsub_nodes").set(statistics.nodes as f64);
            metrics::gauge!("couplet_pubsub_subscriptions").set(statistics.subscriptions as f64);
        }
        let until = next.map(|next| next.0.saturating_sub(clock::now().0));
        let until = until.and_then(|millis| u64::try_from(millis).ok());
        let pause = until.map_or(RARELY, Duration::from_millis);
        let _stopped_or_not = time::timeout(pause.clamp(OFTEN, RARELY), stopping.wait()).await;
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
