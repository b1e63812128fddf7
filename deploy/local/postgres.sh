#!/bin/bash
#
# postgres.sh: a private PostgreSQL cluster for one machine, reached through a Unix socket only.
#
#   postgres.sh start DIR     make it if it is new, start it if it is down; prints the socket directory (libpq's PGHOST)
#   postgres.sh stop DIR      stop it (fast shutdown; at once after 30 s); harmless when it is down
#   postgres.sh env DIR       print shell assignments for psql and friends
#   postgres.sh destroy DIR   stop it and delete its data: for tests
#
# Durability is never traded for speed: fsync and synchronous_commit are on, also under tests.
#
# Who may connect: there is no TCP port and no password. The socket lies in a directory of mode 0700, so only the user who runs the
# server (and root) reaches it, and that user owns the data files anyway. Roles keep the services apart by mistake, not by malice;
# a shared or remote server needs scram or certificates instead.
#
# PostgreSQL refuses to run as root. Started by root it runs as the user `postgres`; where that user cannot reach DIR (a clone below
# /root), the data lies in that user's home instead and DIR/data.path says where. A socket's path is limited to 107 bytes
# (unix(7)); below a longer DIR the socket lies in /tmp and DIR/socket.path says where.
#
# QUAYSIDE_PG_HOME: where data and socket go that cannot lie in DIR (default: the home of the user postgres, and /tmp).
# QUAYSIDE_PG_TEMPLATE: where a freshly made cluster is kept to be copied from (default: build/pg-template).
set -euo pipefail
umask 077

HERE=$(cd "$(dirname "$0")" && pwd)
readonly HERE
readonly TEMPLATE=${QUAYSIDE_PG_TEMPLATE:-$HERE/../../build/pg-template}
readonly START_SECONDS=60 STOP_SECONDS=30
readonly SOCKET_DIR_MAX=$((107 - 14)) # less "/.s.PGSQL.5432"

fail()
{
	echo "postgres.sh: $*" >&2
	exit 1
}

find_binaries()
{
	local bin
	for bin in /usr/lib/postgresql/15/bin /usr/lib/postgresql/*/bin; do
		if [[ -x $bin/postgres ]]; then
			echo "$bin"
			return
		fi
	done
	fail "PostgreSQL is not installed; run: make setup"
}

# Runs a command as the user who owns the cluster.
as_owner()
{
	if [[ $EUID == 0 ]]; then
		setpriv --reuid postgres --regid postgres --init-groups --reset-env -- \
			env ${QUAYSIDE_TEST_ID:+"QUAYSIDE_TEST_ID=$QUAYSIDE_TEST_ID"} "$@"
	else
		"$@"
	fi
}

give_to_owner()
{
	if [[ $EUID == 0 ]]; then
		chown -R postgres:postgres -- "$@"
	fi
}

# Prints the path recorded in $1 (if it is still there), else $2 if the owner can reach it there, else a new directory made by mktemp from template $3.
settle_path()
{
	local record=$1 wanted=$2 template=$3 path
	if [[ -s $record && -d $(<"$record") ]]; then
		path=$(<"$record")
	elif [[ -n $wanted ]]; then
		path=$wanted
	else
		path=$(mktemp -d "$template")
		echo "$path" >"$record"
	fi
	echo "$path"
}

data_path()
{
	local wanted=$DIR/data home=${QUAYSIDE_PG_HOME:-/var/lib/postgresql}
	if [[ ! -s $DIR/data.path && $EUID == 0 ]] && ! as_owner test -x "$DIR"; then
		wanted=
	fi
	settle_path "$DIR/data.path" "$wanted" "$home/quayside.XXXXXXXX"
}

socket_path()
{
	local wanted=$DIR/socket
	if [[ ${#wanted} -gt $SOCKET_DIR_MAX || -s $DIR/data.path ]]; then
		wanted=
	fi
	settle_path "$DIR/socket.path" "$wanted" "${QUAYSIDE_PG_HOME:-/tmp}/quayside-pg.XXXXXXXX"
}

# Prints the server's process id if this cluster's server is alive: a number in a file is not enough, it may have been reused.
server_pid()
{
	local pid
	[[ -d $DATA ]] || return 1
	pid=$(as_owner head -n 1 "$DATA/postmaster.pid" 2>/dev/null) || return 1
	[[ $pid =~ ^[0-9]+$ ]] || return 1
	[[ $(as_owner readlink "/proc/$pid/cwd" 2>/dev/null) == "$(readlink -f "$DATA")" ]] || return 1
	echo "$pid"
}

# After a kill -9: the number in postmaster.pid may belong to someone else by now, which PostgreSQL itself takes for a running server.
# Its backends end by themselves when they notice; only when none works in the directory any more is the file removed.
clear_stale_pid()
{
	local pid
	pid=$(as_owner head -n 1 "$DATA/postmaster.pid" 2>/dev/null) || return 0
	[[ $pid =~ ^[0-9]+$ ]] && kill -0 "$pid" 2>/dev/null || return 0
	if as_owner find /proc -mindepth 2 -maxdepth 2 -name cwd -lname "$(readlink -f "$DATA")" 2>/dev/null | grep -q .; then
		fail "the server of $DATA is gone, but some of its processes are not; try again when they have ended"
	fi
	rm -f -- "$DATA/postmaster.pid" "$SOCKET"/.s.PGSQL.*.lock
}

make_template()
{
	mkdir -p "$(dirname "$TEMPLATE")"
	exec 8>"$TEMPLATE.lock"
	flock 8
	if [[ ! -d $TEMPLATE ]]; then
		local fresh
		fresh=$(mktemp -d /tmp/quayside-initdb.XXXXXXXX)
		give_to_owner "$fresh"
		(cd / && as_owner "$BIN/initdb" -D "$fresh/data" -U postgres -E UTF8 --locale=C.UTF-8 --data-checksums \
			--auth-local=trust --auth-host=reject --no-sync --no-instructions) >"$TEMPLATE.log" 2>&1 8>&- ||
			fail "initdb failed; see $TEMPLATE.log"
		echo "include = 'quayside.conf'" >>"$fresh/data/postgresql.conf"
		rm -rf -- "$TEMPLATE.new"
		cp -a -- "$fresh/data" "$TEMPLATE.new"
		mv -- "$TEMPLATE.new" "$TEMPLATE"
		rm -rf -- "$fresh"
	fi
	exec 8>&-
}

make_cluster()
{
	[[ -e $DATA/PG_VERSION ]] && return
	make_template
	rm -rf -- "$DATA" "$DATA.new"
	cp -a --reflink=auto -- "$TEMPLATE" "$DATA.new"
	give_to_owner "$DATA.new"
	(cd / && as_owner "$BIN/initdb" --sync-only -D "$DATA.new") >/dev/null 2>&1
	mv -- "$DATA.new" "$DATA"
}

start()
{
	(umask 022 && mkdir -p "$DIR")
	exec 9>"$DIR/postgres.lock"
	flock 9
	DATA=$(data_path) SOCKET=$(socket_path)
	if ! server_pid >/dev/null; then
		make_cluster
		clear_stale_pid
		mkdir -p "$SOCKET"
		{ cat "$HERE/postgresql.conf" && echo "unix_socket_directories = '$SOCKET'"; } >"$DATA/quayside.conf"
		give_to_owner "$SOCKET" "$DATA/quayside.conf"
		(cd / && as_owner "$BIN/pg_ctl" start -D "$DATA" -w -t $START_SECONDS -s) >>"$DIR/postgres.log" 2>&1 9>&- </dev/null ||
			fail "the server did not start; the end of $DIR/postgres.log: $(tail -n 5 "$DIR/postgres.log")"
	fi
	echo "$SOCKET"
}

shut_down()
{
	(cd / && as_owner "$BIN/pg_ctl" stop -D "$DATA" -m "$1" -w -t $STOP_SECONDS -s) >&2
}

# stop fast: open transactions are rolled back, everything is written. stop immediate: as a crash, which the next start recovers from.
stop()
{
	local how=$1
	[[ -d $DIR ]] || return 0
	DATA=$(data_path) SOCKET=$(socket_path)
	if server_pid >/dev/null && ! shut_down "$how"; then
		echo "postgres.sh: the server of $DATA did not stop within $STOP_SECONDS s; stopping it at once" >&2
		shut_down immediate || fail "the server of $DATA does not stop"
	fi
	if [[ -s $DIR/socket.path ]]; then
		rm -rf -- "$SOCKET" "$DIR/socket.path"
	fi
}

print_env()
{
	DATA=$(data_path) SOCKET=$(socket_path)
	echo "export PGHOST='$SOCKET' PGUSER=postgres PGDATABASE=postgres"
}

destroy()
{
	stop immediate
	[[ -d $DIR ]] || return 0
	rm -rf -- "$DATA" "$SOCKET" "$DIR/data.path" "$DIR/postgres.log" "$DIR/postgres.lock"
	rmdir --ignore-fail-on-non-empty -- "$DIR"
}

[[ $# == 2 ]] || fail "usage: postgres.sh start|stop|env|destroy DIR"
DIR=$(realpath -m -- "$2")
readonly DIR
BIN=$(find_binaries)
case $1 in
start) start ;;
stop) stop fast ;;
env) print_env ;;
destroy) destroy ;;
*) fail "usage: postgres.sh start|stop|env|destroy DIR" ;;
esac
