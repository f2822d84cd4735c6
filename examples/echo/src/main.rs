//! Replies with the text of each message, from the address that it was sent to.

use couplet::{Component, Config, Contact, Incoming, Message};

fn echo(config: Config) -> Component {
    Component::new(config)
        .named("Echo")
        .contact(Contact::any().about("Sends back what you write"))
        .on_chat(|chat: Incoming<Message>| async move { chat.reply_or_correct(chat.text()).await })
}

fn main() -> std::process::ExitCode {
    couplet::main(echo)
}

#[cfg(test)]
mod tests {
    #[tokio::test(start_paused = true)]
    async fn it_answers_from_the_address_that_was_written_to() {
        let server = couplet_test::Server::start(super::echo).await;
        let mut alice = server.user("alice@example.org/phone");
        alice.chat("bot@echo.test", "hi").await;
        let got = alice.next_chat().await;
        assert_eq!((got.from(), got.text()), ("bot@echo.test", "hi"));
    }

    #[tokio::test(start_paused = true)]
    async fn it_corrects_its_echo_when_the_message_is_corrected() {
        let server = couplet_test::Server::start(super::echo).await;
        let mut alice = server.user("alice@example.org/phone");
        let message = |id: &str, text: &str, more: &str| {
            format!(
                "<message type='chat' to='bot@echo.test' id='{id}'><body>{text}</body>{more}</message>"
            )
        };
        alice.send_raw(message("1", "tae", "")).await;
        let first = alice.next_chat().await;
        let replace = "<replace xmlns='urn:xmpp:message-correct:0' id='1'/>";
        alice.send_raw(message("2", "tea", replace)).await;
        let second = alice.next_chat().await;
        let replaced = second
            .root()
            .child("replace", "urn:xmpp:message-correct:0")
            .unwrap();
        assert_eq!(
            (second.text(), replaced.attr("id").unwrap()),
            ("tea", first.id().into())
        );
    }
}
