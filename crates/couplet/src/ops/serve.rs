//! Serves `/healthz`, `/readyz` and `/metrics` over HTTP.
//!
//! Each connection gets one response. It has two seconds for its request and ten in total. If all
//! places are in use, the oldest connection without a request is closed.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use hyper::{
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::{self, Instant},
};

use super::{page, recorder::Recorder};
use crate::health::Health;

/// Time limit for the head of a request.
const REQUEST: Duration = Duration::from_secs(2);
/// Time limit for a whole connection.
const CONNECTION: Duration = Duration::from_secs(10);
/// Maximum number of connections at once.
pub(super) const MAX_CONNECTIONS: usize = 64;

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, health: Health, recorder: Recorder) {
    let pages = pages(health, recorder);
    let mut connections = Connections::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => connections.admit(stream, &pages),
            Err(why) => {
                // Usually out of file descriptors, which is temporary.
                tracing::warn!(error = %why, "no connection can be accepted at ops.listen");
                time::sleep(Duration::from_secs(1)).await;
            }
        }
        // Lets accepted connections run before the next one is accepted.
        tokio::task::yield_now().await;
    }
}

/// The open connections, oldest first.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    open: VecDeque<Connection>,
}

struct Connection {
    task: AbortHandle,
    has_sent_request: Arc<AtomicBool>,
}

impl Connections {
    fn admit(&mut self, stream: TcpStream, pages: &Router) {
        while self.tasks.try_join_next().is_some() {}
        self.open
            .retain(|connection| !connection.task.is_finished());
        if self.open.len() >= MAX_CONNECTIONS {
            let idle =
                |connection: &Connection| !connection.has_sent_request.load(Ordering::Relaxed);
            let oldest = self.open.iter().position(idle).unwrap_or_default();
            if let Some(connection) = self.open.remove(oldest) {
                connection.task.abort();
            }
        }
        let has_sent_request = Arc::new(AtomicBool::new(false));
        let serve_connection =
            serve_connection(stream, pages.clone(), Arc::clone(&has_sent_request));
        let task = self.tasks.spawn(serve_connection);
        self.open.push_back(Connection {
            task,
            has_sent_request,
        });
    }
}

async fn serve_connection(stream: TcpStream, pages: Router, has_sent_request: Arc<AtomicBool>) {
    let pages = TowerToHyperService::new(pages);
    let service = service_fn(move |request| {
        has_sent_request.store(true, Ordering::Relaxed);
        pages.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match time::timeout(CONNECTION, served).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => tracing::debug!(error = %why, "a connection at ops.listen has failed"),
        Err(_elapsed) => tracing::debug!("a connection at ops.listen took too long"),
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
        // A response shows that the runtime works.
        .route("/healthz", get(async || (ONE_ANSWER, "alive\n")))
        .fallback(nothing_here)
}

async fn nothing_here() -> impl IntoResponse {
    let text = "Available: /healthz, /readyz and /metrics\n";
    (StatusCode::NOT_FOUND, ONE_ANSWER, text)
}

const ONE_ANSWER: [(header::HeaderName, &str); 1] = [(header::CONNECTION, "close")];
