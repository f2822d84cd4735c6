//! A bot: it answers whoever writes to any address of its domain.

use couplet::{Component, Config, Incoming, Message};

const HELP: &str = "I know:\nshout TEXT\nreverse TEXT\nhelp";

fn bot(config: Config) -> Component {
    Component::new(config)
        .named("{{name}}")
        .on_chat(|chat: Incoming<Message>| async move { chat.reply(answer(&chat.text())).await })
}

/// What is said to a line. No XMPP in here, so it is tested without any.
fn answer(line: &str) -> String {
    let line = line.trim();
    let (command, text) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match (command.to_lowercase().as_str(), text.trim()) {
        ("help", _) => HELP.to_owned(),
        ("shout" | "reverse", "") => format!("{command} what?"),
        ("shout", text) => text.to_uppercase(),
        ("reverse", text) => text.chars().rev().collect(),
        _ => format!("I do not know {command:?}. {HELP}"),
    }
}

fn main() -> std::process::ExitCode {
    couplet::main(bot)
}

#[cfg(test)]
mod tests {
    use super::{HELP, answer, bot};

    #[test]
    fn every_command_has_its_answer() {
        assert_eq!(answer("help"), HELP);
        assert_eq!(answer("Shout  a b "), "A B");
        assert_eq!(answer("reverse abc"), "cba");
        assert_eq!(answer("shout"), "shout what?");
        assert!(answer("dance").starts_with("I do not know \"dance\"."));
    }

    /// With a server in memory.
    #[tokio::test]
    async fn it_answers_from_the_address_that_was_written_to() {
        let server = couplet_test::Server::start(bot).await;
        let mut alice = server.user("alice@example.org/phone");
        alice.chat("anybody@echo.test", "shout hello").await;
        let got = alice.next_chat().await;
        assert_eq!((got.from(), got.text()), ("anybody@echo.test", "HELLO"));
    }
}
