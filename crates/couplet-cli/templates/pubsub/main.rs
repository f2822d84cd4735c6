//! A publish-subscribe service: whoever may creates nodes and publishes, subscribers are told.

use std::process::ExitCode;

use couplet::config::Sources;
use couplet::app::App;
use couplet::{Component, Config, Error, Shutdown};
use couplet_pubsub::Pubsub;
use couplet_pubsub::settings::{SECTION, Settings};

/// What else the component does goes here: handlers beside the service, and `Pubsub::policy` with
/// rules of your own.
fn news(config: Config, pubsub: &Pubsub) -> Component {
    pubsub.mount(Component::new(config).named("{{name}}"))
}

async fn serve(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let opening = Pubsub::open(config.section(SECTION)?);
    let Some(opened) = shutdown.run_until_requested(opening).await else {
        return Ok(()); // asked to stop before there was anything to serve
    };
    let pubsub = opened?;
    let ended = news(config, &pubsub).run(shutdown.requested()).await;
    let closed = pubsub.close().await;
    ended.and(closed.map_err(Error::from))
}

fn main() -> ExitCode {
    App::new()
        .version(env!("CARGO_PKG_VERSION"))
        .sources(Sources::process().with_section::<Settings>())
        .run(serve)
}

#[cfg(test)]
mod tests {
    use couplet_pubsub::Pubsub;
    use couplet_test::Server;

    use super::news;

    fn pubsub(what: &str) -> String {
        format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{what}</pubsub>")
    }

    /// With a server in memory.
    #[tokio::test]
    async fn what_alice_publishes_bob_is_told() {
        let kept = Pubsub::memory();
        let server = Server::start(|config| news(config, &kept)).await;
        let mut alice = server.user("alice@example.org/phone");
        let mut bob = server.user("bob@example.org/desk");
        let create = pubsub("<create node='news'/>");
        assert_eq!(alice.ask("set", "echo.test", &create).await.type_(), "result");
        let subscribe = pubsub("<subscribe node='news' jid='bob@example.org/desk'/>");
        assert_eq!(bob.ask("set", "echo.test", &subscribe).await.type_(), "result");
        let publish = "<publish node='news'><item id='1'><rain xmlns='urn:x'/></item></publish>";
        let publish = pubsub(publish);
        assert_eq!(alice.ask("set", "echo.test", &publish).await.type_(), "result");
        let told = bob.next().await;
        assert!(told.to_string().contains("urn:x"), "{told}");
    }
}
