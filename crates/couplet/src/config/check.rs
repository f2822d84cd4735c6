//! Checks the values of a configuration, one by one and in combination.

use couplet_core::jid::BareJid;

use super::{Config, ConfigError, Origin, settings};

impl Config {
    /// Checks the values, one by one and in combination.
    ///
    /// Loading calls it; call it after setting fields directly.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut config = couplet::config::Config::new("echo.localhost", "x");
    /// config.limits.handlers = 0;
    /// assert_eq!(
    ///     config.check().unwrap_err().to_string().lines().next(),
    ///     Some("limits.handlers = 0 is too small: no handler could run"),
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// The first value that is missing, out of range, or in conflict with another one.
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
                "an idle connection would count as dead before the first keepalive",
            ),
            (
                timing.reconnect_first <= timing.reconnect_longest,
                "timing.reconnect_first",
                "timing.reconnect_longest",
                "delays grow from the first to the longest",
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
            let what = format!(
                "domain = {domain:?} is not a domain: write only the domain, without @, / or :"
            );
            return Err(ConfigError::new(origin, what)
                .help("accepted: a domain such as \"echo.example.org\""));
        }
        if let Err(error) = BareJid::new(domain) {
            let what = format!("domain = {domain:?} is not a domain: {error}");
            return Err(ConfigError::new(origin, what));
        }
        Ok(())
    }

    // Blames the value that was set, not the other one, which may be a default.
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
