//! Ad-hoc commands of clients: requests, sessions in the store, and service discovery. (XEP-0050)

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use couplet::{
    Condition, DiscoItems, Discovery, Incoming, IqHandler, Jid, MessageType, StanzaError,
};
use tokio::{sync::oneshot, time::timeout};
use xmpp_parsers::disco::{DiscoInfoQuery, DiscoInfoResult, DiscoItemsQuery};

use crate::{
    adhoc::{
        self, Dialog, Outcome, Session, Step, discovery, errors,
        request::{CommandPayload, Request},
    },
    app::{App, Unrunnable},
    catalog::Submission,
    conversation::Conversation,
    handlers::Call,
    ids, interpret,
    outbound::Recipient,
    permissions,
    rate::Permit,
    result::{Reply, ReplyContent},
    runner::{self, Failure},
    spec::CommandSpec,
    store::SessionRecord,
    turns::Work,
};

/// A handler that takes longer answers by a message: a client gives a request up after a minute.
const SLOW: Duration = Duration::from_secs(15);

/// Handles requests to execute a command.
pub(crate) struct CommandRequests(pub(crate) Arc<App>);

#[async_trait]
impl IqHandler<CommandPayload> for CommandRequests {
    type Response = adhoc::Reply;

    async fn handle(
        &self,
        incoming: Incoming<CommandPayload>,
    ) -> Result<adhoc::Reply, StanzaError> {
        let app = &self.0;
        if incoming.to().to_bare() != app.shared.address {
            return Err(Condition::ServiceUnavailable.into());
        }
        let person = incoming.from().clone();
        if !app.shared.is_allowed(&person) {
            return Err(Condition::Forbidden.into());
        }
        let payload = incoming.stanza().payloads().next();
        let request = Request::read(payload.ok_or(Condition::BadRequest)?)?;
        let lang = incoming.lang().map(|lang| lang.into_owned());
        let lang = request.lang.clone().or(lang).unwrap_or_default();
        drop(incoming);
        let stored = self.session(&person, &request).await?;
        let step = match stored {
            Some(session) => {
                self.dialog(&person, &lang, |dialog| dialog.step(session, &request))?
            }
            None => {
                self.check_room(&person).await?;
                let id = format!("{:032x}", ids::random());
                self.dialog(&person, &lang, |dialog| dialog.begin(&request, id))?
            }
        };
        let proposed = request.session;
        let (reply, session, id) = match step {
            Step::Reply(reply, session) => {
                let id = session
                    .as_ref()
                    .map(|session| session.id.clone())
                    .or(proposed);
                (reply, session, id)
            }
            Step::Run(submission, session) => {
                let id = session.id.clone();
                let outcome = self.run(&person, &session.lang, &submission).await;
                let (reply, session) =
                    self.dialog(&person, &lang, |dialog| dialog.finish(session, outcome));
                (reply, session, Some(id))
            }
        };
        if let Some(id) = id {
            self.store(&person, &id, session).await?;
        }
        Ok(reply)
    }
}

impl CommandRequests {
    fn dialog<T>(&self, person: &Jid, lang: &str, serve: impl FnOnce(Dialog<'_>) -> T) -> T {
        let app = &self.0;
        let may =
            |command: &CommandSpec| permissions::allows(command, person, &app.shared.settings);
        let forms = app.handlers.form_specs();
        serve(Dialog {
            catalog: app.catalog(&forms),
            may: &may,
            texts: app.shared.texts(lang),
            now: app.seconds(),
        })
    }

    /// Returns the session of a request, if it is one of this person's.
    async fn session(
        &self,
        person: &Jid,
        request: &Request,
    ) -> Result<Option<Session>, StanzaError> {
        let Some(id) = &request.session else {
            return Ok(None);
        };
        let shared = &self.0.shared;
        let found = shared.store.session(&shared.bot, person.prepared(), id);
        // One that a later version of the program cannot read is gone.
        Ok(found
            .await?
            .and_then(|record| serde_json::from_str(&record.value).ok()))
    }

    async fn store(
        &self,
        person: &Jid,
        id: &str,
        session: Option<Session>,
    ) -> Result<(), StanzaError> {
        let shared = &self.0.shared;
        let lasts = (adhoc::EXPIRES_AFTER + adhoc::FORGOTTEN_AFTER) * 1_000;
        let record = match session {
            Some(session) => Some(SessionRecord {
                value: self.0.written(&session)?,
                until: shared.clock.now() + lasts,
            }),
            None => None,
        };
        let most = u32::try_from(adhoc::MOST_OF_ONE).unwrap_or(u32::MAX);
        shared
            .store
            .set_session(&shared.bot, person.prepared(), id, record, most)
            .await?;
        Ok(())
    }

    /// Refuses a new session of a person who begins too many, or if there are too many in all.
    async fn check_room(&self, person: &Jid) -> Result<(), StanzaError> {
        let shared = &self.0.shared;
        if self.0.rate.take(person.to_bare().prepared()) != Permit::Go {
            return Err(errors::too_many_requests());
        }
        let open = shared
            .store
            .expire_sessions(&shared.bot, shared.clock.now());
        match open.await? < adhoc::MOST_IN_ALL as u64 {
            true => Ok(()),
            false => Err(errors::too_many_sessions()),
        }
    }

    /// Runs a handler in the order of its conversation.
    async fn run(&self, person: &Jid, lang: &str, submission: &Submission) -> Outcome {
        match self.0.call_of(submission, person, lang) {
            Ok(call) => self.run_call(person, lang, call).await,
            Err(Unrunnable::Later(text)) => Outcome::Failed(text),
            Err(Unrunnable::Wrong(_, error)) => Outcome::Invalid(error),
        }
    }

    async fn run_call(&self, person: &Jid, lang: &str, call: Call) -> Outcome {
        let app = Arc::clone(&self.0);
        let conversation = Conversation::with(person);
        let lane = app.lane(&conversation);
        let recipient = Recipient {
            to: person.clone(),
            type_: MessageType::Chat,
            thread: None,
            lang: Some(lang.to_owned()).filter(|lang| !lang.is_empty()),
        };
        let (done, result) = oneshot::channel();
        let person = person.clone();
        let work: Work = Box::new(move |interrupted| {
            Box::pin(async move {
                let turn = app.turn_of(&person, recipient, None, interrupted);
                let result = runner::run(&turn, call).await;
                // Where the request was answered meanwhile, it becomes a message.
                if let Err(late) = done.send(result)
                    && let Err(error) = interpret::deliver(&app, &turn, late).await
                {
                    tracing::warn!(%error, "a reply of the bot was not sent");
                }
            })
        });
        if !self.0.turns.queue(lane, false, work).await {
            let texts = self.0.shared.texts(lang);
            return Outcome::Failed(texts.get(crate::texts::BUSY).into_owned());
        }
        match timeout(SLOW, result).await {
            Ok(Ok(result)) => outcome(result),
            Ok(Err(_turn_is_gone)) => Outcome::Nothing,
            Err(_elapsed) => Outcome::Running,
        }
    }
}

fn outcome(result: Result<Reply, Failure>) -> Outcome {
    match result {
        Ok(Reply(ReplyContent::Nothing)) => Outcome::Nothing,
        Ok(Reply(ReplyContent::Text(text))) => Outcome::Text(text.text().to_owned()),
        Ok(Reply(ReplyContent::Table(table))) => Outcome::Table(table),
        Ok(Reply(ReplyContent::Question(form, values))) => Outcome::Ask(form, values),
        Err(failure) => Outcome::Failed(failure.text),
    }
}

/// Lists the commands in service discovery.
pub(crate) struct CommandDiscovery(pub(crate) Arc<App>);

impl CommandDiscovery {
    fn may(&self, command: &CommandSpec, person: &Jid) -> bool {
        let shared = &self.0.shared;
        shared.is_allowed(person) && permissions::allows(command, person, &shared.settings)
    }
}

#[async_trait]
impl Discovery for CommandDiscovery {
    async fn info(
        &self,
        request: &Incoming<DiscoInfoQuery>,
    ) -> Result<Option<DiscoInfoResult>, StanzaError> {
        let app = &self.0;
        let Some(node) = &request.node else {
            return Ok(None);
        };
        let is_command = app
            .handlers
            .commands
            .iter()
            .any(|command| command.name() == node);
        if request.to().to_bare() != app.shared.address || !is_command {
            return Ok(None);
        }
        let lang = request.lang().unwrap_or_default();
        let may = |command: &CommandSpec| self.may(command, request.from());
        let catalog = app.catalog(&[]);
        discovery::info(catalog, &may, node, app.shared.texts(&lang)).map(Some)
    }

    async fn items(
        &self,
        request: &Incoming<DiscoItemsQuery>,
    ) -> Result<Option<DiscoItems>, StanzaError> {
        let app = &self.0;
        let is_list = request.node.as_deref() == Some(adhoc::NS);
        if !is_list || request.to().to_bare() != app.shared.address {
            return Ok(None);
        }
        let lang = request.lang().unwrap_or_default();
        let may = |command: &CommandSpec| self.may(command, request.from());
        let catalog = app.catalog(&[]);
        let texts = app.shared.texts(&lang);
        Ok(Some(discovery::items(catalog, &may, request.to(), texts)))
    }
}
