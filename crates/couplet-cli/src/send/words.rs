//! What an error that came back means for whoever sent a message. (RFC 6120, 8.3.3)

use couplet::RemoteError;

/// The meaning, then the condition and what else the peer said.
pub(super) fn of(error: &RemoteError) -> String {
    told(error.condition.as_str(), &error.to_string())
}

/// The same of an error that another program has read.
pub(super) fn told(condition: &str, said: &str) -> String {
    let said: String = said.chars().filter(|c| !c.is_control()).take(300).collect();
    match meaning(condition) {
        Some(meaning) => format!("{meaning} ({said})"),
        None => said,
    }
}

fn meaning(condition: &str) -> Option<&'static str> {
    Some(match condition {
        "service-unavailable" | "recipient-unavailable" => {
            "there is no such user, or nobody is online there to take it"
        }
        "item-not-found" => "there is no such address",
        "gone" => "the address is gone for good",
        "remote-server-not-found" => "the recipient's server cannot be found",
        "remote-server-timeout" => "the recipient's server cannot be reached",
        "forbidden" | "not-authorized" | "subscription-required" => {
            "the recipient does not take messages from this address"
        }
        "not-allowed" | "policy-violation" => "the server does not allow it",
        "not-acceptable" => {
            "the recipient does not accept it; a room only takes messages from its occupants"
        }
        "resource-constraint" => "the recipient has no room for it now",
        "jid-malformed" => "the address is malformed",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn a_condition_has_its_meaning_and_moves_no_cursor() {
        assert_eq!(
            told("gone", "gone: to\u{9b}2J x"),
            "the address is gone for good (gone: to2J x)"
        );
        let unknown = "undefined-condition";
        assert_eq!(told(unknown, unknown), unknown);
    }
}
