//! Step `login`: the server knows the domain, and the secret is the same.

use std::time::Duration;

use couplet::error::Software;

use super::dialer::Dialer;
use super::doctor_stream::DoctorStream;
use super::report::{Checked, Finding};
use super::stream;

/// A login, with results for later steps.
pub(super) struct DoctorSession<'a> {
    pub(super) dialer: &'a Dialer<'a>,
    pub(super) stream: DoctorStream,
    pub(super) software: Option<Software>,
    /// Time limit for one step.
    pub(super) limit: Duration,
    /// Whether the server drops IQs to addresses without a resource; step `address` sets it.
    pub(super) drops_bare_iqs: bool,
    /// Other components of the server; step `host` sets them.
    pub(super) neighbours: Vec<String>,
}

impl<'a> DoctorSession<'a> {
    pub(super) fn domain(&self) -> &'a str {
        &self.dialer.config.domain
    }
}

pub(super) async fn check<'a>(
    dialer: &'a Dialer<'a>,
    software: Option<Software>,
    limit: Duration,
) -> Checked<DoctorSession<'a>> {
    let session = DoctorSession {
        dialer,
        stream: login(dialer).await?,
        software,
        limit,
        drops_bare_iqs: false,
        neighbours: Vec::new(),
    };
    let message = format!("the server accepts the component as {}", session.domain());
    Ok((Finding::pass(message), session))
}

/// Logs in; a failure includes advice.
pub(super) async fn login(dialer: &Dialer<'_>) -> Result<DoctorStream, Finding> {
    let (mut stream, id) = stream::open(dialer).await?;
    match stream.login(&id, dialer.config.secret.expose()).await {
        Ok(()) => Ok(stream),
        Err(end) => Err(stream::ended(dialer, &end, Software::by_stream_id(&id))),
    }
}
