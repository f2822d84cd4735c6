use couplet::{Component, Config, Incoming, Message};

fn main() {
    let _component = Component::new(Config::new("bot.localhost", "x"))
        .on_chat(|chat: Incoming<Message>| async { chat.reply("Hello").await });
}
