"""A slixmpp user runs the commands of the bot `reminder`, with slixmpp's own plugin for XEP-0050.

Prints one line per check and exits 1 if any of them failed. The account must exist already.

    slixmpp_commands.py --server 127.0.0.1:5222 --jid alice@localhost --password alice \
        --component echo.localhost
"""

import asyncio

from slixmpp.exceptions import IqError

from slixmpp_client import PATIENCE, expect, main

COMMANDS = "http://jabber.org/protocol/commands"
PLUGINS = ("xep_0004", "xep_0030", "xep_0050", "xep_0439")


def expect_equal(found, wanted, what):
    expect(found == wanted, f"{what}: {found!r}, not {wanted!r}")


class Dialog:
    """The dialog of one command, as the plugin leads it."""

    def __init__(self, user, arguments, node):
        self.plugin = user.plugin["xep_0050"]
        self.replies = asyncio.Queue(maxsize=10)
        self.session = {"next": self.note, "error": self.note}
        self.plugin.start_command("remind@" + arguments.component, node, self.session)

    def note(self, iq, session):
        self.session = session
        self.replies.put_nowait(iq)

    async def reply(self, status):
        iq = await asyncio.wait_for(self.replies.get(), PATIENCE)
        expect_equal(iq["type"], "result", f"type of {iq}")
        expect_equal(iq["command"]["status"], status, "status")
        return iq["command"]

    def complete(self, command, values):
        """Fills in the form of a reply and completes the command."""
        form = command["form"]
        for name, value in values.items():
            form.get_fields()[name]["value"] = value
        form["type"] = "submit"
        self.session["payload"] = [form]
        self.plugin.complete_command(self.session)


def notes(command):
    return [(note.get("type"), note.text) for note in command.xml.findall(f"{{{COMMANDS}}}note")]


def register(user):
    for plugin in PLUGINS:
        user.register_plugin(plugin)


async def discover(user, arguments):
    register(user)
    bot = "remind@" + arguments.component
    items = await user.plugin["xep_0050"].get_commands(jid=bot)
    nodes = [node for _, node, _ in items["disco_items"]["items"]]
    # The items are a set there.
    expect_equal(sorted(nodes), ["clear", "list", "remind"], "commands")
    info = await user.plugin["xep_0030"].get_info(jid=bot, node="remind")
    identities = {(category, kind) for category, kind, _, _ in info["disco_info"]["identities"]}
    expect(("automation", "command-node") in identities, f"identities: {identities}")
    return "3 commands"


async def nothing_is_pending(user, arguments):
    command = await Dialog(user, arguments, "list").reply("completed")
    expect_equal(command["form"]["type"], "result", "type of the form")
    expect_equal(list(command["form"]["items"]), [], "items")


async def remind(user, arguments):
    dialog = Dialog(user, arguments, "remind")
    command = await dialog.reply("executing")
    expect_equal(command["actions"], {"complete"}, "actions")
    fields = command["form"].get_fields()
    expect_equal(list(fields), ["after", "what"], "fields")
    expect(fields["after"]["required"], "after is not required")
    expect_equal(fields["after"]["label"], "In how long", "label")
    dialog.complete(command, {"after": "soon", "what": "tea"})
    command = await dialog.reply("executing")
    expect("In how long" in str(notes(command)), f"notes: {notes(command)}")
    expect_equal(command["form"].get_fields()["what"]["value"], "tea", "what was typed before")
    dialog.complete(command, {"after": "1h", "what": "tea"})
    expect_equal(notes(await dialog.reply("completed")), [("info", "Noted.")], "notes")


async def tea_is_pending(user, arguments):
    command = await Dialog(user, arguments, "list").reply("completed")
    items = [list(item.values()) for item in command["form"]["items"]]
    expect_equal(items, [["tea"]], "items")


async def cancel(user, arguments):
    dialog = Dialog(user, arguments, "clear")
    await dialog.reply("executing")
    dialog.plugin.cancel_command(dialog.session)
    await dialog.reply("canceled")
    try:
        answer = await dialog.plugin.send_command(
            "remind@" + arguments.component, "clear", action="complete", sessionid=dialog.session["id"]
        )
    except IqError as error:
        expect_equal(error.condition, "bad-request", "condition")
        expect("bad-sessionid" in str(error.iq), f"no bad-sessionid: {error.iq}")
        return error.condition
    expect(False, f"a canceled session goes on: {answer}")


async def clear(user, arguments):
    dialog = Dialog(user, arguments, "clear")
    command = await dialog.reply("executing")
    field = command["form"].get_fields()["sure"]
    expect_equal((field["type"], field["label"]), ("boolean", "Yes, all of it"), "field")
    dialog.complete(command, {"sure": True})
    expect_equal(notes(await dialog.reply("completed")), [("info", "Forgotten.")], "notes")


async def quick_responses(user, arguments):
    user.make_message(mto="remind@" + arguments.component, mbody="clear", mtype="chat").send()
    question = await asyncio.wait_for(user.received.get(), PATIENCE)
    found = question.xml.findall("{urn:xmpp:tmp:quick-response}response")
    expect_equal([one.get("label") for one in found], ["yes", "no"], "responses")
    question.reply(found[1].get("value")).send()
    answer = await asyncio.wait_for(user.received.get(), PATIENCE)
    expect_equal(answer["body"], "Nothing is forgotten.", "answer")


if __name__ == "__main__":
    main(
        __doc__,
        (discover, nothing_is_pending, remind, tea_is_pending, cancel, clear, quick_responses),
    )
