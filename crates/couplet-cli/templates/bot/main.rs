//! A bot that answers chat messages to any address of its domain.

use couplet::{Component, Config, Incoming, Message};

const HELP: &str = "Commands:\nshout TEXT\nreverse TEXT\nhelp";

fn bot(config: Config) -> Component {
    Component::new(config)
        .named("{{name}}")
        .on_chat(|chat: Incoming<Message>| async move { answer(&chat.text()) })
}

/// Returns the answer to a message. Without XMPP, it is easy to test.
fn answer(line: &str) -> String {
    let line = line.trim();
    let (command, text) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match (command.to_lowercase().as_str(), text.trim()) {
        ("help", _) => HELP.to_owned(),
        ("shout" | "reverse", "") => format!("{command} what?"),
        ("shout", text) => text.to_uppercase(),
        ("reverse", text) => text.chars().rev().collect(),
        _ => format!("Unknown command {command:?}. {HELP}"),
    }
}

fn main() -> std::process::ExitCode {
    couplet::main(bot)
}

#[cfg(test)]
mod tests {
    use super::{HELP, answer, bot};

    #[test]
    fn every_command_has_an_answer() {
        assert_eq!(answer("help"), HELP);
        assert_eq!(answer("Shout  a b "), "A B");
        assert_eq!(answer("reverse abc"), "cba");
        assert_eq!(answer("shout"), "shout what?");
        assert!(answer("dance").starts_with("Unknown command \"dance\"."));
    }

    /// Runs the bot with an in-memory server.
    #[tokio::test]
    async fn it_answers_from_the_address_of_the_message() {
        let server = couplet_test::Server::start(bot).await;
        let mut alice = server.user("alice@example.org/phone");
        alice.chat("bot@echo.test", "shout hello").await;
        let got = alice.next_chat().await;
        assert_eq!((got.from(), got.text()), ("bot@echo.test", "HELLO"));
    }
}
