#!/bin/bash
#
# run.sh: the whole system on this machine: database cluster, five services, gateway. What `make run` calls.
#
# Processes talk over Unix sockets; each service also listens on a loopback port for gRPC clients, and the gateway on one for browsers.
# RUN_DIR/pids names every process while it runs.
# SIGINT or SIGTERM stops the gateway, then the services, then the database, and exits 0. When a process ends by itself, everything is
# stopped and the exit status is 1. Data stays in RUN_DIR. Should this script be killed, its processes end too; only the database
# stays, and the next run takes it over.
#
# Environment
#   BUILD            where bin/ is (build)
#   UI_DIR           the browser UI's files (BUILD/ui)
#   RUN_DIR          data and logs (run)
#   DEMO             1 loads demo data, once per RUN_DIR; 0 starts empty (1)
#   HTTP_PORT        the gateway's port (8080)
#   GRPC_PORT_BASE   services listen on the five ports after it (9000: customers on 9001, ...)
#   BUS              0 leaves out the doorbells between services, so that they only poll (1)
#   READY_FILE       written when everything answers: the URL, on one line
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
readonly ROOT HERE=$ROOT/deploy/local
cd "$ROOT"
BUILD=$(realpath -m "${BUILD:-build}")
RUN_DIR=$(realpath -m "${RUN_DIR:-run}")
UI_DIR=$(realpath -m "${UI_DIR:-$BUILD/ui}")
readonly BUILD RUN_DIR UI_DIR DEMO=${DEMO:-1} HTTP_PORT=${HTTP_PORT:-8080} GRPC_PORT_BASE=${GRPC_PORT_BASE:-9000} BUS=${BUS:-1} READY_FILE=${READY_FILE:-}
readonly START_SECONDS=60 STOP_SECONDS=15
readonly URL=http://127.0.0.1:$HTTP_PORT/
readonly SERVICES=(customers ordering warehouse shipping billing)

declare -A pids=()
sockets='' scratch='' demo=''

say()
{
	echo "quayside: $*"
}

fail()
{
	say "$*" >&2
	exit 1
}

# Below a long RUN_DIR the sockets lie elsewhere: their paths are limited to 107 bytes (unix(7)).
socket_folder()
{
	local folder=$RUN_DIR/sockets
	if [[ ${#folder} -gt 80 ]]; then
		folder=$(mktemp -d /tmp/quayside.XXXXXXXX)
	fi
	mkdir -p "$folder"
	chmod 700 "$folder"
	echo "$folder"
}

# Starts a program with its settings, in a session of its own, so that Ctrl-C reaches only this script, which stops things in order; and
# so that it ends with this script. Every program learns where every service is, and takes what it needs.
launch()
{
	local name=$1 prefix=QUAYSIDE_${1^^} peer doorbells='' settings=()
	shift
	for peer in "${SERVICES[@]}"; do
		settings+=("${prefix}_${peer^^}_ADDRESS=unix:$sockets/$peer.sock")
		doorbells+=${doorbells:+,}ipc://$sockets/$peer.bus
	done
	if [[ $BUS != 0 && $name != gateway ]]; then
		settings+=("${prefix}_BUS_PUBLISH=ipc://$sockets/$name.bus" "${prefix}_BUS_SUBSCRIBE=$doorbells")
	fi
	env "${@/#/${prefix}_}" "${settings[@]}" setsid setpriv --pdeathsig TERM -- "$BUILD/bin/$name" >>"$RUN_DIR/log/$name.log" 2>&1 </dev/null 9<&- &
	pids[$name]=$!
	echo "$name $!" >>"$RUN_DIR/pids"
}

# The gRPC health protocol's answer to an empty request: one message {status: SERVING}.
# shellcheck disable=SC2317 # wait_for calls it
is_serving()
{
	local answer
	answer=$(printf '\0\0\0\0\0' | curl -s --max-time 1 --http2-prior-knowledge --unix-socket "$sockets/$1.sock" -H 'content-type: application/grpc' \
		-H 'te: trailers' --data-binary @- http://localhost/grpc.health.v1.Health/Check 2>/dev/null | od -An -v -tx1 | tr -d ' \n') || true
	[[ $answer == 00000000020801 ]]
}

# shellcheck disable=SC2317 # wait_for calls it
is_answering()
{
	curl -s -f -o /dev/null --max-time 1 "${URL}readyz"
}

# Waits until a command succeeds; gives up when a process has ended or the time is over.
wait_for()
{
	local name=$1 deadline=$((SECONDS + START_SECONDS))
	shift
	until "$@"; do
		kill -0 "${pids[$name]}" 2>/dev/null || died "$name"
		[[ $SECONDS -lt $deadline ]] || { show_log "$name" && say "$name is not ready after $START_SECONDS s" >&2 && stop_all 1; }
		read -r -t 0.02 <>"$pause" || true
	done
}

show_log()
{
	say "the end of $RUN_DIR/log/$1.log:" >&2
	tail -n 10 "$RUN_DIR/log/$1.log" | sed 's/^/    /' >&2
}

died()
{
	local status=0
	{ wait "${pids[$1]}" || status=$?; } 2>/dev/null
	unset "pids[$1]"
	show_log "$1"
	say "$1 ended by itself (status $status); stopping everything" >&2
	stop_all 1
}

# Asks the processes named to end, and waits for them.
stop_processes()
{
	local name deadline=$((SECONDS + STOP_SECONDS)) bad=0
	for name; do
		[[ -z ${pids[$name]:-} ]] || kill -TERM "${pids[$name]}" 2>/dev/null || true
	done
	for name; do
		[[ -n ${pids[$name]:-} ]] || continue
		while kill -0 "${pids[$name]}" 2>/dev/null && [[ $SECONDS -lt $deadline ]]; do
			read -r -t 0.02 <>"$pause" || true
		done
		if kill -KILL "${pids[$name]}" 2>/dev/null; then
			say "$name did not stop within $STOP_SECONDS s and was killed" >&2
			bad=1
		fi
		{ wait "${pids[$name]}" || bad=1; } 2>/dev/null
		unset "pids[$name]"
	done
	return $bad
}

stop_all()
{
	local status=$1
	trap '' INT TERM
	[[ -z $demo ]] || kill -TERM "$demo" 2>/dev/null || true
	stop_processes gateway || status=1
	stop_processes "${SERVICES[@]}" || status=1
	"$HERE/postgres.sh" stop "$RUN_DIR/postgres" || status=1
	rm -rf -- "$sockets" "$scratch"
	rm -f -- "$RUN_DIR/pids" ${READY_FILE:+"$READY_FILE"}
	[[ $status != 0 ]] || say "stopped"
	exit "$status"
}

# After this script was killed, its processes are still answering their last calls: their addresses are not free before they have ended.
wait_for_predecessors()
{
	local name pid deadline=$((SECONDS + STOP_SECONDS))
	[[ -e $RUN_DIR/pids ]] || return 0
	while read -r name pid; do
		while [[ $name != run.sh && $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) == *"/bin/$name "* ]]; do
			[[ $SECONDS -lt $deadline ]] || fail "$name of an earlier run (process $pid) does not end"
			read -r -t 0.05 <>"$pause" || true
		done
	done <"$RUN_DIR/pids"
}

load_demo()
{
	[[ $DEMO != 0 && -e $HERE/demo.mjs && ! -e $RUN_DIR/demo-loaded ]] || return 0
	say "loading demo data"
	node "$HERE/demo.mjs" "$URL" >>"$RUN_DIR/log/demo.log" 2>&1 9<&- &
	demo=$!
	if wait "$demo"; then
		touch "$RUN_DIR/demo-loaded"
	else
		show_log demo
		say "the demo data could not be loaded; the next run tries again" >&2
	fi
	demo=
}

mkdir -p "$RUN_DIR/log"
exec 9>"$RUN_DIR/run.lock"
flock -n 9 || fail "already running in $RUN_DIR"
scratch=$(mktemp -d)
pause=$scratch/pause
mkfifo "$pause"
sockets=$(socket_folder)
wait_for_predecessors
rm -f -- ${READY_FILE:+"$READY_FILE"}
echo "run.sh $$" >"$RUN_DIR/pids"
trap 'stop_all 0' INT TERM

database=$("$HERE/postgres.sh" start "$RUN_DIR/postgres" 9<&-)
"$HERE/databases.sh" "$database"
for i in "${!SERVICES[@]}"; do
	name=${SERVICES[$i]}
	launch "$name" "LISTEN=unix:$sockets/$name.sock,127.0.0.1:$((GRPC_PORT_BASE + i + 1))" "DATABASE=host='$database' user=$name dbname=$name"
done
for name in "${SERVICES[@]}"; do
	wait_for "$name" is_serving "$name"
done
launch gateway "HTTP_LISTEN=127.0.0.1:$HTTP_PORT" "UI_DIR=$UI_DIR"
wait_for gateway is_answering
load_demo
say "ready at $URL (gRPC: ${SERVICES[*]} on ports $((GRPC_PORT_BASE + 1)) to $((GRPC_PORT_BASE + 5)); logs in $RUN_DIR/log; Ctrl-C stops)"
if [[ -n $READY_FILE ]]; then
	echo "$URL" >"$READY_FILE.new" && mv -- "$READY_FILE.new" "$READY_FILE"
fi

# Looked at again and again: `wait -n` of Debian 12's bash forgets a process that a signal ended before it was asked. And bash learns of no child's end
# while it runs a trap that interrupted `read`, so the trap only says what is to be done.
stopping=''
trap 'stopping=1' INT TERM
while [[ -z $stopping ]]; do
	for name in "${!pids[@]}"; do
		kill -0 "${pids[$name]}" 2>/dev/null || died "$name"
	done
	read -r -t 0.2 <>"$pause" || true
done
stop_all 0
