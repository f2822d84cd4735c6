//! Fields of the text log: a value of several lines begins in the line of its event and goes on
//! below it, as it is. In JSON it stays one field.

use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::{RecordFields, VisitFmt, VisitOutput},
    fmt::{
        FormatFields,
        format::{DefaultVisitor, Writer},
    },
};

/// Formats fields as tracing-subscriber does by default, but for values of several lines.
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
    /// The first line of a value; what follows it is kept for below.
    fn first_line<'v>(&mut self, value: &'v str) -> &'v str {
        let Some((first, rest)) = value.split_once('\n') else {
            return value;
        };
        self.below.push('\n');
        self.below.push_str(rest);
        first
    }

    fn finish(mut self) -> fmt::Result {
        let written = self.line.writer().write_str(&self.below);
        self.line.finish().and(written)
    }
}

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let first = self.first_line(value);
        self.line.record_str(field, first);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        if text.contains('\n') {
            let first = self.first_line(&text);
            self.line.record_debug(field, &format_args!("{first}"));
        } else {
            self.line.record_debug(field, value);
        }
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
            logged(|| tracing::error!("not taken up: {text}")),
            format!("ERROR not taken up: nothing listens{below}")
        );
    }

    #[test]
    fn a_value_of_one_line_is_written_as_ever() {
        assert_eq!(
            logged(|| tracing::info!(n = 5, text = "a\tb", "online")),
            " INFO online n=5 text=\"a\\tb\"\n"
        );
    }
}
