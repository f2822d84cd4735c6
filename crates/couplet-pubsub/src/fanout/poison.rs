//! Detects poison announcements: those that make the server end the session.
//!
//! The stream does not name the stanza a server closed it for, and most sessions end for other
//! reasons. An announcement whose copies were not confirmed when several sessions ended is
//! therefore sent alone: between two self-pings and with no other copies in flight. If the session
//! ends then too, it is set aside: at once if the stream error blames what was read, and after
//! several times if the server closes the connection without a reason. A server that restarts would
//! have to do so in exactly these moments, repeatedly, in sessions of growing length.
//!
//! Nothing is recorded in the store: a restarted process and another instance count again; each
//! finds the same announcement after as many sessions.

use std::{collections::HashMap, time::Duration};

use couplet::SessionEnd;

use crate::store::{Cursor, JobId};

/// Number of sessions that must end before an announcement is sent alone.
const SESSIONS: u32 = 3;

/// Number of sessions that it must then end alone, if the server gives no reason.
const WITHOUT_REASON: u32 = 5;

/// Maximum wait of an announcement that is sent alone, as a power of two of the minimum.
const LONGEST: u32 = 7;

/// With more suspects, all are forgotten and counted again.
const KNOWN: usize = 4_096;

/// Announcements that were in flight when sessions ended.
#[derive(Debug, Default)]
pub(super) struct PoisonDetector {
    jobs: HashMap<JobId, Suspect>,
    /// The announcement that is in flight alone.
    alone: Option<JobId>,
}

#[derive(Debug)]
struct Suspect {
    /// The progress of its delivery, which clears the suspicion.
    upto: Cursor,
    /// Sessions that ended while it was in flight.
    sessions: u32,
    /// Those of them that ended while it was in flight alone, with strong or weak evidence.
    alone: u32,
}

/// The strength of the end of a session as evidence against the announcement in flight alone.
enum Evidence {
    Strong,
    Weak,
    None,
}

impl PoisonDetector {
    /// Counts the announcements whose copies were not confirmed when a session ended. Returns the
    /// one to set aside, if any.
    pub(super) fn session_ended(
        &mut self,
        unconfirmed: impl IntoIterator<Item = (JobId, Cursor)>,
        end: &SessionEnd,
    ) -> Option<JobId> {
        if self.jobs.len() > KNOWN {
            self.jobs.clear();
        }
        for (job, upto) in unconfirmed {
            let new_id = |upto| Suspect {
                upto,
                sessions: 0,
                alone: 0,
            };
            let suspect = self.jobs.entry(job).or_insert_with(|| new_id(upto.clone()));
            if suspect.upto != upto {
                *suspect = new_id(upto);
            }
            suspect.sessions = suspect.sessions.saturating_add(1);
        }
        let job = self.alone.take()?;
        let suspect = self.jobs.get_mut(&job)?;
        let enough = match evidence(end) {
            Evidence::Strong => 1,
            Evidence::Weak => WITHOUT_REASON,
            Evidence::None => return None,
        };
        suspect.alone += 1;
        (suspect.alone >= enough).then_some(job)
    }

    /// Returns the age that a session must have before this one is sent alone; `None` if it may be
    /// sent with others. It grows each time, so that others are delivered in between.
    pub(super) fn waits(&self, job: JobId, shortest: Duration) -> Option<Duration> {
        let suspect = self.jobs.get(&job)?;
        let more = suspect.sessions.checked_sub(SESSIONS)?;
        Some(shortest * 2_u32.pow(more.min(LONGEST)))
    }

    /// Records that only this one is in flight.
    pub(super) fn goes_alone(&mut self, job: JobId) {
        self.alone = Some(job);
    }

    /// Records that the server has read what was sent alone, or that it was not sent.
    pub(super) fn confirmed(&mut self) {
        self.alone = None;
    }

    /// Forgets one that is delivered, set aside or claimed by another instance.
    pub(super) fn forget(&mut self, job: JobId) {
        self.jobs.remove(&job);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }
}

/// Judges the end of a session. (RFC 6120, 4.9.3) A policy may limit rates, and an internal error
/// may have any cause.
fn evidence(end: &SessionEnd) -> Evidence {
    let SessionEnd::StreamError(condition) = end else {
        return match end {
            SessionEnd::Closed => Evidence::Weak,
            _ => Evidence::None,
        };
    };
    match condition.as_str() {
        "bad-format"
        | "bad-namespace-prefix"
        | "improper-addressing"
        | "invalid-from"
        | "invalid-namespace"
        | "invalid-xml"
        | "not-well-formed"
        | "restricted-xml"
        | "unsupported-encoding"
        | "unsupported-stanza-type" => Evidence::Strong,
        "internal-server-error" | "policy-violation" | "undefined-condition" => Evidence::Weak,
        _ => Evidence::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTEST: Duration = Duration::from_secs(1);

    fn cursor(jid: &str) -> Cursor {
        Cursor {
            jid: jid.to_owned(),
            subid: String::new(),
        }
    }

    fn stream_error(condition: &str) -> SessionEnd {
        SessionEnd::StreamError(condition.to_owned())
    }

    /// Returns a detector that suspects one announcement.
    fn suspected() -> PoisonDetector {
        let mut suspects = PoisonDetector::default();
        for _ in 0..SESSIONS {
            assert_eq!(suspects.waits(JobId(1), SHORTEST), None);
            assert_eq!(on_its_way(&mut suspects, &SessionEnd::Closed), None);
        }
        assert_eq!(suspects.waits(JobId(1), SHORTEST), Some(SHORTEST));
        suspects
    }

    fn on_its_way(suspects: &mut PoisonDetector, end: &SessionEnd) -> Option<JobId> {
        suspects.session_ended([(JobId(1), cursor("a@x"))], end)
    }

    fn alone(suspects: &mut PoisonDetector, end: &SessionEnd) -> Option<JobId> {
        suspects.goes_alone(JobId(1));
        on_its_way(suspects, end)
    }

    #[test]
    fn an_announcement_that_is_blamed_alone_is_set_aside_at_once() {
        let ended = alone(&mut suspected(), &stream_error("invalid-xml"));
        assert_eq!(ended, Some(JobId(1)));
    }

    #[test]
    fn an_announcement_that_is_blamed_beside_others_is_not_set_aside() {
        let mut suspects = suspected();
        for _ in 0..20 {
            let ended = on_its_way(&mut suspects, &stream_error("invalid-xml"));
            assert_eq!(ended, None);
        }
    }

    #[test]
    fn a_connection_that_is_closed_without_a_reason_takes_several_sessions() {
        let mut suspects = suspected();
        for more in 1..WITHOUT_REASON {
            assert_eq!(alone(&mut suspects, &SessionEnd::Closed), None);
            let waits = suspects.waits(JobId(1), SHORTEST);
            assert_eq!(waits, Some(SHORTEST * 2_u32.pow(more)));
        }
        assert_eq!(alone(&mut suspects, &SessionEnd::Closed), Some(JobId(1)));
    }

    #[test]
    fn a_shutdown_condition_and_a_timeout_prove_nothing() {
        let mut suspects = suspected();
        for end in [
            stream_error("system-shutdown"),
            stream_error("connection-timeout"),
            stream_error("conflict"),
            SessionEnd::Other,
        ] {
            for _ in 0..20 {
                assert_eq!(alone(&mut suspects, &end), None, "{end:?}");
            }
        }
    }

    #[test]
    fn sessions_that_end_while_it_is_not_on_its_way_prove_nothing() {
        let mut suspects = suspected();
        for _ in 0..20 {
            suspects.goes_alone(JobId(1));
            suspects.confirmed();
            let nothing: [(JobId, Cursor); 0] = [];
            assert_eq!(
                suspects.session_ended(nothing, &stream_error("invalid-xml")),
                None
            );
        }
        assert_eq!(suspects.waits(JobId(1), SHORTEST), Some(SHORTEST));
    }

    #[test]
    fn progress_resets_the_count_of_sessions() {
        let mut suspects = suspected();
        let further = [(JobId(1), cursor("b@x"))];
        assert_eq!(suspects.session_ended(further, &SessionEnd::Closed), None);
        assert_eq!(suspects.waits(JobId(1), SHORTEST), None);
    }

    #[test]
    fn the_wait_ends_somewhere() {
        let mut suspects = suspected();
        for _ in 0..100 {
            alone(&mut suspects, &SessionEnd::Other);
        }
        let longest = SHORTEST * 2_u32.pow(LONGEST);
        assert_eq!(suspects.waits(JobId(1), SHORTEST), Some(longest));
    }
}
