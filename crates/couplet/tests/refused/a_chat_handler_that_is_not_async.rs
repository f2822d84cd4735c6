use couplet::{Component, Config, Incoming, Message, StanzaError};

fn main() {
    let _component = Component::new(Config::new("bot.localhost", "x"))
        .on_chat(|_chat: Incoming<Message>| Ok::<(), StanzaError>(()));
}
