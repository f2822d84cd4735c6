//! Whether the values of a configuration make sense, each by itself and together.

use couplet_core::jid::BareJid;

use super::{Config, ConfigError, Origin, settings};

impl Config {
    /// Whether the values make sense, each by itself and together.
    ///
    /// Loading calls it; call it after setting fields by hand.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut config = couplet::config::Config::new("echo.localhost", "x");
    /// config.limits.handlers = 0;
    /// assert_eq!(
    ///     config.check().unwrap_err().to_string().lines().next(),
    ///     Some("limits.handlers = 0 is too small: no handler could ever run"),
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// The first value that is missing, out of its range, or at odds with another one.
    pub fn check(&self) -> Result<(), ConfigError> {
        for setting in settings() {
            if let Err(why) = setting.kind.check(self) {
                let value = setting.kind.show(self).unwrap_or_default();
                let what = format!("{} = {value} {why}", setting.name());
                return Err(ConfigError::new(self.origin(setting.name()), what)
                    .help(format!("accepted: {}", setting.accepted())));
            }
        }
        self.check_domain()?;
        if self.secret.is_empty() {
            return Err(ConfigError::new(
                self.origin("secret"),
                "the secret is empty",
            ));
        }
        let (limits, timing) = (&self.limits, &self.timing);
        for (fits, one, other, why) in [
            (
                timing.keepalive < timing.dead_after,
                "timing.keepalive",
                "timing.dead_after",
                "a quiet connection would count as dead before it was asked for a sign of life",
            ),
            (
                timing.reconnect_first <= timing.reconnect_longest,
                "timing.reconnect_first",
                "timing.reconnect_longest",
                "the waits between attempts grow from the one to the other",
            ),
            (
                limits.stanza_bytes <= limits.waiting_bytes,
                "limits.stanza_bytes",
                "limits.waiting_bytes",
                "the largest stanza could never wait for a handler",
            ),
            (
                limits.outgoing_stanza_bytes <= limits.outgoing_bytes,
                "limits.outgoing_stanza_bytes",
                "limits.outgoing_bytes",
                "the largest stanza could never be sent",
            ),
        ] {
            if !fits {
                return Err(self.at_odds(one, other, why));
            }
        }
        Ok(())
    }

    fn check_domain(&self) -> Result<(), ConfigError> {
        let domain = &self.domain;
        let origin = self.origin("domain");
        if domain.is_empty() {
            return Err(ConfigError::new(origin, "the domain is empty"));
        }
        if domain.contains(|c: char| c.is_whitespace() || matches!(c, '@' | '/' | ':')) {
            let what = format!("domain = {domain:?} is no domain: only the domain, no @, / or :");
            return Err(ConfigError::new(origin, what)
                .help("accepted: a domain such as \"echo.example.org\""));
        }
        if let Err(error) = BareJid::new(domain) {
            let what = format!("domain = {domain:?} is no domain: {error}");
            return Err(ConfigError::new(origin, what));
        }
        Ok(())
    }

    // Blames the value that somebody gave, not the one that was there before.
    fn at_odds(&self, one: &str, other: &str, why: &str) -> ConfigError {
        let given = match self.origin(one) {
            Origin::Default => self.origin(other),
            origin => origin,
        };
        let show = |name: &str| {
            let setting = settings().iter().find(|setting| setting.name() == name);
            setting
                .and_then(|setting| setting.kind.show(self))
                .unwrap_or_default()
        };
        let what = format!(
            "{one} = {} does not fit {other} = {}: {why}",
            show(one),
            show(other)
        );
        ConfigError::new(given, what)
    }
}
