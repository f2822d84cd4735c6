//! What a chat message leads to: an answer, a command, or a text; and the questions of conversations.

use std::sync::Arc;

use couplet::SendError;

use crate::{
    app::{App, Unrunnable},
    context::Turn,
    decision::{Act, Decider, Decision},
    handlers::Call,
    outbound::Marks,
    permissions,
    question::{self, Asker, Next, Question},
    reading::Place,
    result::{Reply, ReplyContent},
    runner::{self, Failure},
    spec::FormSpec,
    store::{SessionRecord, StoreError},
    text::Text,
    values::Values,
};

/// The id of the open question of a conversation among its form sessions.
const QUESTION: &str = "question";

/// Runs what a message says.
pub(crate) async fn message(app: &Arc<App>, turn: &Arc<Turn>, body: String) {
    let done = match decide(app, turn, &body).await {
        Ok(decision) => act(app, turn, decision).await,
        Err(error) => {
            let failure = runner::failure(turn, error.to_string());
            deliver(app, turn, Err(failure)).await
        }
    };
    if let Err(error) = done {
        tracing::warn!(%error, conversation = %turn.conversation, "a reply of the bot was not sent");
    }
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

async fn act(app: &Arc<App>, turn: &Arc<Turn>, decision: Decision) -> Result<(), SendError> {
    if let Some(dropped) = decision.dropped {
        say(turn, dropped).await?;
    }
    match decision.act {
        Act::Ignore => Ok(()),
        Act::Text(text) => match app.handlers.text(Text::new(text)) {
            Some(call) => run(app, turn, call).await,
            None => Ok(()),
        },
        Act::Run(submission) => match app.call_of(&submission, &turn.person, turn.lang()) {
            Ok(call) => run(app, turn, call).await,
            Err(Unrunnable::Later(text) | Unrunnable::Wrong(text, _)) => say(turn, text).await,
        },
        Act::Ask(prompt, question) => {
            let asked = set_question(app, turn, Some(&question)).await;
            match asked {
                Ok(()) => {
                    let prompt_text = Text::new(prompt.text.as_str());
                    let marks = Marks {
                        responses: &prompt.responses,
                        ..Marks::default()
                    };
                    turn.send(&prompt_text, marks).await.map(drop)
                }
                Err(error) => {
                    let failure = runner::failure(turn, error.to_string());
                    say(turn, failure.text).await
                }
            }
        }
        Act::Reply(text) | Act::Complain(text) => say(turn, text).await,
        Act::Forbid(command) => say(turn, app.forbidden(command, turn.lang())).await,
    }
}

async fn run(app: &Arc<App>, turn: &Arc<Turn>, call: Call) -> Result<(), SendError> {
    let result = runner::run(turn, call).await;
    deliver(app, turn, result).await
}

/// Sends what a handler returned as messages of the conversation.
pub(crate) async fn deliver(
    app: &Arc<App>,
    turn: &Arc<Turn>,
    result: Result<Reply, Failure>,
) -> Result<(), SendError> {
    match result {
        Ok(Reply(ReplyContent::Nothing)) => Ok(()),
        Ok(Reply(ReplyContent::Text(text))) => turn.send(&text, Marks::default()).await.map(drop),
        Ok(Reply(ReplyContent::Table(table))) => {
            say(turn, app.table_text(&table, turn.lang())).await
        }
        Ok(Reply(ReplyContent::Question(form, values))) => ask(app, turn, form, values).await,
        Err(failure) => say(turn, failure.text).await,
    }
}

/// Asks a form field by field.
async fn ask(
    app: &Arc<App>,
    turn: &Arc<Turn>,
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
    let act_next = match next {
        Next::Ask(prompt, question) => Act::Ask(prompt, question),
        Next::Run(_) | Next::Canceled(_) | Next::Closed => {
            let why = format!("the form `{}` has no handler: add `Bot::form`", form.name());
            Act::Reply(runner::failure(turn, why).text)
        }
    };
    let decision = Decision {
        act: act_next,
        dropped: None,
    };
    Box::pin(act(app, turn, decision)).await
}

async fn say(turn: &Turn, text: String) -> Result<(), SendError> {
    turn.send(&Text::new(text), Marks::default()).await?;
    Ok(())
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
