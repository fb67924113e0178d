# registry.sh: registries, image layouts, and the other tools that make images, inside the test's namespaces.
#
# The registry is Debian's docker-registry; images are pushed to it by skopeo and buildah as people do it. All of it
# keeps its files below $T and ends with the test.
# shellcheck shell=bash

# oci LAYOUT < DESCRIPTION: makes an OCI image layout, or adds to it; tests/lib/oci.py has the language. Prints
# "TAG DIGEST" for each image.
oci() { python3 "$LIB/oci.py" "$1"; }

# shell_oci LAYOUT [TAG]: an image of two layers whose app is busybox's shell.
shell_oci() {
	local tool

	{
		cat <<-END
			image ${2:-latest}
			set Entrypoint '["/bin/sh"]'
			layer
			file etc/passwd text='root:x:0:0:root:/:/bin/sh\n'
			file etc/group text='root:x:0:\n'
		END
		printf 'dir %s\n' bin dev etc proc sys tmp
		cat <<-END
			layer
			file bin/busybox copy=$FIX/bin/busybox mode=0755
			file bin/probe copy=$FIX/bin/probe mode=0755
		END
		for tool in sh cat ls true stat sleep; do
			echo "symlink bin/$tool busybox"
		done
	} | oci "$1"
}

# containers_home: skopeo, buildah and podman find policy, storage and credentials below $T only.
containers_home() {
	[ ! -e "$T/.config/containers/policy.json" ] || return 0
	mkdir -p "$T/.config/containers" "$T/containers/tmp"
	echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$T/.config/containers/policy.json"
	printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$T/containers/storage" \
		"$T/containers/run" >"$T/containers/storage.conf"
	echo '{}' >"$T/containers/auth.json"
	echo 'unqualified-search-registries = []' >"$T/containers/registries.conf"
	printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\ntmp_dir = "%s"\n' "$T/containers/tmp" \
		>"$T/containers/containers.conf"
	export CONTAINERS_STORAGE_CONF=$T/containers/storage.conf CONTAINERS_CONF=$T/containers/containers.conf
	export CONTAINERS_REGISTRIES_CONF=$T/containers/registries.conf REGISTRY_AUTH_FILE=$T/containers/auth.json
	export SSL_CERT_FILE=$FIX/tls/ca.pem TMPDIR=$T/containers/tmp
	# What they write in fixed places too goes away with the test's mounts.
	mount -t tmpfs -o mode=0755 tmpfs /run
	[ ! -d /var/lib/containers ] || mount -t tmpfs -o mode=0755 tmpfs /var/lib/containers
	snapshot >"$T/before" 2>/dev/null
}

# registry PORT [WORD…]: starts a registry on loopback; $T/registry-PORT/log has its requests. Words:
#   tls      https, as example.com:PORT (without: http, as localhost:PORT)
#   basic    only for user "alice" with password "secret"
#   token    pulling for all, pushing for alice, by tokens of a server on the next port
#   private  with token: also pulling for alice only
# Sets $registry to host:port.
registry() {
	local port=$1 word at=$T/registry-$1 scheme=http tls='' auth='' realm anonymous=--anonymous

	shift
	mkdir -p "$at"
	hosts_of_test
	registry=localhost:$port
	case " $* " in *" tls "*)
		scheme=https registry=example.com:$port
		tls=", tls: { certificate: $FIX/tls/good.crt, key: $FIX/tls/good.key }"
		;;
	esac
	case " $* " in *" private "*) anonymous= ;; esac
	for word; do
		case $word in
		basic)
			# shellcheck disable=SC2016
			perl -e 'print "alice:", crypt("secret", "\$2y\$05\$saltsaltsaltsaltsaltsu"), "\n"' >"$at/htpasswd"
			auth="auth: { htpasswd: { realm: registry, path: $at/htpasswd } }"
			;;
		token)
			token_server $((port + 1)) "$scheme" --user alice:secret $anonymous
			realm="$scheme://${registry%:*}:$((port + 1))/token"
			auth="auth: { token: { realm: '$realm', service: registry, issuer: tokens, rootcertbundle: $T/tokens.crt } }"
			;;
		esac
	done
	cat >"$at/config.yml" <<-END
		version: 0.1
		log: { level: warn }
		storage: { filesystem: { rootdirectory: $at/storage }, delete: { enabled: true } }
		http: { addr: "127.0.0.1:$port", secret: tests$tls }
		$auth
	END
	env -u SSL_CERT_FILE OTEL_TRACES_EXPORTER=none docker-registry serve "$at/config.yml" >"$at/log" 2>"$at/err" &
	until_true 20 registry_is_up "$scheme" || { cat "$at/err"; fail "the registry did not start"; }
}
registry_is_up() {
	local status

	status=$(curl -s -o /dev/null -w '%{http_code}' --cacert "$FIX/tls/ca.pem" "$1://$registry/v2/")
	[ "$status" = 200 ] || [ "$status" = 401 ]
}

# token_server PORT SCHEME [OPTIONS of tokens.py]: its requests are logged in $T/token-requests.
token_server() {
	local port=$1 tls=''

	[ "$2" = http ] || tls="=$FIX/tls/good.pem"
	shift 2
	[ -e "$T/tokens.key" ] || openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tokens \
		-keyout "$T/tokens.key" -out "$T/tokens.crt" 2>/dev/null
	rm -f "$T/tokens.ready"
	python3 "$LIB/tokens.py" --key "$T/tokens.key" --certificate "$T/tokens.crt" --log "$T/token-requests" \
		--ready "$T/tokens.ready" "$@" "$port$tls" 2>"$T/tokens.err" &
	until_true 10 test -e "$T/tokens.ready" || { cat "$T/tokens.err"; fail "the token server did not start"; }
}

# registry_requests [PORT]: the requests to it, one a line: METHOD PATH STATUS
registry_requests() {
	sed -n 's/.*"\([A-Z]*\) \([^ "]*\) HTTP[^"]*" \([0-9]*\) .*/\1 \2 \3/p' "$T/registry-${1:-${registry##*:}}/log"
}
# forget_requests [PORT]: from here on they count.
forget_requests() { : >"$T/registry-${1:-${registry##*:}}/log"; }

# push LAYOUT:TAG NAME[:TAG] [OPTIONS of skopeo copy]: to the last registry.
push() {
	local from=$1 to=$2

	shift 2
	containers_home
	skopeo copy --quiet --all --preserve-digests --dest-tls-verify="$(registry_has_tls)" --dest-creds alice:secret "$@" \
		"oci:$from" "docker://$registry/$to" || fail "skopeo does not push"
}
registry_has_tls() { [[ $registry == localhost:* ]] && echo false || echo true; }

# buildah_push NAME[:TAG] DIR…: builds an image with a layer of each directory's files and pushes it.
buildah_push() {
	local to=$1 dir container

	shift
	containers_home
	container=$(buildah from scratch)
	for dir; do
		buildah copy --quiet "$container" "$dir" / >/dev/null
		buildah config --entrypoint '["/bin/sh"]' "$container"
		buildah commit --quiet "$container" "localhost/made" >/dev/null
		buildah rm "$container" >/dev/null
		container=$(buildah from --pull-never localhost/made)
	done
	buildah push --quiet --tls-verify="$(registry_has_tls)" --creds alice:secret localhost/made \
		"docker://$registry/$to" || fail "buildah does not push"
	buildah rm --all >/dev/null
}

# umoci_layout LAYOUT TAG DIR…: an OCI layout by umoci, with a layer of each directory's files.
umoci_layout() {
	local layout=$1 tag=$2 dir

	shift 2
	[ -e "$layout" ] || umoci init --layout "$layout"
	umoci new --image "$layout:$tag"
	for dir; do
		umoci insert --image "$layout:$tag" "$dir" /
	done
	umoci config --image "$layout:$tag" --config.entrypoint /bin/sh
}

# podman_archive OUT LAYOUT:TAG NAME:TAG: what `podman save` gives, a docker-archive.
podman_archive() {
	containers_home
	skopeo copy --quiet "oci:$2" "containers-storage:$3" || fail "skopeo does not copy into podman's storage"
	podman save --quiet --format docker-archive -o "$1" "$3" || fail "podman does not save"
}

# bad_registry PORT…: lib/badregistry.py with the images of $T/layout, as example.com:PORT over https; $T/bad.log has
# its requests.
bad_registry() {
	hosts_of_test
	export SSL_CERT_FILE=$FIX/tls/ca.pem
	python3 "$LIB/badregistry.py" --layout "$T/layout" --log "$T/bad.log" --ready "$T/bad.ready" \
		"${@/%/=$FIX/tls/good.pem}" 2>"$T/bad.err" &
	until_true 10 test -e "$T/bad.ready" || { cat "$T/bad.err"; fail "the registry did not start"; }
}
