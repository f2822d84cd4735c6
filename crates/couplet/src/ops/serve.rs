//! The pages over HTTP: `/healthz`, `/readyz`, `/metrics`.
//!
//! Each connection gets one answer. It has two seconds for its request and ten for everything, and
//! where all places are taken the oldest that has not asked yet makes room.

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

/// How long a connection may take for the head of its request.
const REQUEST: Duration = Duration::from_secs(2);
/// How long it may take for everything.
const VISIT: Duration = Duration::from_secs(10);
/// How many connections there are at once.
pub(super) const PLACES: usize = 64;

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, health: Health, recorder: Recorder) {
    let pages = pages(health, recorder);
    let mut visitors = Visitors::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => visitors.admit(stream, &pages),
            Err(why) => {
                // Out of file descriptors, as a rule: that passes.
                tracing::warn!(%why, "no connection can be accepted at ops.listen");
                time::sleep(Duration::from_secs(1)).await;
            }
        }
        // Those that are here have their turn before the next is let in, however many knock.
        tokio::task::yield_now().await;
    }
}

/// The connections that are served, the oldest first.
#[derive(Default)]
struct Visitors {
    tasks: JoinSet<()>,
    places: VecDeque<Place>,
}

struct Place {
    task: AbortHandle,
    has_asked: Arc<AtomicBool>,
}

impl Visitors {
    fn admit(&mut self, stream: TcpStream, pages: &Router) {
        while self.tasks.try_join_next().is_some() {}
        self.places.retain(|place| !place.task.is_finished());
        if self.places.len() >= PLACES {
            let idle = |place: &Place| !place.has_asked.load(Ordering::Relaxed);
            let oldest = self.places.iter().position(idle).unwrap_or_default();
            if let Some(place) = self.places.remove(oldest) {
                place.task.abort();
            }
        }
        let has_asked = Arc::new(AtomicBool::new(false));
        let visit = visit(stream, pages.clone(), Arc::clone(&has_asked));
        let task = self.tasks.spawn(visit);
        self.places.push_back(Place { task, has_asked });
    }
}

async fn visit(stream: TcpStream, pages: Router, has_asked: Arc<AtomicBool>) {
    let pages = TowerToHyperService::new(pages);
    let answer = service_fn(move |request| {
        has_asked.store(true, Ordering::Relaxed);
        pages.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    match time::timeout(VISIT, served).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => tracing::debug!(%why, "a connection at ops.listen has failed"),
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
        // That it answers says that the runtime turns.
        .route("/healthz", get(async || (ONE_ANSWER, "alive\n")))
        .fallback(nothing_here)
}

async fn nothing_here() -> impl IntoResponse {
    let text = "There are /healthz, /readyz and /metrics\n";
    (StatusCode::NOT_FOUND, ONE_ANSWER, text)
}

const ONE_ANSWER: [(header::HeaderName, &str); 1] = [(header::CONNECTION, "close")];
