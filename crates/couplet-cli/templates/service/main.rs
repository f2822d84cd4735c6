//! A service: programs ask it for the state of lamps, and those who may switch them.

mod lamps;
mod wire;

use std::process::ExitCode;
use std::sync::Arc;

use couplet::config::{Section, Sources};
use couplet::app::App;
use couplet::{Component, Condition, Config, Empty, Incoming, StanzaError};
use serde::{Deserialize, Serialize};

use crate::lamps::Lamps;
use crate::wire::Lamp;

/// The table `[lamps]` of couplet.toml.
#[derive(Debug, Deserialize, Serialize)]
struct Rules {
    /// The domains whose users may switch.
    switchers: Vec<String>,
}

impl Section for Rules {
    const NAME: &'static str = "lamps";
}

fn service(config: Config, rules: Rules) -> Component {
    let lamps = Arc::new(Lamps::default());
    let (seen, switched) = (Arc::clone(&lamps), lamps);
    let rules = Arc::new(rules);
    Component::new(config)
        .named("{{name}}")
        .on_get(move |ask: Incoming<Lamp>| {
            let lit = seen.lit(&ask.room);
            async move {
                Ok(Lamp {
                    room: ask.into_payload().room,
                    lit: Some(lit),
                })
            }
        })
        .on_set(move |order: Incoming<Lamp>| {
            let done = switch(&switched, &rules, &order);
            async move { done }
        })
}

fn switch(lamps: &Lamps, rules: &Rules, order: &Incoming<Lamp>) -> Result<Empty, StanzaError> {
    let from = order.from().domain();
    if !rules.switchers.iter().any(|domain| domain == from) {
        return Err(Condition::Forbidden.into());
    }
    let Some(lit) = order.lit else {
        return Err(StanzaError::new(Condition::BadRequest).text("Say lit='true' or lit='false'"));
    };
    match lamps.switch(&order.room, lit) {
        true => Ok(Empty),
        false => Err(StanzaError::new(Condition::ResourceConstraint).text("There are no more rooms")),
    }
}

fn main() -> ExitCode {
    let app = App::new().sources(Sources::process().with_section::<Rules>());
    app.run(async |config, shutdown| {
        let rules = config.section(Rules::NAME)?;
        service(config, rules).run(shutdown.requested()).await
    })
}

#[cfg(test)]
mod tests {
    use couplet::{Component, Config};
    use couplet_test::Server;

    use super::{Rules, service};

    const KITCHEN: &str = "<lamp xmlns='urn:example:lamps' room='kitchen'/>";
    const LIT: &str = "<lamp xmlns='urn:example:lamps' room='kitchen' lit='true'/>";

    fn open_to_example_org(config: Config) -> Component {
        let switchers = vec!["example.org".to_owned()];
        service(config, Rules { switchers })
    }

    /// With a server in memory.
    #[tokio::test]
    async fn what_one_switches_on_another_sees() {
        let server = Server::start(open_to_example_org).await;
        let mut alice = server.user("alice@example.org/phone");
        let mut bob = server.user("bob@example.com/desk");
        assert_eq!(alice.ask("set", "echo.test", LIT).await.type_(), "result");
        let seen = bob.ask("get", "echo.test", KITCHEN).await;
        let lamp = seen.root().children().next().unwrap();
        assert_eq!(lamp.attr("lit").as_deref(), Some("true"));
    }

    #[tokio::test]
    async fn whoever_may_not_switch_is_told_so() {
        let server = Server::start(open_to_example_org).await;
        let mut bob = server.user("bob@example.com/desk");
        let refused = bob.ask("set", "echo.test", LIT).await;
        assert_eq!(refused.condition(), "forbidden");
        let mut alice = server.user("alice@example.org/phone");
        let refused = alice.ask("set", "echo.test", KITCHEN).await;
        assert_eq!(refused.condition(), "bad-request");
    }
}
