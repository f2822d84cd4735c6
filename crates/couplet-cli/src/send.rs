//! `couplet send`: one message in the name of a component, through the component where it is running.
//!
//! Deliberately absent: a connection that stays. A component that runs sends for itself.

mod deliver;
mod socket;
mod words;

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use couplet::{Config, Jid, MessageType, Outgoing};

use self::deliver::deliver;
use crate::component_args::ComponentArgs;
use crate::failure::{Failure, context};
use crate::log;
use crate::signals::Signals;

const AFTER_HELP: &str = "\
The domain, the server and the secret are those of the component: from ./couplet.toml, from
COUPLET_DOMAIN, COUPLET_SERVER, COUPLET_SECRET or COUPLET_SECRET_FILE, or from the flags, as
`couplet.toml` and `--help` of any component tell. Where no domain is set it is that of --from.

A component that is running sends the message itself: it is reached by its socket (setting
ops.send_socket), which --config finds, or which is looked for in $RUNTIME_DIRECTORY,
$XDG_RUNTIME_DIR/couplet and /run/couplet/*; no secret is needed then. Where there is no socket this
command logs in for the component, and that is for a component that is stopped: Prosody refuses a second
connection, and ejabberd hands it a share of what comes meanwhile.

Examples:
    couplet send --from desk@news.example.org alice@example.org 'Rain at noon'
    uptime | couplet send --config /etc/news/couplet.toml alice@example.org

Exit codes:
    0    the server has taken the message, and nobody sent it back
    1    it came back, or the server cannot be reached or did not confirm it
    2    the arguments, the configuration or the secret are wrong, or the component is running
    3    another connection took the domain over meanwhile
    130  a signal came first";

/// Send one message as a component
///
/// It waits until the server has the message, and then a moment for an error to come back.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Send {
    /// To whom
    #[arg(value_name = "TO")]
    to: Jid,
    /// What; from standard input when it is - or not given
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// The address it comes from [default: the domain of the component]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<Jid>,
    /// The type of the message
    #[arg(long = "type", value_enum, default_value_t = Type::Chat)]
    type_: Type,
    /// A subject line
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// How long to wait for an error to come back once the server has the message
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    wait: Duration,
    /// The socket of the running component, or "off" to log in [default: looked for]
    #[arg(long, value_name = "FILE")]
    socket: Option<PathBuf>,
    #[command(flatten)]
    component: ComponentArgs,
}

/// The types that a new message can have. (RFC 6121, 5.2.2)
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Type {
    /// A conversation
    Chat,
    /// A message that stands alone
    Normal,
    /// News: no answer is expected
    Headline,
    /// To everybody in a room
    Groupchat,
}

impl Send {
    pub(crate) fn run(self, filter: &str) -> Result<(), Failure> {
        let login = self.configuration();
        // The socket of a running component asks for no secret.
        let config = match &login {
            Ok(config) => config.clone(),
            Err(_) => self.component.sources().without_login().load()?,
        };
        log::start(config.clone(), filter)?;
        let text = self.text(config.limits.outgoing_stanza_bytes)?;
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(context("starting the runtime"))?
            .block_on(self.live(&config, login, &text))
    }

    async fn live(
        self,
        config: &Config,
        login: Result<Config, Failure>,
        text: &str,
    ) -> Result<(), Failure> {
        let mut signals = Signals::listen().map_err(context("listening for signals"))?;
        tokio::select! {
            biased;
            () = signals.next() => Err(Failure::interrupted()),
            ended = Box::pin(self.send(config, login, text)) => ended,
        }
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
            let order = socket::Order {
                from: self.from.as_ref().map(Jid::as_str),
                to: self.to.as_str(),
                type_: type_.as_str(),
                subject: self.subject.as_deref(),
                body: text,
                wait_ms: u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX),
            };
            return socket::hand_in(stream, &order, &self.to).await;
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
            // The domain was not set, or else the second attempt tells what the first one did.
            (Some(from), Err(_)) if self.component.domain.is_none() => {
                Ok(sources.flag("domain", from.domain()).load()?)
            }
            (_, Err(error)) => Err(error.into()),
        }
    }

    fn text(&self, most: usize) -> Result<String, Failure> {
        let text = match self.text.as_deref() {
            None | Some("-") => read_stdin(most)?,
            Some(text) => text.to_owned(),
        };
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(Failure::misuse(
                "there is nothing to send: the text is empty",
            )),
            text => Ok(text.to_owned()),
        }
    }
}

impl From<Type> for MessageType {
    fn from(type_: Type) -> MessageType {
        match type_ {
            Type::Chat => MessageType::Chat,
            Type::Normal => MessageType::Normal,
            Type::Headline => MessageType::Headline,
            Type::Groupchat => MessageType::Groupchat,
        }
    }
}

fn read_stdin(most: usize) -> Result<String, Failure> {
    let input = std::io::stdin();
    if input.is_terminal() {
        let invitation = "type the message; Ctrl-D at the start of a line ends it";
        let _nobody_reads_it_then = writeln!(std::io::stderr(), "{invitation}");
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    input
        .lock()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(context("reading standard input"))?;
    if bytes.len() > most {
        return Err(Failure::misuse(format!(
            "the text is longer than {most} bytes (limits.outgoing_stanza_bytes)"
        )));
    }
    String::from_utf8(bytes).map_err(|_| Failure::misuse("the text on standard input is not UTF-8"))
}
