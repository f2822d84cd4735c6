//! [`EchoTask`]: the component of examples/echo on a task of this process.

use std::time::Duration;

use couplet::{Component, Config, Contact, Incoming, Message};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::failure::Failure;

const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// A running echo; it ends when this value is dropped.
#[derive(Debug)]
pub(super) struct EchoTask {
    task: JoinSet<Result<(), couplet::Error>>,
    stop: Option<oneshot::Sender<()>>,
}

impl EchoTask {
    pub(super) fn start(config: Config) -> EchoTask {
        let (stop, stopped) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let until = async move {
                let _also_when_dropped = stopped.await;
            };
            echo(config).run(until).await
        });
        EchoTask {
            task,
            stop: Some(stop),
        }
    }

    pub(super) async fn wait(&mut self) -> Failure {
        match self.task.join_next().await {
            Some(Ok(Err(error))) => error.into(),
            Some(Err(panicked)) => Failure::new(format!("the echo panicked: {panicked}")),
            Some(Ok(Ok(()))) | None => Failure::new("the echo stopped"),
        }
    }

    pub(super) async fn stop(&mut self) {
        drop(self.stop.take());
        let _it_may_have_failed = timeout(STOP_TIMEOUT, self.task.join_next()).await;
    }
}

fn echo(config: Config) -> Component {
    Component::new(config)
        .named("Echo")
        .contact(Contact::any().about("Sends back what you write"))
        .on_chat(|chat: Incoming<Message>| async move { chat.reply_or_correct(chat.text()).await })
}
