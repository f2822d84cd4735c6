//! Explains stanza errors to the sender of a message. (RFC 6120, 8.3.3)

use couplet::RemoteError;

/// Describes an error: the explanation, then the condition and the text of the peer.
pub(super) fn describe(error: &RemoteError) -> String {
    describe_as(error.condition.as_str(), &error.to_string())
}

/// Describes an error that the running component has received.
pub(super) fn describe_as(condition: &str, text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
    match meaning(condition) {
        Some(meaning) => format!("{meaning} ({text})"),
        None => text,
    }
}

fn meaning(condition: &str) -> Option<&'static str> {
    Some(match condition {
        "service-unavailable" | "recipient-unavailable" => {
            "there is no such user, or the user is offline"
        }
        "item-not-found" => "there is no such address",
        "gone" => "the address has moved or no longer exists",
        "remote-server-not-found" => "the recipient's server cannot be found",
        "remote-server-timeout" => "the recipient's server cannot be reached",
        "forbidden" | "not-authorized" | "subscription-required" => {
            "the recipient does not accept messages from this address"
        }
        "not-allowed" | "policy-violation" => "the server does not allow it",
        "not-acceptable" => {
            "the recipient does not accept it; a room only accepts messages from its occupants"
        }
        "resource-constraint" => "the recipient or its server is out of resources",
        "jid-malformed" => "the address is malformed",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::describe_as;

    #[test]
    fn a_condition_is_explained_and_control_characters_are_removed() {
        assert_eq!(
            describe_as("gone", "gone: to\u{9b}2J x"),
            "the address has moved or no longer exists (gone: to2J x)"
        );
        let unknown = "undefined-condition";
        assert_eq!(describe_as(unknown, unknown), unknown);
    }
}
