import { assertEquals, assertRejects } from "@std/assert";
import { type DatagramSocket, PortUnreachable } from "../../lib/net/datagram.ts";
import { ManualClock } from "../../lib/simulator/manual_clock.ts";
import { MemoryNetwork, type NetworkConditions } from "../../lib/simulator/memory_network.ts";
import { SimulatedGateway, type SimulatedGatewayOptions } from "../../lib/simulator/simulated_gateway.ts";
import { hex } from "./hex.ts";

const CLIENT = "192.168.1.2";
const GATEWAY = { hostname: "192.168.1.1", port: 5351 };
const ADDRESS_ANSWER = hex("00 80 00 00 | 00 00 00 00 | CB 00 71 07");

function world(conditions: Partial<NetworkConditions> = {}, randoms: readonly number[] = []) {
  const clock = new ManualClock();
  const left = [...randoms];
  const network = new MemoryNetwork({ clock, conditions, random: () => left.shift() ?? 0.5 });
  return { clock, network, client: network.host(CLIENT) };
}

function gateway(options: Partial<SimulatedGatewayOptions> = {}): SimulatedGateway {
  return new SimulatedGateway({
    externalAddress: "203.0.113.7",
    random: () => 0,
    startMs: 0,
    announcesStart: false,
    ...options,
  });
}

/** What has arrived at a socket, by its first byte. */
async function arrived(clock: ManualClock, socket: DatagramSocket): Promise<number[]> {
  const firsts: number[] = [];
  const read = async () => {
    for (let next = await socket.receive(); next !== undefined; next = await socket.receive()) {
      firsts.push(next.data[0] ?? -1);
    }
  };
  const reading = read();
  await clock.advance(0);
  socket.close();
  await reading;
  return firsts;
}

Deno.test("MemoryNetwork delivers a datagram to a socket of another host, with its source", async () => {
  const { clock, network, client } = world();
  const receiver = network.host("192.168.1.9").open({ port: 5000 });
  const sender = client.open();
  await sender.send(Uint8Array.of(7), { hostname: "192.168.1.9", port: 5000 });
  const source = { hostname: CLIENT, port: sender.local.port };
  assertEquals(await clock.runUntil(receiver.receive()), { data: Uint8Array.of(7), source });
});

Deno.test("MemoryNetwork.host() is the same host for the same address", () => {
  const { network, client } = world();
  assertEquals(network.host(CLIENT) === client, true);
  client.address = "192.168.1.3";
  assertEquals(network.host("192.168.1.3") === client, true);
});

Deno.test("MemoryNetwork delivers after its latency", async () => {
  const { clock, network, client } = world({ latencyMs: 40 });
  const receiver = network.host("192.168.1.9").open({ port: 5000 });
  await client.open().send(Uint8Array.of(7), { hostname: "192.168.1.9", port: 5000 });
  await clock.runUntil(receiver.receive());
  assertEquals(clock.now(), 40);
});

Deno.test("MemoryNetwork loses and doubles the share of datagrams that is set at the time", async () => {
  const { clock, network, client } = world({ lossRate: 0.3, duplicateRate: 0.2 }, [
    0.29,
    0.3,
    0.19,
    0.3,
    0.2,
  ]);
  const receiver = network.host("192.168.1.9").open({ port: 5000 });
  const sender = client.open();
  const send = (byte: number) => sender.send(Uint8Array.of(byte), { hostname: "192.168.1.9", port: 5000 });
  for (const byte of [1, 2, 3]) await send(byte);
  network.setConditions({ lossRate: 1 });
  await send(4);
  network.setConditions({ lossRate: 0, duplicateRate: 0 });
  await send(5);
  assertEquals(await arrived(clock, receiver), [2, 2, 3, 5]);
  assertEquals(client.sent, 5);
});

Deno.test("MemoryNetwork lets datagrams overtake one another where there is jitter", async () => {
  const { clock, network, client } = world({ jitterMs: 100 }, [0.9, 0.1]);
  const receiver = network.host("192.168.1.9").open({ port: 5000 });
  const sender = client.open();
  for (const byte of [1, 2]) await sender.send(Uint8Array.of(byte), { hostname: "192.168.1.9", port: 5000 });
  await clock.advance(100);
  assertEquals(await arrived(clock, receiver), [2, 1]);
});

Deno.test("MemoryNetwork reports a port where nobody listens only when the options ask for it", async () => {
  const { clock, network, client } = world();
  network.host(GATEWAY.hostname);
  const socket = client.open();
  await socket.send(Uint8Array.of(0, 0), GATEWAY);
  await clock.advance(1000);
  network.setConditions({ reportsPortUnreachable: true, latencyMs: 5 });
  await socket.send(Uint8Array.of(0, 0), GATEWAY);
  await assertRejects(() => clock.runUntil(socket.receive()), PortUnreachable, "192.168.1.1:5351");
  assertEquals(clock.now(), 1010);
});

Deno.test("MemoryNetwork reports nothing of a host that is not there or down", async () => {
  const { clock, network, client } = world({ reportsPortUnreachable: true });
  network.host(GATEWAY.hostname).isUp = false;
  const socket = client.open();
  await socket.send(Uint8Array.of(0, 0), GATEWAY);
  await socket.send(Uint8Array.of(0, 0), { hostname: "192.168.1.200", port: 5351 });
  assertEquals(await arrived(clock, socket), []);
});

Deno.test("MemoryNetwork.attach() serves a gateway on port 5351", async () => {
  const { clock, network, client } = world();
  network.attach(gateway(), GATEWAY.hostname);
  const socket = client.open();
  await socket.send(Uint8Array.of(0, 0), GATEWAY);
  assertEquals(await clock.runUntil(socket.receive()), { data: ADDRESS_ANSWER, source: GATEWAY });
  assertEquals(network.host(GATEWAY.hostname).sent, 1);
});

Deno.test("MemoryNetwork.attach() delays answers as the gateway asks", async () => {
  const { clock, network, client } = world();
  network.attach(gateway({ faults: { latencyMs: 500 } }), GATEWAY.hostname);
  const socket = client.open();
  await socket.send(Uint8Array.of(0, 0), GATEWAY);
  await clock.runUntil(socket.receive());
  assertEquals(clock.now(), 500);
});

Deno.test("MemoryNetwork.attach() answers from another port or address as the faults say", async () => {
  const { clock, network, client } = world();
  const simulated = gateway({ faults: { wrongPort: true } });
  network.attach(simulated, GATEWAY.hostname);
  const socket = client.open();
  await socket.send(Uint8Array.of(0, 0), GATEWAY);
  const fromPort = (await clock.runUntil(socket.receive()))?.source;
  assertEquals([fromPort?.hostname, fromPort?.port === 5351], [GATEWAY.hostname, false]);
  simulated.setFaults({ wrongAddress: true }, clock.now());
  await socket.send(Uint8Array.of(0, 0), GATEWAY);
  const fromAddress = (await clock.runUntil(socket.receive()))?.source;
  assertEquals(fromAddress, { hostname: "192.168.1.101", port: 5351 });
});

Deno.test("MemoryNetwork.attach() sends announcements to whoever hears the group (§3.2.1)", async () => {
  const { clock, network, client } = world();
  const simulated = gateway();
  network.attach(simulated, GATEWAY.hostname);
  const socket = client.open({ hostname: "224.0.0.1", port: 5350 });
  await clock.advance(10_000);
  simulated.reboot(clock.now());
  const times: number[] = [];
  for (let i = 0; i < 10; i++) {
    const announcement = await clock.runUntil(socket.receive());
    assertEquals(announcement?.source, GATEWAY);
    times.push(clock.now() - 10_000);
  }
  assertEquals(times, [0, 250, 750, 1750, 3750, 7750, 15_750, 31_750, 63_750, 127_750]);
});

Deno.test("MemoryNetwork.attach() reports the closed port of a gateway that does not act as NAT (§3.8)", async () => {
  const { clock, network, client } = world({ reportsPortUnreachable: true });
  network.attach(gateway({ actsAsNat: false }), GATEWAY.hostname);
  const socket = client.open();
  await socket.send(Uint8Array.of(0, 0), GATEWAY);
  await assertRejects(() => clock.runUntil(socket.receive()), PortUnreachable);
});

Deno.test("MemoryNetwork.attach() lets the gateway live through a suspend of the client", async () => {
  const { clock, network, client } = world();
  const simulated = gateway();
  network.attach(simulated, GATEWAY.hostname, { nowMs: () => clock.worldNow() });
  clock.suspend(60_000);
  const socket = client.open();
  await socket.send(Uint8Array.of(0, 0), GATEWAY);
  const answer = await clock.runUntil(socket.receive());
  assertEquals(answer?.data.subarray(4, 8), hex("00 00 00 3C"));
});

Deno.test("MemoryNetwork.attach() returns what takes the gateway off the network", async () => {
  const { clock, network, client } = world();
  const detach = network.attach(gateway({ announcesStart: true }), GATEWAY.hostname);
  const group = client.open({ hostname: "224.0.0.1", port: 5350 });
  detach();
  const socket = client.open();
  await socket.send(Uint8Array.of(0, 0), GATEWAY);
  await clock.advance(1000);
  assertEquals([await arrived(clock, socket), await arrived(clock, group)], [[], []]);
});
