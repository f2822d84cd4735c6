//! [`Chat`]: sends lines, prints the answers, and checks that every line is answered.
//!
//! Answers are not matched by content: the first message from an address answers the oldest line to it.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::time::Duration;

use couplet::{BareJid, Jid};
use tokio::time::{Instant, sleep_until};

use super::alice::{Alice, Received};
use super::dev_component::DevComponent;
use super::lines::Lines;
use super::screen::{Screen, printable};
use crate::failure::{Failure, context};

const HELP: &str = "\
/to ADDRESS  send the next lines to another address
/restart     stop the component and start it again
/help        print this
/quit        exit, as do Ctrl-D and Ctrl-C
Every other line is sent as it is.";

/// A chat, with the lines that are not answered yet.
#[derive(Debug)]
pub(super) struct Chat<'a> {
    alice: &'a mut Alice,
    screen: Screen,
    to: Jid,
    timeout: Duration,
    keep: bool,
    is_interactive: bool,
    unanswered: VecDeque<Unanswered>,
    errors: usize,
}

#[derive(Debug)]
struct Unanswered {
    to: BareJid,
    line: String,
    until: Instant,
}

/// A parsed line.
#[derive(Debug, PartialEq)]
enum Input<'a> {
    Empty,
    Help,
    Quit,
    Restart,
    To(&'a str),
    Text(&'a str),
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
            unanswered: VecDeque::new(),
            errors: 0,
        }
    }

    /// Runs until there are no more lines and all are answered.
    pub(super) async fn run(
        mut self,
        component: &mut DevComponent,
        mut lines: Lines,
    ) -> Result<(), Failure> {
        if self.is_interactive {
            let to = &self.to;
            self.screen.status(&format!(
                "each line you type is sent to {to}; /help prints the commands, Ctrl-C exits"
            ));
        }
        self.screen.prompt();
        let mut has_lines = true;
        while has_lines || !self.unanswered.is_empty() || self.keep {
            let takes_lines = has_lines && (self.is_interactive || self.unanswered.is_empty());
            let deadline = self.unanswered.front().map(|oldest| oldest.until);
            tokio::select! {
                biased;
                received = self.alice.next_message() => self.received(received?)?,
                failure = component.wait() => return Err(failure),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => self.timed_out()?,
                line = lines.next(), if takes_lines => match line {
                    Some(line) => has_lines = self.handle(&line?, component).await?,
                    None => {
                        self.screen.end_prompt();
                        has_lines = false;
                    }
                },
            }
            if has_lines {
                self.screen.prompt();
            }
        }
        match self.errors {
            0 => Ok(()),
            _ if self.is_interactive => Ok(()),
            1 => Err(Failure::new("one line was answered with an error")),
            many => Err(Failure::new(format!(
                "{many} lines were answered with an error"
            ))),
        }
    }

    /// Handles a line; returns whether more lines are read.
    async fn handle(&mut self, line: &str, component: &mut DevComponent) -> Result<bool, Failure> {
        match parse(line) {
            Input::Empty => {}
            Input::Help => self.screen.status(HELP),
            Input::Quit => {
                self.keep = false;
                self.unanswered.clear();
                return Ok(false);
            }
            Input::Restart => component.restart().await,
            Input::To(address) => self.set_recipient(address)?,
            Input::Text(text) => {
                self.alice.send_chat(&self.to, text).await?;
                let until = Instant::now() + self.timeout;
                let (to, line) = (self.to.to_bare(), text.to_owned());
                self.unanswered.push_back(Unanswered { to, line, until });
            }
        }
        Ok(true)
    }

    fn set_recipient(&mut self, address: &str) -> Result<(), Failure> {
        match Jid::new(address) {
            Ok(to) => {
                self.screen.status(&format!("sending to {to}"));
                self.to = to;
                Ok(())
            }
            Err(why) if self.is_interactive => {
                self.screen.status(&format!("{address}: {why}"));
                Ok(())
            }
            // The next lines would go to the wrong address.
            Err(why) => Err(Failure::new(format!("/to {address}: {why}"))),
        }
    }

    fn received(&mut self, received: Received) -> Result<(), Failure> {
        match received {
            Received::Text { from, text } => {
                self.answered(&from);
                let shown = self.screen.message(&from, &text);
                shown.map_err(context("writing to standard output"))
            }
            Received::Error { from, why } => {
                let line = self
                    .answered(&from)
                    .map(|answered| format!(" {:?}", answered.line));
                self.errors += 1;
                let line = line.unwrap_or_default();
                self.screen.status(&format!(
                    "{} answered{line} with an error: {}",
                    from.to_bare(),
                    printable(&why)
                ));
                Ok(())
            }
        }
    }

    fn answered(&mut self, from: &Jid) -> Option<Unanswered> {
        let from = from.to_bare();
        let oldest = self.unanswered.iter().position(|line| line.to == from)?;
        self.unanswered.remove(oldest)
    }

    fn timed_out(&mut self) -> Result<(), Failure> {
        let Some(Unanswered { to, line, .. }) = self.unanswered.pop_front() else {
            return Ok(());
        };
        let timeout = humantime::format_duration(self.timeout);
        let text = format!("{to} did not answer {line:?} within {timeout}");
        if self.is_interactive {
            self.screen.status(&text);
            return Ok(());
        }
        Err(Failure::new(text))
    }
}

/// Lines that only look like a command are sent: components have commands with a slash too.
fn parse(line: &str) -> Input<'_> {
    let trimmed = line.trim();
    match trimmed
        .split_once(char::is_whitespace)
        .unwrap_or((trimmed, ""))
    {
        // A chat message must have a body that is not empty.
        ("", _) => Input::Empty,
        ("/help", "") => Input::Help,
        ("/quit", "") => Input::Quit,
        ("/restart", "") => Input::Restart,
        ("/to", address) => Input::To(address.trim()),
        _ => Input::Text(line),
    }
}

#[cfg(test)]
mod tests {
    use super::{Input, parse};

    #[test]
    fn every_line_but_our_own_commands_is_sent() {
        assert_eq!(parse("/to  bob@localhost "), Input::To("bob@localhost"));
        assert_eq!(parse(" /quit"), Input::Quit);
        assert_eq!(parse("/help"), Input::Help);
        assert_eq!(parse("/restart"), Input::Restart);
        assert_eq!(parse("/restart now"), Input::Text("/restart now"));
        assert_eq!(parse("/help me"), Input::Text("/help me"));
        assert_eq!(parse("/remind 10m tea"), Input::Text("/remind 10m tea"));
        assert_eq!(parse("/tonight"), Input::Text("/tonight"));
    }

    #[test]
    fn an_empty_line_is_not_sent_and_a_line_keeps_its_spaces() {
        assert_eq!(parse(" \t"), Input::Empty);
        assert_eq!(parse("  two  spaces "), Input::Text("  two  spaces "));
    }
}
