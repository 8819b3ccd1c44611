#!/usr/bin/env bash
# What:     node-redis 6.3.1, ioredis 6.0.0 and redis-py 8.1.0 against a redis-server 7.0.15 that is still loading its data
#           and answers `-LOADING Redis is loading the dataset in memory`.
# Guess:    all three treat it like a server that is not there yet: they wait, or try again until it has loaded.
# In fact:  three ways. ioredis sends INFO first, reads loading:1 and holds every command until the data is there. node-redis
#           says that it is connected and ready, and rejects each command with the LOADING error: nothing is tried again.
#           redis-py tries again some ten times, for a few seconds in all, and then raises BusyLoadingError.
# Why care: with node-redis `isReady` is no reason to send: a program has to try again by itself while a server restarts.
# Exit 0:   this is still so. Exit 1: it is not any more.
set -euo pipefail
command -v redis-server >/dev/null || { echo "skipped: install redis-server (7.0.15)"; exit 0; }
folder=$(mktemp -d)
port=$((20000 + RANDOM % 10000))
stop() { redis-cli -p "$port" SHUTDOWN NOSAVE >/dev/null 2>&1 || true; }
trap 'stop; rm -rf "$folder"' EXIT
cd "$folder"
redis-server --version
npm init -y >/dev/null
npm install --silent --no-audit --no-fund redis@6.3.1 ioredis@6.0.0
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check redis==8.1.0

redis-server --port "$port" --dir "$folder" --save "" --daemonize yes >/dev/null
until redis-cli -p "$port" PING >/dev/null 2>&1; do sleep 0.1; done
for i in $(seq 1 8000); do echo "SET key:$i value:$i"; done | redis-cli -p "$port" >/dev/null
redis-cli -p "$port" SAVE >/dev/null
# Loads for some ten seconds: a millisecond a key, answering clients meanwhile.
load() {
  stop
  while redis-cli -p "$port" PING >/dev/null 2>&1; do sleep 0.1; done
  redis-server --port "$port" --dir "$folder" --save "" --daemonize yes --key-load-delay 1000 --loading-process-events-interval-bytes 1024 >/dev/null
  until redis-cli -p "$port" PING 2>&1 | grep -q LOADING; do sleep 0.05; done
}

cat >node-redis.mjs <<'JS'
import { createClient } from "redis";
const client = createClient({ url: `redis://127.0.0.1:${process.argv[2]}` });
client.on("error", () => {});
await client.connect();
console.log(await client.get("key:1").then((value) => `gave ${value}`, (error) => `ready=${client.isReady}, rejected: ${error.message}`));
client.destroy();
JS
cat >ioredis.mjs <<'JS'
import { Redis } from "ioredis";
const client = new Redis(Number(process.argv[2]));
client.on("error", () => {});
console.log(await client.get("key:1").then((value) => `gave ${value}`, (error) => `rejected: ${error.message}`));
client.disconnect();
JS
cat >redis-py.py <<'PY'
import sys, redis
client = redis.Redis(port=int(sys.argv[1]))
sent = 0
send = redis.connection.Connection.send_packed_command
def counting(self, command, *args, **kwargs):
    global sent
    sent += b"key:1" in b"".join(command)
    return send(self, command, *args, **kwargs)
redis.connection.Connection.send_packed_command = counting
try:
    print(f"gave {client.get('key:1')}")
except redis.exceptions.BusyLoadingError as error:
    print(f"raised {type(error).__name__} after {'several' if sent > 5 else sent} tries: {error}")
PY

wrong=0
expect() { # NAME EXPECTED COMMAND...
  local name=$1 wanted=$2 got
  shift 2
  load
  got=$("$@" "$port" 2>&1 | tail -1)
  echo "$name: $got"
  [ "$got" = "$wanted" ] || { echo "  expected: $wanted"; wrong=1; }
}
expect "node-redis 6.3.1" "ready=true, rejected: LOADING Redis is loading the dataset in memory" node node-redis.mjs
expect "ioredis 6.0.0" "gave value:1" node ioredis.mjs
expect "redis-py 8.1.0" "raised BusyLoadingError after several tries: Redis is loading the dataset in memory" venv/bin/python redis-py.py
exit $wrong
