"""Two aioxmpp users try a pubsub service with aioxmpp's own service for XEP-0060.

Alice owns a node, Bob subscribes to it; every event that aioxmpp has a signal for has to come, in
its order and once. Prints one line per check and exits 1 if any of them failed. The accounts must
exist already, with their names as passwords.

    aioxmpp_pubsub.py --server 127.0.0.1:5222 --service pubsub.localhost
"""

import argparse
import asyncio
import contextlib
import sys
import traceback

import aioxmpp
import aioxmpp.connector
import aioxmpp.forms
import aioxmpp.pubsub.xso
import aioxmpp.xso
from aioxmpp import ErrorCondition
from aioxmpp.errors import XMPPError

PATIENCE = 20  # seconds, for each step
NODE = "news/foreign & \u00e9"
FEATURE = aioxmpp.pubsub.xso.Feature


class Failure(Exception):
    """What a service did that it should not have done."""


def expect(fact, complaint):
    if not fact:
        raise Failure(complaint)


def expect_equal(found, wanted, what):
    expect(found == wanted, f"{what}: {found!r}, not {wanted!r}")


@aioxmpp.pubsub.xso.as_payload_class
class Entry(aioxmpp.xso.XSO):
    TAG = ("urn:example:entry", "entry")

    text = aioxmpp.xso.Text(default=None)

    def __init__(self, text=None):
        super().__init__()
        self.text = text


def form(values):
    data = aioxmpp.forms.Data(type_=aioxmpp.forms.DataType.SUBMIT)
    for var, value in values.items():
        data.fields.append(aioxmpp.forms.Field(var=var, values=[value]))
    return data


class User:
    """Logs in without encryption, as private servers on loopback allow, and notes events."""

    def __init__(self, name, server):
        host, _, port = server.rpartition(":")
        security = aioxmpp.make_security_layer(name, no_verify=True)
        self.jid = aioxmpp.JID.fromstr(f"{name}@localhost")
        self.client = aioxmpp.PresenceManagedClient(
            self.jid,
            security._replace(tls_required=False),
            override_peer=[(host, int(port), aioxmpp.connector.STARTTLSConnector())],
        )
        self.pubsub = self.client.summon(aioxmpp.PubSubClient)
        self.events = asyncio.Queue(maxsize=100)
        self.pubsub.on_item_published.connect(self.published)
        self.pubsub.on_item_retracted.connect(self.retracted)
        self.pubsub.on_node_deleted.connect(self.deleted)
        self.pubsub.on_affiliation_update.connect(self.affiliated)

    def published(self, jid, node, item, *, message=None):
        text = getattr(item.registered_payload, "text", None)
        self.events.put_nowait(("published", str(jid), node, item.id_, text))

    def retracted(self, jid, node, id_, *, message=None):
        self.events.put_nowait(("retracted", str(jid), node, id_))

    def deleted(self, jid, node, *, redirect_uri=None, message=None):
        self.events.put_nowait(("deleted", str(jid), node, redirect_uri))

    def affiliated(self, jid, node, affiliation, *, message=None):
        # XEP-0060, 8.9.4: the node is named once for all; aioxmpp looks for it at each of them.
        node = node or message.xep0060_request.payload.node
        self.events.put_nowait(("affiliated", str(jid), node, affiliation))

    async def hears(self, kind, service, *what):
        """The next event, which has to be this one."""
        event = await asyncio.wait_for(self.events.get(), PATIENCE)
        expect_equal(event, (kind, str(service), NODE, *what), "event")


class Trial:
    def __init__(self, arguments):
        self.service = aioxmpp.JID.fromstr(arguments.service)
        self.alice = User("alice", arguments.server)
        self.bob = User("bob", arguments.server)

    async def refused(self, asked, condition):
        try:
            answer = await asked
        except XMPPError as refusal:
            expect_equal(refusal.condition, condition, "condition")
            return refusal.application_defined_condition
        raise Failure(f"answered with {answer}")

    async def discover(self):
        features = await self.bob.pubsub.get_features(self.service)
        wanted = {FEATURE.PUBLISH, FEATURE.SUBSCRIBE, FEATURE.CREATE_NODES, FEATURE.PURGE_NODES}
        expect(wanted <= features, f"no {wanted - features}")
        return f"{len(features)} features that aioxmpp knows"

    async def create(self):
        await self.alice.pubsub.create(self.service, NODE)
        await self.refused(self.bob.pubsub.create(self.service, NODE), ErrorCondition.CONFLICT)
        nodes = [node for node, _name in await self.bob.pubsub.get_nodes(self.service)]
        expect(NODE in nodes, f"it is not among {nodes}")
        named = await self.alice.pubsub.create(self.service)
        expect(named, "a node without a name")
        await self.alice.pubsub.delete(self.service, named)

    async def configure(self):
        data = await self.alice.pubsub.get_node_config(self.service, NODE)
        form = aioxmpp.pubsub.NodeConfigForm.from_xso(data)
        form.title.value = "Title"
        form.max_items.value = "10"
        await self.alice.pubsub.set_node_config(self.service, form.render_reply(), NODE)
        data = await self.alice.pubsub.get_node_config(self.service, NODE)
        form = aioxmpp.pubsub.NodeConfigForm.from_xso(data)
        expect_equal(form.title.value, "Title", "title")
        expect_equal(form.max_items.value, "10", "max_items")
        asked = self.bob.pubsub.get_node_config(self.service, NODE)
        await self.refused(asked, ErrorCondition.FORBIDDEN)
        data = await self.alice.pubsub.get_default_config(self.service)
        expect(data is not None, "no default configuration")

    async def subscribe(self):
        answer = await self.bob.pubsub.subscribe(self.service, NODE)
        expect_equal(answer.payload.subscription, "subscribed", "state")
        expect_equal(answer.payload.jid, self.bob.jid, "jid")
        answer = await self.bob.pubsub.get_subscriptions(self.service)
        nodes = [one.node for one in answer.subscriptions]
        expect_equal(nodes, [NODE], "Bob's subscriptions")
        answer = await self.alice.pubsub.get_node_subscriptions(self.service, NODE)
        jids = [one.jid for one in answer.payload.subscriptions]
        expect_equal(jids, [self.bob.jid], "subscribers")
        data = await self.bob.pubsub.get_subscription_config(self.service, NODE)
        fields = {field.var: field for field in data.fields}
        expect_equal(list(fields["pubsub#deliver"].values), ["1"], "deliver")
        quiet, loud = form({"pubsub#deliver": "0"}), form({"pubsub#deliver": "1"})
        await self.bob.pubsub.set_subscription_config(self.service, quiet, NODE)
        await self.alice.pubsub.subscribe(self.service, NODE)
        await self.alice.pubsub.publish(self.service, NODE, Entry("unheard"), id_="0")
        # It counts what Bob wants when it is delivered, which may be after the answer.
        await self.alice.hears("published", self.service, "0", "unheard")
        await self.alice.pubsub.unsubscribe(self.service, NODE)
        await self.bob.pubsub.set_subscription_config(self.service, loud, NODE)

    async def publish(self):
        for id_, text in (("1", "one < two & \u00e9\U0001f600"), ("2", "two"), ("1", "one again")):
            said = await self.alice.pubsub.publish(self.service, NODE, Entry(text), id_=id_)
            expect_equal(said, id_, "id in the answer")
            await self.bob.hears("published", self.service, id_, text)
        self.named = await self.alice.pubsub.publish(self.service, NODE, Entry("three"))
        expect(self.named, "an item without an id")
        await self.bob.hears("published", self.service, self.named, "three")
        asked = self.bob.pubsub.publish(self.service, NODE, Entry("four"), id_="4")
        await self.refused(asked, ErrorCondition.FORBIDDEN)
        asked = self.alice.pubsub.notify(self.service, NODE)
        said = await self.refused(asked, ErrorCondition.BAD_REQUEST)
        expect(isinstance(said, aioxmpp.pubsub.xso.ItemRequired), f"refused with {said}")
        options = form({
            "FORM_TYPE": "http://jabber.org/protocol/pubsub#publish-options",
            "pubsub#access_model": "whitelist",
        })
        asked = self.alice.pubsub.publish(
            self.service, NODE, Entry("five"), id_="5", publish_options=options
        )
        await self.refused(asked, ErrorCondition.CONFLICT)

    async def get(self):
        answer = await self.bob.pubsub.get_items(self.service, NODE)
        items = [(item.id_, item.registered_payload.text) for item in answer.payload.items]
        wanted = [("0", "unheard"), ("2", "two"), ("1", "one again"), (self.named, "three")]
        expect_equal(items, wanted, "all items")
        answer = await self.bob.pubsub.get_items(self.service, NODE, max_items=1)
        ids = [item.id_ for item in answer.payload.items]
        expect_equal(ids, [self.named], "the most recent one")
        answer = await self.bob.pubsub.get_items_by_id(self.service, NODE, ["2", "0"])
        ids = {item.id_ for item in answer.payload.items}
        expect_equal(ids, {"0", "2"}, "two items")

    async def retract(self):
        await self.alice.pubsub.retract(self.service, NODE, "2", notify=True)
        await self.bob.hears("retracted", self.service, "2")
        asked = self.alice.pubsub.retract(self.service, NODE, "2", notify=True)
        await self.refused(asked, ErrorCondition.ITEM_NOT_FOUND)
        answer = await self.bob.pubsub.get_items(self.service, NODE)
        ids = [item.id_ for item in answer.payload.items]
        expect_equal(ids, ["0", "1", self.named], "what is left")

    async def purge(self):
        asked = self.bob.pubsub.purge(self.service, NODE)
        await self.refused(asked, ErrorCondition.FORBIDDEN)
        await self.alice.pubsub.purge(self.service, NODE)
        answer = await self.bob.pubsub.get_items(self.service, NODE)
        expect_equal(list(answer.payload.items), [], "what is left")

    async def affiliate(self):
        alice, bob = self.alice, self.bob
        await alice.pubsub.change_node_affiliations(self.service, NODE, [(bob.jid, "publisher")])
        await bob.hears("affiliated", self.service, "publisher")
        answer = await alice.pubsub.get_node_affiliations(self.service, NODE)
        found = {one.jid: one.affiliation for one in answer.payload.affiliations}
        wanted = {alice.jid: "owner", bob.jid: "publisher"}
        expect_equal(found, wanted, "affiliations")
        await bob.pubsub.publish(self.service, NODE, Entry("mine"), id_="bob")
        await bob.hears("published", self.service, "bob", "mine")
        await alice.pubsub.change_node_affiliations(self.service, NODE, [(bob.jid, "none")])
        await bob.hears("affiliated", self.service, "none")
        asked = bob.pubsub.publish(self.service, NODE, Entry("six"), id_="6")
        await self.refused(asked, ErrorCondition.FORBIDDEN)
        asked = alice.pubsub.change_node_affiliations(self.service, NODE, [(alice.jid, "none")])
        await self.refused(asked, ErrorCondition.NOT_ACCEPTABLE)

    async def unsubscribe(self):
        alice, bob = self.alice, self.bob
        await alice.pubsub.change_node_subscriptions(self.service, NODE, [(bob.jid, "none")])
        await alice.pubsub.publish(self.service, NODE, Entry("unheard"), id_="7")
        asked = bob.pubsub.unsubscribe(self.service, NODE)
        said = await self.refused(asked, ErrorCondition.UNEXPECTED_REQUEST)
        expect(isinstance(said, aioxmpp.pubsub.xso.NotSubscribed), f"refused with {said}")
        desk = bob.client.local_jid
        await bob.pubsub.subscribe(self.service, NODE, subscription_jid=desk)
        # The last item comes with the subscription, as nodes have it by default.
        await bob.hears("published", self.service, "7", "unheard")
        await bob.pubsub.unsubscribe(self.service, NODE, subscription_jid=desk)
        await alice.pubsub.publish(self.service, NODE, Entry("unheard"), id_="8")

    async def delete(self):
        alice, bob = self.alice, self.bob
        await bob.pubsub.subscribe(self.service, NODE)
        await bob.hears("published", self.service, "8", "unheard")
        asked = bob.pubsub.delete(self.service, NODE)
        await self.refused(asked, ErrorCondition.FORBIDDEN)
        uri = "xmpp:pubsub.localhost?;node=elsewhere"
        await alice.pubsub.delete(self.service, NODE, redirect_uri=uri)
        await bob.hears("deleted", self.service, uri)
        asked = bob.pubsub.subscribe(self.service, NODE)
        await self.refused(asked, ErrorCondition.GONE)

    async def nothing_else(self):
        # What the service had sent before its answer is here before it.
        for user in (self.alice, self.bob):
            await user.pubsub.get_nodes(self.service)
            expect(user.events.empty(), f"{user.jid} heard more: {user.events}")

    async def run(self):
        steps = ("discover", "create", "configure", "subscribe", "publish", "get")
        steps += ("retract", "purge", "affiliate", "unsubscribe", "delete", "nothing_else")
        for name in steps:
            try:
                said = await asyncio.wait_for(getattr(self, name)(), 3 * PATIENCE)
                print(f"ok    {name}: {said or 'as it should be'}", flush=True)
            except Exception as error:  # whatever aioxmpp raises is a failed check
                said = str(error) if isinstance(error, Failure) else "".join(traceback.format_exception(error))
                print(f"FAIL  {name}: {said.strip() or type(error).__name__}", flush=True)
                return 1  # what follows builds on it
        return 0


async def try_it(arguments):
    trial = Trial(arguments)
    async with contextlib.AsyncExitStack() as stack:
        try:
            for user in (trial.alice, trial.bob):
                await asyncio.wait_for(stack.enter_async_context(user.client.connected()), PATIENCE)
        except Exception as error:  # whatever aioxmpp raises is a failed check
            print(f"FAIL  log_in: {''.join(traceback.format_exception(error))}", flush=True)
            return 1
        print(f"ok    log_in: {trial.alice.client.local_jid}, {trial.bob.client.local_jid}", flush=True)
        return await trial.run()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--server", "--service"):
        parser.add_argument(name, required=True)
    sys.exit(1 if asyncio.run(try_it(parser.parse_args())) else 0)


main()
