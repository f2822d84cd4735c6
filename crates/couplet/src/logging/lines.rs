//! Formats the fields of the text log. The advice of an error continues on lines below its event;
//! no other value can begin a line. In JSON each value stays one field.

use std::{
    borrow::Cow,
    fmt::{self, Debug},
};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::{RecordFields, VisitFmt, VisitOutput},
    fmt::{
        FormatFields,
        format::{DefaultVisitor, Writer},
    },
};

/// Formats fields like tracing-subscriber, except for values with several lines and for control
/// characters, which may come from peers.
pub(super) struct Lines;

impl<'writer> FormatFields<'writer> for Lines {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Visitor {
            line: DefaultVisitor::new(writer, true),
            below: String::new(),
        };
        fields.record(&mut visitor);
        visitor.finish()
    }
}

struct Visitor<'writer> {
    line: DefaultVisitor<'writer>,
    below: String,
}

impl Visitor<'_> {
    /// Returns the first line of a value and keeps the others for later, indented so that none of
    /// them looks like an event.
    fn first_line<'v>(&mut self, value: &'v str) -> Cow<'v, str> {
        let Some((first, rest)) = value.split_once('\n') else {
            return printable(value);
        };
        for line in rest.split('\n') {
            self.below.push('\n');
            if !line.is_empty() && !line.starts_with(' ') {
                self.below.push_str("  ");
            }
            self.below.push_str(&printable(line));
        }
        printable(first)
    }

    fn finish(mut self) -> fmt::Result {
        let written = self.line.writer().write_str(&self.below);
        self.line.finish().and(written)
    }
}

/// Returns whether a value of this field may have several lines: only errors, which end with
/// advice.
fn may_continue(field: &Field) -> bool {
    matches!(field.name(), "error" | "message")
}

/// Escapes control characters and other characters that some programs treat as line ends.
fn printable(text: &str) -> Cow<'_, str> {
    let is_unsafe = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match is_unsafe(c) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match may_continue(field) {
            true => {
                let first = self.first_line(value);
                self.line.record_str(field, &first);
            }
            // Quoted, with every control character escaped.
            false => self.line.record_str(field, value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        let first = match may_continue(field) {
            true => self.first_line(&text),
            false => printable(&text),
        };
        self.line.record_debug(field, &format_args!("{first}"));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::fmt;

    use super::Lines;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(write: impl FnOnce()) -> String {
        let log = Log::default();
        let into = log.clone();
        let subscriber = fmt()
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .fmt_fields(Lines)
            .with_writer(move || into.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, write);
        String::from_utf8(log.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn advice_of_several_lines_stands_below_its_event() {
        let text = "nothing listens\n  Is the server running?\n\n    Component \"x\"";
        let below = "\n  Is the server running?\n\n    Component \"x\"\n";
        assert_eq!(
            logged(|| tracing::warn!(error = text, delay = "0.6s", "not online")),
            format!(" WARN not online error=\"nothing listens\" delay=\"0.6s\"{below}")
        );
        assert_eq!(
            logged(|| tracing::warn!(error = %text, delay = "0.6s", "not online")),
            format!(" WARN not online error=nothing listens delay=\"0.6s\"{below}")
        );
        assert_eq!(
            logged(|| tracing::error!("not applied: {text}")),
            format!("ERROR not applied: nothing listens{below}")
        );
    }

    #[test]
    fn no_value_of_a_peer_begins_a_line() {
        let forged = "x\n2026-01-01T00:00:00Z ERROR forged\u{9b}31m";
        let as_text = logged(|| tracing::warn!(id = forged, "failed"));
        let displayed = logged(|| tracing::warn!(cause = %forged, "failed"));
        let as_error = logged(|| tracing::warn!(error = %forged, "failed"));
        let in_message = logged(|| tracing::warn!("failed: {forged}"));
        for log in [&as_text, &displayed, &as_error, &in_message] {
            assert!(
                !log.contains("\n2026") && !log.contains('\u{9b}'),
                "{log:?}"
            );
        }
        assert_eq!(displayed.lines().count(), 1);
        assert_eq!(
            as_error.lines().nth(1),
            Some("  2026-01-01T00:00:00Z ERROR forged\\u{9b}31m")
        );
    }

    #[test]
    fn a_value_of_one_line_is_written_unchanged() {
        assert_eq!(
            logged(|| tracing::info!(n = 5, text = "a\tb", "online")),
            " INFO online n=5 text=\"a\\tb\"\n"
        );
    }
}
