//! What a person sees: what peers say on standard output, everything else on standard error; with a
//! line editor both above the line that is being typed.
//!
//! Deliberately absent: reading.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use couplet::Jid;
use rustyline::ExternalPrinter;

/// What stands before a line that alice types.
pub(super) const PROMPT: &str = "alice> ";

/// Both outputs of the chat.
#[derive(Clone)]
pub(super) struct Screen {
    prompt: Prompt,
    has_colors: bool,
}

/// Who shows the prompt.
#[derive(Clone)]
enum Prompt {
    /// Nobody: no person sits there.
    Nothing,
    /// We do, on standard error.
    Plain,
    /// The line editor, which prints above it what it is given.
    Editor(Arc<Mutex<dyn ExternalPrinter + Send>>),
}

impl Screen {
    /// A screen without a line editor.
    pub(super) fn plain() -> Screen {
        let is_attended = io::stdin().is_terminal() && io::stderr().is_terminal();
        Screen::with(match is_attended {
            true => Prompt::Plain,
            false => Prompt::Nothing,
        })
    }

    /// A screen that shares the terminal with a line editor.
    pub(super) fn beside_editor(printer: impl ExternalPrinter + Send + 'static) -> Screen {
        Screen::with(Prompt::Editor(Arc::new(Mutex::new(printer))))
    }

    fn with(prompt: Prompt) -> Screen {
        Screen {
            prompt,
            has_colors: has_colors(),
        }
    }

    /// Whether what is told may have colors: at a terminal, unless `NO_COLOR` is set
    /// (https://no-color.org).
    pub(super) fn has_colors(&self) -> bool {
        self.has_colors
    }

    /// Whether others may not write to the terminal by themselves.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.prompt, Prompt::Editor(_))
    }

    /// Tells how things are going.
    pub(super) fn tell(&self, text: &str) {
        if self.print(text).is_none() {
            self.wipe();
            let _nobody_reads_it_then = writeln!(io::stderr(), "{text}");
        }
    }

    /// Shows what somebody said.
    pub(super) fn show(&self, from: &Jid, text: &str) -> io::Result<()> {
        let lines: Vec<String> = text
            .lines()
            .map(|line| format!("{}: {}", from.to_bare(), printable(line)))
            .collect();
        let text = lines.join("\n");
        if text.is_empty() || io::stdout().is_terminal() && self.print(&text).is_some() {
            return Ok(());
        }
        self.wipe();
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// Asks for a line, where a person sits.
    pub(super) fn prompt(&self) {
        if matches!(self.prompt, Prompt::Plain) {
            let mut out = io::stderr();
            let prompt = PROMPT.as_bytes();
            let _nobody_reads_it_then = out.write_all(prompt).and_then(|()| out.flush());
        }
    }

    /// Ends the line in which the prompt stands, for whatever a shell writes next.
    pub(super) fn leave(&self) {
        if !matches!(self.prompt, Prompt::Nothing) {
            let _nobody_reads_it_then = writeln!(io::stderr());
        }
    }

    /// Prints above the line that is being edited, if one is.
    fn print(&self, text: &str) -> Option<()> {
        let Prompt::Editor(printer) = &self.prompt else {
            return None;
        };
        let mut printer = printer.lock().unwrap_or_else(PoisonError::into_inner);
        printer.print(format!("{text}\n")).ok()
    }

    /// Makes room where the prompt stands: ECMA-48, erase in line.
    fn wipe(&self) {
        if matches!(self.prompt, Prompt::Plain) {
            let _nobody_reads_it_then = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

fn has_colors() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && io::stderr().is_terminal()
}

/// What a peer said, without what a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| *c == '\t' || !c.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn a_terminal_obeys_no_peer() {
        assert_eq!(printable("a\tb\x1b[2J\u{9b}2J\u{7f}"), "a\tb[2J2J");
    }
}
