"""A slixmpp user examines a component: echo, disco#info, ping, version, an unknown question.

Prints one line per check and exits 1 if any of them failed. The account must exist already.

    slixmpp_client.py --server 127.0.0.1:5222 --jid alice@localhost --password alice \
        --component echo.localhost
"""

import argparse
import asyncio
import sys
import traceback
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp.exceptions import IqError

PATIENCE = 20  # seconds, for each step
DISCO_INFO = "http://jabber.org/protocol/disco#info"
PING = "urn:xmpp:ping"
VERSION = "jabber:iq:version"
UNKNOWN = "urn:example:nobody-answers-this"


class Failure(Exception):
    """What a component did that it should not have done."""


def expect(fact, complaint):
    if not fact:
        raise Failure(complaint)


class User(slixmpp.ClientXMPP):
    """With `ca` as slixmpp does by itself, over TLS; otherwise without encryption, as private servers on
    loopback allow."""

    def __init__(self, jid, password, ca=None):
        super().__init__(jid, password)
        if ca:
            self.ca_certs = ca
            # It has a port of its own; tried at this one, it fails before STARTTLS is.
            self.enable_direct_tls = False
        else:
            self.enable_direct_tls = False
            self.enable_starttls = False
            self.enable_plaintext = True
            self["feature_mechanisms"].unencrypted_plain = True
            self["feature_mechanisms"].unencrypted_scram = True
        self.received = asyncio.Queue(maxsize=100)
        self.add_event_handler("message", self.received.put_nowait)

    async def log_in(self, host, port):
        outcome = asyncio.get_running_loop().create_future()

        def settle(set_outcome, value):
            if not outcome.done():
                set_outcome(value)

        self.add_event_handler("session_start", lambda _: settle(outcome.set_result, None))
        for event in ("failed_all_auth", "connection_failed", "disconnected"):
            self.add_event_handler(
                event, lambda why, event=event: settle(outcome.set_exception, Failure(f"{event}: {why}"))
            )
        self.connect(host, port)
        await asyncio.wait_for(outcome, PATIENCE)
        self.send_presence()

    async def ask(self, component, payload):
        """Sends a get with this payload and returns the answer's stanza."""
        iq = self.make_iq_get(ito=component)
        iq.append(payload)
        return await iq.send(timeout=PATIENCE)


async def log_in(user, arguments):
    host, _, port = arguments.server.rpartition(":")
    await user.log_in(host, int(port))
    return str(user.boundjid)


async def echo(user, arguments):
    bot = "bot@" + arguments.component
    message = user.make_message(mto=bot, mbody="one < two & \u00e9\U0001f600", mtype="chat")
    message["thread"] = "t1"
    message.send()
    answer = await asyncio.wait_for(user.received.get(), PATIENCE)
    expect(str(answer["from"]) == bot, f"it came from {answer['from']}, not from {bot}: {answer}")
    expect(answer["type"] == "chat", f"type is {answer['type']}")
    expect(answer["body"] == message["body"], f"body is {answer['body']!r}")
    expect(answer["thread"] == "t1", f"thread is {answer['thread']!r}")
    return f"from {bot}"


async def disco_info(user, arguments):
    answer = await user.ask(arguments.component, ET.Element(f"{{{DISCO_INFO}}}query"))
    query = answer.xml.find(f"{{{DISCO_INFO}}}query")
    expect(query is not None, f"no query in {answer}")
    features = {feature.get("var") for feature in query.iter(f"{{{DISCO_INFO}}}feature")}
    identities = query.findall(f"{{{DISCO_INFO}}}identity")
    expect(identities, "no identity")
    for wanted in (DISCO_INFO, PING, VERSION):
        expect(wanted in features, f"{wanted} is not among {sorted(features)}")
    return f"{len(identities)} identity, {len(features)} features"


async def ping(user, arguments):
    answer = await user.ask(arguments.component, ET.Element(f"{{{PING}}}ping"))
    expect(answer["type"] == "result", f"type is {answer['type']}")
    expect(len(answer.xml) == 0, f"not empty: {answer}")
    return "answered"


async def version(user, arguments):
    answer = await user.ask(arguments.component, ET.Element(f"{{{VERSION}}}query"))
    name = answer.xml.findtext(f"{{{VERSION}}}query/{{{VERSION}}}name")
    number = answer.xml.findtext(f"{{{VERSION}}}query/{{{VERSION}}}version")
    # XEP-0092, 2: both are required.
    expect(name and number, f"name {name!r}, version {number!r}")
    return f"{name} {number}"


async def unknown_question(user, arguments):
    try:
        answer = await user.ask(arguments.component, ET.Element(f"{{{UNKNOWN}}}query"))
    except IqError as refusal:
        # RFC 6120, 8.4: a namespace nobody here understands.
        expect(refusal.condition == "service-unavailable", f"refused with {refusal.condition}")
        expect(refusal.etype == "cancel", f"type of the error is {refusal.etype}")
        return refusal.condition
    raise Failure(f"answered with {answer}")


async def examine(arguments, checks):
    user = User(arguments.jid, arguments.password, arguments.ca)
    return await run_checks(user, arguments, (log_in, *checks))


async def run_checks(user, arguments, checks):
    """Runs the checks, the first of which logs in, and returns how many failed."""
    failures = 0
    for check in checks:
        name = check.__name__.replace("_", " ")
        try:
            print(f"ok    {name}: {await asyncio.wait_for(check(user, arguments), 2 * PATIENCE)}", flush=True)
        except Exception as error:  # whatever slixmpp raises is a failed check
            failures += 1
            said = str(error) if isinstance(error, Failure) else "".join(traceback.format_exception_only(error))
            print(f"FAIL  {name}: {said.strip() or type(error).__name__}", flush=True)
            if check is checks[0]:
                break
    try:
        await asyncio.wait_for(user.disconnect(wait=1.0), PATIENCE)
    except Exception:  # the checks are over, and so is the process
        pass
    return failures


def main(description, checks):
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    for name in ("--server", "--jid", "--password", "--component"):
        parser.add_argument(name, required=True)
    parser.add_argument("--ca", help="file with the CA of the server's certificate; without it, no TLS")
    sys.exit(1 if asyncio.run(examine(parser.parse_args(), checks)) else 0)


if __name__ == "__main__":
    main(__doc__, (echo, disco_info, ping, version, unknown_question))
