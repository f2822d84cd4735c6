//! A registered handler, called with a stanza.

mod layer;

use std::{
    fmt,
    future::{Future, poll_fn},
    panic::Location,
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
use xso::FromXml;

use crate::{
    handler::{Handling, IntoResponse, IqHandler, MessageHandler, PresenceHandler},
    incoming::{Incoming, Iq},
    shared::Shared,
};

pub use layer::{Handled, Middleware, Next};

/// Number of consecutive first polls that delay the reader after which a handler always runs as a
/// task.
const HELD_UP: u8 = 2;

/// The options of handlers that are registered in one scope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// The deadline of the handlers, if it is not the default.
    pub(crate) limit: Option<Duration>,
    /// Whether they may replace other handlers of the same route.
    pub(crate) replaces: bool,
    /// The extension that registers them.
    pub(crate) extension: Option<Arc<str>>,
}

/// Where and with which options a handler is registered.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) scope: Scope,
    location: &'static Location<'static>,
}

impl Registration {
    /// Returns the registration of a built-in handler.
    #[track_caller]
    pub(crate) fn built_in() -> Registration {
        Registration::in_scope(Scope::default())
    }

    /// Returns the registration of a handler by the caller.
    #[track_caller]
    pub(crate) fn in_scope(scope: Scope) -> Registration {
        let location = Location::caller();
        Registration { scope, location }
    }
}

impl fmt::Display for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope.extension {
            Some(extension) => write!(f, "by the extension {extension} at {}", self.location),
            None => write!(f, "at {}", self.location),
        }
    }
}

/// A registered handler.
pub(crate) struct Route {
    /// The name of the handler in log lines: its type, or the location where its closure is
    /// registered.
    pub(crate) name: Box<str>,
    pub(crate) registration: Registration,
    serve: Box<Serve>,
    layers: Arc<[Arc<dyn Middleware>]>,
    held_up: AtomicU8,
}

type Serve = dyn Fn(Stanza, Arc<Shared>) -> Result<Serving, StanzaError> + Send + Sync;

/// A running handler.
pub(crate) enum Serving {
    /// It returned without a future.
    Now(Option<Result<Answer, StanzaError>>),
    /// The future of a request.
    Request(Handling<Box<dyn IntoResponse + Send>>),
    /// The future of a message or presence.
    Other(Handling<()>),
    /// The future of a handler with middleware.
    Layered(Handling<Handled>),
}

impl Serving {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, StanzaError>> {
        match self {
            Serving::Now(answer) => Poll::Ready(answer.take().unwrap_or(Ok(Answer::Nothing))),
            Serving::Request(handling) => handling.as_mut().poll(cx).map_ok(Answer::Result),
            Serving::Other(handling) => handling.as_mut().poll(cx).map_ok(|()| Answer::Nothing),
            Serving::Layered(handling) => handling.as_mut().poll(cx).map_ok(|handled| handled.0),
        }
    }
}

/// What a handler returned.
pub(crate) enum Answer {
    /// No response: the stanza was a message or presence.
    Nothing,
    /// An IQ result.
    Result(Box<dyn IntoResponse + Send>),
}

impl Route {
    fn new<H>(
        registration: Registration,
        serve: impl Fn(Stanza, Arc<Shared>) -> Result<Serving, StanzaError> + Send + Sync + 'static,
    ) -> Route {
        Route {
            name: name_of::<H>(&registration),
            registration,
            serve: Box::new(serve),
            layers: Arc::new([]),
            held_up: AtomicU8::new(0),
        }
    }

    /// Calls the handler. Its future does nothing until it is polled.
    ///
    /// # Errors
    ///
    /// `bad-request` if the payload is not of the handler's type.
    pub(crate) fn serve(
        self: &Arc<Self>,
        stanza: Stanza,
        shared: Arc<Shared>,
    ) -> Result<Serving, StanzaError> {
        if self.layers.is_empty() {
            return (self.serve)(stanza, shared);
        }
        let incoming = Incoming::new(stanza.clone(), stanza, shared);
        let next = Next::first(Arc::clone(self));
        Ok(Serving::Layered(Box::pin(next.run(incoming))))
    }

    /// The same route; `before` is called when its handler begins, inside its middleware.
    pub(crate) fn preceded_by(
        self: &Arc<Self>,
        before: impl Fn(&Stanza, &Shared) + Send + Sync + 'static,
    ) -> Route {
        let inner = Arc::clone(self);
        Route {
            name: self.name.clone(),
            registration: self.registration.clone(),
            layers: Arc::clone(&self.layers),
            serve: Box::new(move |stanza, shared| {
                before(&stanza, &shared);
                (inner.serve)(stanza, shared)
            }),
            held_up: AtomicU8::new(0),
        }
    }

    /// Adds middleware around the handler, outermost first.
    pub(crate) fn set_layers(&mut self, layers: &Arc<[Arc<dyn Middleware>]>) {
        self.layers = Arc::clone(layers);
    }

    /// Returns the middleware at this index.
    pub(crate) fn layer(&self, at: usize) -> Option<&Arc<dyn Middleware>> {
        self.layers.get(at)
    }

    /// Runs the handler without its middleware.
    pub(crate) async fn call(&self, incoming: Incoming<Stanza>) -> Result<Answer, StanzaError> {
        let (stanza, shared) = incoming.into_parts();
        let mut serving = (self.serve)(stanza, shared)?;
        poll_fn(|cx| serving.poll(cx)).await
    }

    /// Returns whether the handler always runs as a task, because two consecutive first polls
    /// delayed the reader. A single one may be due to a busy machine.
    pub(crate) fn holds_up(&self) -> bool {
        self.held_up.load(Ordering::Relaxed) >= HELD_UP
    }

    /// Records whether a first poll delayed the reader.
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

    pub(crate) fn iq<R, H>(handler: H, registration: Registration) -> Route
    where
        R: FromXml + Send + 'static,
        H: IqHandler<R>,
    {
        let handler = Arc::new(handler);
        Route::new::<H>(registration, move |stanza, shared| {
            let request = stanza
                .payloads()
                .next()
                .ok_or(Condition::BadRequest)?
                .parse::<R>()
                .map_err(malformed)?;
            let request = Incoming::new(request, stanza, shared);
            if let Some(answer) = handler.handle_now(&request) {
                let answer = answer.map(|response| Answer::Result(Box::new(response)));
                return Ok(Serving::Now(Some(answer)));
            }
            Ok(Serving::Request(
                Arc::clone(&handler).into_handling(request),
            ))
        })
    }

    /// Creates the handler of requests that no other handler takes.
    pub(crate) fn iq_fallback<H, Answered, R>(handler: H, registration: Registration) -> Route
    where
        H: Fn(Incoming<Iq>) -> Answered + Send + Sync + 'static,
        Answered: Future<Output = Result<R, StanzaError>> + Send + 'static,
        R: IntoResponse + Send + 'static,
    {
        Route::new::<H>(registration, move |stanza, shared| {
            let type_ = IqType::of(&stanza).ok_or(Condition::BadRequest)?;
            let iq = Iq::new(stanza.clone(), type_);
            let answered = handler(Incoming::new(iq, stanza, shared));
            Ok(Serving::Request(Box::pin(async move {
                let response = answered.await?;
                Ok(Box::new(response) as Box<dyn IntoResponse + Send>)
            })))
        })
    }

    pub(crate) fn message<H: MessageHandler>(handler: H, registration: Registration) -> Route {
        let handler = Arc::new(handler);
        Route::new::<H>(registration, move |stanza, shared| {
            let message = Incoming::new(Message::from(stanza.clone()), stanza, shared);
            Ok(Serving::Other(Arc::clone(&handler).into_handling(message)))
        })
    }

    pub(crate) fn presence<H: PresenceHandler>(handler: H, registration: Registration) -> Route {
        let handler = Arc::new(handler);
        Route::new::<H>(registration, move |stanza, shared| {
            let presence = Incoming::new(Presence::from(stanza.clone()), stanza, shared);
            Ok(Serving::Other(Arc::clone(&handler).into_handling(presence)))
        })
    }
}

/// Returns the type of a handler, or the location where its closure is registered.
fn name_of<H>(registration: &Registration) -> Box<str> {
    let name = std::any::type_name::<H>();
    match name.contains("{{closure}}") {
        true => format!("closure {registration}").into(),
        false => name.into(),
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
        let route = Route::new::<()>(Registration::built_in(), |_, _| Ok(Serving::Now(None)));
        for held_up in [true, false, true] {
            route.note_poll(held_up);
            assert!(!route.holds_up());
        }
        route.note_poll(true);
        assert!(route.holds_up());
    }
}
