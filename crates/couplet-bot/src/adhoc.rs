//! Commands as forms of the client: what each request does with a session. (XEP-0050)
//!
//! Deliberately absent: a store and a clock. The caller finds the session by its id, the address of
//! the bot and the full JID of the requester, and stores what is returned.

pub(crate) mod discovery;
pub(crate) mod errors;
mod reply;
pub(crate) mod request;

use couplet::{Condition, StanzaError};
use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Call, Catalog, Subject, Submission},
    forms,
    spec::{CommandSpec, Face, FormSpec},
    table::Table,
    texts,
    translations::Texts,
    value_error::ValueError,
    values::Values,
};

pub(crate) use reply::Reply;

use errors::{bad_action, bad_payload, bad_session, session_expired};
use reply::{Body, NoteType, Status};
use request::{Action, Request};

/// The namespace of commands, and the disco node that lists them.
pub(crate) const NS: &str = "http://jabber.org/protocol/commands";

/// A session without a request for this many seconds is expired.
pub(crate) const EXPIRES_AFTER: u64 = 600;

/// A session that expired this many seconds ago may be deleted; until then the requester learns that
/// it expired.
pub(crate) const FORGOTTEN_AFTER: u64 = 3_600;

/// A requester has at most this many open sessions at a bot: one more takes the place of the oldest.
pub(crate) const MOST_OF_ONE: usize = 5;

/// A bot has at most this many sessions.
pub(crate) const MOST_IN_ALL: usize = 10_000;

/// No session remembers more forms to go back to.
const MOST_SCREENS: usize = 10;

/// The execution of one command by one requester.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: String,
    /// The name of the command.
    pub(crate) command: String,
    /// The language of the first request.
    pub(crate) lang: String,
    /// The time of the last request, in seconds since 1970.
    pub(crate) touched: u64,
    /// The forms that were shown; the last is the current one.
    screens: Vec<Screen>,
}

/// A form within a session: that of the command, or one that the handler asked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Screen {
    subject: Subject,
    values: Values,
    page: usize,
}

/// What a request leads to.
#[derive(Debug)]
pub(crate) enum Step {
    /// Send this and store the session, or delete it if there is none.
    Reply(Reply, Option<Session>),
    /// Run the handler, then call [`Dialog::finish`] with what it returned.
    Run(Submission, Session),
}

/// What a handler returned.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A text.
    Text(String),
    /// A table.
    Table(Table),
    /// Nothing.
    Nothing,
    /// Another form, with its current values.
    Ask(&'static FormSpec, Values),
    /// A value that does not fit after all.
    Invalid(ValueError),
    /// A text that says what failed.
    Failed(String),
    /// The handler still runs; what it returns will be sent as a message.
    Running,
}

/// What is needed to serve a request.
pub(crate) struct Dialog<'a> {
    pub(crate) catalog: Catalog<'a>,
    /// Whether the requester may run a command.
    pub(crate) may: &'a dyn Fn(&CommandSpec) -> bool,
    /// The texts in the language of the request; a session has its own.
    pub(crate) texts: Texts<'a>,
    /// The time, in seconds since 1970.
    pub(crate) now: u64,
}

impl Dialog<'_> {
    /// Serves a request that has no session yet. The id of the session has to be random.
    ///
    /// # Errors
    ///
    /// There is no such command, the requester may not run it, or the request belongs to a session.
    pub(crate) fn begin(&self, request: &Request, id: String) -> Result<Step, StanzaError> {
        if !request.may_begin() {
            return Err(bad_session());
        }
        let command = self.permitted(&request.node)?;
        let session = Session {
            id,
            command: request.node.clone(),
            lang: self.texts.lang().to_owned(),
            touched: self.now,
            screens: vec![Screen {
                subject: Subject::Command(request.node.clone()),
                values: Values::new(),
                page: 0,
            }],
        };
        if command.form().visible().next().is_none() {
            let call = Call {
                command,
                values: Values::new(),
            };
            return Ok(Step::Run(Submission::Command(call), session));
        }
        self.show(session, None)
    }

    /// Serves a request within a session.
    ///
    /// # Errors
    ///
    /// The request does not fit the session, which stays as it is stored.
    pub(crate) fn step(
        &self,
        mut session: Session,
        request: &Request,
    ) -> Result<Step, StanzaError> {
        let idle = self.now.saturating_sub(session.touched);
        if request.node != session.command || idle > EXPIRES_AFTER + FORGOTTEN_AFTER {
            return Err(bad_session());
        }
        let action = request.action()?;
        if action == Action::Cancel {
            let reply = Reply::new(&session, Status::Canceled, Body::Nothing);
            return Ok(Step::Reply(reply, None));
        }
        if idle > EXPIRES_AFTER {
            return Err(session_expired());
        }
        self.permitted(&session.command)?;
        session.touched = self.now;
        match action {
            Action::Prev => self.back(session, request.form.as_ref()),
            _ => self.forth(session, action, request.form.as_ref()),
        }
    }

    /// Returns the response to a request whose handler has run.
    pub(crate) fn finish(
        &self,
        mut session: Session,
        outcome: Outcome,
    ) -> (Reply, Option<Session>) {
        let texts = self.texts.in_language(&session.lang);
        let (note, text, body) = match outcome {
            Outcome::Ask(form, values) => {
                session.screens.push(Screen {
                    subject: Subject::Form(form.name().to_owned()),
                    values,
                    page: 0,
                });
                if session.screens.len() > MOST_SCREENS {
                    session.screens.remove(0);
                }
                return self.show_or_end(session, None);
            }
            Outcome::Invalid(error) => return self.show_or_end(session, Some(&error)),
            Outcome::Text(text) => (NoteType::Info, text, Body::Nothing),
            Outcome::Table(table) => (NoteType::Info, String::new(), Body::Table(table)),
            Outcome::Nothing => (
                NoteType::Info,
                texts.get(texts::COMPLETED).into_owned(),
                Body::Nothing,
            ),
            Outcome::Failed(text) => (NoteType::Error, text, Body::Nothing),
            Outcome::Running => (
                NoteType::Info,
                texts.get(texts::STILL_RUNNING).into_owned(),
                Body::Nothing,
            ),
        };
        let reply = Reply::new(&session, Status::Completed, body).note(note, text);
        (reply, None)
    }

    /// Shows the previous page with its values. The current page need not be filled in.
    fn back(&self, mut session: Session, given: Option<&Values>) -> Result<Step, StanzaError> {
        let form = self.current(&session)?;
        if !self.has_previous(&session) {
            return Err(bad_action());
        }
        let screen = session.screens.last_mut().ok_or_else(bad_session)?;
        if let Some(given) = given {
            let _it_is_checked_when_the_page_is_submitted =
                forms::take(&form, screen.page, given, &mut screen.values);
            forms::forget_secrets(&form, &mut screen.values);
        }
        match screen.page.checked_sub(1) {
            Some(page) => screen.page = page,
            None => {
                session.screens.pop();
                while self.current(&session)?.visible().next().is_none() {
                    session.screens.pop();
                }
            }
        }
        self.show(session, None)
    }

    /// Takes the current page; then shows the next one, or runs the handler after the last.
    fn forth(
        &self,
        mut session: Session,
        action: Action,
        given: Option<&Values>,
    ) -> Result<Step, StanzaError> {
        let form = self.current(&session)?;
        let screen = session.screens.last_mut().ok_or_else(bad_session)?;
        let is_last = screen.page + 1 >= form.page_count();
        // XEP-0050, 3.4: `execute` is the action that the page names.
        match (action, is_last) {
            (Action::Next, true) | (Action::Complete, false) => return Err(bad_action()),
            _ => {}
        }
        let given = given.ok_or_else(bad_payload)?;
        let taken = forms::take(&form, screen.page, given, &mut screen.values);
        let values = screen.values.clone();
        forms::forget_secrets(&form, &mut screen.values);
        if let Err(error) = taken {
            return self.show(session, Some(&error));
        }
        if !is_last {
            screen.page += 1;
            return self.show(session, None);
        }
        let submission = self.catalog.submission(&screen.subject, values);
        Ok(Step::Run(submission.ok_or_else(bad_session)?, session))
    }

    /// Shows the current page, with what is wrong with it.
    fn show(&self, session: Session, error: Option<&ValueError>) -> Result<Step, StanzaError> {
        let form = self.current(&session)?;
        let screen = session.screens.last().ok_or_else(bad_session)?;
        let texts = self.texts.in_language(&session.lang);
        let is_last = screen.page + 1 >= form.page_count();
        let body = Body::Page {
            form: Box::new(forms::page(&form, screen.page, &screen.values, texts)),
            has_previous: self.has_previous(&session),
            is_last,
        };
        let mut reply = Reply::new(&session, Status::Executing, body);
        if let Some(error) = error {
            reply = reply.note(NoteType::Error, texts.problem(&form, error));
        }
        Ok(Step::Reply(reply, Some(session)))
    }

    /// Shows the current page; if its form has no handler, ends the session.
    fn show_or_end(
        &self,
        session: Session,
        error: Option<&ValueError>,
    ) -> (Reply, Option<Session>) {
        let ended = Reply::new(&session, Status::Completed, Body::Nothing);
        match self.show(session, error) {
            Ok(Step::Reply(reply, session)) => (reply, session),
            _ => (ended, None),
        }
    }

    /// Returns the form of the current screen.
    fn current(&self, session: &Session) -> Result<FormSpec, StanzaError> {
        let screen = session.screens.last().ok_or_else(bad_session)?;
        // A later version of the program may have another form.
        let form = self.catalog.form(&screen.subject);
        form.filter(|form| screen.page < form.page_count())
            .ok_or_else(bad_session)
    }

    fn has_previous(&self, session: &Session) -> bool {
        let Some((current, before)) = session.screens.split_last() else {
            return false;
        };
        let has_fields = |screen: &Screen| {
            let form = self.catalog.form(&screen.subject);
            form.is_some_and(|form| form.visible().next().is_some())
        };
        current.page > 0 || before.iter().any(has_fields)
    }

    fn permitted(&self, node: &str) -> Result<&'static CommandSpec, StanzaError> {
        permitted(self.catalog, self.may, node)
    }
}

/// Returns a command that the requester may run as a form.
fn permitted(
    catalog: Catalog<'_>,
    may: &dyn Fn(&CommandSpec) -> bool,
    node: &str,
) -> Result<&'static CommandSpec, StanzaError> {
    let command = catalog.command(node);
    let command = command.filter(|command| command.is_on(Face::Form));
    let command = command.ok_or(Condition::ItemNotFound)?;
    match may(command) {
        true => Ok(command),
        false => Err(Condition::Forbidden.into()),
    }
}

#[cfg(test)]
mod tests;
