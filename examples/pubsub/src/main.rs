//! A publish-subscribe service (XEP-0060) beside any XMPP server.

use std::process::ExitCode;

use couplet::{
    Component, Config, Error,
    config::Sources,
    launch::{Launch, Stop},
};
use couplet_pubsub::{
    Pubsub,
    settings::{SECTION, Settings},
};

mod moving;

fn main() -> ExitCode {
    Launch::new()
        .version(env!("CARGO_PKG_VERSION"))
        .sources(Sources::process().section(SECTION))
        .check(|config| config.section::<Settings>(SECTION).map(|_| ()))
        .subcommand(moving::backup(), moving::back_up)
        .subcommand(moving::export(), moving::write_out)
        .subcommand(moving::import(), moving::read_in)
        .run(serve)
}

async fn serve(config: Config, stop: Stop) -> Result<(), Error> {
    let settings = config.section(SECTION)?;
    let pubsub = Pubsub::open(settings)
        .await
        .map_err(trouble("opening the store"))?;
    let component = pubsub.mount(Component::new(config).named("Pubsub"));
    let ended = component.run(stop.wait()).await;
    pubsub.close().await.map_err(trouble("closing the store"))?;
    ended
}

fn trouble<E>(doing: &str) -> impl FnOnce(E) -> Error
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let doing = doing.to_owned();
    |why| Error::Io {
        doing,
        cause: std::io::Error::other(why),
    }
}
