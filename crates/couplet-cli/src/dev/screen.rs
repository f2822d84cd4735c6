//! [`Screen`]: prints messages of peers to standard output and everything else to standard error; with a
//! line editor, above the line that is being typed.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use couplet::Jid;
use rustyline::ExternalPrinter;

/// The prompt for the lines that alice types.
pub(super) const PROMPT: &str = "alice> ";

/// The outputs of the chat.
#[derive(Clone)]
pub(super) struct Screen {
    prompt: Prompt,
    has_colors: bool,
}

/// How the prompt is printed.
#[derive(Clone)]
enum Prompt {
    /// No prompt: standard input is not a terminal.
    None,
    /// The screen prints it on standard error.
    Plain,
    /// The line editor prints it, and other output above it.
    Editor(Arc<Mutex<dyn ExternalPrinter + Send>>),
}

impl Screen {
    /// Returns a screen without a line editor.
    pub(super) fn plain() -> Screen {
        let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        Screen::with(match is_terminal {
            true => Prompt::Plain,
            false => Prompt::None,
        })
    }

    /// Returns a screen that shares the terminal with a line editor.
    pub(super) fn with_editor(printer: impl ExternalPrinter + Send + 'static) -> Screen {
        Screen::with(Prompt::Editor(Arc::new(Mutex::new(printer))))
    }

    fn with(prompt: Prompt) -> Screen {
        Screen {
            prompt,
            has_colors: has_colors(),
        }
    }

    /// Returns whether output may have colors: at a terminal, unless `NO_COLOR` is set
    /// (https://no-color.org).
    pub(super) fn has_colors(&self) -> bool {
        self.has_colors
    }

    /// Returns whether child processes must not write to the terminal themselves.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.prompt, Prompt::Editor(_))
    }

    /// Prints a status line.
    pub(super) fn status(&self, text: &str) {
        if self.print(text).is_none() {
            self.erase_prompt();
            let _closed_output = writeln!(io::stderr(), "{text}");
        }
    }

    /// Prints the text of a message.
    pub(super) fn message(&self, from: &Jid, text: &str) -> io::Result<()> {
        let lines: Vec<String> = text
            .lines()
            .map(|line| format!("{}: {}", from.to_bare(), printable(line)))
            .collect();
        let text = lines.join("\n");
        if text.is_empty() || io::stdout().is_terminal() && self.print(&text).is_some() {
            return Ok(());
        }
        self.erase_prompt();
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// Prints the prompt, if the editor does not.
    pub(super) fn prompt(&self) {
        if matches!(self.prompt, Prompt::Plain) {
            let mut out = io::stderr();
            let prompt = PROMPT.as_bytes();
            let _closed_output = out.write_all(prompt).and_then(|()| out.flush());
        }
    }

    /// Ends the line of the prompt before the command exits.
    pub(super) fn end_prompt(&self) {
        if !matches!(self.prompt, Prompt::None) {
            let _closed_output = writeln!(io::stderr());
        }
    }

    /// Prints above the line that is being edited; `None` without an editor.
    fn print(&self, text: &str) -> Option<()> {
        let Prompt::Editor(printer) = &self.prompt else {
            return None;
        };
        let mut printer = printer.lock().unwrap_or_else(PoisonError::into_inner);
        printer.print(format!("{text}\n")).ok()
    }

    /// Erases the prompt. (ECMA-48, erase in line)
    fn erase_prompt(&self) {
        if matches!(self.prompt, Prompt::Plain) {
            let _closed_output = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

fn has_colors() -> bool {
    let disabled = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !disabled && io::stderr().is_terminal()
}

/// Removes the control characters, which a terminal would interpret.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| *c == '\t' || !c.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_of_a_peer_are_removed() {
        assert_eq!(printable("a\tb\x1b[2J\u{9b}2J\u{7f}"), "a\tb[2J2J");
    }
}
