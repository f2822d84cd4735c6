//! Says back what it is told, from the address it was told at.

use couplet::{Component, Config, Incoming, Message};

fn echo(config: Config) -> Component {
    Component::new(config)
        .named("Echo")
        .on_chat(|chat: Incoming<Message>| async move { chat.reply(chat.text()).await })
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
}
