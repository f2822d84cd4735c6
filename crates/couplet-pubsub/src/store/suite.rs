//! Tests for every store. Each test is a function of an empty store; [`suite`] turns them into
//! tests.

use std::sync::Arc;

use couplet::{BareJid, Jid};

use crate::{
    change::{Announcement, Audience, Change},
    node::{Affiliation, Node, NodeConfig, NotificationType},
    page::{Page, Start},
    snapshot::{Query, Snapshot},
    subscription::{SubscribeOptions, Subscription, SubscriptionState},
    timestamp::Timestamp,
};

use super::{Claim, Cursor, Job, JobId, Store};

pub(crate) mod changes;
pub(crate) mod fanout;
pub(crate) mod finds;
pub(crate) mod subscriptions;
pub(crate) mod lists;
pub(crate) mod migrated;
pub(crate) mod model;
pub(crate) mod transfer;
pub(crate) mod expired;
pub(crate) mod recipients;

/// Generates the tests of a store. The expression is a future of the store and of the values it
/// needs.
macro_rules! suite {
    ($open:expr) => {
        $crate::store::suite::suite! { $open;
            changes: a_node_is_found_by_the_name_it_was_made_with,
                names_are_kept_byte_for_byte,
                a_name_that_is_taken_is_refused_and_nothing_changes,
                a_change_to_no_node_is_refused,
                a_decision_that_panics_changes_nothing,
                a_decision_without_changes_changes_nothing,
                what_fails_late_undoes_what_went_before,
                a_configuration_is_replaced_whole,
                the_revision_grows_with_configuration_affiliations_and_subscriptions,
                items_and_announcements_share_one_order,
                an_item_published_again_is_the_newest,
                counts_follow_the_changes,
                purging_and_retracting_leave_the_rest,
                what_is_published_after_a_purge_is_not_purged,
                a_node_is_unapplied_until_the_change_that_marked_it_is_applied,
                many_changes_at_once_all_happen,
                a_deleted_name_is_free_at_once_and_its_key_is_not,
                a_redirection_lasts_until_the_name_is_used_again;
            finds: a_snapshot_of_an_unknown_node_is_empty,
                an_actor_is_found_with_what_its_resources_hold,
                others_are_found_in_the_order_they_were_named,
                adjacent_jids_are_not_mixed_up,
                an_entity_is_found_by_a_labels_and_by_u_labels,
                items_are_found_by_id_and_by_age,
                owners_pending_and_a_range_of_subscribers_are_found_on_request,
                usage_counts_nodes_created_and_subscriptions_held,
                affiliations_of_others_are_counted_when_asked_for,
                statistics_count_what_is_there;
            subscriptions: a_subscription_begins_where_the_node_stands,
                a_pending_subscription_begins_when_it_is_approved,
                a_subscription_that_is_replaced_keeps_its_place,
                few_of_many_subscriptions_are_found_and_those_that_are_named,
                pending_and_all_subscriptions_are_found_in_ranges;
            lists: items_come_in_pages_in_both_directions,
                items_come_by_number_and_by_id,
                ids_of_items_come_as_the_items_do,
                nodes_come_by_name_in_pages,
                own_subscriptions_come_by_node_and_subid,
                own_affiliations_come_by_node,
                subscribers_come_by_jid_and_subid,
                an_unknown_cursor_is_an_error,
                a_page_of_nothing_still_counts,
                pages_deep_in_a_long_list_are_found_by_their_cursor,
                affiliates_come_by_jid_without_those_who_are_none,
                affiliates_keep_their_a_labels_and_are_found_by_either_form,
                an_owner_sees_nodes_with_pending_subscriptions;
            fanout: an_announcement_is_claimed_once,
                announcements_of_a_node_come_in_order_to_one_instance,
                nodes_do_not_wait_for_each_other,
                what_is_handed_back_is_free_at_once,
                no_more_are_claimed_than_requested,
                a_lease_that_ran_out_is_adopted_with_its_cursor,
                a_lease_that_is_prolonged_is_not_adopted,
                a_job_of_another_instance_is_neither_advanced_nor_finished,
                what_is_set_aside_is_gone_and_what_is_behind_it_is_not,
                a_job_of_another_instance_is_not_set_aside,
                a_finished_job_is_gone,
                a_deleted_node_without_announcements_is_gone_at_once,
                the_backlog_is_what_is_not_delivered,
                a_waiting_task_is_notified_of_an_announcement,
                the_name_of_a_node_is_found_by_its_key;
            recipients: recipients_come_in_order_after_the_cursor,
                recipients_are_earlier_subscribers,
                recipients_have_notifications_enabled,
                pending_subscribers_are_notified_only_of_deletions,
                named_recipients_come_once_each,
                two_subscriptions_of_one_jid_are_one_of_several,
                subscribers_of_a_deleted_node_are_notified_before_it_is_removed;
            expired: expired_entries_come_the_oldest_first,
                what_was_renewed_or_ended_does_not_run_out;
            transfer: what_is_dumped_and_restored_is_the_same,
                a_taken_key_is_replaced_and_a_taken_name_left_out,
                a_dump_comes_in_parts,
                a_closed_store_closes_again;
        }
    };
    ($open:expr; $($module:ident: $($name:ident),+;)+) => {
        $(mod $module {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let (store, _for_as_long) = $open.await;
                $crate::store::suite::$module::$name(&store).await;
            })+
        })+
    };
}
pub(crate) use suite;

pub(crate) type Shared = Arc<dyn Store>;

pub(crate) fn bare(jid: &str) -> BareJid {
    BareJid::new(jid).unwrap()
}

pub(crate) fn at(node: &str) -> Query {
    Query {
        node: Some(node.to_owned()),
        ..Query::default()
    }
}

/// Applies these changes for any snapshot.
pub(crate) async fn run(store: &Shared, node: &str, changes: Vec<Change>) {
    let decide = Box::new(move |_: &Snapshot| changes);
    store.change(at(node), decide).await.unwrap();
}

pub(crate) async fn create(store: &Shared, name: &str) -> Node {
    run(store, name, vec![creation(name)]).await;
    node(store, name).await
}

pub(crate) async fn node(store: &Shared, name: &str) -> Node {
    let snapshot = store.snapshot(at(name)).await.unwrap();
    snapshot.node.unwrap()
}

pub(crate) fn creation(name: &str) -> Change {
    Change::Create {
        name: name.to_owned(),
        config: Box::new(NodeConfig::default()),
        creator: bare("owner@example.org"),
        at: Timestamp(1_000),
    }
}

pub(crate) fn affiliate(jid: &str, affiliation: Affiliation) -> Change {
    Change::Affiliate {
        jid: bare(jid),
        affiliation,
    }
}

pub(crate) fn subids(held: &[Subscription]) -> Vec<&str> {
    held.iter().map(|held| held.subid.as_str()).collect()
}

pub(crate) fn about(node: &str, who: &str) -> Query {
    Query {
        entity: Some(bare(who)),
        usage: true,
        ..at(node)
    }
}

pub(crate) fn subscription(jid: &str, subid: &str) -> Subscription {
    Subscription {
        jid: Jid::new(jid).unwrap(),
        subid: subid.to_owned(),
        state: SubscriptionState::Subscribed,
        options: SubscribeOptions::default(),
        expires: None,
        bounces: 0,
        since: 0,
    }
}

pub(crate) fn subscribe(jid: &str, subid: &str) -> Change {
    Change::Subscribe(subscription(jid, subid))
}

pub(crate) fn pend(jid: &str, subid: &str) -> Change {
    Change::Subscribe(Subscription {
        state: SubscriptionState::Pending,
        ..subscription(jid, subid)
    })
}

pub(crate) fn unsubscribe(jid: &str, subid: &str) -> Change {
    Change::Unsubscribe {
        jid: Jid::new(jid).unwrap(),
        subid: subid.to_owned(),
    }
}

pub(crate) fn publish(id: &str) -> Change {
    Change::Publish {
        id: id.to_owned(),
        publisher: bare("publisher@example.org"),
        payload: Some(format!("<entry xmlns='urn:example:entry'>{id}</entry>")),
        at: Timestamp(2_000),
        expires: None,
    }
}

pub(crate) fn announce(to: Audience) -> Change {
    Change::Announce(Announcement {
        to,
        type_: NotificationType::Headline,
        content: "<event xmlns='http://jabber.org/protocol/pubsub#event'/>".to_owned(),
        body: Some("News".to_owned()),
    })
}

pub(crate) fn announce_to_subscribers() -> Change {
    announce(Audience::Subscribers)
}

pub(crate) async fn claim(store: &Shared, instance: &str, now: i64) -> Vec<Job> {
    claim_some(store, instance, now, 100).await
}

/// Claims with a lease of 100 milliseconds.
pub(crate) async fn claim_some(store: &Shared, instance: &str, now: i64, max: u32) -> Vec<Job> {
    let claim = Claim {
        instance: instance.to_owned(),
        now: Timestamp(now),
        until: Timestamp(now + 100),
        max,
    };
    store.claim(claim).await.unwrap()
}

pub(crate) fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

pub(crate) fn page(max: u32, from: Start) -> Page {
    Page {
        max: Some(max),
        from,
    }
}

pub(crate) fn after(cursor: &str) -> Start {
    Start::After(cursor.to_owned())
}

pub(crate) fn before(cursor: &str) -> Start {
    Start::Before(cursor.to_owned())
}

pub(crate) fn cursor(jid: &str, subid: &str) -> Cursor {
    Cursor {
        jid: jid.to_owned(),
        subid: subid.to_owned(),
    }
}
