# Who reads foreign bytes has no power: what the programs beside rkt can do, and what only they do.
# shellcheck shell=bash disable=SC2154

# traced FILE CMD…: strace of a command of rkt's; what each program did is in FILE (tests/lib/trace.py).
traced() {
	local to=$1

	shift
	strace -f -o "$T/trace" -e trace=execve,execveat,clone,clone3,fork,vfork,socket,connect,open,openat,setresuid \
		"$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" "$@" >"$T/out" 2>"$T/err" \
		</dev/null || fail "exits $?: $(cat "$T/err")"
	python3 "$LIB/trace.py" "$T/trace" >"$to"
}

# did WHAT PROGRAM: that program did this. only_did WHAT PROGRAM: and no other.
did() { grep -q -x -E "$2 $1" "$T/did" || fail "$2 was not seen to do this: $1"; }
only_did() {
	did "$1" "$2"
	! grep -E " $1\$" "$T/did" | grep -v "^$2 " || fail "others than $2 did this: $1"
}

check_division() {
	only_did 'socket AF_INET' rkt-fetch
	only_did 'connect AF_INET' rkt-fetch
	for library in curl rnp ssl isal; do
		only_did "opens lib$library" rkt-fetch
	done
	only_did 'opens libarchive' rkt-unpack
	! grep -E '^rkt (socket AF_INET6|opens lib(crypto|archive|curl))' "$T/did" || fail "rkt itself did that"
	! grep -E '^rkt-(fetch|unpack) executes' "$T/did" || fail "a helper executed something"
}

test_network_and_parsers_are_elsewhere() {
	serve
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	trust_key alice example.com
	traced "$T/did" fetch https://example.com/files/shell.aci
	check_division
}

test_those_of_oci_images_too() {
	shell_oci "$T/layout" >/dev/null
	registry 5000 tls
	push "$T/layout:latest" shell
	traced "$T/did" --insecure-options=image fetch "docker://$registry/shell"
	check_division
	# Nothing here has to be root: layers are hashed, and an index is a file.
	did 'becomes 65534' rkt-unpack
	did 'becomes 65534' rkt-fetch
}

# watch_fetch: a fetch of an image that stops half way; sets $fetch_pid and $unpack_pid (where there is one).
watch_fetch() {
	serve
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	trust_key alice example.com
	export SECRET_OF_CALLER=1
	rkt_exec fetch https://example.com/fault/stall:.aci/files/shell.aci >/dev/null 2>&1 &
	rkt_pid=$!
	until_true 10 grep -q 'stall.*aci"' "$T/requests" || fail "the image was never asked for"
	fetch_pid=$(pid_named rkt-fetch)
	unpack_pid=$(pid_named rkt-unpack)
	[ "$fetch_pid" ] || fail "rkt-fetch was never seen"
}
pid_named() {
	local p

	for p in /proc/[0-9]*; do
		[ "$(tr '\0' ' ' 2>/dev/null <"$p/cmdline" | cut -d' ' -f1)" != "$1" ] || echo "${p#/proc/}"
	done
}
end_fetch() {
	kill "$rkt_pid"
	wait "$rkt_pid" || true
	until_true 5 no_stragglers || fail "left running: $(stragglers)"
}

# state PID FIELD: of /proc/PID/status
state() { awk -v field="$2:" '$1 == field { $1 = ""; print substr($0, 2) }' "/proc/$1/status"; }
limit_of() { sed -n "s/^$2  *\([0-9a-z]*\) .*/\1/p" "/proc/$1/limits"; }

# powerless PID UID: no identity but this one, no capability, a filter.
powerless() {
	local caps

	equal "$2 $2 $2 $2" "$(state "$1" Uid)" "user"
	equal "$2 $2 $2 $2" "$(state "$1" Gid)" "group"
	equal "" "$(state "$1" Groups)" "supplementary groups"
	for caps in CapInh CapPrm CapEff CapBnd CapAmb; do
		equal 0000000000000000 "$(state "$1" $caps)" $caps
	done
	locked_in "$1"
}
locked_in() {
	equal 1 "$(state "$1" NoNewPrivs)" NoNewPrivs
	equal 2 "$(state "$1" Seccomp)" "Seccomp"
	equal 0 "$(limit_of "$1" 'Max core file size')" "limit of core dumps"
}

test_fetcher_has_no_power() {
	watch_fetch
	powerless "$fetch_pid" 65534
	[ "$(limit_of "$fetch_pid" 'Max data size')" -le $((1 << 30)) ] || fail "no limit of memory"
	[ "$(limit_of "$fetch_pid" 'Max open files')" -le 256 ] || fail "no limit of files"
	[ "$(limit_of "$fetch_pid" 'Max file size')" != unlimited ] || fail "no limit of file sizes"
	tr '\0' '\n' <"/proc/$fetch_pid/environ" >"$T/out"
	never_says SECRET_OF_CALLER
	never_says '^HOME='
	says '^SSL_CERT_FILE='
	end_fetch
}

test_unpacker_has_no_power() {
	watch_fetch
	if [ -z "$unpack_pid" ]; then
		end_fetch
		skip "no rkt-unpack yet at this point of a fetch"
	fi
	locked_in "$unpack_pid"
	case $(state "$unpack_pid" Uid) in
	"0 0 0 0")
		# chown, dac_override, fowner, fsetid, setfcap: to set owners and modes
		equal 000000008000001b "$(state "$unpack_pid" CapEff)" "capabilities"
		;;
	*) powerless "$unpack_pid" 65534 ;;
	esac
	[ "$(readlink "/proc/$unpack_pid/ns/net")" != "$(readlink /proc/self/ns/net)" ] || fail "it has the network"
	[ "$(readlink "/proc/$unpack_pid/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ] || fail "it has the mounts"
	equal "" "$(tr '\0' '\n' <"/proc/$unpack_pid/environ")" "environment"
	end_fetch
}

# Whoever runs as the same user cannot speak in its place: what it says decides whom an image was signed by.
test_nobody_traces_them() {
	local tracer i

	have probe
	python3 "$LIB/tracer.py" 65534 >"$T/traced" 2>"$T/traced.err" &
	tracer=$!
	until_true 10 grep -q ready "$T/traced" || fail "$(cat "$T/traced.err")"
	setpriv --reuid=65534 --regid=65534 --clear-groups sleep 2 &
	for ((i = 0; i < 8; i++)); do
		ok rkt --insecure-options=image fetch --pull-policy=update "$FIX/shell.aci"
	done
	wait $!
	kill $tracer
	wait $tracer || true
	grep -q -x sleep "$T/traced" || fail "it cannot even trace what it may"
	equal sleep "$(sort -u "$T/traced" | grep -v ready)" "what was traced"
}

# A program that was taken over and tries something is ended, and rkt says so.
test_what_is_never_needed_ends_it() {
	serve
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	trust_key alice example.com
	# Only the signal is of interest: the filter itself is tested beside it (os/confine_test.c).
	last="a fetch whose rkt-fetch gets SIGSYS"
	rc=0
	strace -f -o "$T/trace" -e trace=getpeername,getsockname -e inject=getpeername,getsockname:signal=SIGSYS \
		"$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" \
		fetch https://example.com/files/shell.aci >"$T/out" 2>"$T/err" </dev/null || rc=$?
	equal 254 $rc "exit code"
	complains 'rkt-fetch was ended, for it tried what it may not do'
	nothing_stored
}

# Without Landlock the filter stays.
test_kernel_without_landlock() {
	serve
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	trust_key alice example.com
	strace -f -o "$T/trace" -e trace=landlock_create_ruleset,seccomp -e inject=landlock_create_ruleset:error=ENOSYS \
		"$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" \
		fetch https://example.com/files/shell.aci >"$T/out" 2>"$T/err" </dev/null || fail "fails: $(cat "$T/err")"
	grep -q 'landlock_create_ruleset.*INJECTED' "$T/trace" || fail "Landlock was never asked for"
	grep -q 'seccomp(SECCOMP_SET_MODE_FILTER' "$T/trace" || fail "no filter"
}

# A name that only a name server knows, told by a resolv.conf that is a link elsewhere, as resolved makes it.
test_names_of_a_name_server() {
	serve
	publish images.dns.test/shell "$FIX/shell.aci"
	mkdir -p "$T/resolve"
	echo "nameserver 127.0.0.1" >"$T/resolve/stub.conf"
	cp -a /etc "$T/etc.dns"
	ln -sf "$T/resolve/stub.conf" "$T/etc.dns/resolv.conf"
	echo "hosts: files dns" >"$T/etc.dns/nsswitch.conf"
	cp "$T/hosts" "$T/etc.dns/hosts"
	mount --bind "$T/etc.dns" /etc
	snapshot >"$T/before" 2>/dev/null
	python3 "$LIB/dns.py" "$T/dns.ready" images.dns.test 2>"$T/dns.err" &
	until_true 10 test -e "$T/dns.ready" || { cat "$T/dns.err"; fail "the name server did not start"; }
	mkdir -p "$T/www/files"
	cp "$FIX/shell.aci" "$FIX/shell.aci.asc" "$T/www/files/"
	trust_key alice example.com
	ok rkt fetch http://images.dns.test/files/shell.aci
}
