//! The pages over HTTP: `/healthz`, `/readyz`, `/metrics`.
//!
//! Whoever connects has ten seconds and one of sixteen places, and gets one answer.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
    serve::Listener,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{self, Instant, Sleep},
};

use super::{page, recorder::Recorder};
use crate::health::Health;

/// How long a visitor may take for everything.
const VISIT: Duration = Duration::from_secs(10);

/// How many visitors there are at once; others wait in the backlog of the socket.
const PLACES: usize = 16;

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, health: Health, recorder: Recorder) {
    let door = Door {
        listener,
        places: Arc::new(Semaphore::new(PLACES)),
    };
    if let Err(why) = axum::serve(door, pages(health, recorder)).await {
        tracing::error!(%why, "health, readiness and metrics are served no more");
    }
}

fn pages(health: Health, recorder: Recorder) -> Router {
    let metrics = async |State(recorder): State<Recorder>| {
        let type_ = [(header::CONTENT_TYPE, page::CONTENT_TYPE)];
        (ONE_ANSWER, type_, recorder.page())
    };
    let readiness = async |State(health): State<Health>| {
        let (status, line) = match health.readiness(Instant::now()) {
            Ok(line) => (StatusCode::OK, line),
            Err(line) => (StatusCode::SERVICE_UNAVAILABLE, line),
        };
        (status, ONE_ANSWER, line + "\n")
    };
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(recorder)
        .merge(
            Router::new()
                .route("/readyz", get(readiness))
                .with_state(health),
        )
        // That it answers says that the runtime turns.
        .route("/healthz", get(async || (ONE_ANSWER, "alive\n")))
        .fallback(nothing_here)
}

async fn nothing_here() -> impl IntoResponse {
    let text = "There are /healthz, /readyz and /metrics\n";
    (StatusCode::NOT_FOUND, ONE_ANSWER, text)
}

const ONE_ANSWER: [(header::HeaderName, &str); 1] = [(header::CONNECTION, "close")];

/// Lets visitors in while there are places.
struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl Listener for Door {
    type Io = Visitor;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visitor, SocketAddr) {
        loop {
            // Nobody closes the semaphore.
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                return std::future::pending().await;
            };
            match self.listener.accept().await {
                Ok((stream, address)) => return (Visitor::new(stream, place), address),
                Err(why) => {
                    // Out of file descriptors, as a rule: that passes.
                    tracing::warn!(%why, "nobody can be let in at operate.listen");
                    time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that fails when its time is up.
struct Visitor {
    stream: TcpStream,
    until: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Visitor {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Visitor {
        Visitor {
            stream,
            until: Box::pin(time::sleep(VISIT)),
            _place: place,
        }
    }

    fn poll_time_is_up(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.until.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Visitor {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_time_is_up(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Visitor {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_time_is_up(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_time_is_up(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
