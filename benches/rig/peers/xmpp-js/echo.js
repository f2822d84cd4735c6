// The echo as @xmpp/component's README writes it, with its iqCallee for ping and disco#info.
import { component, xml } from "@xmpp/component";

const DISCO_INFO = "http://jabber.org/protocol/disco#info";
// The same identity and features as every peer of the rig, so that disco answers weigh the same.
const FEATURES = [
  DISCO_INFO,
  "http://jabber.org/protocol/disco#items",
  "jabber:iq:last",
  "jabber:iq:version",
  "urn:xmpp:ping",
  "urn:xmpp:time",
];

const xmpp = component({
  service: `xmpp://${process.env.RIG_SERVER}`,
  domain: process.env.RIG_DOMAIN,
  password: process.env.RIG_SECRET,
});

xmpp.on("error", (error) => console.error(error));
// Without this the library reconnects for ever; the rig ends its children by ending the stream.
xmpp.on("disconnect", () => process.exit(0));

xmpp.on("stanza", async (stanza) => {
  if (!stanza.is("message") || stanza.attrs.type === "error") return;
  const body = stanza.getChildText("body");
  if (!body) return;
  const { from, to, id, type } = stanza.attrs;
  await xmpp.send(xml("message", { from: to, to: from, id, type }, xml("body", {}, body)));
});

xmpp.iqCallee.get("urn:xmpp:ping", "ping", () => true);
xmpp.iqCallee.get(DISCO_INFO, "query", () =>
  xml(
    "query",
    { xmlns: DISCO_INFO },
    xml("identity", { category: "client", type: "bot" }),
    ...FEATURES.map((feature) => xml("feature", { var: feature })),
  ),
);

await xmpp.start();
