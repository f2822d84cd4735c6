//! A form that is filled in by chat messages: one question for each field. (XEP-0439)
//!
//! Deliberately absent: a store and a clock. The caller stores the question of a conversation and
//! gives it back with the next message.

use serde::{Deserialize, Serialize};

use crate::{
    catalog::{Catalog, Subject, Submission},
    spec::{FieldSpec, FormSpec},
    texts::{self, Text},
    translations::Texts,
    value_error::Kind,
    values::Values,
};

/// A question that is not answered for this many seconds is closed.
pub(crate) const EXPIRES_AFTER: u64 = 600;

/// No question offers more quick responses.
const MOST_RESPONSES: usize = 8;

/// An open question of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    subject: Subject,
    values: Values,
    /// The fields that are asked for, in order.
    fields: Vec<String>,
    /// Which of them is asked for now.
    at: usize,
    /// When it was asked, in seconds since 1970.
    asked: u64,
}

/// What a bot says to ask for a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) text: String,
    /// Values and labels that clients may show as buttons.
    pub(crate) responses: Vec<(String, String)>,
}

/// What an answer leads to.
#[derive(Debug)]
pub(crate) enum Next {
    /// Send this and store the question.
    Ask(Prompt, Question),
    /// Run the handler; there is no question any more.
    Run(Submission),
    /// Send this text; there is no question any more.
    Canceled(String),
    /// The question is closed or its form is gone: the message is not an answer.
    Closed,
}

/// What is needed to ask.
pub(crate) struct Asker<'a> {
    pub(crate) catalog: Catalog<'a>,
    pub(crate) texts: Texts<'a>,
    /// The time, in seconds since 1970.
    pub(crate) now: u64,
}

impl Question {
    /// Returns whether it still waits for an answer.
    pub(crate) fn is_open(&self, now: u64) -> bool {
        now.saturating_sub(self.asked) <= EXPIRES_AFTER
    }
}

impl Asker<'_> {
    /// Asks for the required fields of a command that have no value yet.
    pub(crate) fn ask_for_missing(&self, command: &str, values: Values) -> Next {
        self.begin(
            Subject::Command(command.to_owned()),
            values,
            |field, values| field.is_required() && !values.has(field.name()),
        )
    }

    /// Asks for each field of a form, with the current values.
    pub(crate) fn ask_all(&self, form: &FormSpec, values: Values) -> Next {
        self.begin(Subject::Form(form.name().to_owned()), values, |_, _| true)
    }

    fn begin(
        &self,
        subject: Subject,
        values: Values,
        is_asked: fn(&FieldSpec, &Values) -> bool,
    ) -> Next {
        let Some(form) = self.catalog.form(&subject) else {
            return Next::Closed;
        };
        let fields = form.visible().filter(|field| is_asked(field, &values));
        let fields = fields.map(|field| field.name().to_owned()).collect();
        let question = Question {
            subject,
            values,
            fields,
            at: 0,
            asked: self.now,
        };
        let title = match question.subject {
            Subject::Command(_) => None,
            Subject::Form(_) => Some(self.title(&form)),
        };
        self.ask(&form, question, title)
    }

    /// Reads a message as the answer to a question.
    pub(crate) fn answer(&self, mut question: Question, text: &str) -> Next {
        let form = self.catalog.form(&question.subject);
        let (Some(form), true) = (form, question.is_open(self.now)) else {
            return Next::Closed;
        };
        let Some(field) = question.field(&form) else {
            return Next::Closed;
        };
        question.asked = self.now;
        if self.says(text, texts::CANCEL) {
            return Next::Canceled(self.texts.get(texts::CANCELED).into_owned());
        }
        if self.says(text, texts::BACK) {
            question.at = question.at.saturating_sub(1);
            return self.ask(&form, question, None);
        }
        if !(self.says(text, texts::SKIP) && question.may_skip(field)) {
            let given = self.given(&form, field, text);
            if let Err(error) = field.check(&given) {
                let problem = self.texts.problem(&form, &error);
                return self.ask(&form, question, Some(problem));
            }
            question.values.set(field.name(), given);
        }
        question.at += 1;
        self.ask(&form, question, None)
    }

    /// Returns the line that says that a question is dropped for a command.
    pub(crate) fn dropped(&self, question: &Question) -> Option<String> {
        let form = self.catalog.form(&question.subject)?;
        let title = self.texts.title(&form);
        Some(self.texts.fill(texts::DROPPED, &[("title", &title)]))
    }

    /// Asks for the current field, after a line about what was before; runs the handler after the
    /// last one.
    fn ask(&self, form: &FormSpec, question: Question, before: Option<String>) -> Next {
        if question.at >= question.fields.len() {
            let submission = self.catalog.submission(&question.subject, question.values);
            return submission.map_or(Next::Closed, Next::Run);
        }
        let Some(field) = question.field(form) else {
            return Next::Closed;
        };
        let mut prompt = self.prompt(form, field, &question);
        if let Some(before) = before {
            prompt.text = format!("{before}\n{}", prompt.text);
        }
        Next::Ask(prompt, question)
    }

    fn prompt(&self, form: &FormSpec, field: &FieldSpec, question: &Question) -> Prompt {
        let options = self.options(form, field);
        let mut text = self.texts.label(form, field).into_owned();
        if let Some(current) = question.current(field) {
            text.push_str(&format!(" [{}]", shown(&options, &current)));
        }
        let description = self.texts.field_description(form, field);
        if !description.is_empty() {
            text.push_str(&format!("\n{description}"));
        }
        for (number, (_, label)) in (1..).zip(&options) {
            text.push_str(&format!("\n{number}. {label}"));
        }
        let mut responses = options;
        if question.may_skip(field) {
            let skip = self.texts.get(texts::SKIP).into_owned();
            text.push('\n');
            text.push_str(&self.texts.fill(texts::SKIP_HINT, &[("skip", &skip)]));
            responses.truncate(MOST_RESPONSES - 1);
            responses.push((skip.clone(), skip));
        }
        responses.truncate(MOST_RESPONSES);
        Prompt { text, responses }
    }

    /// Returns values and labels of the options; those of yes and no for a boolean.
    fn options(&self, form: &FormSpec, field: &FieldSpec) -> Vec<(String, String)> {
        if field.arg_type().kind() == Kind::Boolean {
            return [true, false]
                .map(|value| (value.to_string(), self.texts.yes_or_no(value).into_owned()))
                .into();
        }
        let options = self.texts.options(form, field);
        let pairs = options.iter();
        pairs
            .map(|option| (option.value().to_owned(), option.label().to_owned()))
            .collect()
    }

    /// Returns the values that an answer means: options by value, label or number, several between
    /// commas for a list.
    fn given(&self, form: &FormSpec, field: &FieldSpec, text: &str) -> Vec<String> {
        if field.is_free_text() {
            return vec![text.to_owned()];
        }
        let options = self.options(form, field);
        let meaning = |word: &str| {
            let meant = self.texts.meaning(form, field, word);
            let is_option = options.iter().any(|(value, _)| *value == meant);
            let number = word.trim().trim_end_matches('.').parse::<usize>().ok();
            let numbered = number.and_then(|number| options.get(number.checked_sub(1)?));
            match (is_option, numbered) {
                (false, Some((value, _))) => value.clone(),
                _ => meant,
            }
        };
        match field.arg_type().is_list() {
            true => text.split([',', '\n']).map(meaning).collect(),
            false => vec![meaning(text)],
        }
    }

    fn says(&self, text: &str, word: Text) -> bool {
        let text = text.trim().to_lowercase();
        text == word.english || text == self.texts.get(word).to_lowercase()
    }

    fn title(&self, form: &FormSpec) -> String {
        let (title, description) = (self.texts.title(form), self.texts.description(form));
        match description.is_empty() {
            true => title.into_owned(),
            false => format!("{title}\n{description}"),
        }
    }
}

impl Question {
    /// Returns the field that is asked for.
    fn field(&self, form: &FormSpec) -> Option<&'static FieldSpec> {
        let name = self.fields.get(self.at)?;
        form.visible().find(|field| field.name() == name)
    }

    /// Returns whether the value may stay as it is.
    fn may_skip(&self, field: &FieldSpec) -> bool {
        !field.is_required() || self.current(field).is_some()
    }

    /// Returns the current values or the default, but not whether a box is checked: a boolean always
    /// has a value, which is not a proposal.
    fn current(&self, field: &FieldSpec) -> Option<Vec<String>> {
        if field.is_secret() {
            return None;
        }
        let is_boolean = field.arg_type().kind() == Kind::Boolean;
        let current = self.values.get(field.name());
        match current.iter().all(|text| text.is_empty()) || is_boolean {
            false => Some(current.to_vec()),
            true => field.default_text().map(|text| vec![text.to_owned()]),
        }
    }
}

/// Returns the labels of current values.
fn shown(options: &[(String, String)], values: &[String]) -> String {
    let label = |value: &String| {
        let option = options.iter().find(|(option, _)| option == value);
        option.map_or(value.clone(), |(_, label)| label.clone())
    };
    values.iter().map(label).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
