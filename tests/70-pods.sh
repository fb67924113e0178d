# Pods: prepare, list, status, stop, rm, gc, enter.
# shellcheck shell=bash

S=example.com/shell P=example.com/probe

test_prepare_and_run() {
	local uuid

	have probe
	ok rkt prepare $P --exec=/bin/probe -- exit 17
	uuid=$out
	[[ $uuid =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$ ]] || fail "no UUID: $uuid"
	ok rkt status "$uuid"
	says '^state=prepared$'
	exits 17 rkt run-prepared --net=none "$uuid"
	ok rkt status "$uuid"
	says '^state=exited$'
	says '^app-probe=17$'
	refused "pod \"$uuid\" is not prepared" rkt run-prepared --net=none "$uuid"
}

test_list() {
	have probe shell
	ok rkt list
	says '^UUID	+APP	+IMAGE NAME	+STATE	+CREATED	+STARTED	+NETWORKS'
	ok rkt list --no-legend
	equal "" "$out" "the list of no pods"
	ok rkt run --net=none $P --name=one --exec=/bin/true --- $S --name=two --exec=/bin/true
	ok rkt list
	says '^[0-9a-f]{8}	+one	+example\.com/probe:1\.0\.0	+exited	'
	says '^	+two	+example\.com/shell:1\.0\.0'
	ok rkt list --full --no-legend
	says '^[0-9a-f-]{36}	+one	+example\.com/probe:1\.0\.0	+sha512-[0-9a-f]{12}	+exited	+20[0-9-]+ '
}

test_list_json() {
	local uuid

	ok rkt list --format=json
	equal null "$out" "the list of no pods"
	have probe
	exits 3 rkt run --net=none --uuid-file-save="$T/uuid" $P --exec=/bin/probe -- exit 3
	uuid=$(cat "$T/uuid")
	for format in json json-pretty; do
		ok rkt list --format=$format
		python3 - "$T/out" "$uuid" "$(image_id "$FIX/probe.aci")" <<-'END'
			import json, sys, time
			(pod,) = json.load(open(sys.argv[1]))
			now = time.time()
			assert pod["name"] == sys.argv[2] and pod["state"] == "exited", pod
			assert pod["app_names"] == ["probe"], pod
			assert abs(pod["created_at"] - now) < 100 and abs(pod["started_at"] - now) < 100, pod
			(app,) = pod["apps"]
			assert app["name"] == "probe" and app["state"] == "exited" and app["exit_code"] == 3, app
			assert app["image_id"] in (sys.argv[3], sys.argv[3][:71]), app
			assert abs(app["started_at"] / 1e9 - now) < 100, app
		END
		ok rkt status --format=$format "$uuid"
		python3 -c 'import json, sys; p = json.load(open(sys.argv[1])); assert p["name"] == sys.argv[2], p' "$T/out" "$uuid"
	done
}

test_status() {
	have probe
	pod_start $P --exec=/bin/probe -- sleep 60
	ok rkt status "$pod"
	says '^state=running$'
	says '^created=20'
	says '^started=20'
	says "^pid=[0-9]+$"
	says '^exited=false$'
	equal 'state created started networks pid exited security-profile verified-probe' "$(cut -d= -f1 "$T/out" | xargs)" "the order"
	says '^security-profile=hardened$'
	says "^verified-probe=$(fingerprint alice)\$"
	# A prefix and capitals will do.
	ok rkt status "${pod:0:8}"
	ok rkt status "${pod^^}"
	ok rkt stop "$pod"
	ok rkt status --wait=10s "$pod"
	says '^state=exited$'
	says '^exited=true$'
	refused 'no matches found' rkt status 00000000
	exits 254 rkt status ''
	refused '.' rkt status ../../../etc
}

test_status_waits() {
	local start=$SECONDS

	have shell
	pod_start $S --exec=/bin/sleep -- 1
	ok rkt status --wait "$pod"
	says '^state=exited$'
	says '^app-shell=0$'
	pod_start $S --exec=/bin/sleep -- 60
	exits 254 rkt status --wait=200ms "$pod"
	complains 'error waiting for pod to finish'
	ok rkt status --wait-ready=10s "$pod"
	ok rkt stop "$pod"
	[ $((SECONDS - start)) -lt 20 ] || fail "waited too long"
}

test_uuid_files() {
	have probe
	ok rkt run --net=none --uuid-file-save="$T/uuid" $P --exec=/bin/probe -- exit 0
	equal 36 "$(stat -c %s "$T/uuid")" "size of the file"
	equal 644 "$(stat -c %a "$T/uuid")" "mode of the file"
	ok rkt status --uuid-file="$T/uuid"
	ok rkt cat-manifest --uuid-file="$T/uuid"
	printf '  %s \n\n' "$(cat "$T/uuid")" >"$T/spaced"
	ok rkt rm --uuid-file="$T/spaced"
	exits 1 rkt status --uuid-file="$T/none"
	exits 1 rkt stop --uuid-file="$T/none"
	refused '/no/such' rkt run --net=none --uuid-file-save=/no/such/dir/uuid $P
	no_pods
}

test_cat_manifest() {
	have probe
	ok rkt run --net=none --uuid-file-save="$T/uuid" --set-env=A=b --volume=v,kind=empty $P --name=mine --exec=/bin/probe -- exit 0
	ok rkt cat-manifest "$(cat "$T/uuid")"
	python3 - "$T/out" "$(rkt version | sed -n 's/rkt Version: //p')" <<-'END'
		import json, sys
		m = json.load(open(sys.argv[1]))
		assert m["acKind"] == "PodManifest" and m["acVersion"] == sys.argv[2], m
		(app,) = m["apps"]
		assert app["name"] == "mine" and app["image"]["name"] == "example.com/probe", app
		assert app["app"]["exec"] == ["/bin/probe", "exit", "0"], app
		assert {"name": "A", "value": "b"} in app["app"]["environment"], app
		assert m["volumes"][0]["name"] == "v", m
	END
	ok rkt cat-manifest --pretty-print=false "$(cat "$T/uuid")"
	equal 1 "$(wc -l <"$T/out")" "number of lines"
}

# One door: who enters is who the app is.
same_identity() {	# OPTIONS…
	pod_start "$@" --exec=/bin/sh -- -c '/bin/probe identity; /bin/probe descriptors; sleep 60'
	until_true 5 grep -q 'fd2' "$T/pod.out" || fail "the app said nothing"
	ok rkt enter "$pod" /bin/probe identity
	sed 's/^\[[^]]*\] [^:]*: //' "$T/pod.out" | grep -v '^fd' >"$T/app"
	equal "$(cat "$T/app")" "$out" "who enters"
	ok rkt enter "$pod" /bin/probe descriptors
	equal "0 1 2" "$(sed -n 's/.*fd\([0-9]*\)=.*/\1/p' "$T/out" | sort -n | xargs)" "descriptors of who enters"
	ok rkt enter "$pod" /bin/probe calls
	never_says '=(ALLOWED|EINVAL|EFAULT|EBADF|ENOENT)$'
	ok rkt enter "$pod" /bin/probe kernel
	never_says '=OPEN$'
	ok rkt stop "$pod"
	pod_end
}

test_enter_is_the_same_identity() {
	have shell
	same_identity $S
	same_identity $S --user=1000 --group=1000 --supplementary-gids=10,20
	same_identity $S --caps-retain=CAP_KILL --oom-score-adj=300 --memory=64M
}

test_enter() {
	have shell
	pod_start --set-env=GREETING=hello $S --working-dir=/home --exec=/bin/sleep -- 60
	exits 23 rkt enter "$pod" /bin/sh -c 'exit 23'
	ok rkt enter "$pod" /bin/sh -c 'echo $GREETING $AC_APP_NAME; pwd; echo "$@"' -- --app=x -- y
	says '^hello shell$'
	says '^/$|^/home$'
	says '^--app=x -- y$'
	ok rkt enter --app=shell "$pod" /bin/echo named
	# Input reaches it.
	equal "through" "$(echo through | rkt enter "$pod" /bin/cat)" "what cat gave back"
	try rkt enter "$pod" /bin/nothing
	[ "$rc" != 0 ] || fail "entering with nothing succeeds"
	complains '/bin/nothing'
	refused 'other' rkt enter --app=other "$pod" /bin/true
	SECRET=x ok rkt enter "$pod" /bin/env
	never_says 'SECRET|RKT_LOCK'
	ok rkt stop "$pod"
	pod_end
	refused "pod \"$pod\" isn't currently running" rkt enter "$pod" /bin/true
}

test_enter_of_several() {
	have shell
	pod_start $S --name=one --exec=/bin/sleep -- 60 --- $S --name=two --exec=/bin/sleep -- 60
	exits 254 rkt enter "$pod" /bin/true
	complains 'unable to determine app name: specify app using "rkt enter --app= \.\.\."'
	ok rkt enter --app=two "$pod" /bin/sh -c 'echo $AC_APP_NAME'
	says '^two$'
	ok rkt stop "$pod"
}

test_enter_default_command() {
	have shell
	pod_start $S --exec=/bin/sleep -- 60
	try rkt enter "$pod"
	complains 'no command specified, assuming "/bin/bash"'
	ok rkt stop "$pod"
}

test_stop() {
	have shell probe
	pod_start $S --exec=/bin/sleep -- 60
	ok rkt stop "$pod"
	says "^\"$pod\"$"
	pod_end
	ok rkt status --wait=10s "$pod"
	ok rkt stop "$pod"
	says "^pod \"$pod\" is already stopped$"
	# One that does not listen is made to.
	pod_start $S --exec=/bin/sh -- -c 'trap "" TERM INT HUP; while :; do sleep 1; done'
	ok rkt stop --force "$pod"
	ok rkt status --wait=10s "$pod"
	says '^state=exited$'
	exits 254 rkt stop 00000000-0000-4000-8000-000000000000
	complains 'failed to stop 1 pod\(s\)|no matches found|cannot get pod'
}

test_rm() {
	local uuid

	have shell
	ok rkt prepare $S
	uuid=$out
	ok rkt rm "$uuid"
	says "^\"$uuid\"$"
	pod_start $S --exec=/bin/sleep -- 60
	exits 254 rkt rm "$pod"
	complains "pod \"$pod\" is currently running"
	complains 'failed to remove one or more pods'
	ok rkt stop "$pod"
	ok rkt status --wait=10s "$pod"
	ok rkt rm "$pod"
	no_pods
	exits 254 rkt rm "$pod"
	exits 254 rkt rm ../../../"$CANARY"
	[ -e "$CANARY/keep" ] || fail "rm followed a path"
}

test_gc() {
	have shell
	ok rkt run --net=none --uuid-file-save="$T/uuid" $S --exec=/bin/true
	uuid=$(cat "$T/uuid")
	ok rkt gc --grace-period=1h
	complains "moving pod \"$uuid\" to garbage"
	ok rkt gc --grace-period=1h
	complains "pod \"$uuid\" not removed: still within grace period \(1h0m0s\)"
	ok rkt status "$uuid"
	says '^state=exited garbage$'
	ok rkt gc --grace-period=0s
	says "^Garbage collecting pod \"$uuid\"$"
	no_pods
	# Prepared pods expire.
	ok rkt prepare $S
	uuid=$out
	ok rkt gc --grace-period=0s
	ok rkt status "$uuid"
	ok rkt gc --expire-prepared=0s
	ok rkt gc --expire-prepared=0s --grace-period=0s
	no_pods
}

test_gc_mark_only() {
	have shell
	ok rkt run --net=none --uuid-file-save="$T/uuid" $S --exec=/bin/true
	ok rkt gc --mark-only --grace-period=0s
	ok rkt status "$(cat "$T/uuid")"
	says '^state=exited garbage$'
}

test_gc_leaves_running_pods() {
	have shell
	pod_start $S --exec=/bin/sleep -- 60
	ok rkt gc --grace-period=0s --expire-prepared=0s
	ok rkt enter "$pod" /bin/true
	ok rkt stop "$pod"
}

# Removing a pod never reaches into a volume of the host.
test_gc_spares_volumes() {
	mkdir "$T/vol"
	echo precious >"$T/vol/file"
	have shell
	ok rkt run --net=none --volume=v,kind=host,source="$T/vol" $S --mount=volume=v,target=/v --exec=/bin/sh -- -c \
		"ln -s $CANARY /link; mkdir -p /a/b/c; ln -s / /a/b/root"
	ok rkt gc --grace-period=0s
	no_pods
	equal precious "$(cat "$T/vol/file")" "what is in the volume"
}

# The files that other programs look for (inventory 5.2).
test_files_of_a_pod() {
	local dir

	have shell
	pod_start $S --exec=/bin/sleep -- 60
	dir=$DATA/pods/run/$pod
	for file in pod pod.lck pod-created stage1TreeStoreID appsinfo/shell/manifest appsinfo/shell/treeStoreID overlay-prepared; do
		[ -e "$dir/$file" ] || fail "no file $file"
	done
	[ -e "$dir/pid" ] || [ -e "$dir/ppid" ] || fail "neither pid nor ppid"
	equal 640 "$(stat -c %a "$dir/pod")" "mode of the manifest"
	equal 600 "$(stat -c %a "$dir/pod.lck")" "mode of the lock"
	# The lock is the kernel's: while the pod runs nobody else gets it.
	! flock -n "$dir" true || fail "the pod holds no lock"
	ok rkt stop "$pod"
	pod_end
	flock -n "$dir" true || fail "the lock outlived the pod"
}

test_many_pods_at_once() {
	local i pids=()

	have probe
	for ((i = 0; i < 12; i++)); do
		rkt run --net=none $P --exec=/bin/probe -- exit $((40 + i)) >"$T/run.$i" 2>&1 </dev/null & pids+=($!)
	done
	for ((i = 0; i < 12; i++)); do
		rc=0
		wait "${pids[i]}" || rc=$?
		[ $rc = $((40 + i)) ] || fail "pod $i exits $rc: $(cat "$T/run.$i")"
	done
	ok rkt list --no-legend
	equal 12 "$(wc -l <"$T/out")" "number of pods"
}

test_bad_app_names() {
	local name

	have probe
	for name in ../x A a_b '' 'a b' a/b; do
		refused '.' rkt run --net=none $P --name="$name" --exec=/bin/true
	done
	no_pods
}
