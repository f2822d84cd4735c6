//! A publish-subscribe service: users create nodes and publish items, subscribers get notifications.

use std::process::ExitCode;

use couplet::app::App;
use couplet::config::Sources;
use couplet::{Component, Config, Error, Shutdown};
use couplet_pubsub::Pubsub;
use couplet_pubsub::settings::{SECTION, Settings};

/// Builds the component. Add handlers of your own here, and your own access rules with `Pubsub::policy`.
fn news(config: Config, pubsub: &Pubsub) -> Component {
    Component::new(config)
        .named(env!("CARGO_PKG_NAME"))
        .extend(pubsub)
}

async fn serve(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let opening = Pubsub::open(config.section(SECTION)?);
    let Some(opened) = shutdown.run_until_requested(opening).await else {
        return Ok(()); // stopped before the store was open
    };
    let pubsub = opened?;
    let result = news(config, &pubsub).run(shutdown.requested()).await;
    let closed = pubsub.close().await;
    result.and(closed.map_err(Error::from))
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
    use couplet_test::{Server, TestUser};

    use super::news;

    /// Sends a request to the service, which must succeed.
    async fn request(user: &mut TestUser, action: &str) {
        let payload =
            format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'>{action}</pubsub>");
        let response = user.ask("set", "echo.test", &payload).await;
        assert_eq!(response.type_(), "result", "{response}");
    }

    /// Runs the service with an in-memory server.
    #[tokio::test]
    async fn a_subscriber_gets_what_is_published() {
        let service = Pubsub::memory();
        let server = Server::start(|config| news(config, &service)).await;
        let mut alice = server.user("alice@example.org/phone");
        let mut bob = server.user("bob@example.org/desk");
        request(&mut alice, "<create node='news'/>").await;
        let subscribe = "<subscribe node='news' jid='bob@example.org/desk'/>";
        request(&mut bob, subscribe).await;
        let publish = "<publish node='news'><item id='1'><rain xmlns='urn:x'/></item></publish>";
        request(&mut alice, publish).await;
        let notification = bob.next().await;
        assert!(notification.to_string().contains("urn:x"), "{notification}");
    }
}
