//! Timestamps, as stores keep and XEP-0082 writes them.
//!
//! There is no clock: decisions get the current time as an argument.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

/// Milliseconds since 1970-01-01 in UTC.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub(crate) struct Timestamp(pub(crate) i64);

impl Timestamp {
    /// Parses a `DateTime` in any time zone. (XEP-0082, 3.2)
    pub(crate) fn parse(text: &str) -> Option<Timestamp> {
        let time = DateTime::parse_from_rfc3339(text.trim()).ok()?;
        Some(Timestamp(time.timestamp_millis()))
    }
}

impl fmt::Display for Timestamp {
    /// Writes a `DateTime` in UTC, with milliseconds if they are not zero. (XEP-0082, 3.2)
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Four digits for the year: peers cannot parse more.
        let millis = self.0.clamp(0, LAST);
        let time = DateTime::<Utc>::from_timestamp_millis(millis).unwrap_or_default();
        let digits = if millis % 1000 == 0 {
            SecondsFormat::Secs
        } else {
            SecondsFormat::Millis
        };
        f.write_str(&time.to_rfc3339_opts(digits, true))
    }
}

/// The end of the year 9999.
const LAST: i64 = 253_402_300_799_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_in_utc_and_read_back() {
        let moment = Timestamp(1_141_127_999_000);
        assert_eq!(moment.to_string(), "2006-02-28T11:59:59Z");
        assert_eq!(Timestamp::parse("2006-02-28T11:59:59Z"), Some(moment));
    }

    #[test]
    fn milliseconds_are_kept() {
        let moment = Timestamp(1_141_127_999_120);
        assert_eq!(moment.to_string(), "2006-02-28T11:59:59.120Z");
        assert_eq!(Timestamp::parse("2006-02-28T11:59:59.12Z"), Some(moment));
        assert_eq!(
            Timestamp::parse("2006-02-28T11:59:59.120999Z"),
            Some(moment)
        );
    }

    #[test]
    fn another_zone_is_understood() {
        assert_eq!(
            Timestamp::parse("1969-07-20T21:56:15-05:00"),
            Timestamp::parse("1969-07-21T02:56:15Z")
        );
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "presence",
            "2006-02-28",
            "2006-02-30T11:59:59Z",
            "11:59:59Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_timestamp_beyond_the_calendar_is_clamped_to_it() {
        assert_eq!(Timestamp(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp(-1).to_string(), "1970-01-01T00:00:00Z");
    }
}
