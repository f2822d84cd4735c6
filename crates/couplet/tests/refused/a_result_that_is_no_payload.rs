use couplet::{Component, Config, Incoming, StanzaError};
use xmpp_parsers::version::VersionQuery;

fn main() {
    let _component = Component::new(Config::new("bot.localhost", "x"))
        .on_get(|_ask: Incoming<VersionQuery>| async move { Ok::<_, StanzaError>(7_u32) });
}
