//! One handler as the dispatch sees it: a stanza goes in, its answer comes out, now or later.
//!
//! Deliberately absent: which stanzas are whose; that is the router's.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use couplet_core::{
    message::Message,
    presence::Presence,
    refusal::{Condition, Refusal},
    stanza::{IqType, Stanza},
};

use crate::{
    handler::{IntoResult, IqHandler, MessageHandler, PresenceHandler},
    incoming::{Incoming, Iq},
    switchboard::Switchboard,
};

/// One handler with what is known of it.
pub(crate) struct Route {
    /// For the log.
    pub(crate) name: &'static str,
    /// Its own deadline, where it has one.
    pub(crate) limit: Option<Duration>,
    serve: Box<Serve>,
    holds_up: AtomicBool,
}

type Serve = dyn Fn(Stanza, Arc<Switchboard>) -> Result<Serving, Refusal> + Send + Sync;

/// A handler at work.
pub(crate) enum Serving {
    /// It had its answer at once.
    Now(Option<Result<Answer, Refusal>>),
    /// It has to be polled.
    Later(Pin<Box<dyn Future<Output = Result<Answer, Refusal>> + Send>>),
}

impl Serving {
    fn later(answer: impl Future<Output = Result<Answer, Refusal>> + Send + 'static) -> Serving {
        Serving::Later(Box::pin(answer))
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, Refusal>> {
        match self {
            Serving::Now(answer) => Poll::Ready(answer.take().unwrap_or(Ok(Answer::Nothing))),
            Serving::Later(answer) => answer.as_mut().poll(cx),
        }
    }
}

/// What a handler wants said.
pub(crate) enum Answer {
    /// Nothing: it was a message or presence.
    Nothing,
    /// An IQ result.
    Result(Box<dyn IntoResult + Send>),
}

impl Route {
    fn new<H>(
        limit: Option<Duration>,
        serve: impl Fn(Stanza, Arc<Switchboard>) -> Result<Serving, Refusal> + Send + Sync + 'static,
    ) -> Route {
        Route {
            name: std::any::type_name::<H>(),
            limit,
            serve: Box::new(serve),
            holds_up: AtomicBool::new(false),
        }
    }

    /// Starts the handler, which then does nothing until polled.
    ///
    /// # Errors
    ///
    /// `bad-request` where the payload is not what the handler takes.
    pub(crate) fn serve(
        &self,
        stanza: Stanza,
        switchboard: Arc<Switchboard>,
    ) -> Result<Serving, Refusal> {
        (self.serve)(stanza, switchboard)
    }

    /// Whether its first poll has held up the reader before.
    pub(crate) fn holds_up(&self) -> bool {
        self.holds_up.load(Ordering::Relaxed)
    }

    /// Its first poll has held up the reader.
    pub(crate) fn note_held_up(&self) {
        self.holds_up.store(true, Ordering::Relaxed);
    }

    pub(crate) fn iq<H: IqHandler>(handler: H, limit: Option<Duration>) -> Route {
        let handler = Arc::new(handler);
        Route::new::<H>(limit, move |stanza, switchboard| {
            let request = stanza
                .payloads()
                .next()
                .ok_or(Condition::BadRequest)?
                .parse::<H::Request>()
                .map_err(malformed)?;
            let ask = Incoming::new(request, stanza, switchboard);
            if let Some(answer) = handler.handle_now(&ask) {
                let answer = answer.map(|response| Answer::Result(Box::new(response)));
                return Ok(Serving::Now(Some(answer)));
            }
            let handler = Arc::clone(&handler);
            Ok(Serving::later(async move {
                let response = handler.handle(ask).await?;
                Ok(Answer::Result(Box::new(response)))
            }))
        })
    }

    /// A handler of whatever request nobody else takes.
    pub(crate) fn iq_fallback<H, Answered, R, E>(handler: H, limit: Option<Duration>) -> Route
    where
        H: Fn(Incoming<Iq>) -> Answered + Send + Sync + 'static,
        Answered: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoResult + Send + 'static,
        E: Into<Refusal>,
    {
        Route::new::<H>(limit, move |stanza, switchboard| {
            let type_ = IqType::of(&stanza).ok_or(Condition::BadRequest)?;
            let iq = Iq::new(stanza.clone(), type_);
            let answered = handler(Incoming::new(iq, stanza, switchboard));
            Ok(Serving::later(async move {
                let response = answered.await.map_err(Into::into)?;
                Ok(Answer::Result(Box::new(response)))
            }))
        })
    }

    pub(crate) fn message<H: MessageHandler>(handler: H, limit: Option<Duration>) -> Route {
        let handler = Arc::new(handler);
        Route::new::<H>(limit, move |stanza, switchboard| {
            let handler = Arc::clone(&handler);
            let message = Incoming::new(Message::from(stanza.clone()), stanza, switchboard);
            Ok(Serving::later(async move {
                handler.handle(message).await.map(|()| Answer::Nothing)
            }))
        })
    }

    pub(crate) fn presence<H: PresenceHandler>(handler: H, limit: Option<Duration>) -> Route {
        let handler = Arc::new(handler);
        Route::new::<H>(limit, move |stanza, switchboard| {
            let handler = Arc::clone(&handler);
            let presence = Incoming::new(Presence::from(stanza.clone()), stanza, switchboard);
            Ok(Serving::later(async move {
                handler.handle(presence).await.map(|()| Answer::Nothing)
            }))
        })
    }
}

fn malformed(why: xso::error::Error) -> Refusal {
    let text = why.to_string();
    Refusal::new(Condition::BadRequest).text(text).because(why)
}
