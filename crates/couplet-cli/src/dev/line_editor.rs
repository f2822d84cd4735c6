//! [`LineEditor`]: history and arrow keys at a terminal, with output above the line that is being typed.

use std::io::{self, IsTerminal};

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Behavior, Config, Editor};

use super::screen::{PROMPT, Screen};
use crate::failure::Failure;

/// A line editor that controls the terminal.
pub(super) struct LineEditor(Editor<(), MemHistory>);

impl LineEditor {
    /// Returns the editor and the screen that prints above it; `None` if there is no terminal, or
    /// one that cannot be used for editing.
    pub(super) fn open() -> Option<(LineEditor, Screen)> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        // If standard output is a file, only messages are written to it.
        let behavior = match io::stdout().is_terminal() {
            true => Behavior::Stdio,
            false => Behavior::PreferTerm,
        };
        let config = Config::builder()
            .auto_add_history(true)
            .behavior(behavior)
            // Each pasted line is a message, as it is without an editor.
            .bracketed_paste(false)
            .build();
        let mut editor = Editor::with_history(config, MemHistory::new()).ok()?;
        let printer = editor.create_external_printer().ok()?;
        Some((LineEditor(editor), Screen::with_editor(printer)))
    }

    /// Waits for a line; `None` when there are no more.
    pub(super) fn read(&mut self) -> Result<Option<String>, Failure> {
        match self.0.readline(PROMPT) {
            Ok(line) => Ok(Some(line)),
            Err(ReadlineError::Eof) => Ok(None),
            // While a line is edited, Ctrl-C raises no signal by itself.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => {
                kill_process(getpid(), Signal::INT)
                    .map_err(|why| Failure::new(format!("interrupting the chat: {why}")))?;
                Ok(None)
            }
            Err(why) => Err(Failure::new(format!("reading a line: {why}"))),
        }
    }
}

/// Restores the modes of the terminal on drop: the thread of the editor is not stopped when the command
/// exits.
pub(super) struct TerminalModes(Termios);

impl TerminalModes {
    pub(super) fn save() -> Option<TerminalModes> {
        tcgetattr(io::stdin()).ok().map(TerminalModes)
    }
}

impl Drop for TerminalModes {
    fn drop(&mut self) {
        let _terminal_is_closed = tcsetattr(io::stdin(), OptionalActions::Drain, &self.0);
    }
}
