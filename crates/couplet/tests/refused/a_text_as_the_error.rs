use couplet::{Component, Config, Incoming, Message};

async fn answer(_chat: Incoming<Message>) -> Result<String, &'static str> {
    Err("not today")
}

fn main() {
    let _component = Component::new(Config::new("bot.localhost", "x")).on_chat(answer);
}
