"""The echo as slixmpp's component example writes it, with its ping and disco plugins."""

import os

from slixmpp.componentxmpp import ComponentXMPP


class Echo(ComponentXMPP):
    def __init__(self, domain, secret, host, port):
        ComponentXMPP.__init__(self, domain, secret, host, port)
        self.add_event_handler("message", self.message)

    def message(self, msg):
        if msg["type"] in ("chat", "normal"):
            reply = msg.reply(msg["body"])
            reply["id"] = msg["id"]
            reply.send()


def main():
    host, _, port = os.environ["RIG_SERVER"].rpartition(":")
    echo = Echo(os.environ["RIG_DOMAIN"], os.environ["RIG_SECRET"], host, int(port))
    echo.register_plugin("xep_0030")
    echo.register_plugin("xep_0199")
    # The same identity and features as every peer of the rig, so that disco answers weigh the same.
    disco = echo["xep_0030"]
    disco.add_identity(category="client", itype="bot")
    for feature in ("jabber:iq:last", "jabber:iq:version", "urn:xmpp:time"):
        disco.add_feature(feature)
    echo.connect()
    echo.loop.run_until_complete(echo.disconnected)


if __name__ == "__main__":
    main()
