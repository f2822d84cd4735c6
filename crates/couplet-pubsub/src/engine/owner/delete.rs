//! Deleting nodes. (XEP-0060, 8.4)

use crate::{
    change::{Announcement, Audience, Change},
    codec::event,
    engine::{
        Engine,
        access::owned,
        ask::{Ask, Decision},
    },
    facts::Facts,
    refused::Refused,
    reply::Reply,
};

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    redirect: Option<String>,
) -> Result<Reply, Refused> {
    let needs = super::standing(&ask, node);
    engine
        .change(needs, move |facts| decide(&ask, facts, redirect))
        .await
}

fn decide(ask: &Ask, facts: &Facts, redirect: Option<String>) -> Decision {
    let node = owned(ask, facts)?;
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
    Ok((changes, Reply::Done))
}

#[cfg(test)]
mod tests {
    use super::*;
    use couplet::Condition;

    use crate::engine::scene::{
        NODE, OTHER, OWNER, announced, ask, no_node, owners_facts, strangers_facts, why,
    };

    #[test]
    fn all_learn_where_the_node_went_even_those_who_wait() {
        let uri = "xmpp:elsewhere.lit?;node=n";
        let redirect = Some(uri.to_owned());
        let (changes, reply) =
            decide(&ask(OWNER), &owners_facts(|_| {}), redirect.clone()).unwrap();
        assert_eq!(reply, Reply::Done);
        assert_eq!(changes.last(), Some(&Change::Delete { redirect }));
        let [announcement] = announced(&changes)[..] else {
            panic!("{changes:?}")
        };
        assert_eq!(announcement.to, Audience::SubscribersAndPending);
        assert_eq!(announcement.content, event::deleted(NODE, Some(uri)));
    }

    #[test]
    fn a_node_may_go_without_a_word() {
        let facts = owners_facts(|config| config.notify_delete = false);
        let (changes, _) = decide(&ask(OWNER), &facts, None).unwrap();
        assert_eq!(changes, [Change::Delete { redirect: None }]);
    }

    #[test]
    fn only_owners_delete_and_only_what_there_is() {
        let strangers = decide(&ask(OTHER), &strangers_facts(|_| {}), None);
        assert_eq!(why(strangers), (Condition::Forbidden, None));
        let nothing = decide(&ask(OWNER), &no_node(None), None);
        assert_eq!(why(nothing), (Condition::ItemNotFound, None));
    }
}
