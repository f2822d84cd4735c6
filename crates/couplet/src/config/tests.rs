use std::path::PathBuf;

use super::{Config, ConfigError, Origin, Section, Sources, settings};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn enough() -> Sources {
    Sources::none()
        .variable("COUPLET_DOMAIN", "echo.localhost")
        .variable("COUPLET_SECRET", "hunter2")
}

/// Returns the first line of the error for this file, without the name of the folder.
fn first_line(toml: &str) -> String {
    let folder = Folder::new();
    let path = folder.file("couplet.toml", toml);
    first(&enough().file(path).load().unwrap_err(), &folder)
}

fn first(error: &ConfigError, folder: &Folder) -> String {
    let text = error.to_string();
    assert!(!text.contains("hunter2"), "{text}");
    let folder = format!("{}/", folder.0.path().display());
    text.lines().next().unwrap().replace(&folder, "")
}

#[test]
fn three_variables_alone_are_enough() {
    let config = enough()
        .variable("COUPLET_SERVER", "tls://xmpp.example:5348")
        .load()
        .unwrap();
    assert_eq!(config.domain, "echo.localhost");
    assert_eq!(config.secret.expose(), "hunter2");
    assert_eq!(config.server.to_string(), "tls://xmpp.example:5348");
    assert_eq!(config.limits, super::Limits::default());
    assert!(config.warnings().is_empty());
}

#[test]
fn a_variable_wins_over_the_file_and_a_flag_over_both() {
    let folder = Folder::new();
    let path = folder.file(
        "couplet.toml",
        "server = \"one\"\n[limits]\nhandlers = 1\ndepth = 10\n[runtime]\nthreads = 2\n[log]\nfilter = \"warn\"\n",
    );
    let config = enough()
        .file(&path)
        .variable("COUPLET_SERVER", "two")
        .variable("COUPLET_LIMITS_HANDLERS", "2")
        .variable("COUPLET_THREADS", "3")
        .variable("COUPLET_LOG_FILTER", "debug")
        .variable("RUST_LOG", "trace")
        .flag("server", "three")
        .load()
        .unwrap();
    assert_eq!(config.server.to_string(), "three:5347");
    assert_eq!(config.origin("server"), Origin::Flag("--server".to_owned()));
    assert_eq!(config.limits.handlers, 2);
    assert_eq!(config.limits.depth, 10);
    let origin = Origin::File {
        path,
        line: 4,
        column: 9,
    };
    assert_eq!(config.origin("limits.depth"), origin);
    assert_eq!(config.origin("limits.attributes"), Origin::Default);
    assert_eq!(config.runtime.threads, 3);
    assert_eq!(config.log.filter, "trace");
}

#[test]
fn the_file_is_named_by_a_variable_or_a_flag_and_the_flag_wins() {
    let folder = Folder::new();
    let one = folder.file("one.toml", "[limits]\ndepth = 11");
    let two = folder.file("two.toml", "[limits]\ndepth = 12");
    let sources = enough().variable("COUPLET_CONFIG", one);
    assert_eq!(sources.clone().load().unwrap().limits.depth, 11);
    assert_eq!(sources.file(two).load().unwrap().limits.depth, 12);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let config = enough()
        .variable("COUPLET_SERVER", "")
        .variable("COUPLET_SECRET_FILE", "")
        .load()
        .unwrap();
    assert_eq!(config.server.to_string(), "localhost:5347");
}

#[test]
fn what_kubernetes_sets_beside_a_service_is_not_a_setting() {
    for (name, value) in [
        ("COUPLET_PORT", "tcp://10.0.0.1:80"),
        ("COUPLET_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("COUPLET_SERVICE_HOST", "10.0.0.1"),
        ("COUPLET_PUBSUB_SERVICE_HOST", "10.0.0.1"),
        ("COUPLET_PUBSUB_SERVICE_PORT_OPS", "9100"),
        ("COUPLET_ECHO_PORT", "tcp://10.0.0.1:9100"),
        ("COUPLET_ECHO_PORT_9100_TCP_ADDR", "10.0.0.1"),
        // Also beside a section of the same name.
        ("COUPLET_NEWS_PORT", "tcp://10.0.0.1:9100"),
        ("COUPLET_NEWS_SERVICE_HOST", "10.0.0.1"),
    ] {
        let config = enough().variable(name, value).with_section::<News>().load();
        assert!(config.is_ok(), "{name}: {config:?}");
    }
    let error = enough().variable("COUPLET_OPS_PORT", "9100").load();
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("COUPLET_OPS_PORT: unknown variable\n"),
        "{error}"
    );
    assert!(
        error.contains("COUPLET_OPS_LISTEN take host:port"),
        "{error}"
    );
}

#[test]
fn an_unknown_key_is_reported_by_line_with_a_suggestion() {
    for (toml, line) in [
        (
            "[limits]\n  handler = 5",
            "couplet.toml:2:3: unknown key `limits.handler`; did you mean `limits.handlers`?",
        ),
        (
            "domian = \"x\"",
            "couplet.toml:1:1: unknown key `domian`; did you mean `domain`?",
        ),
        (
            "\n[limit]\nhandlers = 5",
            "couplet.toml:2:2: unknown key `limit`; did you mean `[limits]`?",
        ),
        (
            "handlers = 5",
            "couplet.toml:1:1: unknown key `handlers`; did you mean `limits.handlers`?",
        ),
        (
            "[timing]\nstanza_bytes = 5",
            "couplet.toml:2:1: unknown key `timing.stanza_bytes`; did you mean `limits.stanza_bytes`?",
        ),
        ("colour = 5", "couplet.toml:1:1: unknown key `colour`"),
        (
            "secrte = \"hunter2\"",
            "couplet.toml:1:1: unknown key `secrte`; did you mean `secret`?",
        ),
        (
            "\"limits.depth\" = 9",
            "couplet.toml:1:1: unknown key `limits.depth`",
        ),
        (
            "limits = 5",
            "couplet.toml:1:1: `limits` is a table: write [limits] and its keys below",
        ),
    ] {
        assert_eq!(first_line(toml), line);
    }
}

#[test]
fn an_unknown_key_lists_what_is_accepted() {
    let folder = Folder::new();
    let path = folder.file("couplet.toml", "[log]\ncolour = 1");
    let error = enough().file(path).load().unwrap_err().to_string();
    assert_eq!(
        error.lines().nth(1),
        Some("  accepted in [log]: format, filter")
    );
}

#[test]
fn a_bad_value_is_reported_by_line_with_the_value_and_the_reason() {
    for (toml, line) in [
        (
            "[limits]\nhandlers = 0",
            "couplet.toml:2:12: limits.handlers = 0 is too small: no handler could run",
        ),
        (
            "[limits]\nhandlers = -1",
            "couplet.toml:2:12: limits.handlers = -1 is not a whole number",
        ),
        (
            "limits.handlers = 5.5",
            "couplet.toml:1:19: limits.handlers = 5.5 is not a whole number",
        ),
        (
            "limits = { depth = \"deep\" }",
            "couplet.toml:1:20: limits.depth = \"deep\" is not a whole number",
        ),
        (
            "[limits]\nstanza_bytes = \"512 Kb\"",
            "couplet.toml:2:16: limits.stanza_bytes = \"512 Kb\" is not a size",
        ),
        (
            "[limits]\nstanza_bytes = 100",
            "couplet.toml:2:16: limits.stanza_bytes = \"100\" is too small: ordinary stanzas would be rejected (RFC 6120, 13.12)",
        ),
        (
            "[timing]\nhandler = 30",
            "couplet.toml:2:11: timing.handler = 30 has no unit",
        ),
        (
            "[timing]\nhandler = \"soon\"",
            "couplet.toml:2:11: timing.handler = \"soon\" is not a duration",
        ),
        (
            "[timing]\nhandler = \"0s\"",
            "couplet.toml:2:11: timing.handler = \"0s\" is too small: it would end at once",
        ),
        (
            "[timing]\nrequest = \"3days\"",
            "couplet.toml:2:11: timing.request = \"3days\" is too large: faults would stay unnoticed",
        ),
        (
            "[timing]\nkeepalive = \"45s\"",
            "couplet.toml:2:13: timing.keepalive = \"45s\" does not fit timing.dead_after = \"45s\": an idle connection would count as dead before the first keepalive",
        ),
        (
            "[limits]\noutgoing_bytes = 20000",
            "couplet.toml:2:18: limits.outgoing_stanza_bytes = \"512KiB\" does not fit limits.outgoing_bytes = \"20000\": the largest stanza could never be sent",
        ),
        (
            "server = \"::1\"",
            "couplet.toml:1:10: server = \"::1\" is not a server: an IPv6 address needs brackets: [::1]:5347",
        ),
        (
            "[log]\nformat = \"xml\"",
            "couplet.toml:2:10: log.format = \"xml\" is not a log format",
        ),
        (
            "[tls]\nname = [1]",
            "couplet.toml:2:8: tls.name = a list is not text in quotes",
        ),
    ] {
        assert_eq!(first_line(toml), line);
    }
}

#[test]
fn a_bad_value_lists_what_is_accepted() {
    let error = enough()
        .variable("COUPLET_LOG_FORMAT", "xml")
        .load()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "COUPLET_LOG_FORMAT: log.format = \"xml\" is not a log format\n  accepted: \"text\" or \"json\"",
    );
}

#[test]
fn a_fault_in_the_environment_names_the_variable() {
    let folder = Folder::new();
    for (name, value, line) in [
        (
            "COUPLET_LIMITS_HANDLER",
            "5",
            "COUPLET_LIMITS_HANDLER: unknown variable; did you mean COUPLET_LIMITS_HANDLERS?",
        ),
        (
            "COUPLET_RUNTIME_THREADS",
            "5",
            "COUPLET_RUNTIME_THREADS: unknown variable; did you mean COUPLET_THREADS?",
        ),
        (
            "COUPLET_WEATHER",
            "hunter2",
            "COUPLET_WEATHER: unknown variable",
        ),
        (
            "COUPLET_THREADS",
            "many",
            "COUPLET_THREADS: runtime.threads = \"many\" is not a whole number",
        ),
        (
            "COUPLET_DOMAIN",
            "bot@echo.localhost",
            "COUPLET_DOMAIN: domain = \"bot@echo.localhost\" is not a domain: write only the domain, without @, / or :",
        ),
    ] {
        let error = enough().variable(name, value).load().unwrap_err();
        assert_eq!(first(&error, &folder), line);
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStringExt;

    let raw = std::ffi::OsString::from_vec(vec![b'x', 0xff]);
    let error = enough().variable("COUPLET_SECRET", raw).load().unwrap_err();
    assert_eq!(error.to_string(), "COUPLET_SECRET: the value is not UTF-8");
}

#[test]
fn a_fault_in_a_flag_names_the_flag() {
    let error = enough()
        .flag("threads", "0")
        .load()
        .unwrap_err()
        .to_string();
    assert_eq!(
        error.lines().next(),
        Some("--threads: runtime.threads = 0 is too small: nothing could run"),
    );
}

#[test]
fn what_is_missing_is_named_with_every_way_to_give_it() {
    let error = Sources::none().load().unwrap_err().to_string();
    assert_eq!(error.lines().next(), Some("domain is not set"));
    let error = Sources::none()
        .variable("COUPLET_DOMAIN", "echo.localhost")
        .load()
        .unwrap_err()
        .to_string();
    assert_eq!(error.lines().next(), Some("no secret is set"));
    assert!(error.contains("COUPLET_SECRET_FILE") && error.contains("couplet-secret"));
}

#[test]
fn a_secret_of_digits_stays_the_text_it_is() {
    let config = enough().variable("COUPLET_SECRET", "007").load().unwrap();
    assert_eq!(config.secret.expose(), "007");
    let folder = Folder::new();
    let path = folder.file("couplet.toml", "secret = 5150");
    let error = Sources::none()
        .variable("COUPLET_DOMAIN", "echo.localhost")
        .file(path)
        .load()
        .unwrap_err();
    assert_eq!(
        first(&error, &folder),
        "couplet.toml:1:10: secret is not text in quotes"
    );
    assert!(!error.to_string().contains("5150"));
}

#[test]
fn a_secret_file_loses_its_last_newline_and_nothing_else() {
    let folder = Folder::new();
    let path = folder.file("secret", " a b \r\n");
    let config = Sources::none()
        .variable("COUPLET_DOMAIN", "echo.localhost")
        .flag("secret-file", path.display().to_string())
        .load()
        .unwrap();
    assert_eq!(config.secret.expose(), " a b ");
    assert_eq!(config.origin("secret").to_string(), "--secret-file");
}

#[cfg(unix)]
#[test]
fn a_secret_file_that_others_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let path = folder.file("secret", "hunter2\n");
    let load = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let sources = Sources::none().variable("COUPLET_DOMAIN", "echo.localhost");
        sources
            .variable("COUPLET_SECRET_FILE", &path)
            .load()
            .unwrap()
    };
    assert!(load(0o600).warnings().is_empty());
    let shown = path.display();
    assert_eq!(
        load(0o640).warnings(),
        [format!(
            "the secret file {shown} is readable by its group or by all users (mode 0640): chmod 600 {shown}"
        )],
    );
}

#[test]
fn a_secret_file_that_holds_no_secret_is_refused() {
    let folder = Folder::new();
    let long = "hunter2".repeat(10_000);
    for (text, why) in [
        (Some(b"\n".as_slice()), "is empty"),
        (Some(b"a\xff".as_slice()), "is not UTF-8"),
        (
            Some(long.as_bytes()),
            "is longer than 64KiB: is it the right file?",
        ),
        (
            None,
            "cannot be read: No such file or directory (os error 2)",
        ),
    ] {
        let path = folder.0.path().join("secret");
        std::fs::remove_file(&path).ok();
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let sources = Sources::none().variable("COUPLET_DOMAIN", "echo.localhost");
        let error = sources
            .variable("COUPLET_SECRET_FILE", &path)
            .load()
            .unwrap_err();
        let line = format!("COUPLET_SECRET_FILE: the secret file secret {why}");
        assert_eq!(first(&error, &folder), line);
    }
}

#[test]
fn two_secrets_are_one_too_many() {
    let error = enough()
        .variable("COUPLET_SECRET_FILE", "/x")
        .load()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "COUPLET_SECRET_FILE: both secret (COUPLET_SECRET) and secret_file (COUPLET_SECRET_FILE) are set\n  keep one of them",
    );
}

#[test]
fn a_systemd_credential_serves_when_nothing_else_names_a_secret() {
    let folder = Folder::new();
    let directory = folder.0.path();
    let sources = Sources::none()
        .variable("COUPLET_DOMAIN", "echo.localhost")
        .variable("CREDENTIALS_DIRECTORY", directory);
    assert!(sources.clone().load().is_err());
    folder.file("secret", "second");
    assert_eq!(sources.clone().load().unwrap().secret.expose(), "second");
    folder.file("couplet-secret", "first\n");
    assert_eq!(sources.clone().load().unwrap().secret.expose(), "first");
    let sources = sources.variable("COUPLET_SECRET", "given");
    assert_eq!(sources.load().unwrap().secret.expose(), "given");
}

#[cfg(unix)]
#[test]
fn a_systemd_credential_can_be_named_and_is_not_warned_of() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let path = folder.file("echo", "hunter2\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o440)).unwrap();
    let config = Sources::none()
        .variable("COUPLET_DOMAIN", "echo.localhost")
        .variable("CREDENTIALS_DIRECTORY", folder.0.path())
        .variable("COUPLET_SECRET_FILE", &path)
        .load()
        .unwrap();
    assert_eq!(config.secret.expose(), "hunter2");
    assert_eq!(config.warnings(), [""; 0]);
}

#[test]
fn a_changed_secret_file_holds_from_the_next_connect_on() {
    let folder = Folder::new();
    let path = folder.file("secret", "old\n");
    let sources = Sources::none().variable("COUPLET_DOMAIN", "echo.localhost");
    let mut config = sources
        .variable("COUPLET_SECRET_FILE", &path)
        .load()
        .unwrap();
    folder.file("secret", "new\n");
    assert_eq!(config.secret_now().unwrap().expose(), "new");
    std::fs::remove_file(&path).unwrap();
    assert!(config.secret_now().is_err());
    config.secret = "the program's own".into();
    assert_eq!(config.secret_now().unwrap().expose(), "the program's own");
    let given = enough().load().unwrap();
    assert_eq!(given.secret_now().unwrap().expose(), "hunter2");
}

#[cfg(feature = "ops")]
#[test]
fn an_address_that_others_can_reach_is_warned_of() {
    let load = |address| enough().variable("COUPLET_OPS_LISTEN", address).load();
    for address in ["127.0.0.1:9100", "[::1]:0"] {
        let config = load(address).unwrap();
        assert_eq!(config.ops.listen, address.parse().ok());
        assert!(config.warnings().is_empty());
    }
    let open = load("0.0.0.0:9100").unwrap();
    assert_eq!(open.warnings().len(), 1);
    assert!(open.warnings()[0].contains("without a password"));
    let error = load("localhost").unwrap_err().to_string();
    let line = "COUPLET_OPS_LISTEN: ops.listen = \"localhost\" is not an address and port";
    assert_eq!(error.lines().next(), Some(line));
}

#[cfg(not(feature = "ops"))]
#[test]
fn ops_settings_without_the_feature_are_an_error_with_advice() {
    let error = enough()
        .variable("COUPLET_OPS_LISTEN", "127.0.0.1:9100")
        .load()
        .unwrap_err()
        .to_string();
    assert!(error.contains("cargo build --features ops"), "{error}");
}

#[test]
fn a_certificate_file_must_be_there_when_it_is_needed() {
    let sources = enough().variable("COUPLET_TLS_CA_FILE", "/nowhere.pem");
    let config = sources.clone().load().unwrap();
    assert_eq!(
        config.warnings(),
        [
            "[tls] has no effect with the server localhost:5347: TLS is used with tls://host:port only"
        ],
    );
    let error = sources
        .variable("COUPLET_SERVER", "tls://x")
        .load()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "COUPLET_TLS_CA_FILE: tls.ca_file /nowhere.pem cannot be read: No such file or directory (os error 2)",
    );
}

#[test]
fn a_domain_takes_the_form_in_which_servers_name_theirs() {
    for (typed, hosted) in [
        ("ECHO.localhost", "echo.localhost"),
        ("straße.localhost", "strasse.localhost"),
        ("my--bot.example.org", "my--bot.example.org"),
        ("ツ.example", "ツ.example"),
        ("xn--bdk.example", "xn--bdk.example"),
    ] {
        let config = enough().variable("COUPLET_DOMAIN", typed).load().unwrap();
        assert_eq!(config.domain, hosted);
        assert!(config.warnings().is_empty(), "{typed}");
    }
}

#[test]
fn the_secret_shows_neither_in_debug_nor_in_the_effective_configuration() {
    let config = enough().load().unwrap();
    for shown in [
        format!("{config:?}"),
        format!("{config:#?}"),
        config.to_string(),
    ] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert!(
        config
            .to_string()
            .contains("secret = \"[secret]\"  # COUPLET_SECRET\n")
    );
}

#[test]
fn the_effective_configuration_can_be_loaded_again() {
    let folder = Folder::new();
    let config = enough()
        .variable("COUPLET_TLS_NAME", "x.example")
        .load()
        .unwrap();
    let path = folder.file("couplet.toml", &config.to_string());
    let again = Sources::none().file(path).load().unwrap();
    assert_eq!(again.limits, config.limits);
    assert_eq!(again.timing, config.timing);
    assert_eq!(again.tls, config.tls);
    assert_eq!(again.secret.expose(), "[secret]");

    let secret = folder.file("secret", "hunter2");
    let sources = Sources::none().variable("COUPLET_DOMAIN", "echo.localhost");
    let config = sources
        .variable("COUPLET_SECRET_FILE", secret)
        .load()
        .unwrap();
    let path = folder.file("couplet.toml", &config.to_string());
    assert_eq!(
        Sources::none().file(path).load().unwrap().secret.expose(),
        "hunter2"
    );
}

#[test]
fn every_setting_can_be_given_by_its_variable() {
    for setting in settings() {
        let value = match setting.name() {
            "domain" | "secret" | "secret_file" => continue,
            "tls.name" | "tls.ca_file" | "ops.send_socket" => "x".to_owned(),
            "ops.listen" if cfg!(not(feature = "ops")) => continue,
            "ops.listen" => "127.0.0.1:9100".to_owned(),
            _ => setting.default(),
        };
        let config = enough()
            .variable(setting.variable(), &value)
            .load()
            .unwrap();
        assert_eq!(
            config.origin(setting.name()),
            Origin::Variable(setting.variable())
        );
    }
}

#[derive(Debug, Default, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
struct News {
    max_items: usize,
    title: String,
    feeds: Vec<String>,
    archive: bool,
    password: Option<String>,
    limits: NewsLimits,
}

#[derive(Debug, Default, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
struct NewsLimits {
    bytes: u32,
    often: bool,
}

impl Section for News {
    const NAME: &'static str = "news";

    fn warnings(&self) -> Vec<String> {
        let is_odd = self.title == "odd";
        is_odd
            .then(|| "news.title is odd".to_owned())
            .into_iter()
            .collect()
    }
}

fn news(toml: &str) -> Result<News, ConfigError> {
    let folder = Folder::new();
    let path = folder.file("couplet.toml", toml);
    let loaded = enough().file(path).with_section::<News>().load();
    let config = loaded.map_err(|error| {
        let line = first(&error, &folder);
        ConfigError::new(Origin::Default, line)
    })?;
    config.section("news")
}

fn news_with(name: &str, value: &str) -> Result<News, ConfigError> {
    let sources = enough().variable(name, value).with_section::<News>();
    sources.load()?.section("news")
}

#[test]
fn a_section_of_the_application_is_read_like_our_own() {
    let folder = Folder::new();
    let path = folder.file("couplet.toml", "[news]\nmax_items = 3\ntitle = \"a\"");
    let config = enough()
        .file(path)
        .variable("COUPLET_NEWS_MAX_ITEMS", "4")
        .variable("COUPLET_NEWS_LIMITS_BYTES", "5")
        .section("news")
        .load()
        .unwrap();
    let read = config.section::<News>("news").unwrap();
    assert_eq!((read.max_items, read.title.as_str()), (4, "a"));
    assert_eq!(read.limits.bytes, 5);
    assert_eq!(news("").unwrap(), News::default());
}

#[test]
fn a_table_of_a_section_may_be_one_variable() {
    let read = news_with("COUPLET_NEWS_LIMITS", "{bytes=5,often=true}").unwrap();
    assert_eq!((read.limits.bytes, read.limits.often), (5, true));
    let wrong = news_with("COUPLET_NEWS_LIMITS", "bytes=5").unwrap_err();
    assert!(wrong.to_string().contains("is not a table"), "{wrong}");
    let unknown = news_with("COUPLET_NEWS_LIMITS", "{bites=5}").unwrap_err();
    assert!(
        unknown.to_string().contains("did you mean `bytes`"),
        "{unknown}"
    );
}

#[test]
fn a_fault_in_a_section_is_reported_by_line_or_variable() {
    for (toml, line) in [
        (
            "[news]\nmax_item = 3",
            "couplet.toml:2:1: unknown key `news.max_item`; did you mean `max_items`?",
        ),
        (
            "[news.limits]\nbites = 3",
            "couplet.toml:2:1: unknown key `news.limits.bites`; did you mean `bytes`?",
        ),
        (
            "[news]\nmax_items = \"x\"",
            "couplet.toml:2:13: news.max_items = \"x\" is not a whole number",
        ),
        (
            "[news]\nlimits.bytes = -1",
            "couplet.toml:2:16: news.limits.bytes = -1 is too small",
        ),
        (
            "[news]\ntitle = 7",
            "couplet.toml:2:9: news.title = 7 is not a text",
        ),
        (
            "[news]\nlimits = 7",
            "couplet.toml:2:10: news.limits = 7 is not a table",
        ),
        (
            "[news]\nfeeds = [\"a\", 7]",
            "couplet.toml:2:9: news.feeds: entry 2, 7, is not a text",
        ),
    ] {
        assert_eq!(news(toml).unwrap_err().to_string(), line);
    }
    for (name, value, expected) in [
        (
            "COUPLET_NEWS_MAX_ITEMS",
            "x",
            "COUPLET_NEWS_MAX_ITEMS: news.max_items = \"x\" is not a whole number\n  accepted: a whole number such as 100",
        ),
        (
            "COUPLET_NEWS_ARCHIVE",
            "maybe",
            "COUPLET_NEWS_ARCHIVE: news.archive = \"maybe\" is neither true nor false\n  accepted: true or false; yes, no, on, off, 1 and 0 too",
        ),
        (
            "COUPLET_NEWS_LIMITS_BYTES",
            "5000000000",
            "COUPLET_NEWS_LIMITS_BYTES: news.limits.bytes = \"5000000000\" is too large\n  accepted: a whole number from 0 to 4294967295",
        ),
        (
            "COUPLET_NEWS_MAX_ITEM",
            "5",
            "COUPLET_NEWS_MAX_ITEM: unknown key `news.max_item`; did you mean `max_items`?\n  accepted in [news]: max_items, title, feeds, archive, password, limits",
        ),
        (
            "COUPLET_NEWS_LIMITS_BITES",
            "5",
            "COUPLET_NEWS_LIMITS_BITES: unknown key `news.limits.bites`; did you mean `bytes`?\n  accepted in [news.limits]: bytes, often",
        ),
        (
            "COUPLET_NEWS_TITLE_X",
            "5",
            "COUPLET_NEWS_TITLE_X: unknown key `news.title_x`; did you mean `title`?\n  accepted in [news]: max_items, title, feeds, archive, password, limits",
        ),
        (
            "COUPLET_NEWS_MAX_ITEMS",
            "\"5\"",
            "COUPLET_NEWS_MAX_ITEMS: news.max_items = \"\\\"5\\\"\" is not a whole number\n  the value begins or ends with a quotation mark, which is part of it\n  accepted: a whole number such as 100",
        ),
    ] {
        assert_eq!(news_with(name, value).unwrap_err().to_string(), expected);
    }
    let mistyped = news_with("COUPLET_NWS_TITLE", "x").unwrap_err().to_string();
    assert_eq!(
        mistyped,
        "COUPLET_NWS_TITLE: unknown variable; did you mean COUPLET_NEWS_TITLE?"
    );
    let config = enough().section("news").load().unwrap();
    assert!(config.section::<News>("olds").is_err());
    let unannounced = enough().variable("COUPLET_NEWS_MAX_ITEMS", "x").load();
    assert!(unannounced.is_err());
}

#[test]
fn a_boolean_of_a_section_is_read_in_every_usual_spelling() {
    for (value, is) in [
        ("true", true),
        ("1", true),
        ("yes", true),
        ("On", true),
        ("TRUE", true),
        ("false", false),
        ("0", false),
        ("no", false),
        ("off", false),
    ] {
        assert_eq!(
            news_with("COUPLET_NEWS_ARCHIVE", value).unwrap().archive,
            is
        );
        assert_eq!(
            news_with("COUPLET_NEWS_LIMITS_OFTEN", value)
                .unwrap()
                .limits
                .often,
            is
        );
        let quoted = news(&format!("[news]\narchive = {value:?}")).unwrap();
        assert_eq!(quoted.archive, is);
    }
    assert!(news("[news]\narchive = 1").unwrap().archive);
    assert!(news("[news]\narchive = 2").is_err());
    assert!(news("[news]\narchive = [true]").is_err());
}

#[test]
fn a_list_of_a_section_is_read_in_every_usual_spelling() {
    for value in ["a", "a,", "[a]", "\"a\"", "[\"a\"]", "['a']"] {
        let read = news_with("COUPLET_NEWS_FEEDS", value).unwrap();
        assert_eq!(read.feeds, ["a"], "{value}");
    }
    for value in ["a,b", " a , b ", "[a, b]", "[\"a\", \"b\"]", "\"a\",\"b\""] {
        let read = news_with("COUPLET_NEWS_FEEDS", value).unwrap();
        assert_eq!(read.feeds, ["a", "b"], "{value}");
    }
    for value in ["\"a, b\"", "[\"a\", \"b\"]"] {
        let read = news(&format!("[news]\nfeeds = {value}")).unwrap();
        assert_eq!(read.feeds, ["a", "b"], "{value}");
    }
    assert_eq!(
        news_with("COUPLET_NEWS_FEEDS", "[]").unwrap().feeds,
        [""; 0]
    );
    assert_eq!(
        news_with("COUPLET_NEWS_FEEDS", "007").unwrap().feeds,
        ["007"]
    );
    let error = news("[news.feeds]\na = 1").unwrap_err().to_string();
    assert!(
        error.contains("news.feeds = a table is not a list"),
        "{error}"
    );
}

#[test]
fn a_text_of_a_section_stays_the_text_it_is() {
    assert_eq!(news_with("COUPLET_NEWS_TITLE", "007").unwrap().title, "007");
    assert_eq!(news_with("COUPLET_NEWS_TITLE", "[a]").unwrap().title, "[a]");
    let read = news_with("COUPLET_NEWS_PASSWORD", "x").unwrap();
    assert_eq!(read.password.as_deref(), Some("x"));
}

#[test]
fn a_missing_key_of_a_section_is_reported_with_its_variable() {
    #[derive(Debug, serde::Deserialize)]
    struct Needy {
        #[expect(dead_code, reason = "the test is about its absence")]
        feed: String,
    }
    let config = enough().section("needy").load().unwrap();
    assert_eq!(
        config.section::<Needy>("needy").unwrap_err().to_string(),
        "`feed` is missing in [needy]\n  set it there, or COUPLET_NEEDY_FEED",
    );
}

#[test]
fn the_effective_configuration_has_the_sections_with_their_origins() {
    let folder = Folder::new();
    let path = folder.file(
        "couplet.toml",
        "[news]\ntitle = \"a\"\n[other]\nkey = \"hunter2\"",
    );
    let config = enough()
        .file(&path)
        .variable("COUPLET_NEWS_FEEDS", "a,b")
        .variable("COUPLET_NEWS_LIMITS_BYTES", "5")
        .with_section::<News>()
        .section("other")
        .load()
        .unwrap();
    let shown = config.to_string();
    let (_, sections) = shown.split_once("\n[news]\n").unwrap();
    let file = path.display();
    assert_eq!(
        sections,
        format!(
            "archive = false  # default\n\
             feeds = [\"a\", \"b\"]  # COUPLET_NEWS_FEEDS\n\
             max_items = 0  # default\n\
             title = \"a\"  # {file}:2:9\n\n\
             [news.limits]\n\
             bytes = 5  # COUPLET_NEWS_LIMITS_BYTES\n\
             often = false  # default\n\n\
             [other]\n\
             # key is set  # {file}:4:7\n"
        )
    );
    let again = folder.file("again.toml", &shown);
    let again = Sources::none()
        .file(again)
        .with_section::<News>()
        .section("other");
    let again = again.load().unwrap();
    assert_eq!(
        again.section::<News>("news").unwrap(),
        config.section::<News>("news").unwrap()
    );
}

#[test]
fn a_section_may_have_warnings() {
    let sources = enough().variable("COUPLET_NEWS_TITLE", "odd");
    let config = sources.with_section::<News>().load().unwrap();
    assert_eq!(config.warnings(), ["news.title is odd"]);
}

#[cfg(feature = "app")]
#[test]
fn a_changed_key_of_a_section_is_a_difference() {
    let load = |title: &str| {
        let sources = enough().variable("COUPLET_NEWS_TITLE", title);
        sources.with_section::<News>().load().unwrap()
    };
    assert_eq!(load("a").differences(&load("b")), ["news.title"]);
    assert_eq!(load("a").differences(&load("a")), [""; 0]);
}

#[test]
fn what_is_around_a_name_and_not_part_of_it_is_refused() {
    for (variable, value, line) in [
        (
            "COUPLET_DOMAIN",
            "\"echo.example.org\"",
            "domain = \"\\\"echo.example.org\\\"\" begins or ends with a quotation mark",
        ),
        (
            "COUPLET_DOMAIN",
            "echo.example.org ",
            "domain = \"echo.example.org \" begins or ends with white space",
        ),
        (
            "COUPLET_DOMAIN",
            "\u{feff}echo.example.org",
            "begins or ends with an invisible character",
        ),
        (
            "COUPLET_SERVER",
            "'localhost:5347'",
            "server = \"'localhost:5347'\" begins or ends with a quotation mark",
        ),
        (
            "COUPLET_SERVER",
            "localhost\u{feff}",
            "begins or ends with an invisible character",
        ),
        (
            "COUPLET_TLS_NAME",
            "\"xmpp.example.org\"",
            "begins or ends with a quotation mark",
        ),
        (
            "COUPLET_SECRET_FILE",
            "\"/run/secret\"",
            "begins or ends with a quotation mark",
        ),
    ] {
        let sources = enough().variable(variable, value);
        let error = sources.load().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{variable}: ")), "{error}");
        assert!(error.contains(line), "{error}");
        assert!(error.contains("which is part of it: remove it"), "{error}");
    }
    let depth = enough().variable("COUPLET_LIMITS_DEPTH", "\"64\"");
    let error = depth.load().unwrap_err().to_string();
    assert!(
        error.contains("is not a whole number\n  the value begins or ends with a quotation"),
        "{error}"
    );
}

#[test]
fn a_file_with_a_byte_order_mark_is_read_without_it() {
    let folder = Folder::new();
    let secret = folder.file("secret", "\u{feff}hunter2\r\n");
    let toml = format!("\u{feff}domain = \"echo.localhost\"\nsecret_file = {secret:?}\n");
    let config = Sources::none().file(folder.file("couplet.toml", &toml));
    let config = config.load().unwrap();
    assert_eq!(config.secret.expose(), "hunter2");
    assert_eq!(config.domain, "echo.localhost");
    let utf16 = folder.0.path().join("utf16.toml");
    std::fs::write(&utf16, b"\xff\xfed\0").unwrap();
    let error = Sources::none().file(utf16).load().unwrap_err().to_string();
    assert!(
        error.ends_with("is not UTF-8 but UTF-16: save it as UTF-8"),
        "{error}"
    );
}

#[test]
fn an_unusual_secret_causes_a_warning() {
    for (secret, odd) in [
        ("\"a long secret\"", "begins or ends with a quotation mark"),
        ("a long secret ", "begins or ends with white space"),
        (
            "\u{feff}a long secret",
            "begins or ends with an invisible character",
        ),
        ("a\nlong secret", "has more than one line"),
    ] {
        let config = enough().variable("COUPLET_SECRET", secret).load().unwrap();
        assert_eq!(config.secret.expose(), secret);
        let [warning] = config.warnings() else {
            panic!("{:?}", config.warnings())
        };
        assert!(
            warning.starts_with("the secret (COUPLET_SECRET) "),
            "{warning}"
        );
        assert!(
            warning.contains(odd) && !warning.contains("long"),
            "{warning}"
        );
    }
}

#[test]
fn a_configuration_made_by_hand_is_checked_too() {
    let mut config = Config::new("echo.localhost", "x");
    assert!(config.check().is_ok());
    config.timing.keepalive = config.timing.dead_after;
    assert!(config.check().is_err());
    assert!(Config::new("", "x").check().is_err());
    assert!(Config::new("echo.localhost", "").check().is_err());
}
