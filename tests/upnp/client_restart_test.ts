import { assertEquals } from "@std/assert";
import { SocketError } from "../../lib/errors.ts";
import { decodeAlive } from "../../lib/upnp/ssdp.ts";
import { GATEWAY, HOST, OTHER_HOST, UpnpLab } from "./upnp_lab.ts";

const GROUP = { hostname: "239.255.255.250", port: 1900 };

/** An announcement as miniupnpd 2.3.1 sends it (UDA 1.1 §1.2.2). */
function alive({ bootId, nts = "ssdp:alive" }: { bootId?: string; nts?: string } = {}): Uint8Array {
  return new TextEncoder().encode([
    "NOTIFY * HTTP/1.1",
    "HOST: 239.255.255.250:1900",
    "CACHE-CONTROL: max-age=120",
    "LOCATION: http://10.0.0.1:5000/rootDesc.xml",
    "SERVER: Debian/12 UPnP/1.1 MiniUPnPd/2.3.1",
    "NT: upnp:rootdevice",
    "USN: uuid:00000000-0000-0000-0000-000000000000::upnp:rootdevice",
    `NTS: ${nts}`,
    'OPT: "http://schemas.upnp.org/upnp/1/0/"; ns=01',
    ...(bootId === undefined ? [] : [`01-NLS: ${bootId}`, `BOOTID.UPNP.ORG: ${bootId}`]),
    "",
    "",
  ].join("\r\n"));
}

/** A lab whose client hears the group, and what it made of it. */
function hearingLab() {
  const heard = { updates: 0, opened: [] as string[] };
  const lab: UpnpLab = new UpnpLab({}, {
    openSearchSocket(address) {
      heard.opened.push(address);
      return Promise.resolve(lab.network.host(address).open(GROUP));
    },
  });
  const end = lab.client.onUpdate(() => void heard.updates++);
  return {
    lab,
    heard,
    end,
    async announce(data: Uint8Array, from = GATEWAY) {
      const socket = lab.network.host(from).open({ hostname: from });
      await socket.send(data, GROUP);
      await lab.clock.advance(10);
      socket.close();
    },
  };
}

Deno.test("a client that maps hears that the router started again, once for each start", async () => {
  const { lab, heard, end, announce } = hearingLab();
  await lab.run(lab.client.map({ protocol: "tcp", internalPort: 80 }));
  assertEquals(heard.opened, [HOST]);
  for (let i = 0; i < 3; i++) await announce(alive({ bootId: "1" }));
  assertEquals(heard.updates, 0, "the boot number that its search had");
  for (let i = 0; i < 3; i++) await announce(alive({ bootId: "2" }));
  assertEquals(heard.updates, 1);
  await announce(alive({ bootId: "3" }));
  assertEquals(heard.updates, 2);
  end();
});

Deno.test("a client takes nothing else for a start: other hosts, other messages, no boot number", async () => {
  const { lab, heard, end, announce } = hearingLab();
  await lab.run(lab.client.map({ protocol: "tcp", internalPort: 80 }));
  await announce(alive({ bootId: "2" }), OTHER_HOST);
  await announce(alive({ bootId: "2", nts: "ssdp:byebye" }));
  await announce(alive());
  await announce(
    new TextEncoder().encode("M-SEARCH * HTTP/1.1\r\nBOOTID.UPNP.ORG: 2\r\nNTS: ssdp:alive\r\n\r\n"),
  );
  await announce(Uint8Array.of(0, 255, 13, 10));
  await announce(new Uint8Array(65_000));
  await announce(new Uint8Array());
  assertEquals(heard.updates, 0);
  end();
});

Deno.test("after a start a mapping that was just seen is looked for again", async () => {
  const { lab, end, announce } = hearingLab();
  let losses = 0;
  lab.client.onStateLost(() => void losses++);
  await lab.run(lab.client.map({ protocol: "tcp", internalPort: 80 }));
  lab.gateway.reboot(lab.clock.now());
  await lab.run(lab.client.probe());
  assertEquals(losses, 0, "seen within the last 10 s");
  await announce(alive({ bootId: "2" }));
  await lab.run(lab.client.probe());
  assertEquals(losses, 1);
  end();
});

Deno.test("a client hears the group only while somebody listens, and once there is a router", async () => {
  const { lab, heard, end, announce } = hearingLab();
  assertEquals(heard.opened, []);
  await lab.run(lab.client.probe());
  assertEquals(heard.opened, [HOST]);
  end();
  await announce(alive({ bootId: "2" }));
  assertEquals(heard.updates, 0);
  const endAgain = lab.client.onUpdate(() => void heard.updates++);
  await announce(alive({ bootId: "2" }));
  assertEquals([heard.opened, heard.updates], [[HOST, HOST], 1]);
  endAgain();
});

Deno.test("a client that cannot hear the group goes on without", async () => {
  const lab = new UpnpLab({}, {
    openSearchSocket: () => Promise.reject(new SocketError("Another program has the port")),
  });
  const end = lab.client.onUpdate(() => {});
  assertEquals((await lab.run(lab.client.map({ protocol: "tcp", internalPort: 80 }))).externalPort, 80);
  await lab.clock.advance(0);
  end();
});

Deno.test("decodeAlive() reads announcements with any ends of lines and any case of names", () => {
  assertEquals(decodeAlive(alive({ bootId: "7" })), { bootId: "7" });
  const odd = "NOTIFY * HTTP/1.0\nnts: ssdp:alive\nbootid.upnp.org:8\n\nBOOTID.UPNP.ORG: 9\n";
  assertEquals(decodeAlive(new TextEncoder().encode(odd)), { bootId: "8" });
  assertEquals(decodeAlive(new TextEncoder().encode("NOTIFY * HTTP/1.1\r\n01-NLS: 5\r\nNTS: ssdp:alive")), {
    bootId: "5",
  });
  assertEquals(decodeAlive(alive({ nts: "ssdp:byebye" })), undefined);
});
