//! Deletes nodes. (XEP-0060, 8.4)

use crate::{
    change::{Announcement, Audience, Change},
    codec::event,
    engine::{
        Engine,
        access::owned_node,
        context::{Decision, RequestContext},
    },
    pubsub_error::PubsubError,
    reply::Reply,
    snapshot::Snapshot,
};

pub(in crate::engine) async fn answer(
    engine: &Engine,
    context: RequestContext,
    node: String,
    redirect: Option<String>,
) -> Result<Reply, PubsubError> {
    let query = super::owner_query(&context, node);
    engine
        .change(query, move |snapshot| decide(&context, snapshot, redirect))
        .await
}

fn decide(context: &RequestContext, snapshot: &Snapshot, redirect: Option<String>) -> Decision {
    let node = owned_node(context, snapshot)?;
    let mut changes = Vec::new();
    if node.config.notify_delete {
        changes.push(Change::Announce(Announcement {
            to: Audience::SubscribersAndPending,
            type_: node.config.message_type,
            content: event::deleted(&node.name, redirect.as_deref()),
            body: None,
        }));
    }
    changes.push(Change::Delete { redirect });
    Ok((changes, Reply::Empty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use couplet::Condition;

    use crate::engine::fixtures::{
        NODE, OTHER, OWNER, announced, context, no_node, owners_facts, strangers_facts, why,
    };

    #[test]
    fn all_subscribers_get_the_redirect_pending_ones_too() {
        let uri = "xmpp:elsewhere.lit?;node=n";
        let redirect = Some(uri.to_owned());
        let (changes, reply) =
            decide(&context(OWNER), &owners_facts(|_| {}), redirect.clone()).unwrap();
        assert_eq!(reply, Reply::Empty);
        assert_eq!(changes.last(), Some(&Change::Delete { redirect }));
        let [announcement] = announced(&changes)[..] else {
            panic!("{changes:?}")
        };
        assert_eq!(announcement.to, Audience::SubscribersAndPending);
        assert_eq!(announcement.content, event::deleted(NODE, Some(uri)));
    }

    #[test]
    fn a_node_may_be_deleted_without_a_notification() {
        let snapshot = owners_facts(|config| config.notify_delete = false);
        let (changes, _) = decide(&context(OWNER), &snapshot, None).unwrap();
        assert_eq!(changes, [Change::Delete { redirect: None }]);
    }

    #[test]
    fn only_owners_delete_and_only_what_there_is() {
        let strangers = decide(&context(OTHER), &strangers_facts(|_| {}), None);
        assert_eq!(why(strangers), (Condition::Forbidden, None));
        let nothing = decide(&context(OWNER), &no_node(None), None);
        assert_eq!(why(nothing), (Condition::ItemNotFound, None));
    }
}
