#!/usr/bin/env bash
# Runs the service behind nginx, and replaces it by a new one without losing a request.
set -euo pipefail

HELP="Usage: deploy/blue_green.sh deploy [-- COMMAND...]
       deploy/blue_green.sh start [-- COMMAND...]
       deploy/blue_green.sh status
       deploy/blue_green.sh stop

deploy  Start the colour that is idle, ask it a ride, let nginx send requests to it, and stop the other one once it has
        answered everything. If anything fails before the switch, all stays as it was.
start   See to it that nginx and the live colour run; does nothing if they do.
status  Say which colour is live, and what runs; ends with 1 if the live one cannot answer.
stop    Stop nginx and both colours, in this order; nothing that was acknowledged is lost.

COMMAND starts an instance; {colour} and {port} in it are filled in. Default:
  kedro service start --host 127.0.0.1 --port {port} --params=serving.instance={colour},serving.behind_proxy=true

Settings, from the environment:
  RIDE_DURATION_LISTEN      where nginx listens            (127.0.0.1:8080)
  RIDE_DURATION_BLUE_PORT   of the two instances           (9701)
  RIDE_DURATION_GREEN_PORT                                 (9702)
  RIDE_DURATION_FOLDER      logs, process ids, nginx.conf  (data/blue_green)
  RIDE_DURATION_KEY         an API key with the scope predict, where keys are required
  RIDE_DURATION_PATIENCE    seconds until an instance must be ready, or must have stopped (60)

Examples:
  deploy/blue_green.sh deploy
  KEDRO_ENV=production RIDE_DURATION_KEY=rd_... deploy/blue_green.sh deploy
  deploy/blue_green.sh deploy -- /srv/release-42/bin/python -m ride_duration.serving /srv/settings/{colour}.json"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
listen=${RIDE_DURATION_LISTEN:-127.0.0.1:8080}
patience=${RIDE_DURATION_PATIENCE:-60}
declare -A port=([blue]=${RIDE_DURATION_BLUE_PORT:-9701} [green]=${RIDE_DURATION_GREEN_PORT:-9702})
command=(kedro service start --host 127.0.0.1 --port '{port}'
    '--params=serving.instance={colour},serving.behind_proxy=true')
ride='{"PULocationID": 132, "DOLocationID": 230, "trip_distance": 17.5}'

say() { printf '%s\n' "$*"; }
die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# --- what there is: whoever runs holds a lock, which ends with the process, unlike the number in a file
runs() { [ -s "$folder/$1.pid" ] && ! flock --nonblock "$folder/$1.lock" true; }
live() { if [ -f "$folder/green_is_live" ]; then echo green; else echo blue; fi; }
other() { if [ "$1" = blue ]; then echo green; else echo blue; fi; }
set_live() { if [ "$1" = green ]; then : >"$folder/green_is_live"; else rm -f "$folder/green_is_live"; fi; }
nginx_address() {
    case $listen in
        *:*) echo "${listen/#'*'/127.0.0.1}" | sed 's/^0\.0\.0\.0:/127.0.0.1:/; s/^\[::\]:/[::1]:/' ;;
        *) echo "127.0.0.1:$listen" ;;
    esac
}

others_reach_it() { ! [[ $listen =~ ^(127\.[0-9.]+|localhost|\[::1\]):[0-9]+$ ]]; }

# --- asking; the key goes by a file descriptor, since arguments can be read by others
ask() {
    curl --silent --show-error --max-time 10 --noproxy '*' \
        --config <([ -z "${RIDE_DURATION_KEY:-}" ] || printf 'header = "Authorization: Bearer %s"\n' "$RIDE_DURATION_KEY") "$@"
}
answers_ride() {
    local answer
    answer=$(ask --write-out '\n%{http_code}' --data "$ride" "http://$1/predict" 2>&1) || true
    [[ $answer == *$'\n200' && $answer =~ \"duration\":[0-9.]+ ]] || {
        problem="POST http://$1/predict says: $answer"
        return 1
    }
}
requests() { ask --fail "http://127.0.0.1:${port[$1]}/live" | sed -nE 's/.*"requests":([0-9]+).*/\1/p'; }

# --- the two colours
start_colour() {
    local colour=$1 number=${port[$1]} deadline=$((SECONDS + patience)) line
    line=("${command[@]//\{colour\}/$colour}")
    line=("${line[@]//\{port\}/$number}")
    if (: <>"/dev/tcp/127.0.0.1/$number") 2>/dev/null; then
        die "$colour cannot start: something listens on 127.0.0.1:$number already; stop it, or choose another port"
    fi
    say "$colour starts: ${line[*]}"
    started=$colour
    printf -- '--- %s\n' "${line[*]}" >>"$folder/$colour.log"
    (
        flock 8
        exec setsid "${line[@]}" </dev/null
    ) >>"$folder/$colour.log" 2>&1 8>"$folder/$colour.lock" 9>&- &
    local process=$!
    echo "$process" >"$folder/$colour.pid"
    echo "$number" >"$folder/$colour.port"
    until ask --fail --output /dev/null "http://127.0.0.1:$number/ready" 2>/dev/null; do
        kill -0 "$process" 2>/dev/null ||
            die "$colour ended while it started; $folder/$colour.log ends with:"$'\n'"$(tac "$folder/$colour.log" | sed '/^--- /q' | tac | tail -n 5)"
        [ $SECONDS -lt $deadline ] ||
            die "$colour was not ready after $patience s; see $folder/$colour.log, and RIDE_DURATION_PATIENCE"
        sleep 0.1
    done
    answers_ride "127.0.0.1:$number" ||
        die "$colour is ready, but does not answer a ride; $problem"$'\n'"If it wants a key, set RIDE_DURATION_KEY."
    if others_reach_it && RIDE_DURATION_KEY='' answers_ride "127.0.0.1:$number"; then
        die "others reach nginx on $listen, and $colour answers without an API key; set serving.require_keys=true"
    fi
}
stop_colour() {
    local colour=$1 deadline=$((SECONDS + patience))
    runs "$colour" || return 0
    kill -TERM "$(<"$folder/$colour.pid")" 2>/dev/null || true
    while runs "$colour"; do
        [ $SECONDS -lt $deadline ] || {
            problem="$colour (process $(<"$folder/$colour.pid")) has not stopped after $patience s; see $folder/$colour.log"
            return 1
        }
        sleep 0.1
    done
    rm -f "$folder/$colour.pid"
}
# Nothing of nginx reaches it any more once it counts no requests but ours; what it is still answering, it ends itself.
drain() {
    local before now quiet=0 deadline=$((SECONDS + patience))
    before=$(requests "$1") || return 0
    while [ $quiet -lt 2 ] && [ $SECONDS -lt $deadline ]; do
        sleep 0.25
        now=$(requests "$1") || return 0
        if [ "$((now - before))" -le 1 ]; then quiet=$((quiet + 1)); else quiet=0; fi
        before=$now
    done
}

# --- nginx
nginx_does() { "$nginx" -p "$folder" -e nginx.log -c nginx.conf "$@"; }
start_nginx() {
    local text quoted deadline=$((SECONDS + 10))
    quoted=${folder//'\'/'\\'} # as nginx reads it between quotes
    quoted=${quoted//'"'/'\"'}
    text=$(<"$here/nginx.conf.template")
    text=${text//@LISTEN@/"$listen"} # quoted, since `&` would be what was found
    text=${text//@BLUE_PORT@/"${port[blue]}"}
    text=${text//@GREEN_PORT@/"${port[green]}"}
    text=${text//@FOLDER@/"$quoted"}
    if runs nginx && [ "$text" = "$(<"$folder/nginx.conf")" ]; then return; fi
    [ ! -e "$folder/nginx.conf" ] || cp "$folder/nginx.conf" "$folder/nginx.conf.before"
    printf '%s\n' "$text" >"$folder/nginx.conf"
    if ! told=$(nginx_does -t 2>&1); then
        [ ! -e "$folder/nginx.conf.before" ] || mv "$folder/nginx.conf.before" "$folder/nginx.conf"
        die "nginx refuses its configuration, made of $here/nginx.conf.template:"$'\n'"$told"
    fi
    rm -f "$folder/nginx.conf.before"
    if runs nginx; then
        nginx_does -s reload
        say "nginx has new settings"
    else
        rm -f "$folder/nginx.pid"
        started_nginx=yes
        (
            flock 8
            nginx_does
        ) 8>"$folder/nginx.lock" 9>&- >/dev/null 2>"$folder/nginx.said" ||
            die "nginx cannot start:"$'\n'"$(<"$folder/nginx.said")"
    fi
    until [ "$(colour_of_nginx)" = "$(live)" ]; do
        [ $SECONDS -lt $deadline ] ||
            die "nginx does not see which colour is live; may its workers read $folder, and does $listen reach it?"
        sleep 0.05
    done
}
stop_nginx() {
    local deadline=$((SECONDS + patience))
    runs nginx || return 0
    nginx_does -s quit
    while runs nginx; do
        [ $SECONDS -lt $deadline ] || die "nginx has not stopped after $patience s; see $folder/nginx.log"
        sleep 0.1
    done
}
colour_of_nginx() { ask --fail "http://$(nginx_address)/.colour" 2>/dev/null || true; }

# --- what one can ask for
started='' started_nginx='' switched_from='' problem=''
as_it_was() {
    local code=$?
    trap - EXIT
    [ $code -ne 0 ] || exit 0
    if [ -n "$switched_from" ]; then
        set_live "$switched_from"
        drain "$started"
    fi
    [ -z "$started_nginx" ] || stop_nginx || true
    [ -z "$started" ] || stop_colour "$started" || printf '%s\n' "$problem" >&2
    printf 'Nothing has changed: %s.\n' "$(told_status)" >&2
    exit "$code"
}
told_status() {
    local colour=''
    colour=$(live)
    printf '%s is live and %s, nginx %s' "$colour" "$(if runs "$colour"; then echo runs; else echo 'does not run'; fi)" \
        "$(if runs nginx; then echo "listens on $listen"; else echo 'does not run'; fi)"
}
deploy() {
    local old new
    old=$(live) new=$(other "$(live)")
    stop_colour "$new" || die "$problem"
    trap as_it_was EXIT
    trap 'exit 130' INT TERM
    start_colour "$new"
    start_nginx
    switched_from=$old
    set_live "$new"
    [ "$(colour_of_nginx)" = "$new" ] || die "nginx still sends requests to $old; may its workers read $folder?"
    answers_ride "$(nginx_address)" || die "$new does not answer through nginx; $problem"
    trap - EXIT INT TERM
    say "$new is live; $(nginx_address) sends it every request from now on"
    runs "$old" || return 0
    drain "$old"
    stop_colour "$old" || die "$new is live, but $problem; once it is sure to be idle: kill $(<"$folder/$old.pid")"
    say "$old has answered what it was asked, and stopped"
}
start() {
    if ! runs "$(live)"; then
        trap as_it_was EXIT
        trap 'exit 130' INT TERM
        start_colour "$(live)"
    fi
    start_nginx
    answers_ride "$(nginx_address)" || die "$(live) does not answer through nginx; $problem"
    trap - EXIT INT TERM
    say "$(told_status)"
}
status() {
    say "$(told_status)"
    say "logs and settings: $folder"
    runs nginx && runs "$(live)" && ask --fail --output /dev/null "http://$(nginx_address)/ready"
}
stop() {
    stop_nginx
    for colour in blue green; do stop_colour "$colour" || die "$problem"; done
    say "nginx and both colours are stopped"
}

case ${1:-} in
    deploy | start | status | stop) wanted=$1 ;;
    -h | --help | help) say "$HELP"; exit 0 ;;
    *) say "$HELP" >&2; exit 2 ;;
esac
shift
if [ "${1:-}" = -- ] && [ $# -gt 1 ] && [[ $wanted = deploy || $wanted = start ]]; then
    shift
    command=("$@")
elif [ $# -gt 0 ]; then
    die "'$*' is not understood; deploy/blue_green.sh --help says what is"
fi
nginx=$(PATH="$PATH:/usr/sbin:/sbin" command -v nginx) || die "nginx is not installed; on Debian: apt-get install nginx-light"
for program in curl flock setsid; do
    command -v $program >/dev/null || die "$program is not installed; on Debian it is in the packages curl and util-linux"
done
folder=${RIDE_DURATION_FOLDER:-data/blue_green}
mkdir -p "$folder/temp" || die "the folder $folder cannot be made; choose another by RIDE_DURATION_FOLDER"
folder=$(cd "$folder" && pwd)
exec 9>"$folder/lock"
[ "$wanted" = status ] || flock --nonblock 9 || die "another blue_green.sh is at work in $folder; wait until it has ended"
for colour in blue green; do # one that runs already listens where it was told to
    ! runs $colour || port[$colour]=$(<"$folder/$colour.port")
done
"$wanted"
