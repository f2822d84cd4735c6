//! Configuring nodes, and what it does to those who are there. (XEP-0060, 8.2, 8.3)

use crate::{
    change::Change,
    codec::{event, form},
    engine::{
        Engine,
        access::{Standing, owned},
        announce,
        ask::{Ask, Decision},
        room::room,
        settle::settle,
    },
    facts::{Facts, Needs},
    node::{Node, NodeConfig},
    refused::Refused,
    reply::Reply,
    request::{ConfigForm, Field},
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
    let everything = needs(&ask, node.clone(), &form);
    let (asking, sent) = (ask.clone(), form.clone());
    // Clients send whole forms back: what a field is when it changes matters only if it does.
    let done = engine
        .change(super::standing(&ask, node), move |facts| {
            if weighs(&asking, facts, &sent)? {
                return Ok((Vec::new(), None));
            }
            let (changes, reply) = decide(&asking, facts, &sent)?;
            Ok((changes, Some(reply)))
        })
        .await?;
    match done {
        Some(reply) => Ok(reply),
        None => {
            engine
                .change(everything, move |facts| decide(&ask, facts, &form))
                .await
        }
    }
}

/// Tells how a new node is configured.
pub(in crate::engine) fn defaults(ask: &Ask) -> Reply {
    Reply::DefaultConfiguration {
        config: Box::new(ask.policy.new_node()),
    }
}

fn needs(ask: &Ask, node: String, form: &ConfigForm) -> Needs {
    let mentions = |var: &str| match form {
        ConfigForm::Submit(fields) => fields.iter().any(|field: &Field| field.var == var),
        ConfigForm::Cancel => false,
    };
    Needs {
        everybody: mentions("pubsub#access_model"),
        oldest: if mentions("pubsub#max_items") {
            ask.limits().items
        } else {
            0
        },
        ..super::standing(ask, node)
    }
}

/// Whether it touches those who are subscribed, or items that are kept.
fn weighs(ask: &Ask, facts: &Facts, form: &ConfigForm) -> Result<bool, Refused> {
    let node = owned(ask, facts)?;
    let ConfigForm::Submit(fields) = form else {
        return Ok(false);
    };
    let house = ask.policy.limits(&node.creator);
    let config = form::apply_config(&node.config, fields, &house)?;
    Ok(config.access != node.config.access || node.items > room(&config, &house))
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
    changes.extend(fewer_items(ask, facts, node, &config));
    if config.access != node.config.access {
        changes.extend(other_access(ask, facts, node, &config));
    }
    if config.notify_config {
        let form = Some(&config).filter(|config| config.payloads);
        let content = event::configured(&node.name, form);
        changes.push(announce::to_subscribers(&config, content));
    }
    Ok((changes, Reply::Done))
}

/// Items for which there is no room any more go, the oldest first.
fn fewer_items(ask: &Ask, facts: &Facts, node: &Node, config: &NodeConfig) -> Vec<Change> {
    if !config.persist && node.config.persist {
        return vec![Change::Purge];
    }
    let keep = room(config, &ask.policy.limits(&node.creator));
    let excess = usize::try_from(node.items.saturating_sub(keep)).unwrap_or(usize::MAX);
    let gone: Vec<String> = facts
        .oldest
        .iter()
        .take(excess)
        .map(|item| item.id.clone())
        .collect();
    if gone.is_empty() {
        return Vec::new();
    }
    let mut changes = vec![Change::Trim {
        keep: u32::try_from(keep).unwrap_or(u32::MAX),
    }];
    if config.notify_retract {
        changes.extend(announce::retracted(&node.name, config, &gone));
    }
    changes
}

/// Those who lose access go, those who waited for it begin. (pubsub.md, case 86)
fn other_access(ask: &Ask, facts: &Facts, node: &Node, config: &NodeConfig) -> Vec<Change> {
    facts
        .everybody
        .iter()
        .flat_map(|party| {
            let affiliation = Standing::of_party(ask, node, party).affiliation;
            settle(&node.name, config.access, affiliation, &party.subscriptions)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use couplet::Condition;

    use crate::{
        engine::scene::{
            NODE, OTHER, OWNER, announced, ask, done, field, head, owners_facts, party, pending,
            strangers_facts, subscribed, told, told_subscribers, why,
        },
        facts::Party,
        node::{AccessModel, Affiliation},
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

    fn crowd() -> Vec<Party> {
        vec![
            party(
                "none@a.lit",
                Affiliation::None,
                &[subscribed("none@a.lit/r", "a")],
            ),
            party(
                "member@a.lit",
                Affiliation::Member,
                &[subscribed("member@a.lit", "b")],
            ),
            party(
                "waits@a.lit",
                Affiliation::None,
                &[pending("waits@a.lit", "c")],
            ),
        ]
    }

    fn ends(jid: &str, subid: &str) -> Change {
        Change::Unsubscribe {
            jid: crate::engine::scene::jid(jid),
            subid: subid.to_owned(),
        }
    }

    #[test]
    fn a_whitelist_ends_the_subscriptions_of_those_who_are_not_on_it() {
        let mut facts = owners_facts(|config| config.access = AccessModel::Authorize);
        facts.everybody = crowd();
        let (changes, _) = submit(&facts, "pubsub#access_model", "whitelist").unwrap();
        assert_eq!(
            done(&changes)[1..],
            [&ends("none@a.lit/r", "a"), &ends("waits@a.lit", "c")]
        );
        assert_eq!(told(&changes, "none@a.lit/r").len(), 1);
        assert_eq!(told(&changes, "waits@a.lit").len(), 1);
        assert_eq!(announced(&changes).len(), 2);
    }

    #[test]
    fn an_open_node_lets_in_those_who_waited() {
        let mut facts = owners_facts(|config| config.access = AccessModel::Authorize);
        facts.everybody = crowd();
        let (changes, _) = submit(&facts, "pubsub#access_model", "open").unwrap();
        let begins = Change::Subscribe(subscribed("waits@a.lit", "c"));
        assert_eq!(done(&changes)[1..], [&begins]);
        assert_eq!(told(&changes, "waits@a.lit").len(), 1);
    }

    #[test]
    fn those_who_were_in_stay_when_approval_is_wanted_from_now_on() {
        let mut facts = owners_facts(|_| {});
        facts.everybody = crowd();
        let (changes, _) = submit(&facts, "pubsub#access_model", "authorize").unwrap();
        assert_eq!(changes.len(), 1);
    }

    #[test]
    fn the_oldest_items_go_when_there_is_less_room() {
        let mut facts = owners_facts(|_| {});
        facts.node.as_mut().unwrap().items = 3;
        facts.oldest = ["1", "2", "3"].map(|id| head(id, OWNER)).to_vec();
        let (changes, _) = submit(&facts, "pubsub#max_items", "1").unwrap();
        assert_eq!(done(&changes)[1..], [&Change::Trim { keep: 1 }]);
        let gone = event::retracted(NODE, &["1".to_owned(), "2".to_owned()]);
        assert_eq!(told_subscribers(&changes), [gone]);
    }

    #[test]
    fn a_node_that_keeps_nothing_any_more_forgets_what_it_kept() {
        let facts = owners_facts(|_| {});
        let (changes, _) = submit(&facts, "pubsub#persist_items", "0").unwrap();
        assert_eq!(done(&changes)[1..], [&Change::Purge]);
    }

    #[test]
    fn everybody_is_looked_up_only_when_it_matters() {
        let needs = |var| {
            let form = ConfigForm::Submit(vec![field(var, "1")]);
            let needs = needs(&ask(OWNER), NODE.to_owned(), &form);
            (needs.everybody, needs.oldest > 0)
        };
        assert_eq!(needs("pubsub#title"), (false, false));
        assert_eq!(needs("pubsub#access_model"), (true, false));
        assert_eq!(needs("pubsub#max_items"), (false, true));
    }

    #[test]
    fn a_form_that_comes_back_as_it_was_touches_nobody() {
        let mut facts = owners_facts(|_| {});
        facts.node.as_mut().unwrap().items = 3;
        let touches = |var, value| {
            let form = ConfigForm::Submit(vec![field(var, value)]);
            weighs(&ask(OWNER), &facts, &form).unwrap()
        };
        assert!(!touches("pubsub#access_model", "open"));
        assert!(touches("pubsub#access_model", "whitelist"));
        assert!(!touches("pubsub#max_items", "3"));
        assert!(touches("pubsub#max_items", "2"));
        assert!(!weighs(&ask(OWNER), &facts, &ConfigForm::Cancel).unwrap());
    }
}
