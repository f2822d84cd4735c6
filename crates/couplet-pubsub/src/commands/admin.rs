//! What administrators can do with every node.

use couplet::{Condition, Jid, Refusal};
use jid::BareJid;
use xmpp_parsers::data_forms::{DataForm, DataFormType, Field, FieldType};

use crate::{
    codec,
    desk::Desk,
    facts::Needs,
    node::Affiliation,
    page::{Page, Start},
    request::Request,
};

use super::{Step, Submitted, field};

const FORM: &str = "couplet-pubsub#admin";

/// As many nodes are listed; all are in service discovery, in pages.
const LISTED: u32 = 1_000;

pub(super) async fn list(desk: &Desk) -> Result<Step, Refusal> {
    let page = Page {
        max: Some(LISTED),
        from: Start::First,
    };
    let found = desk.store.nodes(page).await;
    let found = found.map_err(|why| codec::refusal(why.into()))?;
    let shown = found.entries.len() as u64;
    let names = found.entries.into_iter().map(|node| node.name).collect();
    let note = (shown < found.count).then(|| format!("{shown} of {} nodes", found.count));
    let names = field("nodes", FieldType::TextMulti, "Nodes", names);
    Ok(Step::Done(Some(result(vec![names])), note))
}

pub(super) async fn statistics(desk: &Desk) -> Result<Step, Refusal> {
    let found = desk.store.statistics().await;
    let found = found.map_err(|why| codec::refusal(why.into()))?;
    let fields = [
        ("nodes", "Nodes", found.nodes),
        ("items", "Items", found.items),
        ("subscriptions", "Subscriptions", found.subscriptions),
        (
            "announcements",
            "Announcements being delivered",
            found.announcements,
        ),
    ];
    let fields = fields.map(|(var, label, count)| {
        field(var, FieldType::TextSingle, label, vec![count.to_string()])
    });
    Ok(Step::Done(Some(result(fields.into())), None))
}

pub(super) async fn delete(
    desk: &Desk,
    who: &Jid,
    form: Option<Submitted>,
) -> Result<Step, Refusal> {
    let Some(form) = form else {
        return Ok(Step::Form(question(vec![asked(
            "node",
            FieldType::TextSingle,
            "The node",
        )])));
    };
    let node = form.value("node")?.to_owned();
    let redirect = None;
    desk.answer(who, Request::Delete { node, redirect }).await?;
    Ok(Step::Done(None, Some("Deleted".to_owned())))
}

pub(super) async fn transfer(
    desk: &Desk,
    who: &Jid,
    form: Option<Submitted>,
) -> Result<Step, Refusal> {
    let Some(form) = form else {
        return Ok(Step::Form(question(vec![
            asked("node", FieldType::TextSingle, "The node"),
            asked("owner", FieldType::JidSingle, "Its new owner"),
        ])));
    };
    let node = form.value("node")?.to_owned();
    let owner = BareJid::new(form.value("owner")?)
        .map_err(|why| Refusal::new(Condition::BadRequest).text(format!("owner: {why}")))?;
    let needs = Needs {
        node: Some(node.clone()),
        owners: true,
        ..Needs::default()
    };
    let found = desk.store.look(needs).await;
    let found = found.map_err(|why| codec::refusal(why.into()))?;
    let others = found.owners.into_iter().filter(|other| *other != owner);
    let mut wanted = vec![(owner.clone(), Affiliation::Owner)];
    wanted.extend(others.map(|other| (other, Affiliation::None)));
    let reply = desk
        .answer(who, Request::SetAffiliates { node, wanted })
        .await?;
    match codec::unchanged(&reply) {
        Some(refusal) => Err(refusal),
        None => Ok(Step::Done(None, Some(format!("It is {owner}'s now")))),
    }
}

fn asked(var: &str, type_: FieldType, label: &str) -> Field {
    Field {
        required: true,
        ..field(var, type_, label, Vec::new())
    }
}

fn question(fields: Vec<Field>) -> DataForm {
    DataForm::new(DataFormType::Form, FORM, fields)
}

fn result(fields: Vec<Field>) -> DataForm {
    DataForm::new(DataFormType::Result_, FORM, fields)
}
