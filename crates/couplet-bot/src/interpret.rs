//! What a chat message leads to: an answer, a command, or a text; and the questions of conversations.

use std::sync::Arc;

use couplet::{SendError, SentId};

use crate::{
    app::{App, Unrunnable},
    catalog::Submission,
    decision::{Act, Decider, Decision},
    handlers::Call,
    outbound::Marks,
    permissions,
    question::{self, Asker, Next, Prompt, Question},
    reading::Place,
    result::{Reply, ReplyContent},
    runner::{self, Failure},
    spec::FormSpec,
    store::{SessionRecord, StoreError},
    text::Text,
    turn::Turn,
    values::Values,
};

/// The id of the open question of a conversation among its form sessions.
const QUESTION: &str = "question";

/// Runs what a message says.
///
/// Returns the id of the reply that a correction of the message replaces: of one about a mistake, or of a
/// command that runs again.
pub(crate) async fn message(app: &Arc<App>, turn: &Arc<Turn>, body: String) -> Option<String> {
    let done = match decide(app, turn, &body).await {
        Ok(decision) => act(app, turn, decision).await,
        Err(error) => {
            let failure = runner::failure(turn, error.to_string());
            say(turn, failure.text).await.map(|_| None)
        }
    };
    done.unwrap_or_else(|error| {
        tracing::warn!(%error, conversation = %turn.conversation, "a reply of the bot was not sent");
        None
    })
}

async fn decide(app: &App, turn: &Turn, body: &str) -> Result<Decision, StoreError> {
    let open = take_question(app, turn).await?;
    let may = |command: &_| permissions::allows(command, &turn.person, &app.shared.settings);
    let forms = app.handlers.form_specs();
    let decider = Decider {
        catalog: app.catalog(&forms),
        may: &may,
        takes_text: app.handlers.takes_text(),
        place: Place::Chat,
        texts: app.shared.texts(turn.lang()),
        now: app.seconds(),
    };
    Ok(decider.decide(body, open))
}

/// Does what was decided, and returns the reply that a correction of the message replaces.
async fn act(
    app: &Arc<App>,
    turn: &Arc<Turn>,
    decision: Decision,
) -> Result<Option<String>, SendError> {
    if let Some(dropped) = decision.dropped {
        say(turn, dropped).await?;
    }
    match decision.act {
        Act::Ignore => {}
        Act::Text(text) => {
            if let Some(call) = app.handlers.text(Text::new(text)) {
                run(app, turn, call).await?;
            }
        }
        Act::Run(submission) => {
            let reruns = match &submission {
                Submission::Command(call) => call.command.reruns(),
                Submission::Form { .. } => false,
            };
            match app.call_of(&submission, &turn.person, turn.lang()) {
                Ok(call) => {
                    let sent = run(app, turn, call).await?;
                    return Ok(sent.filter(|_| reruns).map(String::from));
                }
                Err(Unrunnable::Later(text) | Unrunnable::Wrong(text, _)) => {
                    return complain(turn, text).await;
                }
            }
        }
        Act::Ask(prompt, question) => prompt_with(app, turn, &prompt, &question).await?,
        Act::Reply(text) => {
            say(turn, text).await?;
        }
        Act::Complain(text) => return complain(turn, text).await,
        Act::Forbid(command) => {
            say(turn, app.forbidden(command, turn.lang())).await?;
        }
    }
    Ok(None)
}

async fn complain(turn: &Turn, text: String) -> Result<Option<String>, SendError> {
    Ok(Some(say(turn, text).await?.into()))
}

/// Asks for a field, and stores the question before.
async fn prompt_with(
    app: &App,
    turn: &Turn,
    prompt: &Prompt,
    question: &Question,
) -> Result<(), SendError> {
    if let Err(error) = set_question(app, turn, Some(question)).await {
        say(turn, runner::failure(turn, error.to_string()).text).await?;
        return Ok(());
    }
    let marks = Marks {
        responses: &prompt.responses,
        ..Marks::default()
    };
    turn.send(&Text::new(prompt.text.as_str()), marks).await?;
    Ok(())
}

async fn run(app: &Arc<App>, turn: &Arc<Turn>, call: Call) -> Result<Option<SentId>, SendError> {
    let result = runner::run(turn, call).await;
    deliver(app, turn, result).await
}

/// Sends what a handler returned as messages of the conversation.
pub(crate) async fn deliver(
    app: &App,
    turn: &Turn,
    result: Result<Reply, Failure>,
) -> Result<Option<SentId>, SendError> {
    let text = match result {
        Ok(Reply(ReplyContent::Nothing)) => return Ok(None),
        Ok(Reply(ReplyContent::Text(text))) => text,
        Ok(Reply(ReplyContent::Table(table))) => Text::new(app.table_text(&table, turn.lang())),
        Ok(Reply(ReplyContent::Question(form, values))) => {
            ask(app, turn, form, values).await?;
            return Ok(None);
        }
        Err(failure) => Text::new(failure.text),
    };
    turn.send(&text, Marks::default()).await.map(Some)
}

/// Asks a form field by field.
async fn ask(
    app: &App,
    turn: &Turn,
    form: &'static FormSpec,
    values: Values,
) -> Result<(), SendError> {
    let forms = app.handlers.form_specs();
    let next = {
        let asker = Asker {
            catalog: app.catalog(&forms),
            texts: app.shared.texts(turn.lang()),
            now: app.seconds(),
        };
        asker.ask_all(form, values)
    };
    match next {
        Next::Ask(prompt, question) => prompt_with(app, turn, &prompt, &question).await,
        Next::Run(_) | Next::Canceled(_) | Next::Closed => {
            let why = format!("the form `{}` has no handler: add `Bot::form`", form.name());
            say(turn, runner::failure(turn, why).text).await?;
            Ok(())
        }
    }
}

async fn say(turn: &Turn, text: String) -> Result<SentId, SendError> {
    turn.send(&Text::new(text), Marks::default()).await
}

/// Takes the open question of a conversation out of the store.
async fn take_question(app: &App, turn: &Turn) -> Result<Option<Question>, StoreError> {
    let (store, bot) = (&app.shared.store, &app.shared.bot);
    let owner = turn.conversation.key();
    let Some(stored) = store.session(bot, &owner, QUESTION).await? else {
        return Ok(None);
    };
    set_question(app, turn, None).await?;
    // A question that a later version of the program cannot read is closed.
    Ok(serde_json::from_str(&stored.value).ok())
}

async fn set_question(
    app: &App,
    turn: &Turn,
    question: Option<&Question>,
) -> Result<(), StoreError> {
    let record = match question {
        Some(question) => Some(SessionRecord {
            value: app.written(question)?,
            until: app.shared.clock.now() + question::EXPIRES_AFTER * 1_000,
        }),
        None => None,
    };
    let owner = turn.conversation.key();
    let (store, bot) = (&app.shared.store, &app.shared.bot);
    store.set_session(bot, &owner, QUESTION, record, 1).await
}
