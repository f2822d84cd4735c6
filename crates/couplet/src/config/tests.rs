use std::path::PathBuf;

use super::{Config, ConfigError, Place, Sources, settings};

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

/// The first line of the error that this file brings, without the folder's name.
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
    assert_eq!(config.origin("server"), Place::Flag("--server".to_owned()));
    assert_eq!(config.limits.handlers, 2);
    assert_eq!(config.limits.depth, 10);
    let place = Place::File {
        path,
        line: 4,
        column: 9,
    };
    assert_eq!(config.origin("limits.depth"), place);
    assert_eq!(config.origin("limits.attributes"), Place::Default);
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
fn what_kubernetes_sets_beside_a_service_named_couplet_is_no_setting() {
    let config = enough()
        .variable("COUPLET_PORT", "tcp://10.0.0.1:80")
        .variable("COUPLET_PORT_80_TCP", "tcp://10.0.0.1:80")
        .variable("COUPLET_SERVICE_HOST", "10.0.0.1")
        .load();
    assert!(config.is_ok());
}

#[test]
fn an_unknown_key_is_told_by_line_with_what_was_meant() {
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
fn a_bad_value_is_told_by_line_with_the_value_and_the_reason() {
    for (toml, line) in [
        (
            "[limits]\nhandlers = 0",
            "couplet.toml:2:12: limits.handlers = 0 is too small: no handler could ever run",
        ),
        (
            "[limits]\nhandlers = -1",
            "couplet.toml:2:12: limits.handlers = -1 is no whole number",
        ),
        (
            "limits.handlers = 5.5",
            "couplet.toml:1:19: limits.handlers = 5.5 is no whole number",
        ),
        (
            "limits = { depth = \"deep\" }",
            "couplet.toml:1:20: limits.depth = \"deep\" is no whole number",
        ),
        (
            "[limits]\nstanza_bytes = \"512 Kb\"",
            "couplet.toml:2:16: limits.stanza_bytes = \"512 Kb\" is no size",
        ),
        (
            "[limits]\nstanza_bytes = 100",
            "couplet.toml:2:16: limits.stanza_bytes = \"100\" is too small: ordinary stanzas would be refused (RFC 6120, 13.12)",
        ),
        (
            "[timing]\nhandler = 30",
            "couplet.toml:2:11: timing.handler = 30 has no unit",
        ),
        (
            "[timing]\nhandler = \"soon\"",
            "couplet.toml:2:11: timing.handler = \"soon\" is no duration",
        ),
        (
            "[timing]\nhandler = \"0s\"",
            "couplet.toml:2:11: timing.handler = \"0s\" is too small: it would be over before anything could happen",
        ),
        (
            "[timing]\nrequest = \"3days\"",
            "couplet.toml:2:11: timing.request = \"3days\" is too large: nobody waits that long, and a fault would stay unnoticed",
        ),
        (
            "[timing]\nkeepalive = \"45s\"",
            "couplet.toml:2:13: timing.keepalive = \"45s\" does not fit timing.dead_after = \"45s\": a quiet link would count as dead before it was asked for a sign of life",
        ),
        (
            "[limits]\noutgoing_bytes = 20000",
            "couplet.toml:2:18: limits.outgoing_stanza_bytes = \"512KiB\" does not fit limits.outgoing_bytes = \"20000\": the largest stanza could never be sent",
        ),
        (
            "server = \"::1\"",
            "couplet.toml:1:10: server = \"::1\" names no server: an IPv6 address needs brackets: [::1]:5347",
        ),
        (
            "[log]\nformat = \"xml\"",
            "couplet.toml:2:10: log.format = \"xml\" is no log format",
        ),
        (
            "[tls]\nname = [1]",
            "couplet.toml:2:8: tls.name = a list is no text in quotes",
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
        "COUPLET_LOG_FORMAT: log.format = \"xml\" is no log format\n  accepted: \"text\" or \"json\"",
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
            "COUPLET_THREADS: runtime.threads = \"many\" is no whole number",
        ),
        (
            "COUPLET_DOMAIN",
            "bot@echo.localhost",
            "COUPLET_DOMAIN: domain = \"bot@echo.localhost\" is no domain: only the domain, no @, / or :",
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
        "couplet.toml:1:10: secret is no text in quotes"
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
            "the secret file {shown} can be read by its group or by everybody (mode 0640): chmod 600 {shown}"
        )],
    );
}

#[test]
fn a_secret_file_that_holds_no_secret_is_refused() {
    let folder = Folder::new();
    let long = "hunter2".repeat(10_000);
    for (text, why) in [
        (Some(b"\n".as_slice()), "is empty"),
        (Some(b"\xff\xfe".as_slice()), "is not UTF-8"),
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

#[cfg(feature = "operate")]
#[test]
fn an_address_that_others_can_reach_is_warned_of() {
    let load = |address| enough().variable("COUPLET_OPERATE_LISTEN", address).load();
    for address in ["127.0.0.1:9100", "[::1]:0"] {
        let config = load(address).unwrap();
        assert_eq!(config.operate.listen, address.parse().ok());
        assert!(config.warnings().is_empty());
    }
    let open = load("0.0.0.0:9100").unwrap();
    assert_eq!(open.warnings().len(), 1);
    assert!(open.warnings()[0].contains("without a password"));
    let error = load("localhost").unwrap_err().to_string();
    let line = "COUPLET_OPERATE_LISTEN: operate.listen = \"localhost\" is no address and port";
    assert_eq!(error.lines().next(), Some(line));
}

#[cfg(not(feature = "operate"))]
#[test]
fn a_program_that_cannot_be_looked_after_says_how_it_could() {
    let error = enough()
        .variable("COUPLET_OPERATE_LISTEN", "127.0.0.1:9100")
        .load()
        .unwrap_err()
        .to_string();
    assert!(error.contains("cargo build --features operate"), "{error}");
}

#[test]
fn a_certificate_file_must_be_there_when_it_is_needed() {
    let sources = enough().variable("COUPLET_TLS_CA_FILE", "/nowhere.pem");
    let config = sources.clone().load().unwrap();
    assert_eq!(
        config.warnings(),
        [
            "[tls] is of no use with the server localhost:5347: TLS is spoken to tls://host:port only"
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
            "tls.name" | "tls.ca_file" | "operate.send_socket" => "x".to_owned(),
            "operate.listen" if cfg!(not(feature = "operate")) => continue,
            "operate.listen" => "127.0.0.1:9100".to_owned(),
            _ => setting.default(),
        };
        let config = enough()
            .variable(setting.variable(), &value)
            .load()
            .unwrap();
        assert_eq!(
            config.origin(setting.name()),
            Place::Variable(setting.variable())
        );
    }
}

#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct News {
    #[serde(default)]
    max_items: usize,
    #[serde(default)]
    title: String,
}

fn news(toml: &str) -> Result<News, ConfigError> {
    let folder = Folder::new();
    let path = folder.file("couplet.toml", toml);
    let config = enough().file(path).section("news").load()?;
    config.section("news").map_err(|error| {
        let line = first(&error, &folder);
        ConfigError::new(Place::Default, line)
    })
}

#[test]
fn a_section_of_the_application_is_read_like_our_own() {
    let folder = Folder::new();
    let path = folder.file("couplet.toml", "[news]\nmax_items = 3\ntitle = \"a\"");
    let config = enough()
        .file(path)
        .variable("COUPLET_NEWS_MAX_ITEMS", "4")
        .section("news")
        .load()
        .unwrap();
    let read = config.section::<News>("news").unwrap();
    assert_eq!(
        read,
        News {
            max_items: 4,
            title: "a".to_owned()
        }
    );
    assert_eq!(news("").unwrap().max_items, 0);
}

#[test]
fn a_fault_in_a_section_is_told_by_line_or_variable() {
    assert_eq!(
        news("[news]\nmax_item = 3").unwrap_err().to_string(),
        "couplet.toml:2:1: unknown key `news.max_item`; did you mean `max_items`?",
    );
    assert_eq!(
        news("[news]\nmax_items = \"x\"").unwrap_err().to_string(),
        "couplet.toml:2:13: news.max_items: invalid type: found string \"x\", expected usize",
    );
    let config = enough()
        .variable("COUPLET_NEWS_MAX_ITEMS", "x")
        .section("news")
        .load()
        .unwrap();
    assert_eq!(
        config.section::<News>("news").unwrap_err().to_string(),
        "COUPLET_NEWS_MAX_ITEMS: news.max_items: invalid type: found string \"x\", expected usize",
    );
    assert!(config.section::<News>("olds").is_err());
    let unannounced = enough().variable("COUPLET_NEWS_MAX_ITEMS", "x").load();
    assert!(unannounced.is_err());
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
