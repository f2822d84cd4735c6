use couplet::{Component, Config, Incoming, Presence};

fn main() {
    let _component = Component::new(Config::new("bot.localhost", "x"))
        .on_chat(|_chat: Incoming<Presence>| async move { Ok(()) });
}
