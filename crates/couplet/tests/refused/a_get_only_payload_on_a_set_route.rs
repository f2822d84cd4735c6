use couplet::{Component, Config, Incoming};
use xmpp_parsers::version::{VersionQuery, VersionResult};

fn main() {
    let _component = Component::new(Config::new("bot.localhost", "x")).on_set(
        |_ask: Incoming<VersionQuery>| async move {
            Ok(VersionResult {
                name: "bot".into(),
                version: "1".into(),
                os: None,
            })
        },
    );
}
