# The command line itself: names, flags, help, errors, exit codes.
# shellcheck shell=bash

test_version() {
	ok rkt version
	says '^rkt Version: [0-9]+\.[0-9]+'
	says '^appc Version: 0\.8\.11$'
	equal "" "$err" "stderr"
}

test_no_command() {
	exits 2 rkt
	says '^NAME:|^USAGE:'
	complains 'missing command'
}

test_unknown_command() {
	exits 254 rkt frobnicate
	complains "^Error: unknown command \"frobnicate\" for \"rkt\"$"
	complains "^Run 'rkt --help' for usage\.$"
}

test_unknown_flag() {
	exits 254 rkt list --frobnicate
	complains '^Error: unknown flag: --frobnicate$'
	says 'USAGE'
}

test_bad_flag_value() {
	exits 254 rkt list --format=xml
	complains 'xml'
}

test_command_prefix() {
	ok rkt ver
	says '^rkt Version'
	exits 254 rkt r
}

test_global_flags_anywhere() {
	mkdir "$T/elsewhere"
	ok "$RKT" --dir "$T/elsewhere" list
	ok "$RKT" list --dir="$T/elsewhere"
	ok "$RKT" list --dir "$T/elsewhere" --debug=true
	ok "$RKT" --debug=false list --dir "$T/elsewhere"
}

test_help_of_every_command() {
	local command

	ok rkt help
	says 'COMMANDS'
	for command in fetch trust run prepare run-prepared list status stop rm gc enter cat-manifest config version \
		completion image; do
		grep -q -E "^[[:space:]]+$command([[:space:]]|$)" "$T/out" || [ "$command" = image ] || fail "help does not list $command"
	done
	for command in fetch trust run prepare run-prepared list status stop rm gc enter cat-manifest config version \
		completion; do
		ok rkt help "$command"
		says "rkt $command"
		says '^(OPTIONS|GLOBAL OPTIONS):'
		ok rkt "$command" --help
		says "rkt $command"
	done
	for command in list cat-manifest rm export extract render verify; do
		ok rkt image "$command" --help
		says "$command"
	done
}

test_completion() {
	ok rkt completion bash
	bash -n "$T/out" || fail "the script has a syntax error"
	says 'fetch'
	says 'uuid-file-save'
	exits 254 rkt completion
	complains 'shell type is not specified'
	exits 254 rkt completion fish
	complains 'fish'
}

# The generated script completes commands and flags in a real bash.
test_completion_works() {
	rkt completion bash >"$T/completion"
	cat >"$T/try" <<-'END'
		source "$1"
		COMP_WORDS=(rkt run-p) COMP_CWORD=1 COMP_LINE="rkt run-p" COMP_POINT=9
		function_name=$(complete -p rkt | sed 's/.*-F \([^ ]*\).*/\1/')
		$function_name rkt run-p rkt
		printf '%s\n' "${COMPREPLY[@]}"
		COMP_WORDS=(rkt fetch --sig) COMP_CWORD=2 COMP_LINE="rkt fetch --sig" COMP_POINT=15
		$function_name rkt --sig fetch
		printf '%s\n' "${COMPREPLY[@]}"
	END
	ok bash "$T/try" "$T/completion"
	says '^run-prepared'
	says '^--signature'
}

test_missing_arguments() {
	exits 254 rkt status
	exits 254 rkt rm
	exits 254 rkt image cat-manifest
	exits 254 rkt run
	complains 'must provide at least one image'
	exits 254 rkt fetch
	complains 'must provide at least one image'
}

test_relative_and_empty_directory() {
	mkdir -p "$T/here/data"
	cd "$T/here"
	ok "$RKT" --dir=data list
	refused 'is not a valid directory|directory' "$RKT" --dir= list
}

test_insecure_options() {
	ok rkt --insecure-options=all-fetch,seccomp version
	exits 254 rkt --insecure-options=everything list
	complains 'unknown option'
	exits 254 rkt --insecure-options=image,image list
	complains 'duplicated option'
}

# Commands that need root say so, whatever else would be wrong.
test_needs_root() {
	local command uuid=01234567-89ab-4def-8123-456789abcdef

	cp "$RKT" "$T/rkt"	# nobody may not look where it is
	cat >"$T/as-nobody" <<-'END'
		import os, sys
		rkt = os.open(sys.argv[1], os.O_PATH)	# nobody may not reach the directory
		os.setgroups([]); os.setgid(65534); os.setuid(65534)
		os.execve(rkt, sys.argv[1:], os.environ)
	END
	for command in "run x" "prepare x" "run-prepared $uuid" "enter $uuid" "gc" "rm $uuid"; do
		# shellcheck disable=SC2086
		refused 'cannot run as unprivileged user' python3 "$T/as-nobody" "$T/rkt" --dir="$DATA" $command
	done
	ok python3 "$T/as-nobody" "$T/rkt" --dir="$DATA" version
}

test_debug_shows_the_chain() {
	exits 254 rkt --debug fetch ./nothing.aci
	complains '└─'
	refused 'nothing\.aci' rkt fetch ./nothing.aci
}

# Any of the three may be closed: no file of ours may land on 0, 1 or 2.
test_closed_descriptors() {
	have probe
	"$RKT" --dir="$DATA" list <&- >"$T/o" 2>&1 || fail "list without stdin"
	"$RKT" --dir="$DATA" list >&- 2>/dev/null </dev/null || true
	"$RKT" --dir="$DATA" list 2>&- >"$T/o" </dev/null || fail "list without stderr"
	for closed in '0<&-' '1>&-' '2>&-' '0<&- 1>&-' '0<&- 1>&- 2>&-'; do
		rc=0
		eval "timeout 20 \"$RKT\" --dir=\"$DATA\" --local-config=\"$CONFIG\" --system-config=\"$VENDOR\" run --net=none \
			example.com/probe --exec=/bin/probe -- exit 7 $closed" || rc=$?
		[ $rc = 7 ] || fail "run with $closed exits $rc, not 7"
	done
}

test_broken_pipe() {
	rc=0
	(trap '' PIPE; rkt help | true) || rc=$?
	rkt help | head -n 1 >"$T/head"
	[ -s "$T/head" ] || fail "no output"
}

# Nobody reads what it says, as after "| head": it ends, and says nothing of that either.
test_no_reader() {
	local id command

	shell_oci "$T/layout" >/dev/null
	ok rkt --insecure-options=image fetch --full "oci:$T/layout"
	id=$out
	cat >"$T/unread" <<-'END'
		import os, subprocess, sys
		read, write = os.pipe()
		os.close(read)
		sys.exit(subprocess.run(sys.argv[1:], stdout=write).returncode & 255)
	END
	for command in "image list" "image cat-manifest $id" "image cat-manifest --original $id" "list" "config"; do
		# shellcheck disable=SC2086
		exits 254 python3 "$T/unread" "$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" $command
		equal "" "$err" "what $command says"
	done
}

# A helper that ends before it has read all that it is given is a failure to be told, not the end of rkt.
test_helper_gives_up() {
	local id

	shell_oci "$T/layout" >/dev/null
	python3 - "$T/layout" <<-'END'	# a configuration that fills the pipe
		import hashlib, json, os, sys
		os.chdir(sys.argv[1])
		def read(digest):
		    return json.load(open("blobs/" + digest.replace(":", "/")))
		def write(descriptor, document):
		    data = json.dumps(document).encode()
		    descriptor.update(digest="sha256:" + hashlib.sha256(data).hexdigest(), size=len(data))
		    open("blobs/" + descriptor["digest"].replace(":", "/"), "wb").write(data)
		index = json.load(open("index.json"))
		manifest = read(index["manifests"][0]["digest"])
		config = read(manifest["config"]["digest"])
		config["history"] = [{"comment": "x" * 1500000}]
		write(manifest["config"], config)
		write(index["manifests"][0], manifest)
		json.dump(index, open("index.json", "w"))
	END
	ok rkt --insecure-options=image fetch --full "oci:$T/layout"
	id=$out
	mkdir "$T/bin"
	cp "$RKT" "$T/bin/rkt"
	cp "$(dirname "$RKT")/rkt-fetch" "$T/bin/"
	cp "$FIX/bin/busybox" "$T/bin/rkt-unpack"	# which has no such applet
	ok rkt --insecure-options=image prepare "$id"
	rm -r "$(dirname "$(grep -l "^${id:0:71}" "$DATA"/cas/tree/*/image)")"
	RKT=$T/bin/rkt exits 254 rkt --insecure-options=image prepare "$id"
	complains 'prepare: .*rkt-unpack ended without an answer'
}

test_stdout_full() {
	[ -e /dev/full ] || skip "no /dev/full here"
	rc=0
	"$RKT" version >/dev/full 2>"$T/err" || rc=$?
	[ $rc = 254 ] || fail "writing to a full device exits $rc, not 254"
}
