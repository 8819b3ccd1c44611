"""One scenario a run, named by the first argument; prints what it saw as one line of JSON."""

import json
import sys
import time

from celery import chain, chord, group
from celery.result import AsyncResult

from app import add, app, fail, slow_square, succeed_at, total, with_progress

WAIT_S = 40


def group_of_200():
    return group(add.s(i, i) for i in range(200))().get(timeout=WAIT_S)


def a_chord():
    return chord((add.s(i, 1) for i in range(20)), total.s())().get(timeout=WAIT_S)


def a_chain():
    return chain(add.s(1, 2), add.s(3), add.s(4))().get(timeout=WAIT_S)


def retries():
    return succeed_at.delay(3).get(timeout=WAIT_S)


def failure():
    result = fail.delay("told you")
    error = result.get(timeout=WAIT_S, propagate=False)
    return {"state": result.state, "type": type(error).__name__, "text": str(error), "traceback": result.traceback}


def progress():
    """Intermediate states only reach a waiting client as messages of its subscription."""
    seen = []
    result = with_progress.delay(10)
    value = result.get(timeout=WAIT_S, on_message=lambda body: seen.append(body["status"]))
    return {"value": value, "seen": seen}


def expiry():
    backend = app.backend
    backend.expires = 1
    backend.store_result("expires-soon", 42, "SUCCESS")
    before = AsyncResult("expires-soon", app=app).state
    ttl_ms = backend.client.pttl(backend.get_key_for_task("expires-soon"))
    time.sleep(1.2)
    return {"before": before, "ttl_ms": ttl_ms, "after": AsyncResult("expires-soon", app=app).state}


def forget():
    result = add.delay(1, 1)
    result.get(timeout=WAIT_S)
    key = app.backend.get_key_for_task(result.id)
    before = app.backend.client.exists(key)
    result.forget()
    return {"before": before, "after": app.backend.client.exists(key)}


def submit_300():
    """Only sends the tasks: the test watches what becomes of them."""
    return [slow_square.delay(i, 0.02).id for i in range(300)]


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]]()), flush=True)
