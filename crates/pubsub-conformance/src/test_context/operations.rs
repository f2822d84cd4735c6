//! Operations that most cases use, with their usual outcome.

use super::{O, TestContext, User};
use crate::error::{About, CaseResult, check};
use crate::expect::Answer;
use crate::request::{NS_INFO, NS_ITEMS, config, element, entry, item, options, owner, pubsub};

/// The default configuration of nodes: defaults of services differ.
const USUAL: [(&str, &str); 3] = [
    ("access_model", "open"),
    ("persist_items", "1"),
    ("send_last_published_item", "never"),
];

impl TestContext {
    /// Creates a node with this configuration, by the owner.
    pub(crate) async fn node(&mut self, fields: &[(&str, &str)]) -> CaseResult<String> {
        let name = self.name();
        self.create(&name, fields).await?;
        Ok(name)
    }

    /// Creates the node `name` with this configuration, by the owner.
    pub(crate) async fn create(&mut self, name: &str, fields: &[(&str, &str)]) -> CaseResult {
        let usual = USUAL
            .iter()
            .filter(|(field, _)| !fields.iter().any(|(other, _)| other == field));
        let all: Vec<_> = usual.chain(fields).copied().collect();
        let create = element("create", &[("node", name)], "");
        let configure = element("configure", &[], &config(&all));
        let answer = self.set(O, &pubsub(&(create + &configure))).await?;
        answer
            .is_ok()
            .about(&format!("creating a node with {fields:?}"))
    }

    /// Requests a subscription of the bare JID.
    pub(crate) async fn subscribes(&mut self, user: User, node: &str) -> CaseResult<Answer> {
        let jid = self.bare(user);
        self.subscribes_as(user, node, &jid).await
    }

    /// Requests a subscription of this JID.
    pub(crate) async fn subscribes_as(
        &mut self,
        user: User,
        node: &str,
        jid: &str,
    ) -> CaseResult<Answer> {
        let subscribe = element("subscribe", &[("node", node), ("jid", jid)], "");
        self.set(user, &pubsub(&subscribe)).await
    }

    /// Requests a subscription of the bare JID with these options.
    pub(crate) async fn subscribes_with(
        &mut self,
        user: User,
        node: &str,
        fields: &[(&str, &str)],
    ) -> CaseResult<Answer> {
        let jid = self.bare(user);
        let subscribe = element("subscribe", &[("node", node), ("jid", &jid)], "");
        let options = element("options", &[], &options(fields));
        self.set(user, &pubsub(&(subscribe + &options))).await
    }

    /// Subscribes the bare JID; returns the SubID, if there is one.
    pub(crate) async fn subscribed(
        &mut self,
        user: User,
        node: &str,
    ) -> CaseResult<Option<String>> {
        let answer = self.subscribes(user, node).await?;
        let subscription = answer.subscription("subscribed")?;
        Ok(subscription.attr("subid").map(|subid| subid.into_owned()))
    }

    /// Unsubscribes the bare JID.
    pub(crate) async fn unsubscribes(&mut self, user: User, node: &str) -> CaseResult<Answer> {
        let jid = self.bare(user);
        let unsubscribe = element("unsubscribe", &[("node", node), ("jid", &jid)], "");
        self.set(user, &pubsub(&unsubscribe)).await
    }

    /// Publishes one item with a payload that contains its id.
    pub(crate) async fn publishes(
        &mut self,
        user: User,
        node: &str,
        id: &str,
    ) -> CaseResult<Answer> {
        self.publishes_raw(user, node, &item(id, &entry(id))).await
    }

    /// Publishes this content of `<publish/>`.
    pub(crate) async fn publishes_raw(
        &mut self,
        user: User,
        node: &str,
        items: &str,
    ) -> CaseResult<Answer> {
        let publish = element("publish", &[("node", node)], items);
        self.set(user, &pubsub(&publish)).await
    }

    /// Publishes items with these ids, by the owner, and checks the responses.
    pub(crate) async fn published(&mut self, node: &str, ids: &[&str]) -> CaseResult {
        for id in ids {
            let answer = self.publishes(O, node, id).await?;
            answer.is_ok().about(&format!("publishing {id}"))?;
        }
        Ok(())
    }

    /// Requests all items of a node.
    pub(crate) async fn items(&mut self, user: User, node: &str) -> CaseResult<Answer> {
        self.get(user, &pubsub(&element("items", &[("node", node)], "")))
            .await
    }

    /// Retracts one item, with `notify` as given if it is not empty.
    pub(crate) async fn retracts(
        &mut self,
        user: User,
        node: &str,
        id: &str,
        notify: &str,
    ) -> CaseResult<Answer> {
        let mut attributes = vec![("node", node)];
        if !notify.is_empty() {
            attributes.push(("notify", notify));
        }
        let retract = element("retract", &attributes, &item(id, ""));
        self.set(user, &pubsub(&retract)).await
    }

    /// Sets affiliations, by the owner.
    pub(crate) async fn affiliates(
        &mut self,
        node: &str,
        given: &[(&str, &str)],
    ) -> CaseResult<Answer> {
        let mut inner = String::new();
        for (jid, affiliation) in given {
            inner += &element(
                "affiliation",
                &[("jid", jid), ("affiliation", affiliation)],
                "",
            );
        }
        let affiliations = element("affiliations", &[("node", node)], &inner);
        self.set(O, &owner(&affiliations)).await
    }

    /// Sets the affiliation of a user, and checks the response.
    pub(crate) async fn affiliated(
        &mut self,
        node: &str,
        user: User,
        affiliation: &str,
    ) -> CaseResult {
        let jid = self.bare(user);
        let answer = self.affiliates(node, &[(&jid, affiliation)]).await?;
        answer.is_ok().about(&format!("setting {affiliation}"))
    }

    /// Returns the affiliations that the owner sees, as (address, affiliation).
    pub(crate) async fn affiliations(&mut self, node: &str) -> CaseResult<Vec<(String, String)>> {
        let request = owner(&element("affiliations", &[("node", node)], ""));
        let answer = self.get(O, &request).await?;
        pairs(&answer, "affiliations", "affiliation")
    }

    /// Returns the subscriptions that the owner sees, as (address, state).
    pub(crate) async fn subscriptions(&mut self, node: &str) -> CaseResult<Vec<(String, String)>> {
        let request = owner(&element("subscriptions", &[("node", node)], ""));
        let answer = self.get(O, &request).await?;
        pairs(&answer, "subscriptions", "subscription")
    }

    /// Sets subscriptions, by the owner.
    pub(crate) async fn sets_subscriptions(
        &mut self,
        node: &str,
        given: &[(&str, &str)],
    ) -> CaseResult<Answer> {
        let mut inner = String::new();
        for (jid, state) in given {
            inner += &element("subscription", &[("jid", jid), ("subscription", state)], "");
        }
        let subscriptions = element("subscriptions", &[("node", node)], &inner);
        self.set(O, &owner(&subscriptions)).await
    }

    /// Requests the configuration of a node.
    pub(crate) async fn configuration(&mut self, user: User, node: &str) -> CaseResult<Answer> {
        self.get(user, &owner(&element("configure", &[("node", node)], "")))
            .await
    }

    /// Changes some fields of the configuration, by the owner.
    pub(crate) async fn configures(
        &mut self,
        node: &str,
        fields: &[(&str, &str)],
    ) -> CaseResult<Answer> {
        let configure = element("configure", &[("node", node)], &config(fields));
        self.set(O, &owner(&configure)).await
    }

    /// Changes the configuration, and checks the response.
    pub(crate) async fn configured(&mut self, node: &str, fields: &[(&str, &str)]) -> CaseResult {
        let answer = self.configuration(O, node).await?;
        let form = answer.form(answer.with("configure")?)?;
        for (field, value) in fields {
            form.has_value(field, value)?;
        }
        Ok(())
    }

    /// Requests the options of a subscription.
    pub(crate) async fn options(
        &mut self,
        user: User,
        node: &str,
        jid: &str,
    ) -> CaseResult<Answer> {
        let options = element("options", &[("node", node), ("jid", jid)], "");
        self.get(user, &pubsub(&options)).await
    }

    /// Sets some options of the subscription of the user's bare JID.
    pub(crate) async fn sets_options(
        &mut self,
        user: User,
        node: &str,
        fields: &[(&str, &str)],
    ) -> CaseResult<Answer> {
        let jid = self.bare(user);
        let options = element(
            "options",
            &[("node", node), ("jid", &jid)],
            &options(fields),
        );
        self.set(user, &pubsub(&options)).await
    }

    /// Deletes a node.
    pub(crate) async fn deletes(&mut self, user: User, node: &str) -> CaseResult<Answer> {
        self.set(user, &owner(&element("delete", &[("node", node)], "")))
            .await
    }

    /// Requests disco#info of a node.
    pub(crate) async fn info(&mut self, user: User, node: &str) -> CaseResult<Answer> {
        self.get(
            user,
            &element("query", &[("xmlns", NS_INFO), ("node", node)], ""),
        )
        .await
    }

    /// Requests disco#items of a node.
    pub(crate) async fn disco_items(&mut self, user: User, node: &str) -> CaseResult<Answer> {
        self.get(
            user,
            &element("query", &[("xmlns", NS_ITEMS), ("node", node)], ""),
        )
        .await
    }

    /// Checks that the next message to a user has this item, and that none follows.
    pub(crate) async fn gets_one(&mut self, user: User, node: &str, id: &str) -> CaseResult {
        self.event(user).await?.has_item(node, id)?;
        self.expect_no_event(user).await
    }

    /// Returns the user's own subscriptions, as (node, address, state, subid).
    pub(crate) async fn own_subscriptions(
        &mut self,
        user: User,
        attributes: &[(&str, &str)],
    ) -> CaseResult<Vec<[String; 4]>> {
        let request = pubsub(&element("subscriptions", attributes, ""));
        let answer = self.get(user, &request).await?;
        self.unless_refused(&answer, "retrieve-subscriptions")?;
        let list = answer.with("subscriptions")?;
        // A list that was requested for a node need not repeat it.
        let requested = attributes.iter().find(|(name, _)| *name == "node");
        let default = requested.map_or_else(String::new, |(_, node)| (*node).to_owned());
        let mut all = Vec::new();
        for one in list.children() {
            let text = |name: &str| one.attr(name).unwrap_or_default().into_owned();
            check(
                one.name() == "subscription",
                "only <subscription/>",
                answer.received(),
            )?;
            let node = match text("node") {
                node if node.is_empty() => default.clone(),
                node => node,
            };
            all.push([node, text("jid"), text("subscription"), text("subid")]);
        }
        Ok(all)
    }
}

fn pairs(answer: &Answer, list: &str, each: &str) -> CaseResult<Vec<(String, String)>> {
    let children = answer.with(list)?.children();
    let pair = |child: couplet_core::element::Element<'_>| {
        let text = |name: &str| child.attr(name).unwrap_or_default().into_owned();
        (text("jid"), text(each))
    };
    Ok(children.map(pair).collect())
}
