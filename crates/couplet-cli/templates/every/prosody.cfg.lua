-- For prosody.cfg.lua; then `prosodyctl shell host activate {{domain}}` or a restart.
{{prosody}}
