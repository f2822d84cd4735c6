use couplet::{Component, Config};

struct Bot;

fn main() {
    let _chats = Component::new(Config::new("bot.localhost", "x")).on_chat(Bot);
    let _presence = Component::new(Config::new("bot.localhost", "x")).on_presence(Bot);
    let _iqs = Component::new(Config::new("bot.localhost", "x")).on_get(Bot);
}
