# Terminals.
# shellcheck shell=bash

S=example.com/shell P=example.com/probe
on_terminal() { ok python3 "$LIB/terminal.py" "$@"; }
r() { printf '%s\n' "$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR"; }

interactive() {	# [STEP…] -- ARGS…
	local steps=()

	while [ "$1" != -- ]; do
		steps+=("$1")
		shift
	done
	shift
	try python3 "$LIB/terminal.py" --size 33x99 "${steps[@]}" -- "$RKT" --dir="$DATA" --local-config="$CONFIG" \
		--system-config="$VENDOR" "$@"
}

test_shell() {
	have shell
	interactive 'send=echo $((6 * 7))\n' expect=42 'send=exit 5\n' -- run --net=none --interactive $S
	equal 5 "$rc" "exit code"
}

test_terminal_of_its_own() {
	have probe
	interactive -- run --net=none --interactive $P --exec=/bin/probe -- terminal
	says 'tty0=/dev/(pts/|console)'
	says 'controlling=yes'
	says 'size=33x99'
	# What an app types into its terminal never reaches the caller's.
	never_says 'tiocsti=ALLOWED'
}

test_interrupt_key() {
	have shell
	interactive 'send=trap "echo caught" INT; echo is""-set\n' expect=is-set 'send=\x03' expect=caught 'send=exit 6\n' -- \
		run --net=none --interactive $S
	equal 6 "$rc" "exit code"
}

test_terminal_is_restored() {
	have shell
	cat >"$T/script" <<-END
		stty -a >"$T/stty.before"
		"$RKT" --dir="$DATA" --local-config="$CONFIG" run --net=none --interactive $S --exec=/bin/true
		stty -a >"$T/stty.after"
	END
	on_terminal -- bash "$T/script"
	equal "$(cat "$T/stty.before")" "$(cat "$T/stty.after")" "the terminal's settings"
}

test_hangup_ends_the_pod() {
	have shell
	interactive 'send=echo a""b\n' expect=ab hangup -- run --net=none --interactive --uuid-file-save="$T/uuid" $S
	ok rkt status --wait=10s "$(cat "$T/uuid")"
	says '^state=exited$'
}

test_interactive_is_for_one_app() {
	have shell
	exits 254 rkt run --net=none --interactive $S --name=a --- $S --name=b
	complains 'interactive option only supports one image'
	no_pods
}

# Without --interactive an app has no terminal, although rkt has one.
test_not_interactive() {
	have probe
	interactive -- run --net=none $P --exec=/bin/probe -- terminal
	says 'tty0=no'
	says 'controlling=no'
}

test_enter() {
	have shell
	pod_start $S --exec=/bin/sleep -- 60
	interactive 'send=echo in""side\n' expect=inside 'send=exit 4\n' -- enter "$pod" /bin/sh
	equal 4 "$rc" "exit code"
	interactive -- enter "$pod" /bin/probe terminal
	never_says 'tiocsti=ALLOWED'
	ok rkt stop "$pod"
}
