-- For prosody.cfg.lua; then run `prosodyctl shell host activate {{domain}}` or restart Prosody.
{{prosody}}
