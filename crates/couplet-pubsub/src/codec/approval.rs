//! Parses owners' answers to approval forms. (XEP-0060, 8.6)

use couplet::{Jid, Message, MessageType};

use super::form::data::{self, FORM_TYPE, NS_DATA};
use crate::request::Approval;

/// The FORM_TYPE of approval forms.
pub(crate) const SUBSCRIBE_AUTHORIZATION: &str =
    "http://jabber.org/protocol/pubsub#subscribe_authorization";

/// Parses an owner's answer to an approval form.
///
/// Returns `None` for other messages and for cancelled forms: the subscription stays pending.
pub(crate) fn approval(message: &Message) -> Option<Approval> {
    if message.type_() == MessageType::Error {
        return None;
    }
    let mut forms = message.stanza().payloads();
    let form = forms.find(|payload| payload.is("x", NS_DATA))?;
    if !matches!(form.attr("type").as_deref(), Some("submit" | "") | None) {
        return None;
    }
    let fields = data::fields(form);
    let value = |var: &str| {
        let field = fields.iter().find(|field| field.var == var)?;
        field.values.first().filter(|value| !value.is_empty())
    };
    // XEP-0068, 3: in a message only FORM_TYPE identifies the form.
    if value(FORM_TYPE)? != SUBSCRIBE_AUTHORIZATION {
        return None;
    }
    Some(Approval {
        node: value("pubsub#node")?.clone(),
        subid: value("pubsub#subid").cloned(),
        subscriber: Jid::new(value("pubsub#subscriber_jid")?.trim()).ok()?,
        allow: data::flag(value("pubsub#allow")?)?,
    })
}

#[cfg(test)]
mod tests {
    use couplet::Stanza;
    use couplet_core::element::{Scope, Tree};

    use super::*;

    fn answer(type_: &str, form: &str) -> Option<Approval> {
        let text = format!("<message from='o@b/r' to='c' type='{type_}'>{form}</message>");
        let tree = Tree::parse(text, &Scope::component()).unwrap();
        approval(&Message::from(Stanza::read(tree).unwrap()))
    }

    fn form(type_: &str, form_type: &str, jid: &str, allow: &str) -> String {
        format!(
            "<x xmlns='jabber:x:data' type='{type_}'><field var='FORM_TYPE' type='hidden'><value>{form_type}</value></field><field var='pubsub#subid'><value>123</value></field><field var='pubsub#node'><value>a &lt;b&gt; \u{1F600}</value></field><field var='pubsub#subscriber_jid'><value>{jid}</value></field><field var='pubsub#allow'><value>{allow}</value></field></x>"
        )
    }

    #[test]
    fn an_owner_allows_or_denies() {
        for (word, allow) in [("1", true), ("true", true), ("0", false), ("false", false)] {
            let form = form("submit", SUBSCRIBE_AUTHORIZATION, "h@b/r", word);
            assert_eq!(
                answer("normal", &form),
                Some(Approval {
                    node: "a <b> \u{1F600}".into(),
                    subid: Some("123".into()),
                    subscriber: Jid::new("h@b/r").unwrap(),
                    allow,
                })
            );
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let submit = |jid: &str, allow: &str| form("submit", SUBSCRIBE_AUTHORIZATION, jid, allow);
        for other in [
            String::new(),
            "<body>1</body>".to_owned(),
            form("cancel", SUBSCRIBE_AUTHORIZATION, "h@b", "1"),
            form("form", SUBSCRIBE_AUTHORIZATION, "h@b", "1"),
            form("submit", "urn:other", "h@b", "1"),
            submit("@", "1"),
            submit("h@b", "maybe"),
            submit("h@b", ""),
        ] {
            assert_eq!(answer("normal", &other), None, "{other}");
        }
        assert_eq!(answer("error", &submit("h@b", "1")), None);
    }
}
