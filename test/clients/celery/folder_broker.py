"""Kombu's broker of folders, made fit for tests that go on for thousands of messages."""

import os
import uuid

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    sent = 0

    def _put(self, queue, payload, **kwargs):
        """Kombu writes messages in place, and a worker that reads half of one ends; a rename is whole or not there."""
        Channel.sent += 1
        name = f"{os.getpid():08}_{Channel.sent:08}_{uuid.uuid4()}.{queue}.msg"
        hidden = os.path.join(self.processed_folder, name)
        with open(hidden, "wb") as file:
            file.write(str_to_bytes(dumps(payload)))
        os.rename(hidden, os.path.join(self.data_folder_out, name))


class Transport(filesystem.Transport):
    Channel = Channel


TRANSPORT_ALIASES["folders"] = "folder_broker:Transport"
