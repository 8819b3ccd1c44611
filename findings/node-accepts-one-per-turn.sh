#!/usr/bin/env bash
# What:     net.Server of Node 20.20.2 (libuv 1.46.0), 22.23.3 (1.51.0) and 24.21.0 (1.52.1), from the npm package `node`.
# Guess:    when the event loop finds a listening socket readable, it accepts all connections that wait there, or at
#           least a burst of them (redis-server takes up to 1,000 at once).
# In fact:  one connection per turn of the event loop. 200 connections that wait in the backlog need 200 turns; where
#           a turn takes 10 ms because other sockets are busy, the last of them waits for two seconds.
# Why care: whoever measures reconnect storms sees a latency that grows with the length of a turn, not with the
#           number of connections; a listen backlog that is too small then drops what waits.
# Exit 0:   this is still so. Exit 1: it is not any more, in one of the three.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >turns.cjs <<'JS'
const net = require("node:net");
const { Worker } = require("node:worker_threads");
const wanted = 200;
const acceptedIn = new Map(); // turn of the event loop -> connections that were accepted in it
let turn = 0;
let accepted = 0;

const server = net.createServer((socket) => {
  accepted++;
  acceptedIn.set(turn, (acceptedIn.get(turn) ?? 0) + 1);
  socket.on("error", () => {});
});
server.listen(0, "127.0.0.1", 511, () => {
  // Another thread connects; this one stands still until the kernel has all of them in the backlog.
  const state = new Int32Array(new SharedArrayBuffer(4));
  const code = `
    const { port, wanted, state } = require("node:worker_threads").workerData;
    for (let i = 0; i < wanted; i++) require("node:net").connect(port, "127.0.0.1", () => Atomics.add(state, 0, 1) + 1 === wanted && Atomics.notify(state, 0));`;
  new Worker(code, { eval: true, workerData: { port: server.address().port, wanted, state } }).once("online", () => {
    while (Atomics.load(state, 0) < wanted) Atomics.wait(state, 0, Atomics.load(state, 0), 100);
    acceptedIn.clear();
    const before = accepted;
    const count = () => {
      turn++;
      if (accepted < wanted) return setImmediate(count);
      const most = Math.max(...acceptedIn.values());
      console.log(`node ${process.version}, libuv ${process.versions.uv}: ${accepted - before} waiting connections took ${acceptedIn.size} turns, at most ${most} in one`);
      process.exit(most === 1 ? 0 : 1);
    };
    setImmediate(count);
  });
});
JS

for version in 20.20.2 22.23.3 24.21.0; do
  mkdir "node-$version"
  (cd "node-$version" && npm init -y >/dev/null && npm install --silent --no-audit --no-fund "node@$version")
  "node-$version/node_modules/.bin/node" turns.cjs
done
