//! Standard input or a terminal, line by line, on a thread of its own: a read that waits for a person
//! cannot be called off, and nothing else may wait for it.
//!
//! Deliberately absent: the meaning of a line.

use std::io::{self, BufRead, Read, Write};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::terminal::Terminal;
use crate::failure::{Failure, context};

/// Prosody takes 256 KiB from a user, and an `&` becomes five bytes.
const LONGEST: usize = 50_000;
/// How many lines that were pasted may wait to be sent.
const PASTED: usize = 1024;

/// The lines that have come in; the thread ends with the process.
#[derive(Debug)]
pub(super) struct Lines(mpsc::Receiver<Line>);

impl Lines {
    /// The lines of standard input as they are.
    pub(super) fn of_stdin() -> Result<Lines, Failure> {
        let (send, lines) = mpsc::channel(1);
        start(
            send,
            || next(&mut io::stdin().lock()),
            |send, line| send.blocking_send(line).is_ok(),
        )?;
        Ok(Lines(lines))
    }

    /// The lines that a person edits. The editor never waits for the chat: the chat may be waiting
    /// for the editor to print a message.
    pub(super) fn of_terminal(mut terminal: Terminal) -> Result<Lines, Failure> {
        let (send, lines) = mpsc::channel(PASTED);
        let next = move || match terminal.read()? {
            Some(line) if line.len() > LONGEST => Err(too_long()),
            line => Ok(line),
        };
        start(send, next, |send, line| match send.try_send(line) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                let what = "too many lines at once: the last one is not sent";
                let _nobody_reads_it_then = writeln!(io::stderr(), "{what}");
                true
            }
        })?;
        Ok(Lines(lines))
    }

    /// The next line; `None` when there are no more. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Option<Result<String, Failure>> {
        self.0.recv().await
    }
}

type Line = Result<String, Failure>;

/// Reads on a thread of its own; `hand_on` says whether there is any use in going on.
fn start(
    send: mpsc::Sender<Line>,
    mut next: impl FnMut() -> Result<Option<String>, Failure> + Send + 'static,
    hand_on: fn(&mpsc::Sender<Line>, Line) -> bool,
) -> Result<(), Failure> {
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            while let Some(line) = next().transpose() {
                let is_last = line.is_err();
                if !hand_on(&send, line) || is_last {
                    return;
                }
            }
        })
        .map(drop)
        .map_err(context("starting to read standard input"))
}

/// Reads a line without its end, as far as it is Unicode.
fn next(input: &mut impl BufRead) -> Result<Option<String>, Failure> {
    let mut line = Vec::new();
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    let read = input
        .by_ref()
        .take(most)
        .read_until(b'\n', &mut line)
        .map_err(context("reading standard input"))?;
    if read == 0 {
        return Ok(None);
    }
    if read == LONGEST && line.last() != Some(&b'\n') {
        return Err(too_long());
    }
    let text = String::from_utf8_lossy(&line);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Some(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

fn too_long() -> Failure {
    Failure::new(format!("a line is longer than {LONGEST} bytes"))
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, next};

    #[test]
    fn a_line_ends_with_any_ending_or_none() {
        let mut input = &b"one\r\ntwo\n\nfo\xffur"[..];
        let mut line = || next(&mut input).unwrap();
        assert_eq!(line().as_deref(), Some("one"));
        assert_eq!(line().as_deref(), Some("two"));
        assert_eq!(line().as_deref(), Some(""));
        assert_eq!(line().as_deref(), Some("fo\u{fffd}ur"));
        assert_eq!(line(), None);
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let longest = vec![b'x'; LONGEST - 1];
        assert_eq!(
            next(&mut &longest[..]).unwrap().map(|line| line.len()),
            Some(LONGEST - 1)
        );
        let longer = vec![b'x'; LONGEST * 3];
        assert!(next(&mut &longer[..]).is_err());
    }
}
