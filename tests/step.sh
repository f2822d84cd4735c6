# Sourced: `step` prints what happens next, with the time since the first script began.
export STEP_BEGAN="${STEP_BEGAN:-$(date +%s)}"

step() {
    local elapsed=$(($(date +%s) - STEP_BEGAN))
    printf '==> [%02d:%02d] %s\n' $((elapsed / 60)) $((elapsed % 60)) "$*"
}
