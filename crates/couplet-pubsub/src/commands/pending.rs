//! Who waits for an owner's approval. (XEP-0060, 8.7)

use couplet::{Jid, Refusal};
use xmpp_parsers::data_forms::{DataForm, DataFormType, FieldType, Option_};

use crate::{clock, codec, desk::Desk};

use super::{Step, Submitted, field};

const FORM: &str = "http://jabber.org/protocol/pubsub#subscribe_authorization";
const NODE: &str = "pubsub#node";

/// First the nodes where somebody waits; then, of the one that was chosen, one form for each.
pub(super) async fn show(desk: &Desk, who: &Jid, form: Option<Submitted>) -> Result<Step, Refusal> {
    if let Some(form) = form {
        let node = form.value(NODE)?;
        let sent = desk.engine.send_pending(who, node, clock::now()).await;
        sent.map_err(codec::refusal)?;
        return Ok(Step::Done(None, None));
    }
    let nodes = desk.store.nodes_with_pending(who.to_bare()).await;
    let nodes = nodes.map_err(|why| codec::refusal(why.into()))?;
    if nodes.is_empty() {
        return Ok(Step::Done(None, Some("Nobody waits".to_owned())));
    }
    let mut choice = field(NODE, FieldType::ListSingle, "The node", Vec::new());
    choice.options = nodes
        .into_iter()
        .map(|node| Option_ {
            label: None,
            value: node,
        })
        .collect();
    Ok(Step::Form(DataForm::new(
        DataFormType::Form,
        FORM,
        vec![choice],
    )))
}
