//! The chat: lines out, answers in, and whether every line got one.
//!
//! Deliberately absent: pairing answers by content. The first thing that comes back from an
//! address settles the oldest line to it.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::time::Duration;

use couplet::{BareJid, Jid};
use tokio::time::{Instant, sleep_until};

use super::alice::{Alice, Heard};
use super::component::Component;
use super::lines::Lines;
use super::screen::{Screen, printable};
use crate::failure::Failure;

const HELP: &str = "\
/to ADDRESS  write to somebody else from here on
/restart     end the component and start it again
/help        this
/quit        end; so do Ctrl-D and Ctrl-C
Everything else is sent as it is.";

/// A conversation and the lines that wait for their answer.
#[derive(Debug)]
pub(super) struct Chat<'a> {
    alice: &'a mut Alice,
    screen: Screen,
    to: Jid,
    timeout: Duration,
    keep: bool,
    is_interactive: bool,
    waiting: VecDeque<Waiting>,
    refused: usize,
}

#[derive(Debug)]
struct Waiting {
    to: BareJid,
    line: String,
    until: Instant,
}

/// What a line asks for.
#[derive(Debug, PartialEq)]
enum Asked<'a> {
    Nothing,
    Help,
    Quit,
    Restart,
    To(&'a str),
    Say(&'a str),
}

impl<'a> Chat<'a> {
    pub(super) fn new(
        alice: &'a mut Alice,
        screen: Screen,
        to: Jid,
        timeout: Duration,
        keep: bool,
    ) -> Chat<'a> {
        Chat {
            alice,
            screen,
            to,
            timeout,
            keep,
            is_interactive: std::io::stdin().is_terminal(),
            waiting: VecDeque::new(),
            refused: 0,
        }
    }

    /// Talks until there are no more lines and all are answered.
    pub(super) async fn run(
        mut self,
        component: &mut Component,
        mut lines: Lines,
    ) -> Result<(), Failure> {
        if self.is_interactive {
            let to = &self.to;
            self.screen.tell(&format!(
                "type a line, it is sent to {to}; /help helps, Ctrl-C ends"
            ));
        }
        self.screen.prompt();
        let mut has_lines = true;
        while has_lines || !self.waiting.is_empty() || self.keep {
            let takes_lines = has_lines && (self.is_interactive || self.waiting.is_empty());
            let deadline = self.waiting.front().map(|oldest| oldest.until);
            tokio::select! {
                biased;
                heard = self.alice.hear() => self.heard(heard?)?,
                failure = component.ended() => return Err(failure),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => self.gave_up()?,
                line = lines.next(), if takes_lines => match line {
                    Some(line) => has_lines = self.take(&line?, component).await?,
                    None => {
                        self.screen.leave();
                        has_lines = false;
                    }
                },
            }
            if has_lines {
                self.screen.prompt();
            }
        }
        match self.refused {
            0 => Ok(()),
            _ if self.is_interactive => Ok(()),
            1 => Err(Failure::new("one line was refused")),
            many => Err(Failure::new(format!("{many} lines were refused"))),
        }
    }

    /// Does what a line asks for; tells whether there may be more.
    async fn take(&mut self, line: &str, component: &mut Component) -> Result<bool, Failure> {
        match asked(line) {
            Asked::Nothing => {}
            Asked::Help => self.screen.tell(HELP),
            Asked::Quit => {
                self.keep = false;
                self.waiting.clear();
                return Ok(false);
            }
            Asked::Restart => component.restart().await,
            Asked::To(address) => self.turn_to(address)?,
            Asked::Say(text) => {
                self.alice.say(&self.to, text).await?;
                let until = Instant::now() + self.timeout;
                let (to, line) = (self.to.to_bare(), text.to_owned());
                self.waiting.push_back(Waiting { to, line, until });
            }
        }
        Ok(true)
    }

    fn turn_to(&mut self, address: &str) -> Result<(), Failure> {
        match Jid::new(address) {
            Ok(to) => {
                self.screen.tell(&format!("writing to {to}"));
                self.to = to;
                Ok(())
            }
            Err(why) if self.is_interactive => {
                self.screen.tell(&format!("{address}: {why}"));
                Ok(())
            }
            // The next lines would go to the wrong one.
            Err(why) => Err(Failure::new(format!("/to {address}: {why}"))),
        }
    }

    fn heard(&mut self, heard: Heard) -> Result<(), Failure> {
        match heard {
            Heard::Text { from, text } => {
                self.settle(&from);
                let closed = |why| Failure::new(format!("writing the answer: {why}"));
                self.screen.show(&from, &text).map_err(closed)
            }
            Heard::Error { from, why } => {
                let line = self
                    .settle(&from)
                    .map(|waiting| format!(" {:?}", waiting.line));
                self.refused += 1;
                let line = line.unwrap_or_default();
                self.screen.tell(&format!(
                    "{} refused{line}: {}",
                    from.to_bare(),
                    printable(&why)
                ));
                Ok(())
            }
        }
    }

    fn settle(&mut self, from: &Jid) -> Option<Waiting> {
        let from = from.to_bare();
        let oldest = self.waiting.iter().position(|waiting| waiting.to == from)?;
        self.waiting.remove(oldest)
    }

    fn gave_up(&mut self) -> Result<(), Failure> {
        let Some(Waiting { to, line, .. }) = self.waiting.pop_front() else {
            return Ok(());
        };
        let timeout = humantime::format_duration(self.timeout);
        let text = format!("{to} did not answer {line:?} within {timeout}");
        if self.is_interactive {
            self.screen.tell(&text);
            return Ok(());
        }
        Err(Failure::new(text))
    }
}

/// Only what is ours is a command: components have commands with a slash of their own.
fn asked(line: &str) -> Asked<'_> {
    let trimmed = line.trim();
    match trimmed
        .split_once(char::is_whitespace)
        .unwrap_or((trimmed, ""))
    {
        // The body of a chat is never empty.
        ("", _) => Asked::Nothing,
        ("/help", "") => Asked::Help,
        ("/quit", "") => Asked::Quit,
        ("/restart", "") => Asked::Restart,
        ("/to", address) => Asked::To(address.trim()),
        _ => Asked::Say(line),
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, asked};

    #[test]
    fn only_our_own_commands_are_not_sent() {
        assert_eq!(asked("/to  bob@localhost "), Asked::To("bob@localhost"));
        assert_eq!(asked(" /quit"), Asked::Quit);
        assert_eq!(asked("/help"), Asked::Help);
        assert_eq!(asked("/restart"), Asked::Restart);
        assert_eq!(asked("/restart now"), Asked::Say("/restart now"));
        assert_eq!(asked("/help me"), Asked::Say("/help me"));
        assert_eq!(asked("/remind 10m tea"), Asked::Say("/remind 10m tea"));
        assert_eq!(asked("/tonight"), Asked::Say("/tonight"));
    }

    #[test]
    fn an_empty_line_is_not_sent_and_a_line_keeps_its_spaces() {
        assert_eq!(asked(" \t"), Asked::Nothing);
        assert_eq!(asked("  two  spaces "), Asked::Say("  two  spaces "));
    }
}
