"""The Celery application of the tests: folders as broker, the server under test as result backend."""

import os
import time

from celery import Celery
from celery.signals import task_success

import folder_broker  # noqa: F401  (registers folders://)

FOLDER = os.environ["CELERY_TEST_FOLDER"]
QUEUE = os.path.join(FOLDER, "queue")
# One line for each result of which the worker was told that it is stored.
STORED_LOG = os.path.join(FOLDER, "stored.log")

app = Celery("app", broker="folders://", backend=os.environ["CELERY_TEST_BACKEND"])
app.conf.update(
    broker_transport_options={
        "data_folder_in": QUEUE,
        "data_folder_out": QUEUE,
        "processed_folder": FOLDER,
        "polling_interval": 0.01,
    },
    task_default_retry_delay=0,
    worker_hijack_root_logger=False,
)


@task_success.connect
def note_stored(sender=None, result=None, **_):
    """Celery sends this signal after the backend has confirmed the result."""
    with open(STORED_LOG, "a", encoding="utf8") as log:
        log.write(f"{sender.request.id} {result}\n")


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def slow_square(x, seconds):
    time.sleep(seconds)
    return x * x


@app.task
def fail(text):
    raise ValueError(text)


@app.task(bind=True, max_retries=5)
def succeed_at(self, attempt):
    if self.request.retries < attempt:
        raise self.retry(countdown=0)
    return self.request.retries


@app.task(bind=True)
def with_progress(self, steps):
    for step in range(steps):
        self.update_state(state="PROGRESS", meta={"step": step})
        time.sleep(0.05)
    return steps
