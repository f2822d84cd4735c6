//! An owner and the affiliations to its node. (XEP-0060, 8.9)

use std::collections::{HashMap, HashSet};

use couplet::Condition;
use jid::BareJid;

use crate::{
    change::Change,
    codec::event,
    engine::{
        Engine,
        access::{in_effect, owned},
        announce,
        ask::{Ask, Decision},
        settle::settle,
    },
    facts::{Facts, Needs, Party},
    node::{Affiliation, Node},
    refused::Refused,
    reply::Reply,
};

/// Bytes of an `<affiliation/>` besides the JID.
const AROUND: usize = 50;

/// Lists all but those who are nothing. (XEP-0060, 8.9.1)
pub(in crate::engine) async fn list(
    engine: &Engine,
    ask: Ask,
    node: String,
) -> Result<Reply, Refused> {
    let facts = engine.look(super::standing(&ask, node)).await?;
    let node = owned(&ask, &facts)?;
    let held = engine.store().affiliates(node.id).await?;
    let size = |(jid, _): &(BareJid, Affiliation)| AROUND + jid.as_str().len();
    if held.iter().map(size).sum::<usize>() > ask.limits().answer_bytes as usize {
        // XEP-0060 has no pages for it, and half of a list of rights would be a lie.
        return Err(Refused::plain(Condition::PolicyViolation)
            .text("The list is longer than servers let through"));
    }
    Ok(Reply::Affiliates {
        node: node.name.clone(),
        held,
    })
}

/// Changes some. (XEP-0060, 8.9.2)
pub(in crate::engine) async fn answer(
    engine: &Engine,
    ask: Ask,
    node: String,
    wanted: Vec<(BareJid, Affiliation)>,
) -> Result<Reply, Refused> {
    let mut seen = HashSet::new();
    if !wanted.iter().all(|(jid, _)| seen.insert(jid)) {
        return Err(Refused::plain(Condition::BadRequest).text("The same JID stands there twice"));
    }
    let needs = Needs {
        others: wanted.iter().map(|(jid, _)| jid.clone()).collect(),
        owners: true,
        ..super::standing(&ask, node)
    };
    engine
        .change(needs, move |facts| decide(&ask, facts, &wanted))
        .await
}

/// What can be done is done; the answer tells what could not. (XEP-0060, 8.9.2.4)
fn decide(ask: &Ask, facts: &Facts, wanted: &[(BareJid, Affiliation)]) -> Decision {
    let node = owned(ask, facts)?;
    let parties: HashMap<&BareJid, &Party> =
        facts.others.iter().map(|one| (&one.jid, one)).collect();
    let mut owners = Owners::after(facts, wanted);
    let mut changes = Vec::new();
    let mut unchanged = Vec::new();
    for (jid, affiliation) in wanted {
        let Some(party) = parties.get(jid) else {
            unchanged.push((jid.clone(), Affiliation::None));
            continue;
        };
        if party.affiliation == *affiliation {
            continue;
        }
        let pointless = ask.is_service(jid) && *affiliation != Affiliation::None;
        if pointless || !owners.let_go(party, *affiliation) {
            unchanged.push((jid.clone(), party.affiliation));
            continue;
        }
        changes.extend(affiliate(ask, node, party, *affiliation));
    }
    if unchanged.is_empty() {
        return Ok((changes, Reply::Done));
    }
    let reply = Reply::AffiliatesUnchanged {
        node: node.name.clone(),
        why: Refused::plain(Condition::NotAcceptable),
        unchanged,
    };
    Ok((changes, reply))
}

/// The owners, of whom one has to stay.
struct Owners(usize);

impl Owners {
    /// How many there are once the new ones are in.
    fn after(facts: &Facts, wanted: &[(BareJid, Affiliation)]) -> Owners {
        let old: HashSet<&BareJid> = facts.owners.iter().collect();
        let new = wanted
            .iter()
            .filter(|(jid, wanted)| *wanted == Affiliation::Owner && !old.contains(jid));
        Owners(old.len() + new.count())
    }

    /// Whether this party may become that. The last owner may not. (8.9.2.4)
    fn let_go(&mut self, party: &Party, wanted: Affiliation) -> bool {
        if party.affiliation != Affiliation::Owner || wanted == Affiliation::Owner {
            return true;
        }
        let another_stays = self.0 > 1;
        if another_stays {
            self.0 -= 1;
        }
        another_stays
    }
}

fn affiliate(ask: &Ask, node: &Node, party: &Party, affiliation: Affiliation) -> Vec<Change> {
    let jid = &party.jid;
    let mut changes = vec![Change::Affiliate {
        jid: jid.clone(),
        affiliation,
    }];
    let now = in_effect(ask, node, jid, affiliation);
    let access = node.config.access;
    changes.extend(settle(&node.name, access, now, &party.subscriptions));
    let told = event::affiliation(&node.name, jid, affiliation);
    changes.push(announce::to_these(vec![jid.clone().into()], told));
    changes
}
