//! What a person sees: what peers say on standard output, everything else on standard error.
//!
//! Deliberately absent: line editing, which the terminal does.

use std::io::{self, IsTerminal, Write};

use couplet::Jid;

/// Both outputs of the chat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    has_prompt: bool,
}

impl Screen {
    pub(super) fn new() -> Screen {
        Screen {
            has_prompt: io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }

    /// Tells how things are going.
    pub(super) fn tell(self, text: &str) {
        self.wipe();
        let _nobody_reads_it_then = writeln!(io::stderr(), "{text}");
    }

    /// Shows what somebody said.
    pub(super) fn show(self, from: &Jid, text: &str) -> io::Result<()> {
        self.wipe();
        let mut out = io::stdout().lock();
        for line in text.lines() {
            writeln!(out, "{}: {}", from.to_bare(), printable(line))?;
        }
        out.flush()
    }

    /// Asks for a line, where a person sits.
    pub(super) fn prompt(self) {
        if self.has_prompt {
            let mut out = io::stderr();
            let _nobody_reads_it_then = out.write_all(b"alice> ").and_then(|()| out.flush());
        }
    }

    /// Ends the line in which the prompt stands, for whatever a shell writes next.
    pub(super) fn leave(self) {
        if self.has_prompt {
            let _nobody_reads_it_then = writeln!(io::stderr());
        }
    }

    /// Makes room where the prompt stands: ECMA-48, erase in line.
    fn wipe(self) {
        if self.has_prompt {
            let _nobody_reads_it_then = io::stderr().write_all(b"\r\x1b[K");
        }
    }
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
