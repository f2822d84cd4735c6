//! Our service on threads of its own, from its start to its stop.

use std::{io, thread, time::Duration};

use couplet::{Component, Config};
use couplet_pubsub::{
    Pubsub,
    settings::{MayCreate, Settings, StoreLocation},
};
use tokio::{runtime::Builder, sync::oneshot};

/// The running service.
pub(crate) struct Service {
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<Result<(), String>>,
}

/// The configuration of the service.
pub(crate) struct Place {
    pub(crate) server: String,
    pub(crate) domain: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) store: StoreLocation,
    pub(crate) threads: usize,
}

impl Service {
    pub(crate) fn start(place: Place) -> Service {
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || run(place, stopped).map_err(|why| why.to_string()));
        Service { stop, thread }
    }

    /// Returns whether it has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    pub(crate) fn stop(self) -> io::Result<()> {
        let _it_may_have_ended = self.stop.send(());
        let ended = self.thread.join();
        ended
            .map_err(|_| io::Error::other("the service panicked"))?
            .map_err(io::Error::other)
    }
}

fn run(place: Place, stopped: oneshot::Receiver<()>) -> Result<(), Box<dyn std::error::Error>> {
    // The same choice as a service that is started from the command line.
    let runtime = match place.threads {
        1 => Builder::new_current_thread().enable_all().build()?,
        many => Builder::new_multi_thread()
            .worker_threads(many)
            .enable_all()
            .build()?,
    };
    runtime.block_on(async {
        let mut settings = Settings::default();
        // Publishers in memory are faster than commits of announcements, to which there are no
        // subscribers.
        settings.limits.backlog = 10_000_000;
        settings.store = place.store;
        settings.creators = MayCreate::Anyone;
        let pubsub = Pubsub::open(settings).await?;
        let mut config = Config::new(place.domain, place.secret).with_server(place.server.parse()?);
        config.timing.grace = Duration::from_secs(1);
        let component = Component::new(config).extend(&pubsub).without_reconnect();
        let until = async {
            let _dropped_too = stopped.await;
        };
        let ended = component.run(until).await;
        pubsub.close().await?;
        ended.map_err(Into::into)
    })
}
