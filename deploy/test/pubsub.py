"""A slixmpp user creates a node, subscribes to it, publishes, gets the event, and deletes it.

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
    """With `ca` as slixmpp does by itself, over TLS; otherwise without encryption, as private servers on
    loopback allow."""

    def __init__(self, jid, password, ca=None):
        super().__init__(jid, password)
        if ca:
            self.ca_certs = ca
        else:
            self.enable_direct_tls = False
            self.enable_starttls = False
            self.enable_plaintext = True
            self["feature_mechanisms"].unencrypted_plain = True
            self["feature_mechanisms"].unencrypted_scram = True
        for plugin in ("xep_0030", "xep_0060", "xep_0199"):
            self.register_plugin(plugin)


async def log_in(arguments):
    user = User(arguments.jid, arguments.password, arguments.ca)
    online = asyncio.get_running_loop().create_future()
    user.add_event_handler("session_start", lambda _: online.done() or online.set_result(None))
    host, _, port = arguments.server.rpartition(":")
    user.connect(host, int(port))
    await asyncio.wait_for(online, PATIENCE)
    user.send_presence()
    return user


def entry():
    entry = ET.Element("{urn:example:news}entry")
    entry.text = "one < two & é"
    return entry


async def converse(user, service, node):
    event = asyncio.get_running_loop().create_future()
    user.add_event_handler("pubsub_publish", lambda message: event.done() or event.set_result(message))
    pubsub = user["xep_0060"]
    await pubsub.create_node(service, node, timeout=PATIENCE)
    await pubsub.subscribe(service, node, timeout=PATIENCE)
    await pubsub.publish(service, node, id="first", payload=entry(), timeout=PATIENCE)
    event_message = await asyncio.wait_for(event, PATIENCE)
    item = event_message["pubsub_event"]["items"]["item"]
    assert (str(event_message["from"]), item["id"]) == (service, "first"), event_message
    assert item["payload"].text == entry().text, event_message
    await read(user, service, node)
    await pubsub.delete_node(service, node, timeout=PATIENCE)
    return "created, subscribed, published, notified, read and deleted"


async def publish(user, service, node):
    await user["xep_0060"].publish(service, node, id="first", payload=entry(), timeout=PATIENCE)
    return f"published to {node}"


async def read(user, service, node):
    kept = await user["xep_0060"].get_items(service, node, timeout=PATIENCE)
    assert [one["id"] for one in kept["pubsub"]["items"]] == ["first"], kept
    return f"read {node}"


STEPS = {"all": converse, "publish": publish, "read": read}


async def run(arguments):
    user = await log_in(arguments)
    node = arguments.node or f"news-{uuid.uuid4()}"
    done = await STEPS[arguments.step](user, arguments.component, node)
    print(f"ok    {done} at {arguments.component}", flush=True)
    await asyncio.wait_for(user.disconnect(wait=1.0), PATIENCE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--server", "--jid", "--password", "--component"):
        parser.add_argument(name, required=True)
    parser.add_argument("--ca", help="file with the CA of the server's certificate; without it, no TLS")
    parser.add_argument("--step", choices=STEPS, default="all", help="only publish to a node, or only read it")
    parser.add_argument("--node", help="its name; a new one unless given")
    try:
        asyncio.run(run(parser.parse_args()))
    except Exception as error:
        print(f"FAIL  {type(error).__name__}: {error}", flush=True)
        sys.exit(1)


main()
