//! Configures nodes, with the effect on subscriptions and items. (XEP-0060, 8.2, 8.3)

use crate::{
    change::Change,
    codec::{event, form},
    engine::{
        Engine,
        access::owned_node,
        announce, apply_config,
        capacity::capacity,
        context::{Decision, RequestContext},
    },
    pubsub_error::PubsubError,
    reply::Reply,
    request::SubmittedForm,
    snapshot::Snapshot,
};

/// Returns the configuration of a node.
pub(in crate::engine) async fn show(
    engine: &Engine,
    context: RequestContext,
    node: String,
) -> Result<Reply, PubsubError> {
    let snapshot = engine.snapshot(super::owner_query(&context, node)).await?;
    let node = owned_node(&context, &snapshot)?;
    Ok(Reply::Configuration {
        node: node.name.clone(),
        config: Box::new(node.config.clone()),
    })
}

/// Configures a node.
pub(in crate::engine) async fn answer(
    engine: &Engine,
    context: RequestContext,
    node: String,
    form: SubmittedForm,
) -> Result<Reply, PubsubError> {
    let (asking, name) = (context.clone(), node.clone());
    let (reply, is_settled) = engine
        .change(super::owner_query(&context, node), move |snapshot| {
            let (changes, reply) = decide(&asking, snapshot, &form)?;
            let is_settled = !changes.contains(&Change::MarkUnapplied);
            Ok((changes, (reply, is_settled)))
        })
        .await?;
    if !is_settled {
        apply_config::apply(engine, &context, &name).await?;
    }
    Ok(reply)
}

/// Returns the default configuration.
pub(in crate::engine) fn defaults(context: &RequestContext) -> Reply {
    Reply::DefaultConfiguration {
        config: Box::new(context.policy.new_node()),
    }
}

fn decide(context: &RequestContext, snapshot: &Snapshot, form: &SubmittedForm) -> Decision {
    let node = owned_node(context, snapshot)?;
    let SubmittedForm::Submit(fields) = form else {
        return Ok((Vec::new(), Reply::Empty));
    };
    let rules = context.policy.limits(&node.creator);
    let config = form::apply_config(&node.config, fields, &rules)?;
    if config == node.config {
        return Ok((Vec::new(), Reply::Empty));
    }
    let mut changes = vec![Change::Configure(Box::new(config.clone()))];
    if !config.persist && node.config.persist {
        changes.push(Change::Purge);
    }
    // Clients send whole forms back, so an unchanged value must not take effect.
    let has_too_many = config.persist && node.items > capacity(&config, &rules);
    if config.access != node.config.access || has_too_many {
        changes.push(Change::MarkUnapplied);
    }
    if config.notify_config {
        let form = Some(&config).filter(|config| config.payloads);
        let content = event::configured(&node.name, form);
        changes.push(announce::to_subscribers(&config, content));
    }
    Ok((changes, Reply::Empty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use couplet::Condition;

    use crate::{
        engine::fixtures::{
            NODE, OTHER, OWNER, announced_to_subscribers, context, done, field, owners_facts,
            strangers_facts, why,
        },
        node::NodeConfig,
        pubsub_error::PubsubCondition,
    };

    fn submit(snapshot: &Snapshot, var: &str, value: &str) -> Decision {
        let form = SubmittedForm::Submit(vec![field(var, value)]);
        decide(&context(OWNER), snapshot, &form)
    }

    fn configured(changes: &[Change]) -> &NodeConfig {
        match &changes[0] {
            Change::Configure(config) => config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_was_sent_changes() {
        let snapshot = owners_facts(|config| config.notify_sub = true);
        let (changes, reply) = submit(&snapshot, "pubsub#title", "Musings").unwrap();
        assert_eq!(reply, Reply::Empty);
        assert_eq!(configured(&changes).title.as_deref(), Some("Musings"));
        assert!(configured(&changes).notify_sub);
        assert_eq!(changes.len(), 1);
    }

    #[test]
    fn a_cancelled_form_and_one_that_says_nothing_new_change_nothing() {
        let snapshot = owners_facts(|_| {});
        let nothing = Ok((Vec::new(), Reply::Empty));
        assert_eq!(
            decide(&context(OWNER), &snapshot, &SubmittedForm::Cancel),
            nothing
        );
        assert_eq!(submit(&snapshot, "pubsub#access_model", "open"), nothing);
    }

    #[test]
    fn a_wrong_value_changes_nothing() {
        assert_eq!(
            why(submit(
                &owners_facts(|_| {}),
                "pubsub#access_model",
                "psychic"
            )),
            (
                Condition::NotAcceptable,
                Some(PubsubCondition::UnsupportedAccessModel)
            )
        );
    }

    #[test]
    fn only_owners_configure() {
        let decision = decide(
            &context(OTHER),
            &strangers_facts(|_| {}),
            &SubmittedForm::Submit(vec![]),
        );
        assert_eq!(why(decision), (Condition::Forbidden, None));
    }

    #[test]
    fn subscribers_are_notified_with_notify_config() {
        let snapshot = owners_facts(|config| config.notify_config = true);
        let (changes, _) = submit(&snapshot, "pubsub#title", "Musings").unwrap();
        let form = event::configured(NODE, Some(configured(&changes)));
        assert_eq!(announced_to_subscribers(&changes), [form]);
        let snapshot = owners_facts(|config| {
            config.notify_config = true;
            config.payloads = false;
        });
        let (changes, _) = submit(&snapshot, "pubsub#title", "Musings").unwrap();
        assert_eq!(
            announced_to_subscribers(&changes),
            [event::configured(NODE, None)],
            "without payloads there is no form"
        );
    }

    #[test]
    fn another_access_model_and_less_room_are_applied_to_what_is_there() {
        let unsettles = |var, value, items| {
            let mut snapshot = owners_facts(|_| {});
            snapshot.node.as_mut().unwrap().items = items;
            let (changes, _) = submit(&snapshot, var, value).unwrap();
            changes.contains(&Change::MarkUnapplied)
        };
        assert!(unsettles("pubsub#access_model", "whitelist", 0));
        assert!(!unsettles("pubsub#access_model", "open", 3));
        assert!(unsettles("pubsub#max_items", "2", 3));
        assert!(!unsettles("pubsub#max_items", "3", 3));
        assert!(!unsettles("pubsub#title", "Musings", 3));
    }

    #[test]
    fn a_node_that_no_longer_persists_items_drops_those_it_has() {
        let snapshot = owners_facts(|_| {});
        let (changes, _) = submit(&snapshot, "pubsub#persist_items", "0").unwrap();
        assert_eq!(done(&changes)[1..], [&Change::Purge]);
    }
}
