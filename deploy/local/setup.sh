#!/bin/bash
#
# setup.sh run|test|bench|all: installs what is missing on Debian 12, and nothing else. Quick when nothing is missing.
#
#   run     to build and to run: compiler, libraries, PostgreSQL, the browser UI's libraries
#   test    also to test and to check: test libraries, analysis tools, browser, clients of other makers
#   bench   also what is measured beside us
#
# Debian packages need root or a `sudo` that asks no password; otherwise the missing ones are named and nothing is changed.
# npm packages are exactly those of package-lock.json and stay in node_modules/.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
readonly ROOT
readonly NODE_MAJOR_MIN=18

readonly RUN_PACKAGES=(
	gcc libc6-dev make binutils ca-certificates
	libgrpc-dev libprotobuf-c-dev libpq-dev libnanomsg-dev libevent-dev libssl-dev zlib1g-dev node-llhttp
	protobuf-c-compiler protobuf-compiler libprotobuf-dev grpc-proto golang-github-gogo-googleapis-dev
	postgresql-15 postgresql-client-15 util-linux curl jq
)
readonly TEST_PACKAGES=(
	libcmocka-dev perl git clang clang-tidy clang-format libclang-rt-14-dev valgrind shellcheck nghttp2-client faketime chromium fonts-dejavu-core
)
readonly BENCH_PACKAGES=(g++ libgrpc++-dev protobuf-compiler-grpc)

fail()
{
	echo "setup: $*" >&2
	exit 1
}

missing_packages()
{
	local installed # dpkg-query fails when it does not know one of them
	installed=" $({ dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true; } | sed -n 's/^installed //p' | tr '\n' ' ')"
	local package
	for package; do
		[[ $installed == *" $package "* ]] || echo "$package"
	done
}

# Any node that is new enough will do; Debian's is, where there is none.
missing_node()
{
	local major
	major=$(node --version 2>/dev/null | sed -nE 's/^v([0-9]+)\..*/\1/p') || true
	[[ ${major:-0} -ge $NODE_MAJOR_MIN ]] || echo nodejs
	command -v npm >/dev/null || echo npm
}

install_packages()
{
	[[ $# -gt 0 ]] || return 0
	command -v apt-get >/dev/null || fail "this is no Debian system; install the counterparts of: $*"
	local as_root=()
	if [[ $EUID != 0 ]]; then
		sudo -n true 2>/dev/null || fail "these packages are missing, and installing them needs root: apt-get install --no-install-recommends $*"
		as_root=(sudo -n)
	fi
	echo "setup: installing $*"
	local log apt=(apt-get -q -y -o DPkg::Lock::Timeout=300)
	log=$(mktemp)
	if ! { "${as_root[@]}" "${apt[@]}" update &&
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" install --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
		tail -n 20 "$log" >&2
		fail "apt-get failed; all of its output is in $log"
	fi
	rm -f "$log"
}

# Dependencies are the UI's, devDependencies the tests'. The mark holds the lock file's sum, so a new lock file installs anew.
install_npm()
{
	local set=$1 modules=$ROOT/node_modules sum
	[[ -e $ROOT/package-lock.json ]] || return 0
	exec 9<"$ROOT/package-lock.json"
	flock 9
	sum=$(sha256sum <"$ROOT/package-lock.json")
	if [[ $(cat "$modules/.installed-test" 2>/dev/null) != "$sum" && $(cat "$modules/.installed-$set" 2>/dev/null) != "$sum" ]]; then
		echo "setup: installing npm packages"
		local omit=()
		[[ $set == test ]] || omit=(--omit=dev)
		(cd "$ROOT" && npm ci --loglevel=error "${omit[@]}" 9<&-) >/dev/null
		echo "$sum" >"$modules/.installed-$set"
	fi
	exec 9<&-
}

case ${1:-} in
run) packages=("${RUN_PACKAGES[@]}") npm=run ;;
test) packages=("${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}") npm=test ;;
bench | all) packages=("${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}" "${BENCH_PACKAGES[@]}") npm=test ;;
*) fail "usage: setup.sh run|test|bench|all" ;;
esac
missing=$(missing_packages "${packages[@]}" && missing_node)
# shellcheck disable=SC2086 # one word per package
install_packages $missing
install_npm $npm
