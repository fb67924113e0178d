# Configuration files: vendor, local, user.
# shellcheck shell=bash

auth_file() { printf '{"rktKind":"auth","rktVersion":"v1","domains":["%s"],"type":"basic","credentials":{"user":"%s","password":"%s"}}' "$@"; }

test_layers() {
	mkdir -p "$VENDOR/auth.d" "$CONFIG/auth.d" "$T/user/auth.d"
	auth_file a.example vendor v >"$VENDOR/auth.d/a.json"
	auth_file b.example vendor v >"$VENDOR/auth.d/b.json"
	auth_file a.example local l >"$CONFIG/auth.d/a.json"
	auth_file c.example user u >"$T/user/auth.d/c.json"
	chmod 0600 "$CONFIG"/auth.d/* "$VENDOR"/auth.d/* "$T"/user/auth.d/*
	ok rkt --user-config="$T/user" config
	python3 - "$T/out" <<-'END'
		import json, sys
		entries = json.load(open(sys.argv[1]))["stage0"]
		users = {e["domains"][0]: e["credentials"]["user"] for e in entries if e["rktKind"] == "auth"}
		assert users == {"a.example": "local", "b.example": "vendor", "c.example": "user"}, users
	END
}

# A default directory may be absent; one that somebody names was meant.
test_named_directories_are_there() {
	for option in user-config local-config system-config; do
		refused "cannot open \"$T/nope\"" rkt --$option="$T/nope" config
	done
	ok rkt --user-config="$T/etc" config
}

test_paths() {
	mkdir -p "$CONFIG/paths.d" "$T/own-data"
	printf '{"rktKind":"paths","rktVersion":"v1","data":"%s"}' "$T/own-data" >"$CONFIG/paths.d/p.json"
	cp "$FIX/shell.aci" "$T/"
	ok "$RKT" --local-config="$CONFIG" --system-config="$VENDOR" --insecure-options=image fetch "$T/shell.aci"
	[ -d "$T/own-data/cas" ] || fail "the configured data directory was not used"
}

config_refused() {	# DIR TEXT REGEX
	mkdir -p "$CONFIG/$1"
	printf '%s' "$2" >"$CONFIG/$1/x.json"
	refused "$3" rkt config
	rm "$CONFIG/$1/x.json"
}

test_bad_files() {
	config_refused auth.d '{"rktVersion":"v1"}' 'no rktKind'
	config_refused auth.d '{"rktKind":"auth"}' 'no rktVersion'
	config_refused auth.d '{"rktKind":"paths","rktVersion":"v1","data":"/x"}' 'paths'
	config_refused auth.d '{"rktKind":"auth","rktVersion":"v1","domains":[],"type":"basic"}' 'no domains'
	config_refused auth.d '{"rktKind":"auth","rktVersion":"v1","domains":["a"],"type":"magic","credentials":{"a":"b"}}' 'unknown auth type'
	config_refused auth.d '{"rktKind":"auth","rktVersion":"v1","domains":["a"],"type":"basic","credentials":{"user":"a"}}' 'password not specified'
	config_refused paths.d '{"rktKind":"paths","rktVersion":"v1","data":"relative"}' 'absolute'
	config_refused stage1.d '{"rktKind":"stage1","rktVersion":"v1","name":"example.com/s"}' 'version is missing'
	config_refused stage1.d '{"rktKind":"stage1","rktVersion":"v1","location":"s.aci"}' 'relative path|without scheme'
	config_refused auth.d 'this is no JSON' 'x\.json'
}

test_same_domain_twice() {
	mkdir -p "$CONFIG/auth.d"
	auth_file a.example one 1 >"$CONFIG/auth.d/a.json"
	auth_file a.example two 2 >"$CONFIG/auth.d/b.json"
	refused 'already specified' rkt config
}

test_other_files_are_ignored() {
	mkdir -p "$CONFIG/auth.d/sub.json"
	echo 'no configuration' >"$CONFIG/auth.d/readme.txt"
	ln -s /etc/shadow "$CONFIG/auth.d/link.json"
	ok rkt config
}

# Credentials are nobody's business.
test_secret_is_not_shown() {
	mkdir -p "$CONFIG/auth.d"
	auth_file example.com someone s3cretword >"$CONFIG/auth.d/a.json"
	chmod 0600 "$CONFIG/auth.d/a.json"
	serve
	publish example.com/shell "$FIX/shell.aci"
	trust_key alice example.com
	ok rkt --debug fetch example.com/shell:1.0.0
	! grep -q -e s3cretword -e "$(printf someone:s3cretword | base64)" "$T/out" "$T/err" || fail "the password is shown"
}

# A mistyped directory would look like one in which there is nothing.
test_no_data_directory() {
	local command

	for command in list "image list" gc "image gc"; do
		# shellcheck disable=SC2086
		ok "$RKT" --dir="$T/mistyped" --local-config="$CONFIG" --system-config="$VENDOR" $command
		complains "there is no data directory \"$T/mistyped\""
		[ ! -e "$T/mistyped" ] || fail "$command made it"
	done
	mkdir "$T/mistyped"
	ok "$RKT" --dir="$T/mistyped" --local-config="$CONFIG" --system-config="$VENDOR" list
	equal '' "$err" "stderr"
}

# What is in force, where the files say nothing or a flag says something else.
test_in_force() {
	mkdir -p "$CONFIG/paths.d" "$T/configured"
	printf '{"rktKind":"paths","rktVersion":"v1","data":"%s"}' "$T/configured" >"$CONFIG/paths.d/p.json"
	in_force() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["inForce"][sys.argv[2]])' "$T/out" "$1"; }
	ok "$RKT" --local-config="$CONFIG" --system-config="$VENDOR" config
	equal "$T/configured" "$(in_force data)" "the data directory"
	ok rkt --insecure-options=tls,image config
	equal "$DATA" "$(in_force data)" "the data directory"
	equal "$CONFIG" "$(in_force local-config)" "the local configuration"
	equal "image,tls" "$(in_force insecure-options)" "the options"
	never_says image-files
	ok rkt --insecure-options=image fetch "$FIX/shell.aci"
	ok rkt config
	case $(in_force image-files) in
	tree) [ -d "$DATA"/cas/tree/deps-*/rootfs/bin ] || fail "images are not kept as trees" ;;
	"erofs (file)" | "erofs (loop)") [ -f "$DATA"/cas/tree/deps-*/index ] || fail "images are not kept as indexes" ;;
	*) fail "says $(in_force image-files)" ;;
	esac
}

test_debug_says_once_that_a_group_is_missing() {
	! getent group rkt >/dev/null || skip "there is a group rkt"
	ok rkt --debug --insecure-options=image fetch "$FIX/shell.aci"
	equal 1 "$(grep -c 'group "rkt" not found' "$T/err")" "how often it says so"
}
