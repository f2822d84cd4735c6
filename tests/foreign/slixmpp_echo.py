"""A slixmpp component that echoes: it shows that slixmpp_client.py passes what is right.

    slixmpp_echo.py --server 127.0.0.1:5347 --component echo.localhost --secret s3cret [--wrong]

With --wrong it does what a careless component does: it answers from its bare domain, and answers
questions that it does not understand with an empty result.
"""

import argparse
import asyncio

import slixmpp
from slixmpp.xmlstream import ET
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath


class Echo(slixmpp.ComponentXMPP):
    def __init__(self, arguments):
        host, _, port = arguments.server.rpartition(":")
        super().__init__(arguments.component, arguments.secret, host, int(port))
        self.wrong = arguments.wrong
        for plugin in ("xep_0030", "xep_0092", "xep_0199"):
            self.register_plugin(plugin)
        self["xep_0092"].software_name = "slixmpp echo"
        self["xep_0092"].version = slixmpp.__version__
        self["xep_0030"].add_identity(category="client", itype="bot", name="Echo")
        self.add_event_handler("message", self.echo)
        unknown = MatchXPath("{jabber:component:accept}iq/{urn:example:nobody-answers-this}query")
        self.register_handler(Callback("unknown", unknown, self.unknown))
        self.add_event_handler("session_start", lambda _: print("online", flush=True))

    def echo(self, message):
        if message["type"] in ("chat", "normal") and message["body"]:
            answer = message.reply(message["body"], clear=False)
            answer["from"] = self.boundjid.bare if self.wrong else message["to"]
            answer.send()

    def unknown(self, iq):
        answer = iq.reply()
        if not self.wrong:
            answer["error"]["condition"] = "service-unavailable"
            answer["error"]["type"] = "cancel"
        answer.send()


async def run(arguments):
    echo = Echo(arguments)
    echo.connect()
    await echo.disconnected


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--server", "--component", "--secret"):
        parser.add_argument(name, required=True)
    parser.add_argument("--wrong", action="store_true")
    asyncio.run(run(parser.parse_args()))


main()
