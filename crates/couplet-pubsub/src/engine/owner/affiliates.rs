//! Lists and changes the affiliations to a node. (XEP-0060, 8.9)

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use couplet::{BareJid, Condition};

use crate::{
    change::Change,
    codec::{event, truncate::truncate_page, write_affiliate},
    engine::{
        Engine,
        access::{effective_affiliation, owned_node},
        announce,
        context::{Decision, RequestContext, is_paged},
        reconcile::reconcile,
    },
    node::{Affiliation, Node},
    page::Page,
    pubsub_error::PubsubError,
    reply::Reply,
    snapshot::{Entity, Query, Snapshot},
};

/// Lists all affiliations except `none`. (XEP-0060, 8.9.1)
pub(in crate::engine) async fn list(
    engine: &Engine,
    context: RequestContext,
    node: String,
    page: Page,
) -> Result<Reply, PubsubError> {
    let snapshot = engine.snapshot(super::owner_query(&context, node)).await?;
    let node = owned_node(&context, &snapshot)?;
    let mut held = engine
        .store()
        .affiliates(node.id, context.long_page(&page))
        .await?;
    truncate_page(
        &mut held,
        page.keep(),
        context.limits().answer_bytes,
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

/// Changes some affiliations. (XEP-0060, 8.9.2)
pub(in crate::engine) async fn answer(
    engine: &Engine,
    context: RequestContext,
    node: String,
    wanted: Vec<(BareJid, Affiliation)>,
) -> Result<Reply, PubsubError> {
    let mut seen = HashSet::new();
    if !wanted.iter().all(|(jid, _)| seen.insert(jid)) {
        return Err(PubsubError::bad_request("The same JID appears twice"));
    }
    let query = Query {
        others: wanted.iter().map(|(jid, _)| jid.clone()).collect(),
        owners: true,
        affiliations: true,
        affiliated: true,
        ..super::owner_query(&context, node)
    };
    engine
        .change(query, move |snapshot| decide(&context, snapshot, &wanted))
        .await
}

/// Makes the possible changes; the error lists the others. (XEP-0060, 8.9.2.4)
fn decide(
    context: &RequestContext,
    snapshot: &Snapshot,
    wanted: &[(BareJid, Affiliation)],
) -> Decision {
    let node = owned_node(context, snapshot)?;
    let affiliated = snapshot
        .affiliated
        .iter()
        .copied()
        .chain(std::iter::repeat(0));
    let entities: HashMap<&BareJid, (&Entity, u64)> = snapshot
        .others
        .iter()
        .zip(affiliated)
        .map(|(one, affiliated)| (&one.jid, (one, affiliated)))
        .collect();
    let mut owners = Owners::after(snapshot, wanted);
    let limit = context.policy.limits(&node.creator).affiliations;
    let mut count = snapshot.affiliations;
    let mut changes = Vec::new();
    let mut unchanged = Vec::new();
    for (jid, affiliation) in wanted {
        let Some((entity, affiliated)) = entities.get(jid) else {
            unchanged.push((jid.clone(), Affiliation::None));
            continue;
        };
        if entity.affiliation == *affiliation {
            continue;
        }
        let pointless = context.is_service(jid) && *affiliation != Affiliation::None;
        let is_new = entity.affiliation == Affiliation::None;
        let its_limit = context.policy.limits(jid).affiliated_nodes;
        let too_many = is_new && (count >= limit || *affiliated >= its_limit);
        if pointless || too_many || !owners.let_go(entity, *affiliation) {
            unchanged.push((jid.clone(), entity.affiliation));
            continue;
        }
        count += u64::from(is_new);
        changes.extend(affiliate(context, node, entity, *affiliation));
    }
    if unchanged.is_empty() {
        return Ok((changes, Reply::Empty));
    }
    let reply = Reply::AffiliatesUnchanged {
        node: node.name.clone(),
        why: PubsubError::new(Condition::NotAcceptable),
        unchanged,
    };
    Ok((changes, reply))
}

/// Counts the owners, of which one must stay.
struct Owners(usize);

impl Owners {
    /// Counts the owners including the new ones.
    fn after(snapshot: &Snapshot, wanted: &[(BareJid, Affiliation)]) -> Owners {
        let old: HashSet<&BareJid> = snapshot.owners.iter().collect();
        let new = wanted
            .iter()
            .filter(|(jid, wanted)| *wanted == Affiliation::Owner && !old.contains(jid));
        Owners(old.len() + new.count())
    }

    /// Returns whether this entity may get that affiliation. The last owner may not. (8.9.2.4)
    fn let_go(&mut self, entity: &Entity, wanted: Affiliation) -> bool {
        if entity.affiliation != Affiliation::Owner || wanted == Affiliation::Owner {
            return true;
        }
        let another_stays = self.0 > 1;
        if another_stays {
            self.0 -= 1;
        }
        another_stays
    }
}

fn affiliate(
    context: &RequestContext,
    node: &Node,
    entity: &Entity,
    affiliation: Affiliation,
) -> Vec<Change> {
    let jid = &entity.jid;
    let mut changes = vec![Change::Affiliate {
        jid: jid.clone(),
        affiliation,
    }];
    let now = effective_affiliation(context, node, jid, affiliation);
    let access = node.config.access;
    changes.extend(reconcile(&node.name, access, now, &entity.subscriptions));
    let notice = event::affiliation(&node.name, jid, affiliation);
    changes.push(announce::to_jids(vec![jid.clone().into()], notice));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::fixtures::{
            OTHER, OWNER, bare, context, done, entity, notices_to, owners_facts, pending,
            strangers_facts, subscribed, why,
        },
        node::AccessModel,
        subscription::Subscription,
    };

    fn affecting(access: AccessModel, others: Vec<Entity>) -> Snapshot {
        Snapshot {
            others,
            ..owners_facts(|config| config.access = access)
        }
    }

    fn set(snapshot: &Snapshot, wanted: &[(&str, Affiliation)]) -> (Vec<Change>, Reply) {
        let wanted: Vec<_> = wanted.iter().map(|(jid, to)| (bare(jid), *to)).collect();
        decide(&context(OWNER), snapshot, &wanted).unwrap()
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
        let snapshot = affecting(access, vec![entity(OTHER, from, &[held])]);
        let (changes, reply) = set(&snapshot, &[(OTHER, to)]);
        assert_eq!(reply, Reply::Empty);
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
    fn an_entity_is_notified_of_its_new_affiliation() {
        let snapshot = affecting(
            AccessModel::Open,
            vec![entity(OTHER, Affiliation::None, &[])],
        );
        let (changes, _) = set(&snapshot, &[(OTHER, Affiliation::Publisher)]);
        assert_eq!(done(&changes), [&affiliated(OTHER, Affiliation::Publisher)]);
        assert_eq!(notices_to(&changes, OTHER).len(), 1);
    }

    #[test]
    fn an_unchanged_affiliation_notifies_no_one() {
        let snapshot = affecting(
            AccessModel::Open,
            vec![entity(OTHER, Affiliation::Member, &[])],
        );
        assert_eq!(
            set(&snapshot, &[(OTHER, Affiliation::Member)]),
            (vec![], Reply::Empty)
        );
    }

    #[test]
    fn an_outcast_loses_its_subscriptions() {
        let held = subscribed(OTHER, "a");
        let changes = change_of(
            AccessModel::Open,
            Affiliation::None,
            Affiliation::Outcast,
            held,
        );
        assert_eq!(done(&changes)[1..], [&ended()]);
        assert_eq!(notices_to(&changes, OTHER).len(), 2);
    }

    #[test]
    fn a_removed_member_loses_its_subscription() {
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
    fn an_affiliation_approves_a_pending_subscription() {
        for to in [Affiliation::Member, Affiliation::Publisher] {
            let held = pending(OTHER, "a");
            let changes = change_of(AccessModel::Authorize, Affiliation::None, to, held);
            let begun = Change::Subscribe(subscribed(OTHER, "a"));
            assert_eq!(done(&changes)[1..], [&begun]);
            assert_eq!(notices_to(&changes, OTHER).len(), 2);
        }
    }

    #[test]
    fn an_outcast_affiliation_denies_a_pending_subscription() {
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
        let snapshot = affecting(
            AccessModel::Open,
            vec![entity(OWNER, Affiliation::Owner, &[])],
        );
        let (changes, reply) = set(&snapshot, &[(OWNER, Affiliation::None)]);
        assert_eq!(changes, []);
        assert_eq!(unchanged(reply), [(bare(OWNER), Affiliation::Owner)]);
    }

    #[test]
    fn a_node_is_handed_over_in_one_request_whatever_the_order() {
        let snapshot = affecting(
            AccessModel::Open,
            vec![
                entity(OWNER, Affiliation::Owner, &[]),
                entity(OTHER, Affiliation::None, &[]),
            ],
        );
        let (changes, reply) = set(
            &snapshot,
            &[(OWNER, Affiliation::None), (OTHER, Affiliation::Owner)],
        );
        assert_eq!(reply, Reply::Empty);
        assert_eq!(done(&changes).len(), 2);
    }

    #[test]
    fn of_two_owners_that_leave_one_stays() {
        let mut snapshot = affecting(
            AccessModel::Open,
            vec![
                entity(OWNER, Affiliation::Owner, &[]),
                entity(OTHER, Affiliation::Owner, &[]),
            ],
        );
        snapshot.owners.push(bare(OTHER));
        let (changes, reply) = set(
            &snapshot,
            &[(OWNER, Affiliation::None), (OTHER, Affiliation::Member)],
        );
        assert_eq!(done(&changes), [&affiliated(OWNER, Affiliation::None)]);
        assert_eq!(unchanged(reply), [(bare(OTHER), Affiliation::Owner)]);
    }

    #[test]
    fn the_service_itself_gets_no_affiliation() {
        let itself = "pubsub.shakespeare.lit";
        let snapshot = affecting(
            AccessModel::Open,
            vec![entity(itself, Affiliation::None, &[])],
        );
        let (changes, reply) = set(&snapshot, &[(itself, Affiliation::Owner)]);
        assert_eq!(changes, []);
        assert_eq!(unchanged(reply), [(bare(itself), Affiliation::None)]);
    }

    #[test]
    fn only_owners_do_this() {
        let decision = decide(&context(OTHER), &strangers_facts(|_| {}), &[]);
        assert_eq!(why(decision), (Condition::Forbidden, None));
    }

    #[test]
    fn a_node_has_no_more_affiliations_than_its_creator_may_have() {
        let entities = [
            (OTHER, Affiliation::None),
            ("old@a.lit", Affiliation::Member),
        ];
        let others = entities.map(|(jid, held)| entity(jid, held, &[])).to_vec();
        let wanted = entities.map(|(jid, _)| (bare(jid), Affiliation::Publisher));
        let mut snapshot = affecting(AccessModel::Open, others);
        snapshot.affiliations = crate::policy::Limits::default().affiliations;
        let (changes, reply) = decide(&context(OWNER), &snapshot, &wanted).unwrap();
        let old = affiliated("old@a.lit", Affiliation::Publisher);
        assert_eq!(done(&changes), [&old], "one who has a place keeps it");
        assert_eq!(unchanged(reply), [(bare(OTHER), Affiliation::None)]);
        snapshot.affiliations -= 1;
        let (changes, reply) = decide(&context(OWNER), &snapshot, &wanted).unwrap();
        assert_eq!((done(&changes).len(), reply), (2, Reply::Empty));
    }

    #[test]
    fn an_entity_has_no_more_affiliations_than_its_limit_from_any_owner() {
        let mut snapshot = affecting(
            AccessModel::Open,
            vec![
                entity(OTHER, Affiliation::None, &[]),
                entity("old@a.lit", Affiliation::Member, &[]),
            ],
        );
        let limit = crate::policy::Limits::default().affiliated_nodes;
        snapshot.affiliated = vec![limit, limit];
        let wanted = [
            (OTHER, Affiliation::Outcast),
            ("old@a.lit", Affiliation::Publisher),
        ];
        let (changes, reply) = set(&snapshot, &wanted);
        let old = affiliated("old@a.lit", Affiliation::Publisher);
        assert_eq!(done(&changes), [&old], "one that it has is changed");
        assert_eq!(unchanged(reply), [(bare(OTHER), Affiliation::None)]);
        snapshot.affiliated = vec![limit - 1, limit];
        let (changes, reply) = set(&snapshot, &wanted);
        assert_eq!((done(&changes).len(), reply), (2, Reply::Empty));
    }
}
