"""A slixmpp user adds the echo to its contacts: presence with capabilities, vCard, nickname, receipt.

Prints one line per check and exits 1 if any of them failed. The account must exist already.

    slixmpp_contact.py --server 127.0.0.1:5222 --jid alice@localhost --password alice \
        --component echo.localhost
"""

import argparse
import asyncio
import sys

from slixmpp_client import PATIENCE, User, expect, run_checks

PLUGINS = ("xep_0030", "xep_0054", "xep_0115", "xep_0153", "xep_0163", "xep_0172", "xep_0184")


class Person(User):
    """A user with the plugins that people's clients have."""

    def __init__(self, jid, password, ca=None):
        super().__init__(jid, password, ca)
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        events = ("presence_available", "user_nick_publish", "receipt_received")
        self.heard = {name: asyncio.Queue() for name in events}
        for name, queue in self.heard.items():
            self.add_event_handler(name, queue.put_nowait)

    async def next(self, event, sender):
        """The next stanza of this event from the bare address of the bot."""
        while True:
            stanza = await asyncio.wait_for(self.heard[event].get(), PATIENCE)
            if stanza["from"].bare == sender:
                return stanza


async def log_in(user, arguments):
    host, _, port = arguments.server.rpartition(":")
    await user.log_in(host, int(port))
    return str(user.boundjid)


async def subscription(user, arguments):
    user.send_presence_subscription(pto=user.bot)
    user.presence = await user.next("presence_available", user.bot)
    expect(user.presence["from"].resource, f"no resource: {user.presence}")
    return str(user.presence["from"])


async def capabilities(user, arguments):
    """XEP-0115, 5.4: by slixmpp's own computation."""
    caps = user.presence["caps"]
    node = f"{caps['node']}#{caps['ver']}"
    answer = await user["xep_0030"].get_info(jid=user.presence["from"], node=node, timeout=PATIENCE)
    info = answer["disco_info"]
    ver = user["xep_0115"].generate_verstring(info, caps["hash"])
    expect(ver == caps["ver"], f"{caps['ver']} is not {ver} of {info}")
    kinds = {(category, kind) for category, kind, _, _ in info["identities"]}
    expect(("client", "bot") in kinds, f"identities are {kinds}")
    return ver


async def nickname(user, arguments):
    event = await user.next("user_nick_publish", user.bot)
    nick = event["pubsub_event"]["items"]["item"]["nick"]["nick"]
    expect(nick == "Echo", f"nickname is {nick!r}")
    return nick


async def vcard(user, arguments):
    answer = await user["xep_0054"].get_vcard(user.bot, timeout=PATIENCE)
    name, about = answer["vcard_temp"]["FN"], answer["vcard_temp"]["DESC"]
    expect(name == "Echo" and about, f"vCard is {answer}")
    return name


async def receipt(user, arguments):
    message = user.make_message(mto=user.bot, mbody="hello", mtype="chat")
    message["id"], message["request_receipt"] = "r1", True
    message.send()
    receipt = await user.next("receipt_received", user.bot)
    expect(receipt["receipt"] == "r1", f"receipt for {receipt['receipt']}")
    return receipt["receipt"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--server", "--jid", "--password", "--component"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()

    async def examine():
        user = Person(arguments.jid, arguments.password)
        user.bot = "bot@" + arguments.component
        return await run_checks(
            user, arguments, (log_in, subscription, capabilities, nickname, vcard, receipt)
        )

    sys.exit(1 if asyncio.run(examine()) else 0)


main()
