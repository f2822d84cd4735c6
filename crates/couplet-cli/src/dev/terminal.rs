//! The line editor, where a person sits at a terminal: history, arrow keys, and messages that arrive
//! above the line that is being typed.
//!
//! Deliberately absent: files. The history ends with the chat.

use std::io::{self, IsTerminal};

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Behavior, Config, Editor};

use super::screen::{PROMPT, Screen};
use crate::failure::Failure;

/// A line editor with the terminal to itself.
pub(super) struct Terminal(Editor<(), MemHistory>);

impl Terminal {
    /// The editor and the screen that prints beside it; `None` where no person sits or where the
    /// terminal cannot do what an editor needs.
    pub(super) fn open() -> Option<(Terminal, Screen)> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        // Standard output may be a file that only the answers belong in.
        let behavior = match io::stdout().is_terminal() {
            true => Behavior::Stdio,
            false => Behavior::PreferTerm,
        };
        let config = Config::builder()
            .auto_add_history(true)
            .behavior(behavior)
            // Each pasted line is a message, as without an editor.
            .bracketed_paste(false)
            .build();
        let mut editor = Editor::with_history(config, MemHistory::new()).ok()?;
        let printer = editor.create_external_printer().ok()?;
        Some((Terminal(editor), Screen::beside_editor(printer)))
    }

    /// Waits for a line without its end; `None` when there are no more.
    pub(super) fn read(&mut self) -> Result<Option<String>, Failure> {
        match self.0.readline(PROMPT) {
            Ok(line) => Ok(Some(line)),
            Err(ReadlineError::Eof) => Ok(None),
            // The editor keeps Ctrl-C and its signal to itself while a line is being typed.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => {
                kill_process(getpid(), Signal::INT)
                    .map_err(|why| Failure::new(format!("interrupting the chat: {why}")))?;
                Ok(None)
            }
            Err(why) => Err(Failure::new(format!("reading a line: {why}"))),
        }
    }
}

/// Gives the terminal back as it was found: the thread that edits a line is not called off when the
/// program ends.
pub(super) struct Restored(Termios);

impl Restored {
    pub(super) fn at_the_end() -> Option<Restored> {
        tcgetattr(io::stdin()).ok().map(Restored)
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        let _it_is_gone_then = tcsetattr(io::stdin(), OptionalActions::Drain, &self.0);
    }
}
