//! What an error that came back means for whoever sent a message. (RFC 6120, 8.3.3)

use couplet::{Condition, PeerError};

/// The meaning, then the condition and what else the peer said.
pub(super) fn of(error: &PeerError) -> String {
    told(error.condition, &error.to_string())
}

fn told(condition: Condition, said: &str) -> String {
    let said: String = said.chars().filter(|c| !c.is_control()).take(300).collect();
    match meaning(condition) {
        Some(meaning) => format!("{meaning} ({said})"),
        None => said,
    }
}

fn meaning(condition: Condition) -> Option<&'static str> {
    Some(match condition {
        Condition::ServiceUnavailable | Condition::RecipientUnavailable => {
            "there is no such user, or nobody is online there to take it"
        }
        Condition::ItemNotFound => "there is no such address",
        Condition::Gone => "the address is gone for good",
        Condition::RemoteServerNotFound => "the recipient's server cannot be found",
        Condition::RemoteServerTimeout => "the recipient's server cannot be reached",
        Condition::Forbidden | Condition::NotAuthorized | Condition::SubscriptionRequired => {
            "the recipient does not take messages from this address"
        }
        Condition::NotAllowed | Condition::PolicyViolation => "the server does not allow it",
        Condition::NotAcceptable => {
            "the recipient does not accept it; a room only takes messages from its occupants"
        }
        Condition::ResourceConstraint => "the recipient has no room for it now",
        Condition::JidMalformed => "the address is malformed",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use couplet::Condition;

    use super::told;

    #[test]
    fn a_condition_has_its_meaning_and_moves_no_cursor() {
        assert_eq!(
            told(Condition::Gone, "gone: to\u{9b}2J x"),
            "the address is gone for good (gone: to2J x)"
        );
        let unknown = Condition::UndefinedCondition;
        assert_eq!(told(unknown, unknown.as_str()), "undefined-condition");
    }
}
