//! A configuration that changed is applied to the subscriptions and items of its node, some at a
//! time: nobody else has to wait until a hundred thousand of them are done.
//!
//! The owner gets its answer when all are done. What a process that ended has left over, the next
//! sweep takes up.

use crate::{
    change::Change,
    cursor::Cursor,
    facts::{Facts, Needs, Slice},
    node::Node,
    refused::Refused,
};

use super::{Engine, access::Standing, announce, ask::Ask, room::room, settle};

/// So many subscriptions or items change in one transaction.
const SOME: u32 = 200;

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Progress {
    /// The revision that changed the configuration; with another one, all begins anew.
    revision: u64,
    after: Option<Cursor>,
    done: bool,
}

/// Applies the configuration of a node until it holds for all.
///
/// # Errors
///
/// What the store says. The rest is done by the next sweep.
pub(super) async fn settle(engine: &Engine, ask: &Ask, node: &str) -> Result<(), Refused> {
    let mut progress = Progress::default();
    while !progress.done {
        let needs = Needs {
            node: Some(node.to_owned()),
            oldest: SOME,
            everybody: Some(Slice {
                after: progress.after.clone(),
                max: SOME,
            }),
            ..Needs::default()
        };
        let ask = ask.clone();
        let change = engine.change(needs, move |facts| Ok(step(&ask, facts, &progress)));
        progress = change.await?;
    }
    Ok(())
}

fn step(ask: &Ask, facts: &Facts, before: &Progress) -> (Vec<Change>, Progress) {
    let revision = facts.node.as_ref().map_or(0, |node| node.unsettled);
    let Some(node) = facts.node.as_ref().filter(|_| revision > 0) else {
        let done = Progress {
            done: true,
            ..Progress::default()
        };
        return (Vec::new(), done);
    };
    let mut progress = Progress {
        revision,
        after: None,
        done: false,
    };
    if before.after.is_some() && before.revision != revision {
        return (Vec::new(), progress);
    }
    progress.after.clone_from(&before.after);
    let changes = fewer_items(ask, facts, node);
    if !changes.is_empty() {
        return (changes, progress);
    }
    let mut changes = other_access(ask, facts, node);
    let held = || {
        facts
            .everybody
            .iter()
            .flat_map(|party| &party.subscriptions)
    };
    if held().count() < SOME as usize {
        progress.done = true;
        changes.push(Change::Settle(revision));
    } else {
        progress.after = held().last().map(|held| held.cursor());
    }
    (changes, progress)
}

/// Items for which there is no room any more go, the oldest first.
fn fewer_items(ask: &Ask, facts: &Facts, node: &Node) -> Vec<Change> {
    let config = &node.config;
    let keep = room(config, &ask.policy.limits(&node.creator));
    let excess = usize::try_from(node.items.saturating_sub(keep)).unwrap_or(usize::MAX);
    let oldest = facts.oldest.iter().take(excess);
    let ids: Vec<String> = oldest.map(|item| item.id.clone()).collect();
    if ids.is_empty() || !config.persist {
        return Vec::new();
    }
    let told = announce::retracted(&node.name, config, &ids);
    let mut changes = vec![Change::Retract { ids }];
    changes.extend(told.into_iter().filter(|_| config.notify_retract));
    changes
}

/// Those who lose access go, those who waited for it begin. (pubsub.md, case 86)
fn other_access(ask: &Ask, facts: &Facts, node: &Node) -> Vec<Change> {
    let access = node.config.access;
    let parties = facts.everybody.iter();
    parties
        .flat_map(|party| {
            let affiliation = Standing::of_party(ask, node, party).affiliation;
            settle::settle(&node.name, access, affiliation, &party.subscriptions)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::event,
        engine::scene::{
            NODE, OWNER, announced, ask, done, head, owners_facts, party, pending, subscribed,
            told, told_subscribers,
        },
        facts::Party,
        node::{AccessModel, Affiliation, NodeConfig},
    };

    fn crowd() -> Vec<Party> {
        vec![
            party(
                "member@a.lit",
                Affiliation::Member,
                &[subscribed("member@a.lit", "b")],
            ),
            party(
                "none@a.lit",
                Affiliation::None,
                &[subscribed("none@a.lit/r", "a")],
            ),
            party(
                "waits@a.lit",
                Affiliation::None,
                &[pending("waits@a.lit", "c")],
            ),
        ]
    }

    /// A node whose configuration has just changed to this.
    fn changed(configure: impl FnOnce(&mut NodeConfig)) -> Facts {
        let mut facts = owners_facts(configure);
        facts.node.as_mut().unwrap().unsettled = 7;
        facts
    }

    fn to(access: AccessModel) -> Facts {
        Facts {
            everybody: crowd(),
            ..changed(|config| config.access = access)
        }
    }

    fn settled(facts: &Facts) -> Vec<Change> {
        let (changes, progress) = step(&ask(OWNER), facts, &Progress::default());
        assert!(progress.done);
        assert_eq!(changes.last(), Some(&Change::Settle(7)));
        changes
    }

    fn ends(jid: &str, subid: &str) -> Change {
        Change::Unsubscribe {
            jid: crate::engine::scene::jid(jid),
            subid: subid.to_owned(),
        }
    }

    #[test]
    fn a_whitelist_ends_the_subscriptions_of_those_who_are_not_on_it() {
        let changes = settled(&to(AccessModel::Whitelist));
        assert_eq!(
            done(&changes)[..2],
            [&ends("none@a.lit/r", "a"), &ends("waits@a.lit", "c")]
        );
        assert_eq!(told(&changes, "none@a.lit/r").len(), 1);
        assert_eq!(told(&changes, "waits@a.lit").len(), 1);
        assert_eq!(announced(&changes).len(), 2);
    }

    #[test]
    fn an_open_node_lets_in_those_who_waited() {
        let changes = settled(&to(AccessModel::Open));
        let begins = Change::Subscribe(subscribed("waits@a.lit", "c"));
        assert_eq!(done(&changes)[..1], [&begins]);
        assert_eq!(told(&changes, "waits@a.lit").len(), 1);
    }

    #[test]
    fn those_who_were_in_stay_when_approval_is_wanted_from_now_on() {
        assert_eq!(settled(&to(AccessModel::Authorize)).len(), 1);
    }

    #[test]
    fn the_oldest_items_go_when_there_is_less_room() {
        let mut facts = changed(|config| config.max_items = Some(1));
        facts.node.as_mut().unwrap().items = 3;
        facts.oldest = ["1", "2", "3"].map(|id| head(id, OWNER)).to_vec();
        let (changes, progress) = step(&ask(OWNER), &facts, &Progress::default());
        let ids = vec!["1".to_owned(), "2".to_owned()];
        assert_eq!(told_subscribers(&changes), [event::retracted(NODE, &ids)]);
        assert_eq!(done(&changes), [&Change::Retract { ids }]);
        assert!(!progress.done);
    }

    #[test]
    fn many_are_settled_some_at_a_time() {
        let many: Vec<Party> = (0..SOME)
            .map(|number| {
                let jid = format!("u{number}@a.lit");
                party(&jid, Affiliation::None, &[subscribed(&jid, "s")])
            })
            .collect();
        let last = many.last().unwrap().subscriptions[0].cursor();
        let facts = Facts {
            everybody: many,
            ..changed(|config| config.access = AccessModel::Whitelist)
        };
        let (changes, progress) = step(&ask(OWNER), &facts, &Progress::default());
        assert_eq!(done(&changes).len(), SOME as usize);
        assert_eq!(progress.after, Some(last));
        assert!(!progress.done);
    }

    #[test]
    fn another_change_in_between_begins_anew() {
        let before = Progress {
            revision: 5,
            after: Some(subscribed("z@a.lit", "s").cursor()),
            done: false,
        };
        let (changes, progress) = step(&ask(OWNER), &to(AccessModel::Open), &before);
        assert_eq!(changes, []);
        assert_eq!((progress.revision, progress.after), (7, None));
    }

    #[test]
    fn what_is_settled_already_is_left_alone() {
        let facts = owners_facts(|_| {});
        let (changes, progress) = step(&ask(OWNER), &facts, &Progress::default());
        assert!(changes.is_empty() && progress.done);
    }
}
