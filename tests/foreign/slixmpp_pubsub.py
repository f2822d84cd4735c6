"""Two slixmpp users try a pubsub service with slixmpp's own plugin for XEP-0060.

Alice owns a node, Bob subscribes to it; every event that Bob should get has to come, in its order
and once. Prints one line per check and exits 1 if any of them failed. The accounts must exist
already, with their names as passwords.

    slixmpp_pubsub.py --server 127.0.0.1:5222 --service pubsub.localhost
"""

import argparse
import asyncio
import sys
import traceback
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp.exceptions import IqError

PATIENCE = 20  # seconds, for each step
NODE = "news/foreign & \u00e9"
PUBSUB = "http://jabber.org/protocol/pubsub"
ENTRY = "urn:example:entry"
EVENTS = ("publish", "retract", "purge", "delete", "config", "subscription")


class Failure(Exception):
    """What a service did that it should not have done."""


def expect(fact, complaint):
    if not fact:
        raise Failure(complaint)


def expect_equal(found, wanted, what):
    expect(found == wanted, f"{what}: {found!r}, not {wanted!r}")


def entry(text):
    payload = ET.Element(f"{{{ENTRY}}}entry")
    payload.text = text
    return payload


class User(slixmpp.ClientXMPP):
    """Logs in without encryption, as private servers on loopback allow, and notes events."""

    def __init__(self, name):
        super().__init__(f"{name}@localhost", name)
        self.enable_direct_tls = False
        self.enable_starttls = False
        self.enable_plaintext = True
        self.plugin["feature_mechanisms"].unencrypted_plain = True
        self.plugin["feature_mechanisms"].unencrypted_scram = True
        for plugin in ("xep_0030", "xep_0050", "xep_0060"):
            self.register_plugin(plugin)
        self.pubsub = self.plugin["xep_0060"]
        self.events = asyncio.Queue(maxsize=100)
        for event in EVENTS:
            self.add_event_handler(
                f"pubsub_{event}", lambda message, event=event: self.events.put_nowait((event, message))
            )

    async def log_in(self, server):
        host, _, port = server.rpartition(":")
        outcome = asyncio.get_running_loop().create_future()

        def settle(set_outcome, value):
            if not outcome.done():
                set_outcome(value)

        self.add_event_handler("session_start", lambda _: settle(outcome.set_result, None))
        for event in ("failed_all_auth", "connection_failed", "disconnected"):
            self.add_event_handler(
                event, lambda why, event=event: settle(outcome.set_exception, Failure(f"{event}: {why}"))
            )
        self.connect(host, int(port))
        await asyncio.wait_for(outcome, PATIENCE)
        self.send_presence()

    async def hears(self, wanted):
        """The message of the next event, which has to be this one."""
        event, message = await asyncio.wait_for(self.events.get(), PATIENCE)
        expect_equal(event, wanted, f"the event of {message}")
        return message

    async def hears_item(self, id, text):
        message = await self.hears("publish")
        items = message["pubsub_event"]["items"]
        expect_equal(items["node"], NODE, "node")
        item = items["item"]
        expect_equal(item["id"], id, "id of the item")
        expect_equal(item["payload"].tag, f"{{{ENTRY}}}entry", "payload")
        expect_equal(item["payload"].text, text, "text of the payload")


class Trial:
    def __init__(self, arguments):
        self.server = arguments.server
        self.service = arguments.service
        self.alice, self.bob = User("alice"), User("bob")

    async def refused(self, asked, condition):
        try:
            answer = await asked
        except IqError as refusal:
            expect_equal(refusal.condition, condition, "condition")
            return
        raise Failure(f"answered with {answer}")

    async def log_in(self):
        await self.alice.log_in(self.server)
        await self.bob.log_in(self.server)
        return f"{self.alice.boundjid}, {self.bob.boundjid}"

    async def discover(self):
        info = (await self.alice.plugin["xep_0030"].get_info(self.service))["disco_info"]
        kinds = {(category, kind) for category, kind, _lang, _name in info["identities"]}
        expect(("pubsub", "service") in kinds, f"identities {kinds}")
        features = info["features"]
        for feature in ("publish", "subscribe", "create-nodes", "purge-nodes", "retract-items"):
            expect(f"{PUBSUB}#{feature}" in features, f"no {feature} among {sorted(features)}")
        return f"{len(features)} features"

    async def create(self):
        form = self.alice.plugin["xep_0004"].make_form(ftype="submit")
        form.add_field(var="pubsub#title", value="First")
        form.add_field(var="pubsub#max_items", value="10")
        form.add_field(var="pubsub#notify_config", value="1")
        form.add_field(var="pubsub#notify_delete", value="1")
        form.add_field(var="pubsub#notify_sub", value="0")
        await self.alice.pubsub.create_node(self.service, NODE, config=form)
        await self.refused(self.bob.pubsub.create_node(self.service, NODE), "conflict")
        answer = await self.bob.pubsub.get_nodes(self.service)
        nodes = [node for _jid, node, _name in answer["disco_items"]["items"]]
        expect(NODE in nodes, f"it is not among {nodes}")
        instant = await self.alice.pubsub.create_node(self.service, None)
        named = instant["pubsub"]["create"]["node"]
        expect(named, f"a node without a name: {instant}")
        await self.alice.pubsub.delete_node(self.service, named)

    async def subscribe(self):
        answer = await self.bob.pubsub.subscribe(self.service, NODE)
        subscription = answer["pubsub"]["subscription"]
        expect_equal(subscription["subscription"], "subscribed", "state")
        expect_equal(subscription["jid"], self.bob.boundjid.bare, "jid")
        answer = await self.bob.pubsub.get_subscriptions(self.service)
        nodes = [one["node"] for one in answer["pubsub"]["subscriptions"]]
        expect_equal(nodes, [NODE], "Bob's subscriptions")
        answer = await self.alice.pubsub.get_node_subscriptions(self.service, NODE)
        jids = [str(one["jid"]) for one in answer["pubsub_owner"]["subscriptions"]]
        expect_equal(jids, ["bob@localhost"], "subscribers")
        asked = self.bob.pubsub.get_node_subscriptions(self.service, NODE)
        await self.refused(asked, "forbidden")

    async def configure(self):
        answer = await self.alice.pubsub.get_node_config(self.service, NODE)
        values = answer["pubsub_owner"]["configure"]["form"].get_values()
        expect_equal(values["pubsub#title"], "First", "title")
        expect_equal(values["pubsub#max_items"], "10", "max_items")
        form = self.alice.plugin["xep_0004"].make_form(ftype="submit")
        form.add_field(var="FORM_TYPE", ftype="hidden", value=f"{PUBSUB}#node_config")
        form.add_field(var="pubsub#title", value="Second")
        await self.alice.pubsub.set_node_config(self.service, NODE, form)
        message = await self.bob.hears("config")
        expect_equal(message["pubsub_event"]["configuration"]["node"], NODE, "node")
        answer = await self.alice.pubsub.get_node_config(self.service, NODE)
        values = answer["pubsub_owner"]["configure"]["form"].get_values()
        expect_equal(values["pubsub#title"], "Second", "title")
        expect_equal(values["pubsub#max_items"], "10", "max_items")
        await self.refused(self.bob.pubsub.get_node_config(self.service, NODE), "forbidden")
        default = await self.alice.pubsub.get_node_config(self.service)
        expect(default["pubsub_owner"]["default"]["form"].get_values(), f"no defaults: {default}")

    async def publish(self):
        for id, text in (("1", "one < two & \u00e9\U0001f600"), ("2", "two"), ("1", "one again")):
            answer = await self.alice.pubsub.publish(self.service, NODE, id=id, payload=entry(text))
            expect_equal(answer["pubsub"]["publish"]["item"]["id"], id, "id in the answer")
            await self.bob.hears_item(id, text)
        answer = await self.alice.pubsub.publish(self.service, NODE, payload=entry("three"))
        self.named = answer["pubsub"]["publish"]["item"]["id"]
        expect(self.named, f"an item without an id: {answer}")
        await self.bob.hears_item(self.named, "three")
        asked = self.bob.pubsub.publish(self.service, NODE, id="4", payload=entry("four"))
        await self.refused(asked, "forbidden")
        options = self.alice.plugin["xep_0004"].make_form(ftype="submit")
        options.add_field(var="FORM_TYPE", ftype="hidden", value=f"{PUBSUB}#publish-options")
        options.add_field(var="pubsub#access_model", value="whitelist")
        asked = self.alice.pubsub.publish(
            self.service, NODE, id="5", payload=entry("five"), options=options
        )
        await self.refused(asked, "conflict")

    async def get(self):
        answer = await self.bob.pubsub.get_items(self.service, NODE)
        items = [(item["id"], item["payload"].text) for item in answer["pubsub"]["items"]]
        wanted = [("2", "two"), ("1", "one again"), (self.named, "three")]
        expect_equal(items, wanted, "all items")
        answer = await self.bob.pubsub.get_items(self.service, NODE, max_items=1)
        ids = [item["id"] for item in answer["pubsub"]["items"]]
        expect_equal(ids, [self.named], "the most recent one")
        answer = await self.bob.pubsub.get_item(self.service, NODE, "2")
        expect_equal(answer["pubsub"]["items"]["item"]["payload"].text, "two", "one item")
        answer = await self.bob.pubsub.get_item_ids(self.service, NODE)
        ids = {name for _jid, _node, name in answer["disco_items"]["items"]}
        expect_equal(ids, {"1", "2", self.named}, "ids by discovery")

    async def retract(self):
        await self.alice.pubsub.retract(self.service, NODE, "2", notify=True)
        message = await self.bob.hears("retract")
        expect_equal(message["pubsub_event"]["items"]["retract"]["id"], "2", "id of what is retracted")
        asked = self.alice.pubsub.retract(self.service, NODE, "2", notify=True)
        await self.refused(asked, "item-not-found")
        answer = await self.bob.pubsub.get_items(self.service, NODE)
        ids = [item["id"] for item in answer["pubsub"]["items"]]
        expect_equal(ids, ["1", self.named], "what is left")

    async def purge(self):
        await self.refused(self.bob.pubsub.purge(self.service, NODE), "forbidden")
        await self.alice.pubsub.purge(self.service, NODE)
        message = await self.bob.hears("purge")
        expect_equal(message["pubsub_event"]["purge"]["node"], NODE, "node")
        answer = await self.bob.pubsub.get_items(self.service, NODE)
        expect_equal(list(answer["pubsub"]["items"]), [], "what is left")

    async def affiliate(self):
        changes = [("bob@localhost", "publisher")]
        await self.alice.pubsub.modify_affiliations(self.service, NODE, changes)
        answer = await self.alice.pubsub.get_node_affiliations(self.service, NODE)
        listed = answer["pubsub_owner"]["affiliations"]
        found = {str(one["jid"]): one["affiliation"] for one in listed}
        wanted = {"alice@localhost": "owner", "bob@localhost": "publisher"}
        expect_equal(found, wanted, "affiliations")
        answer = await self.bob.pubsub.get_affiliations(self.service)
        mine = [(one["node"], one["affiliation"]) for one in answer["pubsub"]["affiliations"]]
        expect_equal(mine, [(NODE, "publisher")], "Bob's affiliations")
        await self.bob.pubsub.publish(self.service, NODE, id="bob", payload=entry("mine"))
        await self.bob.hears_item("bob", "mine")
        changes = [("bob@localhost", "none")]
        await self.alice.pubsub.modify_affiliations(self.service, NODE, changes)
        asked = self.bob.pubsub.publish(self.service, NODE, id="6", payload=entry("six"))
        await self.refused(asked, "forbidden")
        changes = [("alice@localhost", "none")]
        asked = self.alice.pubsub.modify_affiliations(self.service, NODE, changes)
        await self.refused(asked, "not-acceptable")

    async def unsubscribe(self):
        changes = [("bob@localhost", "none")]
        await self.alice.pubsub.modify_subscriptions(self.service, NODE, changes)
        message = await self.bob.hears("subscription")
        expect_equal(message["pubsub_event"]["subscription"]["subscription"], "none", "state")
        await self.alice.pubsub.publish(self.service, NODE, id="7", payload=entry("unheard"))
        await self.bob.pubsub.subscribe(self.service, NODE, bare=False)
        # The last item comes with the subscription, as nodes have it by default.
        await self.bob.hears_item("7", "unheard")
        await self.bob.pubsub.unsubscribe(self.service, NODE, bare=False)
        await self.alice.pubsub.publish(self.service, NODE, id="8", payload=entry("unheard"))
        asked = self.bob.pubsub.unsubscribe(self.service, NODE, bare=False)
        await self.refused(asked, "unexpected-request")

    async def delete(self):
        await self.bob.pubsub.subscribe(self.service, NODE)
        await self.bob.hears_item("8", "unheard")
        await self.refused(self.bob.pubsub.delete_node(self.service, NODE), "forbidden")
        await self.alice.pubsub.delete_node(self.service, NODE)
        message = await self.bob.hears("delete")
        expect_equal(message["pubsub_event"]["delete"]["node"], NODE, "node")
        asked = self.bob.pubsub.get_items(self.service, NODE)
        await self.refused(asked, "item-not-found")

    async def execute(self, node, filled=None, before=None, action="complete"):
        """One step of a command: fills in the form of the step before."""
        submission = {}
        if before is not None:
            form = self.alice.plugin["xep_0004"].make_form(ftype="submit")
            for var, value in {**before["form"].get_values(), **filled}.items():
                if value is not None:
                    form.add_field(var=var, value=str(int(value)) if isinstance(value, bool) else value)
            submission = {"sessionid": before["sessionid"], "action": action, "payload": [form]}
        plugin = self.alice.plugin["xep_0050"]
        answer = await plugin.send_command(self.service, node, **submission)
        return answer["command"]

    async def commands(self):
        listed = await self.alice.plugin["xep_0050"].get_commands(self.service)
        nodes = {node for _jid, node, _name in listed["disco_items"]["items"]}
        wanted = {f"couplet-pubsub#{name}" for name in ("create", "configure", "subscribe", "delete")}
        expect(wanted <= nodes, f"commands {nodes}")
        blank = await self.execute("couplet-pubsub#create")
        expect_equal(blank["form"]["title"], "Create a node", "title of the form")
        filled = {"node": "commanded", "pubsub#title": "Commanded"}
        made = await self.execute("couplet-pubsub#create", filled, blank)
        expect_equal(made["status"], "completed", "status")
        again = await self.execute("couplet-pubsub#create", filled, blank)
        expect_equal(again["status"], "executing", "status after a name that is taken")
        expect_equal([kind for kind, _text in again["notes"]], ["error"], "notes")
        choice = await self.execute("couplet-pubsub#configure")
        chosen = {"node": "commanded"}
        config = await self.execute("couplet-pubsub#configure", chosen, choice, action="next")
        expect_equal(config["form"].get_values()["pubsub#title"], "Commanded", "title of the node")
        filled = {"pubsub#title": "Configured"}
        done = await self.execute("couplet-pubsub#configure", filled, config)
        expect_equal(done["notes"], [("info", "Configured was configured")], "notes")
        choice = await self.execute("couplet-pubsub#delete")
        done = await self.execute("couplet-pubsub#delete", chosen, choice)
        expect_equal(done["notes"], [("info", "Configured was deleted")], "notes")

    async def nothing_else(self):
        # What the service had sent before its pong is here before it.
        await self.bob.plugin["xep_0030"].get_info(self.service)
        await self.alice.plugin["xep_0030"].get_info(self.service)
        for user in (self.alice, self.bob):
            expect(user.events.empty(), f"{user.boundjid} heard more: {user.events}")

    async def run(self):
        failures = 0
        steps = ("log_in", "discover", "create", "subscribe", "configure", "publish", "get")
        steps += ("retract", "purge", "affiliate", "unsubscribe", "delete", "commands")
        steps += ("nothing_else",)
        for name in steps:
            try:
                said = await asyncio.wait_for(getattr(self, name)(), 3 * PATIENCE)
                print(f"ok    {name}: {said or 'as it should be'}", flush=True)
            except Exception as error:  # whatever slixmpp raises is a failed check
                failures += 1
                said = str(error) if isinstance(error, Failure) else "".join(traceback.format_exception(error))
                print(f"FAIL  {name}: {said.strip() or type(error).__name__}", flush=True)
                break  # what follows builds on it
        for user in (self.alice, self.bob):
            try:
                await asyncio.wait_for(user.disconnect(wait=1.0), PATIENCE)
            except Exception:  # the checks are over, and so is the process
                pass
        return failures


async def try_it(arguments):
    return await Trial(arguments).run()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--server", "--service"):
        parser.add_argument(name, required=True)
    sys.exit(1 if asyncio.run(try_it(parser.parse_args())) else 0)


main()
