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
