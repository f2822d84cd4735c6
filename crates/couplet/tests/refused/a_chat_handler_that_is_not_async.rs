use couplet::{Component, Config, Incoming, Message, Refusal};

fn main() {
    let _component = Component::new(Config::new("bot.localhost", "x"))
        .on_chat(|_chat: Incoming<Message>| Ok::<(), Refusal>(()));
}
