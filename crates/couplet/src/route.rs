//! One handler as the dispatch sees it: a stanza goes in, its answer comes out, now or later.
//!
//! Deliberately absent: which stanzas are whose; that is the router's.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use couplet_core::{
    message::Message,
    presence::Presence,
    stanza::{IqType, Stanza},
    stanza_error::{Condition, StanzaError},
};

use crate::{
    handler::{Handling, IntoResponse, IqHandler, MessageHandler, PresenceHandler},
    incoming::{Incoming, Iq},
    switchboard::Switchboard,
};

/// So many first polls in a row that held up the reader make a handler one that is spawned.
const HELD_UP: u8 = 2;

/// One handler with what is known of it.
pub(crate) struct Route {
    /// For the log.
    pub(crate) name: &'static str,
    /// Its own deadline, where it has one.
    pub(crate) limit: Option<Duration>,
    serve: Box<Serve>,
    held_up: AtomicU8,
}

type Serve = dyn Fn(Stanza, Arc<Switchboard>) -> Result<Serving, StanzaError> + Send + Sync;

/// A handler at work.
pub(crate) enum Serving {
    /// It had its answer at once.
    Now(Option<Result<Answer, StanzaError>>),
    /// A request, to be polled.
    Request(Handling<Box<dyn IntoResponse + Send>>),
    /// A message or presence, to be polled.
    Other(Handling<()>),
}

impl Serving {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, StanzaError>> {
        match self {
            Serving::Now(answer) => Poll::Ready(answer.take().unwrap_or(Ok(Answer::Nothing))),
            Serving::Request(handling) => handling.as_mut().poll(cx).map_ok(Answer::Result),
            Serving::Other(handling) => handling.as_mut().poll(cx).map_ok(|()| Answer::Nothing),
        }
    }
}

/// What a handler wants said.
pub(crate) enum Answer {
    /// Nothing: it was a message or presence.
    Nothing,
    /// An IQ result.
    Result(Box<dyn IntoResponse + Send>),
}

impl Route {
    fn new<H>(
        limit: Option<Duration>,
        serve: impl Fn(Stanza, Arc<Switchboard>) -> Result<Serving, StanzaError> + Send + Sync + 'static,
    ) -> Route {
        Route {
            name: std::any::type_name::<H>(),
            limit,
            serve: Box::new(serve),
            held_up: AtomicU8::new(0),
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
    ) -> Result<Serving, StanzaError> {
        (self.serve)(stanza, switchboard)
    }

    /// Whether its first polls hold up the reader: for good, once two in a row did. One alone may
    /// have been a busy machine.
    pub(crate) fn holds_up(&self) -> bool {
        self.held_up.load(Ordering::Relaxed) >= HELD_UP
    }

    /// Notes whether a first poll has held up the reader.
    pub(crate) fn note_poll(&self, held_up: bool) {
        let before = self.held_up.load(Ordering::Relaxed);
        match held_up {
            true => self
                .held_up
                .store(before.saturating_add(1), Ordering::Relaxed),
            false if before > 0 => self.held_up.store(0, Ordering::Relaxed),
            false => {}
        }
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
            Ok(Serving::Request(Arc::clone(&handler).into_handling(ask)))
        })
    }

    /// A handler of whatever request nobody else takes.
    pub(crate) fn iq_fallback<H, Answered, R, E>(handler: H, limit: Option<Duration>) -> Route
    where
        H: Fn(Incoming<Iq>) -> Answered + Send + Sync + 'static,
        Answered: Future<Output = Result<R, E>> + Send + 'static,
        R: IntoResponse + Send + 'static,
        E: Into<StanzaError>,
    {
        Route::new::<H>(limit, move |stanza, switchboard| {
            let type_ = IqType::of(&stanza).ok_or(Condition::BadRequest)?;
            let iq = Iq::new(stanza.clone(), type_);
            let answered = handler(Incoming::new(iq, stanza, switchboard));
            Ok(Serving::Request(Box::pin(async move {
                let response = answered.await.map_err(Into::into)?;
                Ok(Box::new(response) as Box<dyn IntoResponse + Send>)
            })))
        })
    }

    pub(crate) fn message<H: MessageHandler>(handler: H, limit: Option<Duration>) -> Route {
        let handler = Arc::new(handler);
        Route::new::<H>(limit, move |stanza, switchboard| {
            let message = Incoming::new(Message::from(stanza.clone()), stanza, switchboard);
            Ok(Serving::Other(Arc::clone(&handler).into_handling(message)))
        })
    }

    pub(crate) fn presence<H: PresenceHandler>(handler: H, limit: Option<Duration>) -> Route {
        let handler = Arc::new(handler);
        Route::new::<H>(limit, move |stanza, switchboard| {
            let presence = Incoming::new(Presence::from(stanza.clone()), stanza, switchboard);
            Ok(Serving::Other(Arc::clone(&handler).into_handling(presence)))
        })
    }
}

fn malformed(why: xso::error::Error) -> StanzaError {
    let text = why.to_string();
    StanzaError::new(Condition::BadRequest)
        .text(text)
        .because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_poll_is_forgiven_and_two_in_a_row_are_not() {
        let route = Route::new::<()>(None, |_, _| Ok(Serving::Now(None)));
        for held_up in [true, false, true] {
            route.note_poll(held_up);
            assert!(!route.holds_up());
        }
        route.note_poll(true);
        assert!(route.holds_up());
    }
}
