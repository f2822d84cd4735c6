//! Commands of administrators: the list of nodes, and statistics.

use async_trait::async_trait;
use xmpp_parsers::data_forms::FieldType;

use crate::{
    codec::truncate::count_fitting,
    page::{Page, Start},
    pubsub_error::PubsubError,
};

use super::{Dialog, Execution, Step, Submitted, form};

const FORM: &str = "couplet-pubsub#admin";

/// Maximum number of nodes that are listed; service discovery has all of them, in pages.
const LISTED: u32 = 1_000;

pub(super) struct List;

#[async_trait]
impl Dialog for List {
    async fn show(
        &self,
        execution: &Execution<'_>,
        _answered: Option<&Submitted>,
    ) -> Result<Step, PubsubError> {
        let page = Page {
            max: Some(LISTED),
            from: Start::First,
        };
        let found = execution.service.store.nodes(page).await?;
        let mut names: Vec<String> = found.entries.into_iter().map(|node| node.name).collect();
        let limit = execution.answer_bytes();
        names.truncate(count_fitting(names.iter(), limit, |name, xml| {
            xml.element("value", name);
        }));
        let shown = names.len() as u64;
        let note = (shown < found.count).then(|| format!("{shown} of {} nodes", found.count));
        let names = form::field("nodes", FieldType::TextMulti, "Nodes", names);
        let result = form::result(FORM, execution.command.title(), vec![names]);
        Ok(Step::result(result, note))
    }

    async fn submit(
        &self,
        execution: &Execution<'_>,
        _form: &Submitted,
    ) -> Result<Step, PubsubError> {
        self.show(execution, None).await
    }
}

pub(super) struct Statistics;

#[async_trait]
impl Dialog for Statistics {
    async fn show(
        &self,
        execution: &Execution<'_>,
        _answered: Option<&Submitted>,
    ) -> Result<Step, PubsubError> {
        let found = execution.service.store.statistics().await?;
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
            form::field(var, FieldType::TextSingle, label, vec![count.to_string()])
        });
        let result = form::result(FORM, execution.command.title(), fields.into());
        Ok(Step::result(result, None))
    }

    async fn submit(
        &self,
        execution: &Execution<'_>,
        _form: &Submitted,
    ) -> Result<Step, PubsubError> {
        self.show(execution, None).await
    }
}
