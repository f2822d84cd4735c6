//! A publish-subscribe service (XEP-0060) beside any XMPP server.

use std::process::ExitCode;

use couplet::{Component, Config, Error, Shutdown, app::App, config::Sources};
use couplet_pubsub::{
    Pubsub,
    settings::{SECTION, Settings},
};

mod transfer;

fn main() -> ExitCode {
    App::new()
        .version(env!("CARGO_PKG_VERSION"))
        .sources(Sources::process().with_section::<Settings>())
        .subcommand(transfer::backup(), transfer::back_up)
        .subcommand(transfer::export(), transfer::write_out)
        .subcommand(transfer::import(), transfer::read_in)
        .run(serve)
}

async fn serve(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let opening = Pubsub::open(config.section(SECTION)?);
    // A database that does not respond must not delay a shutdown.
    let Some(opened) = shutdown.run_until_requested(opening).await else {
        return Ok(());
    };
    let pubsub = opened?;
    let component = Component::new(config).named("Pubsub").extend(&pubsub);
    let ended = component.run(shutdown.requested()).await;
    let closed = pubsub.close().await;
    // The error of `run` has precedence: its exit code decides about a restart.
    ended.and(closed.map_err(Error::from))
}
