//! The response to a request, as XML.

use couplet::IntoResponse;
use couplet_core::xml_writer::XmlWriter;
use xmpp_parsers::data_forms::DataForm;

use super::{NS, Session};
use crate::{forms, table::Table};

/// The response to a request.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    node: String,
    session: String,
    lang: String,
    status: Status,
    note: Option<(NoteType, String)>,
    body: Body,
}

/// The state of a command. (XEP-0050, 3.3)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Executing,
    Completed,
    Canceled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoteType {
    Info,
    Error,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Nothing,
    Table(Table),
    Page {
        form: Box<DataForm>,
        has_previous: bool,
        is_last: bool,
    },
}

impl Reply {
    pub(super) fn new(session: &Session, status: Status, body: Body) -> Reply {
        Reply {
            node: session.command.clone(),
            session: session.id.clone(),
            lang: session.lang.clone(),
            status,
            note: None,
            body,
        }
    }

    /// Adds a note; an empty one is left out.
    pub(super) fn note(self, type_: NoteType, text: String) -> Reply {
        Reply {
            note: (!text.is_empty()).then_some((type_, text)),
            ..self
        }
    }
}

impl IntoResponse for Reply {
    fn write(&self, xml: &mut XmlWriter<'_>) -> Result<(), xso::error::Error> {
        let status = match self.status {
            Status::Executing => "executing",
            Status::Completed => "completed",
            Status::Canceled => "canceled",
        };
        xml.raw("<command");
        xml.attribute("xmlns", NS);
        xml.attribute("node", &self.node);
        xml.attribute("sessionid", &self.session);
        xml.attribute("status", status);
        if !self.lang.is_empty() {
            xml.attribute("xml:lang", &self.lang);
        }
        xml.raw(">");
        if let Body::Page {
            has_previous,
            is_last,
            ..
        } = &self.body
        {
            write_actions(xml, *has_previous, *is_last);
        }
        if let Some((type_, text)) = &self.note {
            xml.raw(match type_ {
                NoteType::Info => "<note type='info'>",
                NoteType::Error => "<note type='error'>",
            });
            xml.text(text);
            xml.raw("</note>");
        }
        match &self.body {
            Body::Nothing => {}
            Body::Table(table) => forms::write_table(xml, table),
            Body::Page { form, .. } => xml.payload(&**form)?,
        }
        xml.raw("</command>");
        Ok(())
    }
}

fn write_actions(xml: &mut XmlWriter<'_>, has_previous: bool, is_last: bool) {
    xml.raw(match is_last {
        true => "<actions execute='complete'>",
        false => "<actions execute='next'>",
    });
    if has_previous {
        xml.raw("<prev/>");
    }
    xml.raw(if is_last { "<complete/>" } else { "<next/>" });
    xml.raw("</actions>");
}
