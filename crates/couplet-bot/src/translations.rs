//! Texts in the language of the user.

use std::{borrow::Cow, fmt};

use crate::{
    choice::ChoiceOption,
    spec::{CommandSpec, FieldSpec, FormSpec},
    texts::{self, Text},
    value_error::{Kind, Problem, ValueError},
};

/// Looks up the texts of a bot in other languages than the one it was written in.
///
/// The keys of the author's own texts are built from names: `remind` is the summary of a command or
/// the title of a form, `remind.description` and `remind.example` belong to it, `remind.after` is the
/// label of a field, `remind.after.description` belongs to it, `subscribe.level.fire` is the label of
/// an option. Those of the bot kit are [`texts::ALL`]. A text that is not found
/// stays as it was written.
///
/// # Examples
///
/// ```
/// use couplet_bot::Translations;
///
/// struct German;
///
/// impl Translations for German {
///     fn text(&self, lang: &str, key: &str) -> Option<String> {
///         let text = match key {
///             "remind" => "An etwas erinnern",
///             "couplet.not-a-number" => "{label}: „{value}“ ist keine Zahl",
///             _ => return None,
///         };
///         lang.starts_with("de").then(|| text.to_owned())
///     }
/// }
///
/// assert_eq!(German.text("de-AT", "remind").as_deref(), Some("An etwas erinnern"));
/// ```
pub trait Translations: Send + Sync + 'static {
    /// Returns the text of this key in a language, an `xml:lang` such as `de` or `de-AT`. A `{name}` in
    /// it is replaced by a value.
    fn text(&self, lang: &str, key: &str) -> Option<String>;
}

/// The texts in one language.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'a> {
    translations: Option<&'a dyn Translations>,
    lang: &'a str,
}

impl fmt::Debug for Texts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts")
            .field("lang", &self.lang)
            .finish_non_exhaustive()
    }
}

/// Yes and no in languages that need no translation for a word as short as that.
const YES_AND_NO: [(&str, &str, &str); 10] = [
    ("cs", "ano", "ne"),
    ("de", "ja", "nein"),
    ("es", "sí", "no"),
    ("fr", "oui", "non"),
    ("it", "sì", "no"),
    ("nl", "ja", "nee"),
    ("pl", "tak", "nie"),
    ("pt", "sim", "não"),
    ("ru", "да", "нет"),
    ("sv", "ja", "nej"),
];

impl<'a> Texts<'a> {
    /// The texts as they were written.
    #[cfg(test)]
    pub(crate) const ORIGINAL: Texts<'static> = Texts {
        translations: None,
        lang: "",
    };

    pub(crate) fn new(translations: Option<&'a dyn Translations>, lang: &'a str) -> Texts<'a> {
        Texts { translations, lang }
    }

    /// Returns these texts in another language.
    pub(crate) fn in_language<'b>(self, lang: &'b str) -> Texts<'b>
    where
        'a: 'b,
    {
        Texts { lang, ..self }
    }

    /// Returns the language; empty for the texts as they were written.
    pub(crate) fn lang(&self) -> &'a str {
        self.lang
    }

    fn find(&self, key: &str) -> Option<String> {
        match self.lang {
            "" => None,
            lang => self.translations?.text(lang, key),
        }
    }

    fn find_or(&self, key: &str, original: &'static str) -> Cow<'static, str> {
        self.find(key).map_or(original.into(), Cow::Owned)
    }

    /// Returns a text of the bot kit with its values.
    pub(crate) fn fill(&self, text: Text, values: &[(&str, &str)]) -> String {
        match self.find(text.key) {
            Some(translated) => texts::fill(&translated, values),
            None => texts::fill(text.english, values),
        }
    }

    /// Returns a text of the bot kit that has no values.
    pub(crate) fn get(&self, text: Text) -> Cow<'static, str> {
        self.find_or(text.key, text.english)
    }

    /// Returns the summary of a command or the title of a form.
    pub(crate) fn title(&self, form: &FormSpec) -> Cow<'static, str> {
        self.find_or(form.name(), form.title())
    }

    pub(crate) fn description(&self, form: &FormSpec) -> Cow<'static, str> {
        self.find_or(&format!("{}.description", form.name()), form.text())
    }

    pub(crate) fn example(&self, command: &CommandSpec) -> Option<Cow<'static, str>> {
        let key = format!("{}.example", command.name());
        command
            .an_example()
            .map(|example| self.find_or(&key, example))
    }

    pub(crate) fn label(&self, form: &FormSpec, field: &FieldSpec) -> Cow<'static, str> {
        self.find_or(&format!("{}.{}", form.name(), field.name()), field.label())
    }

    pub(crate) fn field_description(
        &self,
        form: &FormSpec,
        field: &FieldSpec,
    ) -> Cow<'static, str> {
        let key = format!("{}.{}.description", form.name(), field.name());
        self.find_or(&key, field.text())
    }

    /// Returns the options of a field with their labels translated.
    pub(crate) fn options(&self, form: &FormSpec, field: &FieldSpec) -> Vec<ChoiceOption> {
        let translated = |option: ChoiceOption| {
            let key = format!("{}.{}.{}", form.name(), field.name(), option.value());
            match self.find(&key) {
                Some(label) => ChoiceOption::from((option.value().to_owned(), label)),
                None => option,
            }
        };
        field.options().into_iter().map(translated).collect()
    }

    /// Returns the value that a user means by a word: that of an option by its translated label, that
    /// of yes and no in the language. Other words stay.
    pub(crate) fn meaning(&self, form: &FormSpec, field: &FieldSpec, word: &str) -> String {
        if field.arg_type().kind() == Kind::Boolean
            && let Some(value) = self.read_yes_or_no(word)
        {
            return value.to_string();
        }
        let options = self.options(form, field);
        let meant = options.iter().find(|option| option.is_meant_by(word));
        meant.map_or(word, ChoiceOption::value).to_owned()
    }

    /// Returns what is wrong with a value of a form or a command.
    pub(crate) fn problem(&self, form: &FormSpec, error: &ValueError) -> String {
        let field = form
            .all()
            .iter()
            .find(|field| field.name() == error.field());
        let label = field
            .map(|field| self.label(form, field))
            .unwrap_or_default();
        let (text, values) = error.text();
        let mut named = vec![("label", label.as_ref())];
        named.extend(values.iter().map(|(name, value)| (*name, value.as_ref())));
        let options = match (error.problem(), field) {
            (Problem::NotAnOption(_), Some(field)) => {
                let options = self.options(form, field);
                let labels: Vec<&str> = options.iter().map(ChoiceOption::label).collect();
                labels.join(", ")
            }
            _ => return self.fill(text, &named),
        };
        named.retain(|(name, _)| *name != "options");
        named.push(("options", &options));
        self.fill(text, &named)
    }

    /// Returns the word for yes or no.
    pub(crate) fn yes_or_no(&self, value: bool) -> Cow<'static, str> {
        let text = if value { texts::YES } else { texts::NO };
        let own = self.words_of_language();
        let own = own.map(|(yes, no)| if value { yes } else { no });
        self.find_or(text.key, own.unwrap_or(text.english))
    }

    /// Returns what a word says: yes, no or neither, in the language of the user or in English.
    pub(crate) fn read_yes_or_no(&self, word: &str) -> Option<bool> {
        let word = word.trim().to_lowercase();
        [true, false].into_iter().find(|value| {
            let english: &[&str] = match value {
                true => &["yes", "y", "true", "on"],
                false => &["no", "n", "false", "off"],
            };
            english.contains(&word.as_str()) || self.yes_or_no(*value).to_lowercase() == word
        })
    }

    fn words_of_language(&self) -> Option<(&'static str, &'static str)> {
        let lang = self.lang.split('-').next().unwrap_or_default();
        let mut known = YES_AND_NO
            .iter()
            .filter(|(of, ..)| of.eq_ignore_ascii_case(lang));
        known.next().map(|(_, yes, no)| (*yes, *no))
    }
}

#[cfg(test)]
mod tests {
    use super::{Texts, Translations};
    use crate::{
        spec::{FieldSpec, FormSpec},
        texts,
        value_error::{Kind, Problem, ValueError},
    };

    struct German;

    impl Translations for German {
        fn text(&self, lang: &str, key: &str) -> Option<String> {
            let text = match key {
                "remind.after" => "In welcher Zeit",
                "couplet.not-a-duration" => "{label}: „{value}“ ist keine Dauer",
                _ => return None,
            };
            (lang == "de").then(|| text.to_owned())
        }
    }

    const FIELDS: &[FieldSpec] = &[FieldSpec::of::<std::time::Duration>("after", "In how long")];
    const FORM: FormSpec = FormSpec::new("remind", "Remind you later").fields(FIELDS);

    #[test]
    fn a_text_is_translated_or_stays_as_it_was_written() {
        let error = ValueError::new(
            "after",
            "In how long",
            "soon",
            Problem::Unreadable(Kind::Duration),
        );
        let texts = Texts::new(Some(&German), "de");
        assert_eq!(
            texts.problem(&FORM, &error),
            "In welcher Zeit: „soon“ ist keine Dauer"
        );
        assert_eq!(texts.title(&FORM), "Remind you later");
        let french = texts.in_language("fr");
        assert_eq!(french.problem(&FORM, &error), error.to_string());
        assert_eq!(Texts::ORIGINAL.get(texts::BACK), "back");
    }

    #[test]
    fn yes_and_no_are_read_in_the_language_and_in_english() {
        let texts = Texts::new(None, "de-AT");
        assert_eq!(texts.read_yes_or_no("Ja"), Some(true));
        assert_eq!(texts.read_yes_or_no("no"), Some(false));
        assert_eq!(texts.read_yes_or_no("oui"), None);
        assert_eq!(texts.yes_or_no(true), "ja");
    }
}
