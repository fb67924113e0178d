#!/bin/bash
# completion_test.sh RKT: what the generated completion offers for some command lines.
set -u
rkt_program=$1
script=$("$rkt_program" completion bash) || exit 1
bash -n <<<"$script" || exit 1
eval "$script"

# What a store would say, so that none is needed.
rkt() {
	case "$*" in
	*"image list"*) printf 'sha512-aaaa\nsha512-bbbb\n' ;;
	*list*) printf '6b9a1c2d-0\tapp\t\n\tsecond\t\n%s\n' "7c000000-$*" ;;
	esac
}

failed=0
# expect WORDS... -- OFFER...: all of the offers come (one that begins with "!" does not) for the line.
expect() {
	local words=() offer
	while [[ $1 != -- ]]; do words+=("$1"); shift; done
	shift
	COMP_WORDS=("${words[@]}")
	COMP_CWORD=$((${#words[@]} - 1))
	__rkt
	for offer; do
		if [[ $offer == !* ]]; then
			[[ " ${COMPREPLY[*]} " != *" ${offer#!} "* ]] && continue
		else
			[[ " ${COMPREPLY[*]} " == *" $offer "* ]] && continue
		fi
		echo "'${words[*]}': expected $offer in: ${COMPREPLY[*]}"
		failed=1
	done
}

expect rkt '' -- run fetch image list '!--debug'
expect rkt ru -- run run-prepared '!rm'
expect rkt --d -- --debug --dir '!--dns'
expect rkt run --d -- --debug --dir --dns --dns-domain
expect rkt image '' -- list rm cat-manifest '!fetch' '!run'
expect rkt image list --so -- --sort
expect rkt --debug image ca -- cat-manifest
expect rkt list --format = j -- json json-pretty
expect rkt list --format = '' -- json
expect rkt list --format j -- json json-pretty
expect rkt run --security-profile = '' -- hardened rkt
expect rkt stop '' -- 6b9a1c2d-0 '!app'
expect rkt stop 6b -- 6b9a1c2d-0 '!sha512-aaaa'
expect rkt --dir /x stop 7 -- 7c000000---dir=/x
expect rkt --dir = /x stop 7 -- 7c000000---dir=/x
expect rkt image rm sha -- sha512-aaaa sha512-bbbb
expect rkt help im -- image
expect rkt completion '' -- bash
expect rkt run --store -- '!--store-only'
exit $failed
