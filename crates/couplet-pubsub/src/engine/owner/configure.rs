//! Configuring nodes, and what it does to those who are there. (XEP-0060, 8.2, 8.3)

use crate::{
    change::Change,
    codec::{event, form},
    engine::{
        Engine,
        access::owned,
        announce,
        ask::{Ask, Decision},
        room::room,
        unsettled,
    },
    facts::Facts,
    refused::Refused,
    reply::Reply,
    request::ConfigForm,
};

/// Tells how the node is configured.
pub(in crate::engine) async fn show(
    engine: &Engine,
    ask: Ask,
    node: String,
) -> Result<Reply, Refused> {
    let facts = engine.look(super::standing(&ask, node)).await?;
    let node = owned(&ask, &facts)?;
    Ok(Reply::Configuration {
        node: node.name.clone(),
        config: Box::new(node.config.clone()),
    })
}

/// Configures it.
pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    form: ConfigForm,
) -> Result<Reply, Refused> {
    let (asking, name) = (ask.clone(), node.clone());
    let (reply, is_settled) = engine
        .change(super::standing(&ask, node), move |facts| {
            let (changes, reply) = decide(&asking, facts, &form)?;
            let is_settled = !changes.contains(&Change::Unsettle);
            Ok((changes, (reply, is_settled)))
        })
        .await?;
    if !is_settled {
        unsettled::settle(engine, &ask, &name).await?;
    }
    Ok(reply)
}

/// Tells how a new node is configured.
pub(in crate::engine) fn defaults(ask: &Ask) -> Reply {
    Reply::DefaultConfiguration {
        config: Box::new(ask.policy.new_node()),
    }
}

fn decide(ask: &Ask, facts: &Facts, form: &ConfigForm) -> Decision {
    let node = owned(ask, facts)?;
    let ConfigForm::Submit(fields) = form else {
        return Ok((Vec::new(), Reply::Done));
    };
    let house = ask.policy.limits(&node.creator);
    let config = form::apply_config(&node.config, fields, &house)?;
    if config == node.config {
        return Ok((Vec::new(), Reply::Done));
    }
    let mut changes = vec![Change::Configure(Box::new(config.clone()))];
    if !config.persist && node.config.persist {
        changes.push(Change::Purge);
    }
    // Clients send whole forms back: what a field is when it changes matters only if it does.
    let has_too_many = config.persist && node.items > room(&config, &house);
    if config.access != node.config.access || has_too_many {
        changes.push(Change::Unsettle);
    }
    if config.notify_config {
        let form = Some(&config).filter(|config| config.payloads);
        let content = event::configured(&node.name, form);
        changes.push(announce::to_subscribers(&config, content));
    }
    Ok((changes, Reply::Done))
}

#[cfg(test)]
mod tests {
    use super::*;
    use couplet::Condition;

    use crate::{
        engine::scene::{
            NODE, OTHER, OWNER, ask, done, field, owners_facts, strangers_facts, told_subscribers,
            why,
        },
        node::NodeConfig,
        refused::Detail,
    };

    fn submit(facts: &Facts, var: &str, value: &str) -> Decision {
        let form = ConfigForm::Submit(vec![field(var, value)]);
        decide(&ask(OWNER), facts, &form)
    }

    fn configured(changes: &[Change]) -> &NodeConfig {
        match &changes[0] {
            Change::Configure(config) => config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_was_sent_changes() {
        let facts = owners_facts(|config| config.notify_sub = true);
        let (changes, reply) = submit(&facts, "pubsub#title", "Musings").unwrap();
        assert_eq!(reply, Reply::Done);
        assert_eq!(configured(&changes).title.as_deref(), Some("Musings"));
        assert!(configured(&changes).notify_sub);
        assert_eq!(changes.len(), 1);
    }

    #[test]
    fn a_cancelled_form_and_one_that_says_nothing_new_change_nothing() {
        let facts = owners_facts(|_| {});
        let nothing = Ok((Vec::new(), Reply::Done));
        assert_eq!(decide(&ask(OWNER), &facts, &ConfigForm::Cancel), nothing);
        assert_eq!(submit(&facts, "pubsub#access_model", "open"), nothing);
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
                Some(Detail::UnsupportedAccessModel)
            )
        );
    }

    #[test]
    fn only_owners_configure() {
        let decision = decide(
            &ask(OTHER),
            &strangers_facts(|_| {}),
            &ConfigForm::Submit(vec![]),
        );
        assert_eq!(why(decision), (Condition::Forbidden, None));
    }

    #[test]
    fn subscribers_learn_it_where_the_node_says_so() {
        let facts = owners_facts(|config| config.notify_config = true);
        let (changes, _) = submit(&facts, "pubsub#title", "Musings").unwrap();
        let form = event::configured(NODE, Some(configured(&changes)));
        assert_eq!(told_subscribers(&changes), [form]);
        let facts = owners_facts(|config| {
            config.notify_config = true;
            config.payloads = false;
        });
        let (changes, _) = submit(&facts, "pubsub#title", "Musings").unwrap();
        assert_eq!(
            told_subscribers(&changes),
            [event::configured(NODE, None)],
            "without payloads there is no form"
        );
    }

    #[test]
    fn another_access_model_and_less_room_are_applied_to_what_is_there() {
        let unsettles = |var, value, items| {
            let mut facts = owners_facts(|_| {});
            facts.node.as_mut().unwrap().items = items;
            let (changes, _) = submit(&facts, var, value).unwrap();
            changes.contains(&Change::Unsettle)
        };
        assert!(unsettles("pubsub#access_model", "whitelist", 0));
        assert!(!unsettles("pubsub#access_model", "open", 3));
        assert!(unsettles("pubsub#max_items", "2", 3));
        assert!(!unsettles("pubsub#max_items", "3", 3));
        assert!(!unsettles("pubsub#title", "Musings", 3));
    }

    #[test]
    fn a_node_that_keeps_nothing_any_more_forgets_what_it_kept() {
        let facts = owners_facts(|_| {});
        let (changes, _) = submit(&facts, "pubsub#persist_items", "0").unwrap();
        assert_eq!(done(&changes)[1..], [&Change::Purge]);
    }
}
