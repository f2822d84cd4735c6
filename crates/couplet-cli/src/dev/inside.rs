//! The echo, in this process.
//!
//! The same as examples/echo, which is a program of its own.

use std::time::Duration;

use couplet::{Component, Config, Incoming, Message};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::failure::Failure;

const STOPPED_WITHIN: Duration = Duration::from_secs(3);

/// A component on a task; it ends with this value.
#[derive(Debug)]
pub(super) struct Inside {
    task: JoinSet<Result<(), couplet::Error>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Inside {
    pub(super) fn start(config: Config) -> Inside {
        let (stop, stopped) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let until = async move {
                let _also_when_dropped = stopped.await;
            };
            echo(config).run(until).await
        });
        Inside {
            task,
            stop: Some(stop),
        }
    }

    pub(super) async fn ended(&mut self) -> Failure {
        match self.task.join_next().await {
            Some(Ok(Err(error))) => error.into(),
            Some(Err(panicked)) => Failure::new(format!("the echo failed: {panicked}")),
            Some(Ok(Ok(()))) | None => Failure::new("the echo ended by itself"),
        }
    }

    pub(super) async fn stop(&mut self) {
        drop(self.stop.take());
        let _it_may_have_failed = timeout(STOPPED_WITHIN, self.task.join_next()).await;
    }
}

fn echo(config: Config) -> Component {
    Component::new(config)
        .named("Echo")
        .on_chat(|chat: Incoming<Message>| async move { chat.reply(chat.text()).await })
}
