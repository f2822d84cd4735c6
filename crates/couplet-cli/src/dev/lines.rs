//! Standard input, line by line, on a thread of its own: a read that waits for a person cannot be
//! called off, and nothing else may wait for it.
//!
//! Deliberately absent: the meaning of a line.

use std::io::{self, BufRead, Read};

use tokio::sync::mpsc;

use crate::failure::{Failure, doing};

/// Prosody takes 256 KiB from a user, and an `&` becomes five bytes.
const LONGEST: usize = 50_000;

/// The lines that have come in; the thread ends with the process.
#[derive(Debug)]
pub(super) struct Lines(mpsc::Receiver<Result<String, Failure>>);

impl Lines {
    pub(super) fn of_stdin() -> Result<Lines, Failure> {
        let (read, lines) = mpsc::channel(1);
        std::thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || {
                let mut input = io::stdin().lock();
                while let Some(line) = next(&mut input).transpose() {
                    let is_last = line.is_err();
                    if read.blocking_send(line).is_err() || is_last {
                        return;
                    }
                }
            })
            .map_err(doing("starting to read standard input"))?;
        Ok(Lines(lines))
    }

    /// The next line; `None` when there are no more. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Option<Result<String, Failure>> {
        self.0.recv().await
    }
}

/// Reads a line without its end, as far as it is Unicode.
fn next(input: &mut impl BufRead) -> Result<Option<String>, Failure> {
    let mut line = Vec::new();
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    let read = input
        .by_ref()
        .take(most)
        .read_until(b'\n', &mut line)
        .map_err(doing("reading standard input"))?;
    if read == 0 {
        return Ok(None);
    }
    if read == LONGEST && line.last() != Some(&b'\n') {
        return Err(Failure::new(format!(
            "a line is longer than {LONGEST} bytes"
        )));
    }
    let text = String::from_utf8_lossy(&line);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Some(text.strip_suffix('\r').unwrap_or(text).to_owned()))
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
