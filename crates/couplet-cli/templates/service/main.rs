//! A service: programs request the state of lamps, and switch them if they are allowed to.

mod lamps;
mod payload;

use std::process::ExitCode;
use std::sync::Arc;

use couplet::app::App;
use couplet::config::{Section, Sources};
use couplet::{Component, Condition, Config, Empty, Incoming, StanzaError, with};
use serde::{Deserialize, Serialize};

use crate::lamps::Lamps;
use crate::payload::Lamp;

/// The settings in the table `[lamps]` of couplet.toml.
#[derive(Debug, Deserialize, Serialize)]
struct LampSettings {
    /// The domains whose users may switch lamps.
    switchers: Vec<String>,
}

impl Section for LampSettings {
    const NAME: &'static str = "lamps";
}

/// What the handlers share.
#[derive(Debug)]
struct State {
    settings: LampSettings,
    lamps: Lamps,
}

fn service(config: Config, settings: LampSettings) -> Component {
    let lamps = Lamps::default();
    let state = Arc::new(State { settings, lamps });
    Component::new(config)
        .named("{{name}}")
        .refuse_texts()
        .on_get(with(Arc::clone(&state), get_lamp))
        .on_set(with(state, set_lamp))
}

async fn get_lamp(state: Arc<State>, request: Incoming<Lamp>) -> Result<Lamp, StanzaError> {
    let lit = Some(state.lamps.is_lit(&request.room));
    let room = request.into_payload().room;
    Ok(Lamp { room, lit })
}

async fn set_lamp(state: Arc<State>, request: Incoming<Lamp>) -> Result<Empty, StanzaError> {
    let domain = request.from().domain().to_owned();
    if !state.settings.switchers.contains(&domain) {
        return Err(Condition::Forbidden.into());
    }
    let Some(lit) = request.lit else {
        return Err(StanzaError::new(Condition::BadRequest).text("Attribute lit is missing"));
    };
    if !state.lamps.switch(&request.room, lit) {
        return Err(StanzaError::new(Condition::ResourceConstraint).text("Too many rooms"));
    }
    Ok(Empty)
}

fn main() -> ExitCode {
    let app = App::new().sources(Sources::process().with_section::<LampSettings>());
    app.run(async |config, shutdown| {
        let settings = config.section(LampSettings::NAME)?;
        service(config, settings).run(shutdown.requested()).await
    })
}

#[cfg(test)]
mod tests {
    use couplet::{Component, Config};
    use couplet_test::Server;

    use super::{LampSettings, service};

    const KITCHEN: &str = "<lamp xmlns='urn:example:lamps' room='kitchen'/>";
    const LIT: &str = "<lamp xmlns='urn:example:lamps' room='kitchen' lit='true'/>";

    fn service_of_example_org(config: Config) -> Component {
        let switchers = vec!["example.org".to_owned()];
        service(config, LampSettings { switchers })
    }

    /// Runs the service with an in-memory server.
    #[tokio::test]
    async fn a_switched_lamp_is_lit_for_other_users() {
        let server = Server::start(service_of_example_org).await;
        let mut alice = server.user("alice@example.org/phone");
        let mut bob = server.user("bob@example.com/desk");
        assert_eq!(alice.ask("set", "echo.test", LIT).await.type_(), "result");
        let response = bob.ask("get", "echo.test", KITCHEN).await;
        let lamp = response.root().children().next().unwrap();
        assert_eq!(lamp.attr("lit").as_deref(), Some("true"));
    }

    #[tokio::test]
    async fn a_request_that_is_not_allowed_or_incomplete_gets_an_error() {
        let server = Server::start(service_of_example_org).await;
        let mut bob = server.user("bob@example.com/desk");
        let error = bob.ask("set", "echo.test", LIT).await;
        assert_eq!(error.condition(), "forbidden");
        let mut alice = server.user("alice@example.org/phone");
        let error = alice.ask("set", "echo.test", KITCHEN).await;
        assert_eq!(error.condition(), "bad-request");
    }
}
