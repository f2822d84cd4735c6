//! An owner and the affiliations to its node. (XEP-0060, 8.9)

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use couplet::{BareJid, Condition};

use crate::{
    change::Change,
    codec::{event, fit::fit, write_affiliate},
    engine::{
        Engine,
        access::{in_effect, owned},
        announce,
        ask::{Ask, Decision, is_paged},
        settle::settle,
    },
    facts::{Facts, Needs, Party},
    node::{Affiliation, Node},
    page::Page,
    refused::Refused,
    reply::Reply,
};

/// Lists all but those who are nothing. (XEP-0060, 8.9.1)
pub(in crate::engine) async fn list(
    engine: &Engine,
    ask: Ask,
    node: String,
    page: Page,
) -> Result<Reply, Refused> {
    let facts = engine.look(super::standing(&ask, node)).await?;
    let node = owned(&ask, &facts)?;
    let mut held = engine
        .store()
        .affiliates(node.id, ask.long_page(&page))
        .await?;
    fit(
        &mut held,
        page.keep(),
        ask.limits().answer_bytes,
        |(jid, _)| Cow::from(jid.as_str()),
        |(jid, held), xml| write_affiliate(jid, *held, xml),
    );
    let paged = is_paged(&page, held.entries.len(), held.count);
    Ok(Reply::Affiliates {
        node: node.name.clone(),
        held,
        paged,
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
        affiliations: true,
        affiliated: true,
        ..super::standing(&ask, node)
    };
    engine
        .change(needs, move |facts| decide(&ask, facts, &wanted))
        .await
}

/// What can be done is done; the answer tells what could not. (XEP-0060, 8.9.2.4)
fn decide(ask: &Ask, facts: &Facts, wanted: &[(BareJid, Affiliation)]) -> Decision {
    let node = owned(ask, facts)?;
    let affiliated = facts.affiliated.iter().copied().chain(std::iter::repeat(0));
    let parties: HashMap<&BareJid, (&Party, u64)> = facts
        .others
        .iter()
        .zip(affiliated)
        .map(|(one, affiliated)| (&one.jid, (one, affiliated)))
        .collect();
    let mut owners = Owners::after(facts, wanted);
    let limit = ask.policy.limits(&node.creator).affiliations;
    let mut count = facts.affiliations;
    let mut changes = Vec::new();
    let mut unchanged = Vec::new();
    for (jid, affiliation) in wanted {
        let Some((party, affiliated)) = parties.get(jid) else {
            unchanged.push((jid.clone(), Affiliation::None));
            continue;
        };
        if party.affiliation == *affiliation {
            continue;
        }
        let pointless = ask.is_service(jid) && *affiliation != Affiliation::None;
        let is_new = party.affiliation == Affiliation::None;
        let its_limit = ask.policy.limits(jid).affiliated_nodes;
        let too_many = is_new && (count >= limit || *affiliated >= its_limit);
        if pointless || too_many || !owners.let_go(party, *affiliation) {
            unchanged.push((jid.clone(), party.affiliation));
            continue;
        }
        count += u64::from(is_new);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::scene::{
            OTHER, OWNER, ask, bare, done, owners_facts, party, pending, strangers_facts,
            subscribed, told, why,
        },
        node::AccessModel,
        subscription::Subscription,
    };

    fn affecting(access: AccessModel, others: Vec<Party>) -> Facts {
        Facts {
            others,
            ..owners_facts(|config| config.access = access)
        }
    }

    fn set(facts: &Facts, wanted: &[(&str, Affiliation)]) -> (Vec<Change>, Reply) {
        let wanted: Vec<_> = wanted.iter().map(|(jid, to)| (bare(jid), *to)).collect();
        decide(&ask(OWNER), facts, &wanted).unwrap()
    }

    fn unchanged(reply: Reply) -> Vec<(BareJid, Affiliation)> {
        match reply {
            Reply::AffiliatesUnchanged { unchanged, why, .. } => {
                assert_eq!(why.condition, Condition::NotAcceptable);
                unchanged
            }
            other => panic!("{other:?}"),
        }
    }

    fn affiliated(jid: &str, affiliation: Affiliation) -> Change {
        Change::Affiliate {
            jid: bare(jid),
            affiliation,
        }
    }

    fn change_of(
        access: AccessModel,
        from: Affiliation,
        to: Affiliation,
        held: Subscription,
    ) -> Vec<Change> {
        let facts = affecting(access, vec![party(OTHER, from, &[held])]);
        let (changes, reply) = set(&facts, &[(OTHER, to)]);
        assert_eq!(reply, Reply::Done);
        assert_eq!(done(&changes)[0], &affiliated(OTHER, to));
        changes
    }

    fn ended() -> Change {
        Change::Unsubscribe {
            jid: bare(OTHER).into(),
            subid: "a".to_owned(),
        }
    }

    #[test]
    fn an_entity_learns_what_it_has_become() {
        let facts = affecting(
            AccessModel::Open,
            vec![party(OTHER, Affiliation::None, &[])],
        );
        let (changes, _) = set(&facts, &[(OTHER, Affiliation::Publisher)]);
        assert_eq!(done(&changes), [&affiliated(OTHER, Affiliation::Publisher)]);
        assert_eq!(told(&changes, OTHER).len(), 1);
    }

    #[test]
    fn what_it_is_already_is_told_nobody() {
        let facts = affecting(
            AccessModel::Open,
            vec![party(OTHER, Affiliation::Member, &[])],
        );
        assert_eq!(
            set(&facts, &[(OTHER, Affiliation::Member)]),
            (vec![], Reply::Done)
        );
    }

    #[test]
    fn an_outcast_is_a_subscriber_no_longer() {
        let held = subscribed(OTHER, "a");
        let changes = change_of(
            AccessModel::Open,
            Affiliation::None,
            Affiliation::Outcast,
            held,
        );
        assert_eq!(done(&changes)[1..], [&ended()]);
        assert_eq!(told(&changes, OTHER).len(), 2);
    }

    #[test]
    fn who_is_taken_off_a_whitelist_is_a_subscriber_no_longer() {
        let leave = |access| {
            let held = subscribed(OTHER, "a");
            change_of(access, Affiliation::Member, Affiliation::None, held)
        };
        let changes = leave(AccessModel::Whitelist);
        assert_eq!(done(&changes)[1..], [&ended()]);
        for access in [AccessModel::Open, AccessModel::Authorize] {
            assert_eq!(done(&leave(access)).len(), 1);
        }
    }

    #[test]
    fn who_waits_is_approved_by_an_affiliation() {
        for to in [Affiliation::Member, Affiliation::Publisher] {
            let held = pending(OTHER, "a");
            let changes = change_of(AccessModel::Authorize, Affiliation::None, to, held);
            let begun = Change::Subscribe(subscribed(OTHER, "a"));
            assert_eq!(done(&changes)[1..], [&begun]);
            assert_eq!(told(&changes, OTHER).len(), 2);
        }
    }

    #[test]
    fn who_waits_is_turned_away_as_an_outcast() {
        let changes = change_of(
            AccessModel::Authorize,
            Affiliation::None,
            Affiliation::Outcast,
            pending(OTHER, "a"),
        );
        assert_eq!(done(&changes)[1..], [&ended()]);
    }

    #[test]
    fn the_last_owner_stays() {
        let facts = affecting(
            AccessModel::Open,
            vec![party(OWNER, Affiliation::Owner, &[])],
        );
        let (changes, reply) = set(&facts, &[(OWNER, Affiliation::None)]);
        assert_eq!(changes, []);
        assert_eq!(unchanged(reply), [(bare(OWNER), Affiliation::Owner)]);
    }

    #[test]
    fn a_node_is_handed_over_in_one_request_whatever_the_order() {
        let facts = affecting(
            AccessModel::Open,
            vec![
                party(OWNER, Affiliation::Owner, &[]),
                party(OTHER, Affiliation::None, &[]),
            ],
        );
        let (changes, reply) = set(
            &facts,
            &[(OWNER, Affiliation::None), (OTHER, Affiliation::Owner)],
        );
        assert_eq!(reply, Reply::Done);
        assert_eq!(done(&changes).len(), 2);
    }

    #[test]
    fn of_two_owners_who_leave_one_stays() {
        let mut facts = affecting(
            AccessModel::Open,
            vec![
                party(OWNER, Affiliation::Owner, &[]),
                party(OTHER, Affiliation::Owner, &[]),
            ],
        );
        facts.owners.push(bare(OTHER));
        let (changes, reply) = set(
            &facts,
            &[(OWNER, Affiliation::None), (OTHER, Affiliation::Member)],
        );
        assert_eq!(done(&changes), [&affiliated(OWNER, Affiliation::None)]);
        assert_eq!(unchanged(reply), [(bare(OTHER), Affiliation::Owner)]);
    }

    #[test]
    fn the_service_is_nobodys_affiliate() {
        let itself = "pubsub.shakespeare.lit";
        let facts = affecting(
            AccessModel::Open,
            vec![party(itself, Affiliation::None, &[])],
        );
        let (changes, reply) = set(&facts, &[(itself, Affiliation::Owner)]);
        assert_eq!(changes, []);
        assert_eq!(unchanged(reply), [(bare(itself), Affiliation::None)]);
    }

    #[test]
    fn only_owners_do_this() {
        let decision = decide(&ask(OTHER), &strangers_facts(|_| {}), &[]);
        assert_eq!(why(decision), (Condition::Forbidden, None));
    }

    #[test]
    fn a_node_has_no_more_affiliations_than_its_creator_may_have() {
        let parties = [
            (OTHER, Affiliation::None),
            ("old@a.lit", Affiliation::Member),
        ];
        let others = parties.map(|(jid, held)| party(jid, held, &[])).to_vec();
        let wanted = parties.map(|(jid, _)| (bare(jid), Affiliation::Publisher));
        let mut facts = affecting(AccessModel::Open, others);
        facts.affiliations = crate::policy::Limits::default().affiliations;
        let (changes, reply) = decide(&ask(OWNER), &facts, &wanted).unwrap();
        let old = affiliated("old@a.lit", Affiliation::Publisher);
        assert_eq!(done(&changes), [&old], "one who has a place keeps it");
        assert_eq!(unchanged(reply), [(bare(OTHER), Affiliation::None)]);
        facts.affiliations -= 1;
        let (changes, reply) = decide(&ask(OWNER), &facts, &wanted).unwrap();
        assert_eq!((done(&changes).len(), reply), (2, Reply::Done));
    }

    #[test]
    fn an_entity_has_no_more_affiliations_than_its_limit_whoever_gives_them() {
        let mut facts = affecting(
            AccessModel::Open,
            vec![
                party(OTHER, Affiliation::None, &[]),
                party("old@a.lit", Affiliation::Member, &[]),
            ],
        );
        let limit = crate::policy::Limits::default().affiliated_nodes;
        facts.affiliated = vec![limit, limit];
        let wanted = [
            (OTHER, Affiliation::Outcast),
            ("old@a.lit", Affiliation::Publisher),
        ];
        let (changes, reply) = set(&facts, &wanted);
        let old = affiliated("old@a.lit", Affiliation::Publisher);
        assert_eq!(done(&changes), [&old], "one that it has is changed");
        assert_eq!(unchanged(reply), [(bare(OTHER), Affiliation::None)]);
        facts.affiliated = vec![limit - 1, limit];
        let (changes, reply) = set(&facts, &wanted);
        assert_eq!((done(&changes).len(), reply), (2, Reply::Done));
    }
}
