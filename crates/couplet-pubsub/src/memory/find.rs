//! The facts for a decision, and what has run out.

use couplet::BareJid;

use crate::{
    facts::{FEW, Facts, Meant, Needs, Party, parties},
    moment::Moment,
    node::Affiliation,
    store::Overdue,
    subscription::SubscriptionState,
};

use super::{
    shelf::{Kept, Shelf},
    subscriptions::{Key, as_they_began, unpacked},
};

impl Shelf {
    pub(super) fn facts(&self, needs: &Needs) -> Facts {
        let name = needs.node.as_deref();
        let kept = name.and_then(|name| self.named(name));
        let (actor, others) = (needs.actor.as_ref(), needs.others.iter());
        let nobody = Meant::default();
        let usage = needs.actor.as_ref().filter(|_| needs.usage);
        let mut facts = Facts {
            node: kept.map(|kept| kept.node.clone()),
            redirect: name
                .filter(|_| kept.is_none())
                .and_then(|name| self.redirects.get(name))
                .cloned(),
            actor: actor.map(|who| party(kept, who, &needs.meant)),
            others: others.map(|who| party(kept, who, &nobody)).collect(),
            affiliated: match needs.affiliated {
                true => needs
                    .others
                    .iter()
                    .map(|who| self.affiliated(who))
                    .collect(),
                false => Vec::new(),
            },
            usage: usage.map(|who| self.usage(who)).unwrap_or_default(),
            backlog: self.queue.len(),
            ..Facts::default()
        };
        if let Some(kept) = kept {
            add_items(&mut facts, kept, needs);
            add_people(&mut facts, kept, needs);
        }
        facts
    }

    pub(super) fn overdue(&self, now: Moment, max: u32) -> Overdue {
        let max = max as usize;
        let mut found = Overdue::default();
        for (at, id, key) in &self.leases {
            if *at > now || found.leases.len() == max {
                break;
            }
            let Some(kept) = self.live(*id) else { continue };
            let Ok(jid) = couplet::Jid::new(key.jid()) else {
                continue;
            };
            let name = kept.node.name.clone();
            found.leases.push((name, jid, key.subid().to_owned()));
        }
        for (at, id, seq) in &self.expiring {
            if *at > now || found.items.len() == max {
                break;
            }
            let Some(kept) = self.live(*id) else { continue };
            if let Some(item) = kept.items.get(seq) {
                let name = kept.node.name.clone();
                found.items.push((name, item.head.id.clone()));
            }
        }
        found
    }
}

fn party(kept: Option<&Kept>, who: &BareJid, meant: &Meant) -> Party {
    let affiliation = kept.and_then(|kept| kept.affiliations.get(who));
    Party {
        jid: who.clone(),
        affiliation: affiliation.copied().unwrap_or(Affiliation::None),
        subscriptions: kept
            .map(|kept| {
                let some = kept.subscriptions.of(who).enumerate();
                let found = some.filter(|(number, (key, _))| {
                    let is_meant = !meant.is_nothing() && meant.includes(key.jid(), key.subid());
                    *number < FEW as usize || is_meant
                });
                as_they_began(found.map(|(_, held)| held))
            })
            .unwrap_or_default(),
    }
}

fn add_items(facts: &mut Facts, kept: &Kept, needs: &Needs) {
    let by_id = |id: &String| kept.items.get(kept.ids.get(id)?);
    let wanted = needs.items.iter().filter_map(by_id);
    facts.items = wanted.map(|item| item.head.clone()).collect();
    let oldest = kept.items.values().take(needs.oldest as usize);
    facts.oldest = oldest.map(|item| item.head.clone()).collect();
    let newest = kept.items.values().rev().take(needs.newest as usize);
    facts.newest = newest.cloned().collect();
    facts.newest.reverse();
}

fn add_people(facts: &mut Facts, kept: &Kept, needs: &Needs) {
    if needs.owners {
        let owners = kept
            .affiliations
            .iter()
            .filter(|(_, affiliation)| **affiliation == Affiliation::Owner);
        facts.owners = owners.map(|(jid, _)| jid.clone()).collect();
    }
    if needs.affiliations {
        facts.affiliations = kept.affiliations.len() as u64;
    }
    if needs.pending > 0 {
        let pending = kept
            .subscriptions
            .iter()
            .filter(|(_, packed)| packed.state() == SubscriptionState::Pending);
        facts.pending = as_they_began(pending);
        facts.pending.truncate(needs.pending as usize);
    }
    if let Some(slice) = &needs.everybody {
        let after = slice.after.as_ref().map(Key::from);
        let some = kept.subscriptions.after(after.as_ref());
        let some = some.take(slice.max as usize);
        let some = some.filter_map(|(key, packed)| unpacked(key, packed));
        facts.everybody = parties(some.map(|held| {
            let affiliation = kept.affiliations.get(&held.jid.to_bare()).copied();
            (held, affiliation.unwrap_or(Affiliation::None))
        }));
    }
}
