//! Texts for users: why a form was rejected, and labels of nodes.

use couplet::Condition;

use crate::{
    codec::body,
    node::NodeConfig,
    pubsub_error::{PubsubCondition, PubsubError},
};

/// Maximum length of a label in bytes: a title may be longer than a list shows.
const LABEL_BYTES: usize = 120;

/// Returns the text of an error for the user who filled in the form.
pub(super) fn of(error: &PubsubError) -> String {
    if let Some(text) = &error.text {
        return text.clone();
    }
    let text = match (error.condition, error.detail) {
        (_, Some(PubsubCondition::ClosedNode)) => "Only members of the node may do this",
        (_, Some(PubsubCondition::PendingSubscription)) => {
            "Your subscription waits for the approval of an owner already"
        }
        (_, Some(PubsubCondition::NotSubscribed)) => "There is no such subscription",
        (_, Some(PubsubCondition::TooManySubscriptions)) => {
            "There are too many subscriptions already"
        }
        (_, Some(PubsubCondition::UnsupportedAccessModel)) => "This access model is not supported",
        (_, Some(PubsubCondition::Unsupported("subscribe"))) => {
            "The node does not allow subscriptions"
        }
        (_, Some(PubsubCondition::InvalidOptions)) => {
            "One of the options cannot be set to this value"
        }
        (Condition::Conflict, _) => "There is a node of this name already",
        (Condition::Forbidden, _) => "You are not allowed to do this",
        (Condition::ItemNotFound, _) => "There is no such node",
        (Condition::Gone, _) => "The node has moved to another address",
        (Condition::ResourceConstraint, _) => "The service is busy; try again later",
        (Condition::NotAcceptable, _) => "One of the values cannot be used",
        _ => "This cannot be done",
    };
    text.to_owned()
}

/// Returns the label of a node in a list: its title, or its name.
pub(super) fn label(name: &str, config: &NodeConfig) -> String {
    let label = body::label(name, config);
    let end = label.floor_char_boundary(LABEL_BYTES);
    label.get(..end).unwrap_or_default().to_owned()
}

/// Returns a number with its noun, in the plural if needed.
pub(super) fn count(number: usize, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        more => format!("{more} {one}s"),
    }
}
