use couplet::{Component, Config, Incoming};
use xmpp_parsers::version::VersionQuery;

fn main() {
    let _component = Component::new(Config::new("bot.localhost", "x"))
        .on_get(|_ask: Incoming<VersionQuery>| async move { Ok(7_u32) });
}
