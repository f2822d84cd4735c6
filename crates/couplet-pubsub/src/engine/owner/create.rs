//! Creating nodes. (XEP-0060, 8.1)

use couplet::Condition;

use crate::{
    change::Change,
    codec::form,
    engine::{
        Engine,
        ask::{Ask, Decision},
    },
    facts::{Facts, Needs},
    node::{Affiliation, NodeConfig},
    refused::Refused,
    reply::Reply,
    request::ConfigForm,
};

pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: Option<String>,
    configure: Option<ConfigForm>,
) -> Result<Reply, Refused> {
    if !ask.policy.may_create(&ask.who, node.as_deref()) {
        return Err(Refused::plain(Condition::Forbidden));
    }
    let wanted = Wanted {
        is_news: node.is_none(),
        name: node.unwrap_or_else(ask.fresh),
        configure,
    };
    let needs = Needs {
        usage: true,
        ..super::standing(&ask, wanted.name.clone())
    };
    engine
        .change(needs, move |facts| decide(&ask, facts, &wanted))
        .await
}

struct Wanted {
    name: String,
    /// An instant node: its creator has to learn the name. (XEP-0060, 8.1.2)
    is_news: bool,
    configure: Option<ConfigForm>,
}

fn decide(ask: &Ask, facts: &Facts, wanted: &Wanted) -> Decision {
    if facts.node.is_some() {
        return Err(Refused::plain(Condition::Conflict));
    }
    check(ask, facts, &wanted.name)?;
    let mut config = ask.policy.new_node();
    if let Some(ConfigForm::Submit(fields)) = &wanted.configure {
        config = form::apply_config(&config, fields, &ask.limits())?;
    }
    let node = wanted.is_news.then(|| wanted.name.clone());
    Ok((make(ask, &wanted.name, config), Reply::Created { node }))
}

/// Whether one more node of that name is within the limits.
///
/// # Errors
///
/// `not-acceptable` for a long name, `policy-violation` where there are enough.
pub(in crate::engine) fn check(ask: &Ask, facts: &Facts, name: &str) -> Result<(), Refused> {
    let limits = ask.limits();
    if name.len() > limits.node_name_bytes as usize {
        return Err(Refused::plain(Condition::NotAcceptable).text("The name is too long"));
    }
    if facts.usage.nodes >= limits.nodes {
        let text = format!("You have {} nodes, which is the limit", facts.usage.nodes);
        return Err(Refused::plain(Condition::PolicyViolation).text(text));
    }
    Ok(())
}

/// A node that belongs to whoever asks.
pub(in crate::engine) fn make(ask: &Ask, name: &str, config: NodeConfig) -> Vec<Change> {
    vec![
        Change::Create {
            name: name.to_owned(),
            config: Box::new(config),
            creator: ask.who.clone(),
            at: ask.now,
        },
        Change::Affiliate {
            jid: ask.who.clone(),
            affiliation: Affiliation::Owner,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::scene::{NODE, NOW, OWNER, ask, ask_in, bare, field, no_node, owners_facts, why},
        node::AccessModel,
        policy::House,
        refused::Detail,
    };

    fn named(configure: Option<ConfigForm>) -> Wanted {
        Wanted {
            name: NODE.to_owned(),
            is_news: false,
            configure,
        }
    }

    fn configured(var: &str, value: &str) -> Wanted {
        named(Some(ConfigForm::Submit(vec![field(var, value)])))
    }

    fn made(decision: Decision) -> NodeConfig {
        match decision.unwrap().0.swap_remove(0) {
            Change::Create { config, .. } => *config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whoever_creates_a_node_owns_it() {
        let (changes, reply) = decide(&ask(OWNER), &no_node(None), &named(None)).unwrap();
        assert_eq!(
            changes,
            [
                Change::Create {
                    name: NODE.to_owned(),
                    config: Box::default(),
                    creator: bare(OWNER),
                    at: NOW,
                },
                Change::Affiliate {
                    jid: bare(OWNER),
                    affiliation: Affiliation::Owner,
                },
            ]
        );
        assert_eq!(reply, Reply::Created { node: None });
    }

    #[test]
    fn the_name_of_an_instant_node_is_told() {
        let wanted = Wanted {
            is_news: true,
            ..named(None)
        };
        let (_, reply) = decide(&ask(OWNER), &no_node(None), &wanted).unwrap();
        let node = Some(NODE.to_owned());
        assert_eq!(reply, Reply::Created { node });
    }

    #[test]
    fn a_name_is_used_once_and_again_after_a_deletion() {
        let taken = decide(&ask(OWNER), &owners_facts(|_| {}), &named(None));
        assert_eq!(why(taken), (Condition::Conflict, None));
        let moved = no_node(Some("xmpp:elsewhere.lit?;node=n"));
        assert!(decide(&ask(OWNER), &moved, &named(None)).is_ok());
    }

    #[test]
    fn a_node_is_made_as_configured_or_not_at_all() {
        let form = configured("pubsub#access_model", "whitelist");
        let config = made(decide(&ask(OWNER), &no_node(None), &form));
        assert_eq!(config.access, AccessModel::Whitelist);
        let nonsense = configured("pubsub#access_model", "psychic");
        assert_eq!(
            why(decide(&ask(OWNER), &no_node(None), &nonsense)),
            (
                Condition::NotAcceptable,
                Some(Detail::UnsupportedAccessModel)
            )
        );
        let cancelled = named(Some(ConfigForm::Cancel));
        let config = made(decide(&ask(OWNER), &no_node(None), &cancelled));
        assert_eq!(config, NodeConfig::default());
    }

    #[test]
    fn there_is_a_limit_to_how_many_nodes_one_makes_and_how_they_are_called() {
        let mut house = House::default();
        house.limits.nodes = 2;
        let mut facts = no_node(None);
        facts.usage.nodes = 2;
        let decision = decide(&ask_in(OWNER, house.clone()), &facts, &named(None));
        assert_eq!(why(decision), (Condition::PolicyViolation, None));
        facts.usage.nodes = 1;
        assert!(decide(&ask_in(OWNER, house.clone()), &facts, &named(None)).is_ok());
        house.limits.node_name_bytes = 3;
        let decision = decide(&ask_in(OWNER, house), &facts, &named(None));
        assert_eq!(why(decision), (Condition::NotAcceptable, None));
    }
}
