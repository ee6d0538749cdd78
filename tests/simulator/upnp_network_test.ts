import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { Endpoint } from "../../lib/net/datagram.ts";
import { PortUnreachable } from "../../lib/net/datagram.ts";
import { ConnectionRefused } from "../../lib/net/stream.ts";
import {
  ManualClock,
  type MemoryHost,
  MemoryNetwork,
  type SimulatedGatewayOptions,
} from "../../lib/simulator/mod.ts";
import { CLIENT, encode, get, HTTP, mapping, outcome, post, search, upnpGateway } from "./upnp_client.ts";
import { hex } from "./hex.ts";

const GROUP = { hostname: "239.255.255.250", port: 1900 };
const ROOT = "upnp:rootdevice";

function world(options: Partial<SimulatedGatewayOptions> = {}) {
  const clock = new ManualClock();
  const conditions = { latencyMs: 5, reportsPortUnreachable: true };
  const network = new MemoryNetwork({ clock, random: () => 0.5, conditions });
  const gateway = upnpGateway({ announcesStart: false, ...options });
  const detach = network.attach(gateway, HTTP.hostname);
  return { clock, network, gateway, detach, client: network.host(CLIENT.hostname) };
}

/** Sends a request and reads to the end of the connection. */
async function fetchText(client: MemoryHost, to: Endpoint, request: string): Promise<string> {
  const stream = await client.connect(to);
  await stream.write(encode(request));
  const into = new Uint8Array(4096);
  let text = "";
  for (let count = await stream.read(into); count !== null; count = await stream.read(into)) {
    text += new TextDecoder().decode(into.subarray(0, count));
  }
  stream.close();
  return text;
}

/** The place that the next answer names. */
function locationIn(data: Uint8Array | undefined): Endpoint {
  const [, hostname = "", port] =
    /^LOCATION: http:\/\/([\d.]+):(\d+)\//m.exec(new TextDecoder().decode(data)) ?? [];
  return { hostname, port: Number(port) };
}

for (const to of [{ hostname: HTTP.hostname, port: 1900 }, GROUP]) {
  Deno.test(`a search that goes to ${to.hostname} is answered from port 1900 of the gateway`, async () => {
    const { clock, client } = world();
    const socket = client.open();
    await socket.send(search(ROOT), to);
    const answer = await clock.runUntil(socket.receive());
    assertEquals(answer?.source, { hostname: HTTP.hostname, port: 1900 });
    assertEquals([locationIn(answer?.data), clock.now()], [HTTP, 10]);
  });
}

Deno.test("a search of the group reaches every gateway", async () => {
  const { clock, network, client } = world();
  network.attach(upnpGateway(), "192.168.1.254");
  const socket = client.open();
  await socket.send(search(ROOT), GROUP);
  const sources = [await clock.runUntil(socket.receive()), await clock.runUntil(socket.receive())];
  assertEquals(sources.map((answer) => answer?.source.hostname), ["192.168.1.1", "192.168.1.254"]);
});

Deno.test("HTTP takes two round trips, and what is mapped is in the gateway's table", async () => {
  const { clock, gateway, client } = world();
  const answer = await clock.runUntil(fetchText(client, HTTP, post("AddPortMapping", mapping())));
  assertEquals(outcome(answer), {});
  assert(clock.now() <= 25);
  assertEquals(gateway.mappings(clock.now())[0]?.upnp?.description, "web");
  assertEquals(gateway.counters.httpRequests, 1);
});

Deno.test("a request may come in pieces, and one that never ends is not answered", async () => {
  const { clock, client } = world();
  const stream = await clock.runUntil(client.connect(HTTP));
  const bytes = encode(get("/rootDesc.xml"));
  for (const byte of bytes) await stream.write(Uint8Array.of(byte));
  const into = new Uint8Array(12);
  await clock.runUntil(stream.read(into));
  assertEquals(new TextDecoder().decode(into), "HTTP/1.1 200");
  stream.close();
  const other = await clock.runUntil(client.connect(HTTP));
  await other.write(bytes.subarray(0, 20));
  const reading = other.read(into);
  await clock.advance(60_000);
  other.close();
  assertEquals(await reading, null);
});

Deno.test("a router of UPnP alone has port 5351 closed, and announces nothing", async () => {
  const { clock, gateway, client } = world({ speaks: "none", announcesStart: true });
  assertEquals([gateway.nextDueAtMs, gateway.hasServerPort, gateway.hasUpnp], [undefined, false, true]);
  const socket = client.open();
  await socket.send(hex("00 00"), { hostname: HTTP.hostname, port: 5351 });
  await assertRejects(() => clock.runUntil(socket.receive()), PortUnreachable);
  await socket.send(search(ROOT), GROUP);
  assertEquals(locationIn((await clock.runUntil(socket.receive()))?.data), HTTP);
});

Deno.test("the fault silent-5351 leaves UPnP alone", async () => {
  const { clock, client } = world({ speaks: "both", faults: { silent5351: true } });
  const socket = client.open();
  await socket.send(hex("00 00"), { hostname: HTTP.hostname, port: 5351 });
  await socket.send(search(ROOT), GROUP);
  assertEquals(locationIn((await clock.runUntil(socket.receive()))?.data), HTTP);
});

Deno.test("a gateway without UPnP, and one that was taken away, have no port for it", async () => {
  const { clock, network, client, detach } = world();
  network.attach(upnpGateway({ upnp: undefined }), "192.168.1.5");
  await assertRejects(
    () => clock.runUntil(client.connect({ ...HTTP, hostname: "192.168.1.5" })),
    ConnectionRefused,
  );
  detach();
  await assertRejects(() => clock.runUntil(client.connect(HTTP)), ConnectionRefused);
});

Deno.test("a reboot ends connections, and moves HTTP to another port where a fault asks for that", async () => {
  const { clock, gateway, client } = world({ faults: { upnpNewPort: true } });
  const stream = await clock.runUntil(client.connect(HTTP));
  await stream.write(encode(post("AddPortMapping", mapping())).subarray(0, 50));
  await clock.advance(10);
  gateway.reboot(clock.now());
  assertEquals(await clock.runUntil(stream.read(new Uint8Array(1))), null);
  await assertRejects(() => clock.runUntil(client.connect(HTTP)), ConnectionRefused);
  const socket = client.open();
  await socket.send(search(ROOT), GROUP);
  const moved = locationIn((await clock.runUntil(socket.receive()))?.data);
  assertNotEquals(moved.port, HTTP.port);
  assertEquals(
    (await clock.runUntil(fetchText(client, moved, get("/rootDesc.xml")))).slice(0, 12),
    "HTTP/1.1 200",
  );
});

Deno.test("slow answers come late, each kind by its own fault", async () => {
  const { clock, client } = world({ faults: { upnpSearchLatencyMs: 6000, upnpHttpLatencyMs: 3000 } });
  const socket = client.open();
  await socket.send(search(ROOT), GROUP);
  await clock.runUntil(socket.receive());
  assertEquals(clock.now(), 6010);
  await clock.runUntil(fetchText(client, HTTP, get("/rootDesc.xml")));
  assertEquals(clock.now() >= 9020, true);
});

Deno.test("answers from another port and from another address are a fault of delivery", async () => {
  const { clock, gateway, client } = world({ faults: { wrongPort: true } });
  const socket = client.open();
  await socket.send(search(ROOT), GROUP);
  assertNotEquals((await clock.runUntil(socket.receive()))?.source.port, 1900);
  gateway.setFaults({ wrongAddress: true }, clock.now());
  await socket.send(search(ROOT), GROUP);
  assertEquals((await clock.runUntil(socket.receive()))?.source, { hostname: "192.168.1.101", port: 1900 });
});

Deno.test("a silent gateway accepts connections and answers nothing", async () => {
  const { clock, gateway, client } = world({ faults: { silent: true } });
  const stream = await clock.runUntil(client.connect(HTTP));
  await stream.write(encode(get("/rootDesc.xml")));
  const reading = stream.read(new Uint8Array(1));
  await clock.advance(60_000);
  assertEquals(gateway.counters.httpRequests, 1);
  stream.close();
  assertEquals(await reading, null);
});

Deno.test("a client that goes away in the middle of an endless body ends it", async () => {
  const { clock, client, detach } = world({ faults: { upnpBody: "endless" } });
  const stream = await clock.runUntil(client.connect(HTTP));
  await stream.write(encode(get("/rootDesc.xml")));
  const into = new Uint8Array(100_000);
  let bytes = 0;
  while (bytes < 1_000_000) bytes += await clock.runUntil(stream.read(into)) ?? Infinity;
  stream.close();
  await clock.advance(100);
  detach();
  assertEquals(Number.isFinite(bytes), true);
});
