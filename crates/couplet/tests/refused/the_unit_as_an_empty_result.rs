use couplet::{Component, Config, Incoming};
use xmpp_parsers::ping::Ping;

fn main() {
    let _component = Component::new(Config::new("bot.localhost", "x"))
        .on_get(|_request: Incoming<Ping>| async move { Ok(()) });
}
