//! [`Lines`]: the lines of standard input or of the line editor, read on a thread of its own, because a
//! read from a terminal cannot be cancelled.

use std::io::{self, BufRead, Read, Write};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::line_editor::LineEditor;
use crate::failure::{Failure, context};

/// Prosody accepts stanzas of 256 KiB from clients, and `&` is escaped to five bytes.
const LONGEST: usize = 50_000;
/// How many pasted lines may wait to be sent.
const PASTED: usize = 1024;

/// The lines read so far; the thread ends with the process.
#[derive(Debug)]
pub(super) struct Lines(mpsc::Receiver<Line>);

impl Lines {
    /// Reads the lines of standard input.
    pub(super) fn of_stdin() -> Result<Lines, Failure> {
        let (send, lines) = mpsc::channel(1);
        start(
            send,
            || next(&mut io::stdin().lock()),
            |send, line| send.blocking_send(line).is_ok(),
        )?;
        Ok(Lines(lines))
    }

    /// Reads lines from the editor. The editor never waits for the chat, because the chat may be waiting
    /// for the editor to print a message.
    pub(super) fn of_editor(mut editor: LineEditor) -> Result<Lines, Failure> {
        let (send, lines) = mpsc::channel(PASTED);
        let next = move || match editor.read()? {
            Some(line) if line.len() > LONGEST => Err(too_long()),
            line => Ok(line),
        };
        start(send, next, |send, line| match send.try_send(line) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                let text = "more than 1024 lines wait to be sent: this line is dropped";
                let _closed_output = writeln!(io::stderr(), "{text}");
                true
            }
        })?;
        Ok(Lines(lines))
    }

    /// Returns the next line, or `None` when there are no more. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Result<String, Failure>> {
        self.0.recv().await
    }
}

type Line = Result<String, Failure>;

/// Starts the thread; it ends when `forward` returns false.
fn start(
    send: mpsc::Sender<Line>,
    mut next: impl FnMut() -> Result<Option<String>, Failure> + Send + 'static,
    forward: fn(&mpsc::Sender<Line>, Line) -> bool,
) -> Result<(), Failure> {
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            while let Some(line) = next().transpose() {
                let is_last = line.is_err();
                if !forward(&send, line) || is_last {
                    return;
                }
            }
        })
        .map(drop)
        .map_err(context("starting to read standard input"))
}

/// Reads a line without its end; invalid UTF-8 is replaced.
fn next(input: &mut impl BufRead) -> Result<Option<String>, Failure> {
    let mut line = Vec::new();
    let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    let read = input
        .by_ref()
        .take(limit)
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
    fn a_line_without_end_is_rejected_before_it_fills_the_memory() {
        let longest = vec![b'x'; LONGEST - 1];
        assert_eq!(
            next(&mut &longest[..]).unwrap().map(|line| line.len()),
            Some(LONGEST - 1)
        );
        let longer = vec![b'x'; LONGEST * 3];
        assert!(next(&mut &longer[..]).is_err());
    }
}
