//! `couplet send`: sends one message as a component, through the running component if there is one.

mod deliver;
mod socket;
mod conditions;

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use couplet::{Config, Jid, MessageType, Outgoing};

use self::deliver::deliver;
use crate::component_args::ComponentArgs;
use crate::failure::{Failure, context};
use crate::log;
use crate::signals::run_until_signal;

const AFTER_HELP: &str = "\
The domain, the server and the secret are those of the component: from ./couplet.toml, from
COUPLET_DOMAIN, COUPLET_SERVER, COUPLET_SECRET or COUPLET_SECRET_FILE, or from the flags. Without a
domain, that of --from is used.

If the component is running, this command passes the message to its socket, and needs no secret. The
socket is the setting ops.send_socket of --config, or one in $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/couplet
or /run/couplet/*. Without a socket this command logs in as the component, which must be stopped then:
Prosody rejects a second connection, and ejabberd routes a part of the stanzas to it.

Examples:
    couplet send --from desk@news.example.org alice@example.org 'Rain at noon'
    uptime | couplet send --config /etc/news/couplet.toml alice@example.org

Exit codes:
    0    the server has accepted the message, and no error came back
    1    an error came back, or the server cannot be reached or did not confirm the message
    2    the arguments, the configuration or the secret are wrong, or the component is running
    3    another connection replaced this one
    130  interrupted by a signal";

/// Send one message as a component
///
/// Waits until the server has accepted the message, and then a moment for an error to come back.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Send {
    /// The recipient
    #[arg(value_name = "TO")]
    to: Jid,
    /// The text; - or nothing for standard input
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// The sender [default: the domain of the component]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<Jid>,
    /// The type of the message
    #[arg(long = "type", value_enum, default_value_t = SendType::Chat)]
    type_: SendType,
    /// The subject
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// How long to wait for an error after the server has accepted the message
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    wait: Duration,
    /// The socket of the running component, or "off" to log in [default: the first one found]
    #[arg(long, value_name = "FILE")]
    socket: Option<PathBuf>,
    #[command(flatten)]
    component: ComponentArgs,
}

/// The types of messages that can be sent. (RFC 6121, 5.2.2)
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SendType {
    /// Part of a conversation
    Chat,
    /// A single message outside of a conversation
    Normal,
    /// An alert or news, to which no reply is expected
    Headline,
    /// To all occupants of a room
    Groupchat,
}

impl Send {
    pub(crate) fn run(self, filter: &str) -> Result<(), Failure> {
        let login = self.configuration();
        // The socket of a running component needs no secret.
        let config = match &login {
            Ok(config) => config.clone(),
            Err(_) => self.component.sources().without_login().load()?,
        };
        log::start(config.clone(), filter)?;
        let text = self.text(config.limits.outgoing_stanza_bytes)?;
        run_until_signal(self.send(&config, login, &text))
    }

    async fn send(
        self,
        config: &Config,
        login: Result<Config, Failure>,
        text: &str,
    ) -> Result<(), Failure> {
        let domain = match (&self.from, config.domain.as_str()) {
            (Some(from), "") => from.domain(),
            (_, domain) => domain,
        };
        let type_ = MessageType::from(self.type_);
        if let Some(stream) = socket::open(self.socket.as_deref(), config, domain).await? {
            let request = socket::SendRequest {
                from: self.from.as_ref().map(Jid::as_str),
                to: self.to.as_str(),
                type_: type_.as_str(),
                subject: self.subject.as_deref(),
                body: text,
                wait_ms: u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX),
            };
            return socket::submit(stream, &request, &self.to).await;
        }
        let mut message = Outgoing::message(type_, &self.to).body(text);
        if let Some(subject) = &self.subject {
            message = message.subject(subject);
        }
        deliver(login?, self.from, message, self.wait).await
    }

    fn configuration(&self) -> Result<Config, Failure> {
        let sources = self.component.sources();
        let loaded = sources.clone().load();
        match (&self.from, loaded) {
            (_, Ok(config)) => Ok(config),
            // Without a domain, that of --from is used; any other error occurs again later.
            (Some(from), Err(_)) if self.component.domain.is_none() => {
                Ok(sources.flag("domain", from.domain()).load()?)
            }
            (_, Err(error)) => Err(error.into()),
        }
    }

    fn text(&self, limit: usize) -> Result<String, Failure> {
        let text = match self.text.as_deref() {
            None | Some("-") => read_stdin(limit)?,
            Some(text) => text.to_owned(),
        };
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(Failure::misuse("the text is empty")),
            text => Ok(text.to_owned()),
        }
    }
}

impl From<SendType> for MessageType {
    fn from(type_: SendType) -> MessageType {
        match type_ {
            SendType::Chat => MessageType::Chat,
            SendType::Normal => MessageType::Normal,
            SendType::Headline => MessageType::Headline,
            SendType::Groupchat => MessageType::Groupchat,
        }
    }
}

fn read_stdin(limit: usize) -> Result<String, Failure> {
    let input = std::io::stdin();
    if input.is_terminal() {
        let prompt = "type the message; Ctrl-D at the start of a line ends it";
        let _closed_output = writeln!(std::io::stderr(), "{prompt}");
    }
    let mut bytes = Vec::new();
    let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    input
        .lock()
        .take(one_more)
        .read_to_end(&mut bytes)
        .map_err(context("reading standard input"))?;
    if bytes.len() > limit {
        return Err(Failure::misuse(format!(
            "the text is longer than {limit} bytes (limits.outgoing_stanza_bytes)"
        )));
    }
    String::from_utf8(bytes).map_err(|_| Failure::misuse("the text on standard input is not UTF-8"))
}
