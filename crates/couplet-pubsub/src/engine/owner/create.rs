//! Creates nodes. (XEP-0060, 8.1)

use couplet::Condition;

use crate::{
    change::Change,
    codec::form,
    engine::{
        Engine,
        context::{Decision, RequestContext},
    },
    node::{Affiliation, NodeConfig},
    pubsub_error::PubsubError,
    reply::Reply,
    request::SubmittedForm,
    snapshot::{Query, Snapshot},
};

pub(in crate::engine) async fn answer(
    engine: &Engine,
    context: RequestContext,
    node: Option<String>,
    configure: Option<SubmittedForm>,
) -> Result<Reply, PubsubError> {
    if !context.policy.may_create(&context.who, node.as_deref()) {
        return Err(PubsubError::new(Condition::Forbidden));
    }
    let wanted = Wanted {
        is_news: node.is_none(),
        name: node.unwrap_or_else(context.new_id),
        configure,
    };
    let query = Query {
        usage: true,
        ..super::owner_query(&context, wanted.name.clone())
    };
    engine
        .change(query, move |snapshot| decide(&context, snapshot, &wanted))
        .await
}

struct Wanted {
    name: String,
    /// Whether it is an instant node: the reply must contain its name. (XEP-0060, 8.1.2)
    is_news: bool,
    configure: Option<SubmittedForm>,
}

fn decide(context: &RequestContext, snapshot: &Snapshot, wanted: &Wanted) -> Decision {
    if snapshot.node.is_some() {
        return Err(PubsubError::new(Condition::Conflict));
    }
    check(context, snapshot, &wanted.name)?;
    let mut config = context.policy.new_node();
    if let Some(SubmittedForm::Submit(fields)) = &wanted.configure {
        config = form::apply_config(&config, fields, &context.limits())?;
    }
    let node = wanted.is_news.then(|| wanted.name.clone());
    Ok((make(context, &wanted.name, config), Reply::Created { node }))
}

/// Checks that one more node of this name is within the limits.
///
/// # Errors
///
/// `not-acceptable` for a long name, `policy-violation` for too many nodes.
pub(in crate::engine) fn check(
    context: &RequestContext,
    snapshot: &Snapshot,
    name: &str,
) -> Result<(), PubsubError> {
    let limits = context.limits();
    if name.len() > limits.node_name_bytes as usize {
        return Err(PubsubError::new(Condition::NotAcceptable).text("The name is too long"));
    }
    if snapshot.usage.nodes >= limits.nodes {
        let text = format!(
            "You have {} nodes, which is the limit",
            snapshot.usage.nodes
        );
        return Err(PubsubError::new(Condition::PolicyViolation).text(text));
    }
    Ok(())
}

/// Creates a node that belongs to the requester.
pub(in crate::engine) fn make(
    context: &RequestContext,
    name: &str,
    config: NodeConfig,
) -> Vec<Change> {
    vec![
        Change::Create {
            name: name.to_owned(),
            config: Box::new(config),
            creator: context.who.clone(),
            at: context.now,
        },
        Change::Affiliate {
            jid: context.who.clone(),
            affiliation: Affiliation::Owner,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::fixtures::{
            NODE, NOW, OWNER, bare, context, context_in, field, no_node, owners_facts, why,
        },
        node::AccessModel,
        policy::Rules,
        pubsub_error::PubsubCondition,
    };

    fn named(configure: Option<SubmittedForm>) -> Wanted {
        Wanted {
            name: NODE.to_owned(),
            is_news: false,
            configure,
        }
    }

    fn configured(var: &str, value: &str) -> Wanted {
        named(Some(SubmittedForm::Submit(vec![field(var, value)])))
    }

    fn made(decision: Decision) -> NodeConfig {
        match decision.unwrap().0.swap_remove(0) {
            Change::Create { config, .. } => *config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_creator_of_a_node_is_its_owner() {
        let (changes, reply) = decide(&context(OWNER), &no_node(None), &named(None)).unwrap();
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
    fn the_name_of_an_instant_node_is_returned() {
        let wanted = Wanted {
            is_news: true,
            ..named(None)
        };
        let (_, reply) = decide(&context(OWNER), &no_node(None), &wanted).unwrap();
        let node = Some(NODE.to_owned());
        assert_eq!(reply, Reply::Created { node });
    }

    #[test]
    fn a_name_is_used_once_and_again_after_a_deletion() {
        let taken = decide(&context(OWNER), &owners_facts(|_| {}), &named(None));
        assert_eq!(why(taken), (Condition::Conflict, None));
        let moved = no_node(Some("xmpp:elsewhere.lit?;node=n"));
        assert!(decide(&context(OWNER), &moved, &named(None)).is_ok());
    }

    #[test]
    fn a_node_is_made_as_configured_or_not_at_all() {
        let form = configured("pubsub#access_model", "whitelist");
        let config = made(decide(&context(OWNER), &no_node(None), &form));
        assert_eq!(config.access, AccessModel::Whitelist);
        let nonsense = configured("pubsub#access_model", "psychic");
        assert_eq!(
            why(decide(&context(OWNER), &no_node(None), &nonsense)),
            (
                Condition::NotAcceptable,
                Some(PubsubCondition::UnsupportedAccessModel)
            )
        );
        let cancelled = named(Some(SubmittedForm::Cancel));
        let config = made(decide(&context(OWNER), &no_node(None), &cancelled));
        assert_eq!(config, NodeConfig::default());
    }

    #[test]
    fn there_is_a_limit_to_how_many_nodes_one_makes_and_how_they_are_called() {
        let mut rules = Rules::default();
        rules.limits.nodes = 2;
        let mut snapshot = no_node(None);
        snapshot.usage.nodes = 2;
        let decision = decide(&context_in(OWNER, rules.clone()), &snapshot, &named(None));
        assert_eq!(why(decision), (Condition::PolicyViolation, None));
        snapshot.usage.nodes = 1;
        assert!(decide(&context_in(OWNER, rules.clone()), &snapshot, &named(None)).is_ok());
        rules.limits.node_name_bytes = 3;
        let decision = decide(&context_in(OWNER, rules), &snapshot, &named(None));
        assert_eq!(why(decision), (Condition::NotAcceptable, None));
    }
}
