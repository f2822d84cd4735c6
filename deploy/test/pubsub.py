"""A slixmpp user creates a node, subscribes to it, publishes, is told, and deletes it.

    pubsub.py --server 127.0.0.1:5222 --jid alice@localhost --password alice --component pubsub.localhost
"""

import argparse
import asyncio
import sys
import uuid

import slixmpp
from slixmpp.xmlstream import ET

PATIENCE = 20  # seconds, for each step


class User(slixmpp.ClientXMPP):
    """Logs in without encryption, as private servers on loopback allow."""

    def __init__(self, jid, password):
        super().__init__(jid, password)
        self.enable_direct_tls = False
        self.enable_starttls = False
        self.enable_plaintext = True
        self["feature_mechanisms"].unencrypted_plain = True
        self["feature_mechanisms"].unencrypted_scram = True
        for plugin in ("xep_0030", "xep_0060", "xep_0199"):
            self.register_plugin(plugin)


async def converse(arguments):
    user = User(arguments.jid, arguments.password)
    loop = asyncio.get_running_loop()
    online, event = loop.create_future(), loop.create_future()
    user.add_event_handler("session_start", lambda _: online.done() or online.set_result(None))
    user.add_event_handler("pubsub_publish", lambda message: event.done() or event.set_result(message))
    host, _, port = arguments.server.rpartition(":")
    user.connect(host, int(port))
    await asyncio.wait_for(online, PATIENCE)
    user.send_presence()

    service, node = arguments.component, f"news-{uuid.uuid4()}"
    pubsub = user["xep_0060"]
    await pubsub.create_node(service, node, timeout=PATIENCE)
    await pubsub.subscribe(service, node, timeout=PATIENCE)
    entry = ET.Element("{urn:example:news}entry")
    entry.text = "one < two & é"
    await pubsub.publish(service, node, id="first", payload=entry, timeout=PATIENCE)
    told = await asyncio.wait_for(event, PATIENCE)
    item = told["pubsub_event"]["items"]["item"]
    assert (str(told["from"]), item["id"]) == (service, "first"), told
    assert item["payload"].text == entry.text, told
    kept = await pubsub.get_items(service, node, timeout=PATIENCE)
    assert [one["id"] for one in kept["pubsub"]["items"]] == ["first"], kept
    await pubsub.delete_node(service, node, timeout=PATIENCE)
    print(f"ok    created, subscribed, published, told, read and deleted at {service}", flush=True)
    await asyncio.wait_for(user.disconnect(wait=1.0), PATIENCE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--server", "--jid", "--password", "--component"):
        parser.add_argument(name, required=True)
    try:
        asyncio.run(converse(parser.parse_args()))
    except Exception as error:
        print(f"FAIL  {type(error).__name__}: {error}", flush=True)
        sys.exit(1)


main()
