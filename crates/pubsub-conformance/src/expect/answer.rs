//! [`Answer`]: the response to a request.

use couplet_core::element::{Element, NS_CLIENT, Tree};

use super::{Form, trimmed};
use crate::error::{CaseError, CaseResult, check};
use crate::request::{NS_DATA, NS_ERRORS, NS_OWNER, NS_PUBSUB, NS_RSM, NS_STANZAS};

/// The response to a request.
pub(crate) struct Answer {
    tree: Tree,
}

impl Answer {
    pub(crate) fn new(tree: Tree) -> Answer {
        Answer { tree }
    }

    /// Returns the received XML, for the table.
    pub(crate) fn received(&self) -> String {
        trimmed(self.tree.as_str())
    }

    pub(crate) fn root(&self) -> Element<'_> {
        self.tree.root()
    }

    pub(crate) fn is_result(&self) -> bool {
        self.root().attr("type").as_deref() == Some("result")
    }

    /// Checks that it is a result.
    pub(crate) fn is_ok(&self) -> CaseResult {
        check(self.is_result(), "a result", self.received())
    }

    /// Checks that it is a result with this element in `<pubsub/>`, of either namespace.
    pub(crate) fn with(&self, name: &str) -> CaseResult<Element<'_>> {
        self.is_ok()?;
        let found = [NS_PUBSUB, NS_OWNER].iter().find_map(|ns| {
            let pubsub = self.root().child("pubsub", ns)?;
            pubsub.child(name, ns)
        });
        found.ok_or_else(|| CaseError::unmet(format!("a result with <{name}/>"), self.received()))
    }

    /// Checks that it is a result with this payload.
    pub(crate) fn payload(&self, name: &str, ns: &str) -> CaseResult<Element<'_>> {
        self.is_ok()?;
        let expected = || format!("a result with <{name} xmlns='{ns}'/>");
        let found = self.root().child(name, ns);
        found.ok_or_else(|| CaseError::unmet(expected(), self.received()))
    }

    /// Returns the condition of the error; empty for a result.
    pub(crate) fn condition(&self) -> String {
        let error = self.error_element();
        let condition = error.and_then(|error| {
            error
                .children()
                .find(|child| child.ns() == NS_STANZAS && child.name() != "text")
        });
        condition.map_or_else(String::new, |condition| condition.name().to_owned())
    }

    /// Checks that it is an error with this condition, and with this pubsub condition if it is not
    /// empty.
    pub(crate) fn error(&self, condition: &str, specific: &str) -> CaseResult {
        let expected = match specific {
            "" => format!("error {condition}"),
            specific => format!("error {condition} with <{specific}/>"),
        };
        let has_specific = specific.is_empty() || self.specific(specific).is_some();
        let met = self.condition() == condition && has_specific && self.has_a_type();
        check(met, expected, self.received())
    }

    /// Checks that it is an error with one of these conditions.
    pub(crate) fn error_of(&self, conditions: &[&str]) -> CaseResult {
        let met = conditions.contains(&self.condition().as_str()) && self.has_a_type();
        let expected = format!("error {}", conditions.join(" or "));
        check(met, expected, self.received())
    }

    /// Checks that it is `feature-not-implemented` with `<unsupported/>` and this feature.
    pub(crate) fn unsupported(&self, feature: &str) -> CaseResult {
        let met = self.condition() == "feature-not-implemented"
            && self.has_a_type()
            && self.unsupported_feature().as_deref() == Some(feature);
        let expected =
            format!("error feature-not-implemented with <unsupported feature='{feature}'/>");
        check(met, expected, self.received())
    }

    /// Returns the feature that is reported as unsupported.
    pub(crate) fn unsupported_feature(&self) -> Option<String> {
        let feature = self.specific("unsupported")?.attr("feature")?;
        Some(feature.into_owned())
    }

    /// Returns the pubsub condition with this name.
    pub(crate) fn specific(&self, name: &str) -> Option<Element<'_>> {
        self.error_element()?.child(name, NS_ERRORS)
    }

    pub(crate) fn error_element(&self) -> Option<Element<'_>> {
        self.root().child("error", NS_CLIENT)
    }

    /// Returns the only subscription in the result, which must have this state.
    pub(crate) fn subscription(&self, state: &str) -> CaseResult<Element<'_>> {
        let subscription = self.with("subscription")?;
        let met = subscription.attr("subscription").as_deref() == Some(state);
        check(met, format!("subscription='{state}'"), self.received())?;
        Ok(subscription)
    }

    /// Returns the ids of the items in the result, in order.
    pub(crate) fn item_ids(&self) -> CaseResult<Vec<String>> {
        let items = self.with("items")?;
        let ids = items
            .children()
            .filter(|child| child.name() == "item")
            .map(|item| item.attr("id").unwrap_or_default().into_owned());
        Ok(ids.collect())
    }

    /// Checks that the result has these items, in this order.
    pub(crate) fn items_are(&self, ids: &[&str]) -> CaseResult {
        let received = self.item_ids()?;
        let expected = format!("items {ids:?}");
        check(
            received == ids,
            expected,
            format!("{received:?} in {}", self.received()),
        )
    }

    /// Returns the `<set/>` of the result.
    pub(crate) fn page(&self) -> CaseResult<Page> {
        let pubsub = self.root().child("pubsub", NS_PUBSUB);
        let set = pubsub.and_then(|pubsub| pubsub.child("set", NS_RSM));
        let expected = "a result with the <set/> of XEP-0059";
        let set = set.ok_or_else(|| CaseError::unmet(expected, self.received()))?;
        Ok(Page::of(set))
    }

    /// Returns the form in this element of the result.
    pub(crate) fn form<'a>(&self, within: Element<'a>) -> CaseResult<Form<'a>> {
        let found = within.child("x", NS_DATA);
        found
            .map(Form::new)
            .ok_or_else(|| CaseError::unmet("a form", self.received()))
    }

    /// Returns whether an error has one of the five types. (RFC 6120, 8.3.2)
    fn has_a_type(&self) -> bool {
        let kind = self.error_element().and_then(|error| error.attr("type"));
        let types = ["auth", "cancel", "continue", "modify", "wait"];
        self.root().attr("type").as_deref() == Some("error")
            && kind.is_some_and(|kind| types.contains(&kind.as_ref()))
    }
}

/// The `<set/>` of a result. (XEP-0059)
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) first: Option<String>,
    pub(crate) last: Option<String>,
    pub(crate) count: Option<usize>,
    pub(crate) index: Option<usize>,
}

impl Page {
    pub(crate) fn of(set: Element<'_>) -> Page {
        let text = |name: &str| {
            let child = set.child(name, NS_RSM);
            child.map(|child| child.text().into_owned())
        };
        let first = set.child("first", NS_RSM);
        Page {
            first: text("first"),
            last: text("last"),
            count: text("count").and_then(|count| count.parse().ok()),
            index: first.and_then(|first| first.attr("index")?.parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use couplet_core::element::Scope;

    use super::*;

    fn answer(xml: &'static str) -> Answer {
        Answer::new(Tree::parse(xml, &Scope::client()).unwrap())
    }

    const REFUSED: &str = "<iq type='error'><error type='modify'><bad-request \
        xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><invalid-jid \
        xmlns='http://jabber.org/protocol/pubsub#errors'/></error></iq>";

    #[test]
    fn an_error_is_met_by_both_of_its_conditions() {
        let answer = answer(REFUSED);
        assert!(answer.error("bad-request", "invalid-jid").is_ok());
        assert!(answer.error("bad-request", "").is_ok());
        assert!(answer.error("bad-request", "jid-required").is_err());
        assert!(answer.error("forbidden", "").is_err());
        assert!(answer.is_ok().is_err());
    }

    #[test]
    fn an_error_without_a_type_is_none() {
        let bare = answer(
            "<iq type='error'><error><forbidden \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
        );
        assert!(bare.error("forbidden", "").is_err());
    }

    #[test]
    fn items_have_to_come_in_order() {
        let two = answer(
            "<iq type='result'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
             <items node='n'><item id='a'/><item id='b'/></items></pubsub></iq>",
        );
        assert!(two.items_are(&["a", "b"]).is_ok());
        assert!(two.items_are(&["b", "a"]).is_err());
        assert!(two.page().is_err());
    }
}
