# Running: what the app is given, what comes of it.
# shellcheck shell=bash

SHELL_IMAGE=example.com/shell PROBE=example.com/probe
run() { rkt run --net=none "$@"; }

test_output_and_exit_code() {
	local code

	have probe shell
	for code in 0 1 7 42 255; do
		exits $code rkt run --net=none $PROBE --exec=/bin/probe -- exit $code
	done
	ok rkt run --net=none $SHELL_IMAGE --exec=/bin/sh -- -c 'echo to stdout; echo to stderr >&2'
	says 'to stdout$'
	grep -q 'to stderr' "$T/out" "$T/err" || fail "stderr of the app is lost"
}

# The way of the issue: one command, from a signed image on a web server to a running pod.
test_from_the_web() {
	serve
	publish example.com/shell "$FIX/shell.aci"
	trust_key alice example.com
	exits 12 rkt run --net=none example.com/shell:1.0.0 --exec=/bin/sh -- -c 'exit 12'
}

test_death_by_signal() {
	have probe
	exits 15 rkt run --net=none $PROBE --exec=/bin/probe -- die 15
	exits 9 rkt run --net=none $PROBE --exec=/bin/probe -- die 9
}

# The arguments come after the image's own, or after --exec.
test_arguments() {
	have probe
	image "$T/argv.aci" example.com/argv "$(app /bin/probe argv from-image)"
	sign "$T/argv.aci"
	ok rkt run --net=none "$T/argv.aci" -- 'two words' '--flag' '$HOME' "it's" '' '*'
	equal $'/bin/probe\nargv\nfrom-image\ntwo words\n--flag\n$HOME\nit\'s\n\n*' "$(sed 's/^\[[^]]*\] [^:]*: //' "$T/out")" "the arguments"
	ok rkt run --net=none $PROBE --exec=/bin/probe -- argv a --- $PROBE --name=second --exec=/bin/probe -- argv b
	says '(^|: )a$'
	says '(^|: )b$'
}

test_exec_through_path() {
	have shell
	ok rkt run --net=none $SHELL_IMAGE --exec=echo -- found
	says 'found$'
	ok rkt run --net=none $SHELL_IMAGE --exec=./echo --working-dir=/bin -- found
	says 'found$'
}

test_signals() {
	local name number

	have probe
	for name in TERM:15 INT:2 HUP:1; do
		number=${name#*:}
		name=${name%:*}
		pod_start $PROBE --exec=/bin/probe -- await-signal
		until_true 5 grep -q ready "$T/pod.out" || fail "the app did not start"
		kill "-$name" "$pod_pid"
		pod_end
		grep -q 'signal=15\|signal='"$number" "$T/pod.out" || fail "no signal reached the app after $name"
		ok rkt status "$pod"
		says '^state=exited$'
	done
}

# A process that the app left behind does not keep the pod, nor survives it.
test_orphans_end() {
	have probe shell
	ok rkt run --net=none $PROBE --exec=/bin/probe -- daemonize
	ok rkt run --net=none $SHELL_IMAGE --exec=/bin/sh -- -c 'sleep 1000 & sleep 1000 & exit 0'
	sleep 0.1
	[ -z "$(grep -l '^sleep' /proc/[0-9]*/cmdline 2>/dev/null)" ] || fail "processes survived the pod"
}

test_zombies_are_reaped() {
	have shell
	ok rkt run --net=none $SHELL_IMAGE --exec=/bin/sh -- -c \
		'for i in 1 2 3 4 5; do (sleep 0.01 &) ; done; sleep 0.3; ps -o stat | grep -c Z; true'
	says '(^|: )0$'
}

# Several apps: the first that fails ends the pod, with its code.
test_first_failure_counts() {
	local start=$SECONDS

	have shell
	exits 33 rkt run --net=none $SHELL_IMAGE --name=waits --exec=/bin/sleep -- 60 --- \
		$SHELL_IMAGE --name=fails --exec=/bin/sh -- -c 'sleep 0.2; exit 33'
	[ $((SECONDS - start)) -lt 15 ] || fail "the other app was not stopped"
}

test_all_must_end() {
	have shell
	ok rkt run --net=none $SHELL_IMAGE --name=quick --exec=/bin/true --- \
		$SHELL_IMAGE --name=slow --exec=/bin/sh -- -c 'sleep 0.3; echo slow is done'
	says 'slow is done'
}

test_apps_share_the_pod() {
	have shell
	ok rkt run --net=none --volume=shared,kind=empty $SHELL_IMAGE --name=one --mount=volume=shared,target=/shared \
		--exec=/bin/sh -- -c 'echo from one >/shared/new; mv /shared/new /shared/file; sleep 1; hostname' --- \
		$SHELL_IMAGE --name=two --mount=volume=shared,target=/other --exec=/bin/sh -- -c \
		'until [ -e /other/file ]; do sleep 0.05; done; cat /other/file'
	says 'from one$'
}

test_same_name_twice() {
	have shell
	refused 'multiple apps with name shell' rkt run --net=none $SHELL_IMAGE $SHELL_IMAGE
	no_pods
}

# --- environment ---------------------------------------------------------------------

test_environment_of_the_image() {
	trust_key alice example.com
	APP=',"environment":[{"name":"A","value":"image"},{"name":"B","value":"image"},{"name":"C","value":"image"}]' \
		image "$T/env.aci" example.com/env "$(APP=',"environment":[{"name":"A","value":"image"},{"name":"B","value":"image"},{"name":"C","value":"image"},{"name":"D","value":"image"}]' app /bin/probe environment)"
	sign "$T/env.aci"
	SECRET=hidden ok rkt run --net=none "$T/env.aci"
	says '(^|: )A=image$'
	says '(^|: )PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin$'
	says '(^|: )AC_APP_NAME=env$'
	says '(^|: )HOME=/root$'
	says '(^|: )USER=root$'
	never_says 'SECRET|SSL_CERT|RKT_|AC_METADATA_URL|(^|: )T='
	printf '# comment\n; other\n\nC=file\nB=file\n' >"$T/env"
	ok rkt run --net=none --set-env=B=flag --set-env-file="$T/env" "$T/env.aci" --environment=C=app --environment=D=app
	says '(^|: )A=image$'
	says '(^|: )B=flag$'
	says '(^|: )C=file$'
	says '(^|: )D=app$'
}

test_inherit_env() {
	trust_key alice example.com
	image "$T/env.aci" example.com/env "$(APP=',"environment":[{"name":"A","value":"image"}]' app /bin/probe environment)"
	sign "$T/env.aci"
	export A=caller NEWVAR=caller
	ok rkt run --net=none --inherit-env "$T/env.aci"
	says '(^|: )A=image$'
	says '(^|: )NEWVAR=caller$'
}

test_environment_mistakes() {
	have shell
	exits 254 rkt run --net=none --set-env=NOVALUE $SHELL_IMAGE
	complains 'must be specified as key=value'
	exits 254 rkt run --net=none --set-env=A=1 --set-env=A=2 $SHELL_IMAGE
	complains 'already set'
	echo novalue >"$T/env"
	try rkt run --net=none --set-env-file="$T/env" $SHELL_IMAGE
	complains 'environment variable must be specified as name=value \(file'
	try rkt run --net=none --set-env-file="$T/none" $SHELL_IMAGE
	[ "$rc" = 254 ] || fail "exits $rc"
	no_pods
}

# A value is one value, whatever is in it.
test_newline_in_a_value() {
	have probe
	try rkt run --net=none "--set-env=A=1
LD_PRELOAD=/x" $PROBE --exec=/bin/probe -- environment
	[ "$rc" = 254 ] || { says 'A=1~LD_PRELOAD=/x'; never_says '(^|: )LD_PRELOAD'; }
	refused '.' rkt run --net=none "--hostname=a
b" $PROBE
}

# --- user and group ----------------------------------------------------------------------

identity_is() {	# UID GID GROUPS OPTIONS…
	local uid=$1 gid=$2 groups=$3

	shift 3
	ok rkt run --net=none example.com/probe "$@" --exec=/bin/probe -- identity
	says "Uid:.$uid.$uid.$uid.$uid"
	says "Gid:.$gid.$gid.$gid.$gid"
	equal "$groups" "$(sed -n 's/.*Groups:[[:space:]]*//p' "$T/out" | tr -s ' ' | sed 's/ $//')" "groups"
}

test_users() {
	have probe
	identity_is 0 0 "0" --user=0 --group=0
	identity_is 1000 1000 "1000" --user=user --group=user
	identity_is 1000 2000 "2000" --user=1000 --group=extra
	identity_is 2147483648 5 "5" --user=2147483648 --group=5
	identity_is 1000 1000 "1000" --user=/home/user --group=/home/user
	identity_is 1000 1000 "10 20 1000" --user=user --group=user --supplementary-gids=10,20
}

# The caller's own groups are the caller's.
test_groups_of_the_caller() {
	have probe
	cat >"$T/groups" <<-'END'
		import os, sys
		os.setgroups([0, 4, 27, 1234])
		os.execv(sys.argv[1], sys.argv[1:])
	END
	ok python3 "$T/groups" "$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" run --net=none $PROBE --user=1000 --group=1000 --exec=/bin/probe -- identity
	never_says 'Groups:.*(27|1234)'
}

test_bad_users() {
	local user

	have probe
	for user in 4294967295 4294967296 99999999999999999999 -2 0x0 nobodyhere '' /no/such/file '1000 ' user:x; do
		refused '.' rkt run --net=none $PROBE --user="$user" --group=0 --exec=/bin/true
		refused '.' rkt run --net=none $PROBE --user=0 --group="$user" --exec=/bin/true
	done
	refused 'user "user2" not found|"user2" user not found' rkt run --net=none $PROBE --user=user2 --group=0
	refused 'group "group2" not found|"group2" group not found' rkt run --net=none $PROBE --user=0 --group=group2
	refused 'must be integers' rkt run --net=none $PROBE --supplementary-gids=a,b
	no_pods
}

# --- what is not there -----------------------------------------------------------------

test_no_such_binary() {
	have probe
	refused '/bin/nothing' rkt run --net=none $PROBE --exec=/bin/nothing
	refused 'nothing-on-path' rkt run --net=none $PROBE --exec=nothing-on-path
	refused '/etc/passwd' rkt run --net=none $PROBE --exec=/etc/passwd
	no_pods
}

test_no_such_directory() {
	have probe
	refused '/no/such/dir' rkt run --net=none $PROBE --working-dir=/no/such/dir --exec=/bin/probe -- exit 0
	refused '/etc/passwd' rkt run --net=none $PROBE --working-dir=/etc/passwd --exec=/bin/probe -- exit 0
	refused 'relative|absolute' rkt run --net=none $PROBE --working-dir=relative --exec=/bin/probe -- exit 0
	no_pods
}

test_working_directory() {
	have shell
	ok rkt run --net=none $SHELL_IMAGE --working-dir=/home/user --exec=pwd
	says '(^|: )/home/user$'
}

test_no_app_section() {
	pack "$T/files.aci" "$(manifest example.com/files)" "$FIX/rootfs"
	refused 'has no app section and --exec argument is not provided' rkt --insecure-options=image run --net=none "$T/files.aci"
	exits 3 rkt --insecure-options=image run --net=none "$T/files.aci" --exec=/bin/probe -- exit 3
}

test_other_system() {
	local manifest

	manifest=$(manifest example.com/bsd "$(app /bin/true)")
	pack "$T/bsd.aci" "${manifest/linux/freebsd}" "$FIX/rootfs"
	refused 'bad os "freebsd"' rkt --insecure-options=image run --net=none "$T/bsd.aci"
	no_pods
}

# Of a registry that has no index, the image comes whatever it is for; what it is for is seen before it is run.
test_other_machine() {
	sed "s|BUSYBOX|$FIX/bin/busybox|" <<-'END' | oci "$T/layout" >/dev/null
		image theirs s390x
		set Cmd '["/bin/true"]'
		layer
		file bin/true copy=BUSYBOX mode=0755
		image ours
		set Cmd '["/bin/true"]'
		layer
		file bin/true copy=BUSYBOX mode=0755
	END
	ok rkt --insecure-options=image fetch "oci:$T/layout:theirs"
	refused 'is for s390x, and this machine is amd64' rkt --insecure-options=image run --net=none "oci:$T/layout:theirs"
	refused 'is for s390x' rkt --insecure-options=image prepare "oci:$T/layout:theirs"
	no_pods
	ok rkt --insecure-options=image run --net=none "oci:$T/layout:ours"
}

test_networks() {
	have probe
	refused 'network' rkt run --net=nonsense $PROBE
	refused 'network' rkt run --net=default $PROBE
	refused 'network' rkt run $PROBE
	refused '.' rkt run --net=../../x $PROBE
	no_pods
	ok rkt run --net=host $PROBE
	says "net=$(readlink /proc/self/ns/net | sed 's/[][]/\\&/g')"
	ok rkt run --net=none $PROBE
	never_says "net=$(readlink /proc/self/ns/net | sed 's/[][]/\\&/g')"
}

test_hostname() {
	have shell
	ok rkt run --net=none --hostname=box $SHELL_IMAGE --exec=hostname
	says '(^|: )box$'
	ok rkt run --net=none --uuid-file-save="$T/uuid" $SHELL_IMAGE --exec=hostname
	says "(^|: )rkt-$(cat "$T/uuid")$"
}

test_hosts_and_resolv_conf() {
	have shell
	ok rkt run --net=none --dns=10.0.0.1 --dns-search=example.net --dns-opt=ndots:2 --hosts-entry=10.1.2.3=backend \
		$SHELL_IMAGE --exec=/bin/cat -- /etc/resolv.conf /etc/hosts
	says 'nameserver 10\.0\.0\.1'
	says 'search example\.net'
	says 'options ndots:2'
	says '10\.1\.2\.3 backend'
	exits 254 rkt run --net=none --dns=notanip $SHELL_IMAGE
	complains 'Invalid IP passed to --dns'
	exits 254 rkt run --net=none "--dns-search=a
nameserver 6.6.6.6" $SHELL_IMAGE
}

# --- volumes ---------------------------------------------------------------------------

test_volume_host() {
	mkdir "$T/vol"
	echo from host >"$T/vol/file"
	have shell
	ok rkt run --net=none --volume=v,kind=host,source="$T/vol" $SHELL_IMAGE --mount=volume=v,target=/v \
		--exec=/bin/sh -- -c 'cat /v/file; echo from app >/v/new'
	says 'from host$'
	equal "from app" "$(cat "$T/vol/new")" "what the app wrote"
}

test_volume_read_only() {
	mkdir -p "$T/vol/sub"
	have shell
	mount -t tmpfs none "$T/vol/sub"
	ok rkt run --net=none --volume=v,kind=host,source="$T/vol",readOnly=true $SHELL_IMAGE --mount=volume=v,target=/v \
		--exec=/bin/sh -- -c 'touch /v/x 2>&1; touch /v/sub/x 2>&1; mount -o remount,rw /v 2>&1; true'
	says '/v/x: Read-only file system'
	says '/v/sub/x: Read-only file system'
	[ -z "$(find "$T/vol" -name x)" ] || fail "the volume was written"
	umount "$T/vol/sub"
}

test_volume_recursive() {
	mkdir -p "$T/vol/sub"
	have shell
	mount -t tmpfs none "$T/vol/sub"
	touch "$T/vol/sub/inside"
	ok rkt run --net=none --volume=v,kind=host,source="$T/vol" $SHELL_IMAGE --mount=volume=v,target=/v --exec=/bin/ls -- /v/sub
	says 'inside$'
	ok rkt run --net=none --volume=v,kind=host,source="$T/vol",recursive=false $SHELL_IMAGE --mount=volume=v,target=/v --exec=/bin/ls -- /v/sub
	never_says 'inside$'
	umount "$T/vol/sub"
}

# A link of the image must not bring a volume over the root.
test_volume_on_link_to_root() {
	cp -a "$FIX/rootfs" "$T/rootfs"
	ln -s / "$T/rootfs/data"
	pack "$T/link.aci" "$(manifest example.com/link "$(APP=',"mountPoints":[{"name":"v","path":"/data"}]' app /bin/true)")" "$T/rootfs"
	refused "'/data', which is '/'" rkt --insecure-options=image run --net=none --volume=v,kind=host,source="$T" "$T/link.aci"
}

test_volume_file() {
	echo content >"$T/one-file"
	have shell
	ok rkt run --net=none --volume=v,kind=host,source="$T/one-file" $SHELL_IMAGE --mount=volume=v,target=/some/where/file \
		--exec=/bin/cat -- /some/where/file
	says 'content$'
}

test_volume_empty() {
	have shell
	ok rkt run --net=none --volume=v,kind=empty,mode=0700,uid=1000,gid=2000 $SHELL_IMAGE --mount=volume=v,target=/v \
		--exec=/bin/stat -- -c '%a %u:%g' /v
	says '700 1000:2000$'
}

test_volume_implicit() {
	trust_key alice example.com
	image "$T/mp.aci" example.com/mp "$(APP=',"mountPoints":[{"name":"data","path":"/data"}]' app /bin/sh -c 'echo x >/data/x && cat /data/x')"
	sign "$T/mp.aci"
	ok rkt run --net=none "$T/mp.aci"
	complains 'no volume specified for mount point "data", implicitly creating an "empty" volume'
	mkdir "$T/given"
	ok rkt run --net=none --volume=data,kind=host,source="$T/given" "$T/mp.aci"
	[ -s "$T/given/x" ] || fail "the named volume was not used"
}

# An OCI image at $T/layout with three VOLUMEs: /data, /none, which it has no directory for, and /short, a link.
image_with_data() {
	python3 "$LIB/oci.py" "$T/layout" >"$T/digests" <<-END
		image v1
		set Cmd '["/bin/sh"]'
		set User '"1000"'
		set Volumes '{"/data": {}, "/none": {}, "/short": {}}'
		layer gzip
		file bin/busybox copy=$FIX/bin/busybox mode=0755
		symlink bin/sh busybox
		symlink bin/stat busybox
		symlink bin/cat busybox
		symlink bin/ls busybox
		file bin/probe copy=$FIX/bin/probe mode=0755
		dir data mode=0750 uid=1000 gid=2000
		file data/file text='of the image' uid=1000 gid=2000 mode=0640
		hardlink data/again data/file
		file data/deep/down/su copy=$FIX/bin/probe mode=04755
		symlink data/out $CANARY
		dir srv/real uid=1000 mode=0700
		file srv/real/file text=behind uid=1000
		symlink short srv/real
	END
}

# Images of Docker's expect their own files in a volume, and to be allowed to write there.
test_volume_of_an_oci_image() {
	local run=(rkt --insecure-options=image run --net=none)

	image_with_data
	ok "${run[@]}" "oci:$T/layout:v1" --exec=/bin/sh -- -c \
		'stat -c "%a %u:%g %n" /data /data/file /none; stat -c "%h %n" /data/again; cat /data/file /short/file; echo; echo >/data/new && echo >/short/new && echo >>/data/file && echo written'
	says '(^|: )750 1000:2000 /data$'
	says '(^|: )640 1000:2000 /data/file$'
	says '(^|: )755 0:0 /none$'
	says '(^|: )2 /data/again$'
	says '(^|: )of the imagebehind$'
	says '(^|: )written$'
	# The next pod begins with the image's files again.
	ok "${run[@]}" "oci:$T/layout:v1" --exec=/bin/ls -- -x /data
	says '(^|: )again +deep +file +out$'
}

test_volume_of_an_oci_image_carries_nothing() {
	image_with_data
	ok rkt --insecure-options=image run --net=none "oci:$T/layout:v1" --exec=/bin/sh -- -c \
		'stat -c %a /data/deep/down/su; /data/deep/down/su identity; ls /data/out 2>&1 || true'
	says '(^|: )4755$'
	says 'Uid:.1000.1000.1000.1000'
	never_says '(^|: )keep$'
	equal 700 "$(stat -c %a "$DATA"/pods/*/*/sharedVolumes)" "mode of the directory of the volumes"
	equal "$CANARY/keep" "$(find "$CANARY" -mindepth 1)" "the canary"
}

# What is said of a volume counts; who says nothing but "empty" gets what Docker gives.
test_volume_of_an_oci_image_named() {
	local run=(rkt --insecure-options=image run --net=none) see=(--exec=/bin/sh -- -c 'stat -c "%a %u:%g" /data; ls -x /data; true')

	image_with_data
	ok "${run[@]}" --volume=volume-data,kind=empty "oci:$T/layout:v1" "${see[@]}"
	says '(^|: )750 1000:2000$'
	says '(^|: )again +deep +file +out$'
	ok "${run[@]}" --volume=v,kind=empty "oci:$T/layout:v1" --name=one --mount=volume=v,target=/data --exec=/bin/stat -- -c one /data --- \
		"oci:$T/layout:v1" --name=two --mount=volume=v,target=/data "${see[@]}"
	says '(^|: )again +deep +file +out$'
	ok "${run[@]}" --volume=volume-data,kind=empty,mode=0711 "oci:$T/layout:v1" "${see[@]}"
	says '(^|: )711 0:0$'
	never_says 'file'
	mkdir -m 0755 "$T/given"
	ok "${run[@]}" --volume=volume-data,kind=host,source="$T/given" "oci:$T/layout:v1" "${see[@]}"
	says '(^|: )755 0:0$'
	equal "" "$(ls "$T/given")" "what is in the directory of the host"
}

# Where the pod manifest does not say that its image is one of Docker's, the image does.
test_volume_of_an_oci_image_by_pod_manifest() {
	local id

	image_with_data
	ok rkt --insecure-options=image fetch --full "oci:$T/layout:v1"
	id=$out
	cat >"$T/pod.json" <<-END
		{"acKind":"PodManifest","acVersion":"0.8.11","apps":[{"name":"mine","image":{"id":"$id"},"app":{"exec":
		["/bin/cat","/data/file"],"user":"1000","group":"0","mountPoints":[{"name":"x","path":"/data"}]}}]}
	END
	ok rkt --insecure-options=image run --net=none --pod-manifest="$T/pod.json"
	says 'of the image$'
}

# appc's images get what appc says.
test_volume_of_an_aci_is_empty() {
	trust_key alice example.com
	cp -a "$FIX/rootfs" "$T/rootfs"
	install -d -o 1000 "$T/rootfs/data"
	echo x >"$T/rootfs/data/file"
	pack "$T/mp.aci" "$(manifest example.com/mp "$(APP=',"mountPoints":[{"name":"data","path":"/data"}]' app /bin/sh -c 'stat -c %u:%g /data; ls /data')")" "$T/rootfs"
	rm -rf "$T/rootfs"
	sign "$T/mp.aci"
	ok rkt run --net=none "$T/mp.aci"
	says '(^|: )0:0$'
	never_says 'file'
}

test_volume_mistakes() {
	have shell
	refused 'dangling mount point' rkt run --net=none $SHELL_IMAGE --mount=volume=none,target=/v
	refused '/no/such' rkt run --net=none --volume=v,kind=host,source=/no/such/place $SHELL_IMAGE --mount=volume=v,target=/v
	refused '/no/such' rkt run --net=none --volume=v,kind=host,source=/no/such/place $SHELL_IMAGE --exec=/bin/true
	no_pods
	ok rkt run --net=none --volume=v,kind=host,source="$T" $SHELL_IMAGE --exec=/bin/true
	exits 254 rkt run --net=none --volume=v,kind=magic $SHELL_IMAGE
	exits 254 rkt run --net=none --volume=v,kind=host $SHELL_IMAGE
	exits 254 rkt run --net=none --volume=v,kind=host,source=relative $SHELL_IMAGE
	exits 254 rkt run --net=none --volume=../x,kind=empty $SHELL_IMAGE
	exits 254 rkt run --net=none --volume=v,kind=empty,colour=red $SHELL_IMAGE
	exits 254 rkt run --net=none --volume=v,kind=empty --volume=v,kind=empty $SHELL_IMAGE
	exits 254 rkt run --net=none --volume=v,kind=empty $SHELL_IMAGE --mount=volume=v,target=/v,target=/w
}

# A mount's target is looked up inside the image, links and all.
test_volume_target_is_a_link() {
	cp -a "$FIX/rootfs" "$T/linked"
	ln -s "../../../../../../../..$CANARY" "$T/linked/data"
	pack "$T/linked.aci" "$(manifest example.com/linked "$(APP=',"mountPoints":[{"name":"data","path":"/data/below"}]' app /bin/sh -c 'ls /data/below')")" "$T/linked"
	rm -rf "$T/linked"
	mkdir "$T/vol"
	echo x >"$T/vol/seen"
	try rkt --insecure-options=image run --net=none --volume=data,kind=host,source="$T/vol" "$T/linked.aci"
	[ "$rc" = 254 ] || says 'seen$'
	equal "$CANARY/keep" "$(find "$CANARY" -mindepth 1)" "the canary"
}

test_volume_no_setuid_no_devices() {
	mkdir "$T/vol"
	cp "$FIX/bin/probe" "$T/vol/su"
	chmod 4755 "$T/vol/su"
	mknod "$T/vol/null" c 1 3 2>/dev/null || true
	have shell
	ok rkt run --net=none --volume=v,kind=host,source="$T/vol" $SHELL_IMAGE --user=1000 --group=1000 --mount=volume=v,target=/v \
		--exec=/bin/sh -- -c '/v/su identity; echo x >/v/null || echo closed'
	says '(^|: )closed$'
	says 'Uid:.1000.1000.1000.1000'
}

test_read_only_root() {
	have shell
	try rkt run --net=none --volume=v,kind=empty $SHELL_IMAGE --readonly-rootfs=true --mount=volume=v,target=/v \
		--exec=/bin/sh -- -c 'touch /x 2>&1; touch /v/x && echo volume is writable'
	says 'Read-only file system'
	says 'volume is writable'
	ok rkt run --net=none $SHELL_IMAGE --readonly-rootfs=false --exec=/bin/touch -- /x
}

test_pod_manifest() {
	have shell
	cat >"$T/pod.json" <<-END
		{"acKind":"PodManifest","acVersion":"0.8.11","apps":[{"name":"mine","image":{"id":"$(image_id "$FIX/shell.aci")"},
		"app":{"exec":["/bin/sh","-c","echo I am \$AC_APP_NAME; exit 21"],"user":"0","group":"0"}}]}
	END
	exits 21 rkt run --net=none --pod-manifest="$T/pod.json"
	says 'I am mine'
	refused 'conflicting flags set with --pod-manifest' rkt run --net=none --pod-manifest="$T/pod.json" $SHELL_IMAGE
}

# --- on the caller's side ----------------------------------------------------------------

test_same_process() {
	local before

	have shell
	pod_start $SHELL_IMAGE --exec=/bin/sleep -- 30
	[ -d "/proc/$pod_pid" ] || fail "the process started is gone"
	before=$(grep -c . /proc/self/mountinfo)
	# Nothing of the pod shows in the caller's mounts, although it runs.
	! grep -q "$DATA" /proc/self/mountinfo || fail "a mount of the pod shows outside"
	equal "$before" "$(grep -c . /proc/self/mountinfo)" "number of mounts"
	ok rkt stop "$pod"
	pod_end
}

test_no_overlay() {
	have shell
	exits 8 rkt run --net=none --no-overlay $SHELL_IMAGE --exec=/bin/sh -- -c 'touch /new; exit 8'
	[ -z "$(find "$DATA/cas/tree" -name new)" ] || fail "the app wrote to the store"
}

# Two pods of one image do not see each other's changes, nor does the store.
test_images_stay_as_they_are() {
	have shell
	ok rkt run --net=none $SHELL_IMAGE --exec=/bin/sh -- -c 'echo changed >/etc/passwd; rm /bin/cat; touch /new'
	ok rkt run --net=none $SHELL_IMAGE --exec=/bin/sh -- -c 'cat /etc/passwd; ls /'
	says 'root:x:0:0'
	never_says '(^|: )new$'
	ok rkt image verify $SHELL_IMAGE
}

test_stage1_choices() {
	local stage1

	have shell
	stage1=$(dirname "$RKT")/stage1-native.aci
	exits 254 rkt run --net=none --stage1-path="$stage1" --stage1-name=x $SHELL_IMAGE
	complains 'mutually exclusive'
	# Of another place it needs a signature.
	cp "$stage1" "$T/stage1.aci"
	refused '.' rkt run --net=none --stage1-path="$T/stage1.aci" $SHELL_IMAGE --exec=/bin/true
	exits 4 rkt --insecure-options=image run --net=none --stage1-path="$T/stage1.aci" $SHELL_IMAGE --exec=/bin/sh -- -c 'exit 4'
	ok rkt image list --no-legend --fields=name
	says 'coreos\.com/rkt/stage1-native'
	refused '.' rkt run --net=none --stage1-path="$T/none.aci" $SHELL_IMAGE
}

# In a chroot, which is no mount point, everything is as elsewhere; what is outside of it stays outside.
test_in_a_chroot() {
	local dir

	have shell
	mkdir "$T/chroot"
	for dir in /*; do
		[ -d "$dir" ] && [ ! -L "$dir" ] || { cp -a "$dir" "$T/chroot/"; continue; }
		mkdir "$T/chroot$dir"
		mount --rbind "$dir" "$T/chroot$dir"
	done
	echo outside >"$T/outside"
	exits 3 chroot "$T/chroot" "$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" run --net=none \
		$SHELL_IMAGE --exec=/bin/sh -- -c 'ls /; exit 3'
	says '(^|: )bin$'
	never_says '(^|: )(usr|boot|chroot)$'
	ok chroot "$T/chroot" "$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" fetch "$FIX/probe.aci"
	chroot "$T/chroot" "$RKT" --dir="$DATA" --local-config="$CONFIG" --system-config="$VENDOR" run --net=none \
		--uuid-file-save="$T/pod.uuid" $SHELL_IMAGE --exec=/bin/sleep -- 60 >"$T/pod.out" 2>"$T/pod.err" </dev/null &
	pod_pid=$!
	pod_await
	ok chroot "$T/chroot" "$RKT" --dir="$DATA" --local-config="$CONFIG" enter "$pod" /bin/sh -c 'ls /; cat /etc/passwd'
	says '^user:x:1000'
	never_says '^(usr|boot|chroot)$'
	ok rkt stop "$pod"
	pod_end
	umount -R -l "$T/chroot" 2>/dev/null || true
	for dir in "$T"/chroot/*; do
		[ -d "$dir" ] && [ ! -L "$dir" ] && umount -R -l "$dir"
	done
	rm -rf --one-file-system "$T/chroot"
}
