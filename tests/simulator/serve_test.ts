import { assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import { SocketError } from "../../lib/errors.ts";
import type { DatagramSocket, OpenSocket } from "../../lib/net/datagram.ts";
import { openUdpSocket } from "../../lib/net/udp_socket.ts";
import { encodeRequest } from "../../lib/pcp/message.ts";
import type { Faults } from "../../lib/simulator/faults.ts";
import {
  serveSimulatedGateway,
  type ServeSimulatedGatewayOptions,
  type SimulatedGatewayService,
} from "../../lib/simulator/serve.ts";
import { SimulatedGateway } from "../../lib/simulator/simulated_gateway.ts";
import { hex } from "./hex.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

interface Served {
  readonly service: SimulatedGatewayService;
  readonly gateway: SimulatedGateway;
  readonly client: DatagramSocket;
  readonly lines: readonly string[];
  /** Resolves once this many lines have the word. */
  readonly logged: (word: string, count?: number) => Promise<void>;
}

/** Serves a gateway on loopback for the length of a test, with a client socket. */
async function withService(
  faults: Faults,
  options: Partial<ServeSimulatedGatewayOptions>,
  test: (served: Served) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const startMs = systemClock.now();
  const gateway = new SimulatedGateway({ externalAddress: "203.0.113.7", random: () => 0, startMs, faults });
  const lines: string[] = [];
  const lineAdded = new EventTarget();
  const logged = async (word: string, count = 1) => {
    while (lines.filter((line) => line.includes(word)).length < count) {
      await new Promise((resolve) => lineAdded.addEventListener("line", resolve, { once: true }));
    }
  };
  const service = serveSimulatedGateway(gateway, {
    open: openUdpSocket,
    listen: LOOPBACK,
    clock: systemClock,
    signal: controller.signal,
    log: (line) => {
      lines.push(line);
      lineAdded.dispatchEvent(new Event("line"));
    },
    ...options,
  });
  const client = openUdpSocket(LOOPBACK);
  try {
    await test({ service, gateway, client, lines, logged });
  } finally {
    client.close();
    controller.abort();
    await service.finished;
  }
}

Deno.test("serveSimulatedGateway() answers on a real socket and says what it heard", async () => {
  await withService({}, {}, async ({ service, client, lines }) => {
    await client.send(hex("00 02 00 00 | 00 50 1F 90 | 00 00 1C 20"), service.local);
    const answer = await client.receive();
    assertEquals(answer?.source, service.local);
    assertEquals(answer?.data.subarray(0, 4), hex("00 82 00 00"));
    assertEquals(answer?.data.subarray(8), hex("00 50 1F 90 | 00 00 1C 20"));
    const heard = `127.0.0.1:${client.local.port} map tcp 80 -> 8080 7200 s: granted 8080, 7200 s`;
    assertEquals(lines.filter((line) => line.includes("map")), [heard]);
  });
});

Deno.test("serveSimulatedGateway() reports another address to a client of PCP from the socket it asked", async () => {
  await withService({ pcpOnly: true }, {}, async ({ service, gateway, client }) => {
    const request = encodeRequest({
      kind: "map",
      clientAddress: "127.0.0.1",
      nonce: "a1a2a3a4a5a6a7a8a9aaabac",
      protocol: "tcp",
      internalPort: 80,
      externalPort: 8080,
      externalAddress: "0.0.0.0",
      lifetimeSeconds: 7200,
    });
    await client.send(request, service.local);
    assertEquals((await client.receive())?.data.subarray(56), hex("CB 00 71 07"));
    gateway.setExternalAddress("203.0.113.8", systemClock.now());
    const update = await client.receive();
    assertEquals(update?.source, service.local);
    assertEquals(update?.data.subarray(56), hex("CB 00 71 08"));
  });
});

Deno.test("serveSimulatedGateway() answers from another port", async () => {
  await withService({ wrongPort: true }, {}, async ({ service, client }) => {
    await client.send(hex("00 00"), service.local);
    const answer = await client.receive();
    assertEquals(answer?.source.hostname, "127.0.0.1");
    assertNotEquals(answer?.source.port, service.local.port);
  });
});

Deno.test("serveSimulatedGateway() says that it cannot answer from another address when it cannot", async () => {
  const open: OpenSocket = (local) => {
    if (local?.hostname === "127.0.0.101") throw new SocketError("Cannot open it here");
    return openUdpSocket(local);
  };
  await withService({ wrongAddress: true }, { open }, async ({ service, gateway, client, lines, logged }) => {
    await client.send(hex("00 00"), service.local);
    await client.send(hex("00 00"), service.local);
    await logged("not sent", 2);
    assertEquals(service.notSent, 2);
    gateway.setFaults({}, systemClock.now());
    await client.send(hex("00 00"), service.local);
    assertEquals((await client.receive())?.source, service.local);
    assertEquals(lines.filter((line) => line === "Cannot open it here").length, 1);
    assertEquals(
      lines.find((line) => line.includes("not sent")),
      `127.0.0.1:${client.local.port} not sent: no socket for other-address`,
    );
  });
});

Deno.test("serveSimulatedGateway() sends announcements through the socket for them, and closes it", async () => {
  const sent: Uint8Array[] = [];
  let closes = 0;
  const { promise: announced, resolve } = Promise.withResolvers<void>();
  const announce: DatagramSocket = {
    local: LOOPBACK,
    send: (data) => {
      sent.push(data);
      resolve();
      return Promise.resolve();
    },
    receive: () => Promise.resolve(undefined),
    close: () => void closes++,
  };
  await withService({}, { announce }, async () => await announced);
  assertEquals(sent[0], hex("00 80 00 00 | 00 00 00 00 | CB 00 71 07"));
  assertEquals(closes, 1);
});

Deno.test("serveSimulatedGateway() ends with answers that still wait, and gives its port back", async () => {
  let local = LOOPBACK;
  await withService({ latencyMs: 60_000 }, {}, async ({ service, client, logged }) => {
    local = service.local;
    await client.send(hex("00 00"), service.local);
    await logged("address: 203.0.113.7");
  });
  openUdpSocket(local).close();
});

Deno.test("serveSimulatedGateway() ends at once when its signal has aborted before", async () => {
  const gateway = new SimulatedGateway({ random: () => 0, startMs: 0 });
  const signal = AbortSignal.abort();
  await serveSimulatedGateway(gateway, { open: openUdpSocket, listen: LOOPBACK, clock: systemClock, signal })
    .finished;
});

Deno.test("serveSimulatedGateway() throws when the address cannot be had", () => {
  const gateway = new SimulatedGateway({ random: () => 0, startMs: 0 });
  const taken = openUdpSocket(LOOPBACK);
  try {
    const { signal } = new AbortController();
    assertThrows(
      () =>
        serveSimulatedGateway(gateway, {
          open: openUdpSocket,
          listen: taken.local,
          clock: systemClock,
          signal,
        }),
      SocketError,
      "another program uses it",
    );
  } finally {
    taken.close();
  }
});

Deno.test("serveSimulatedGateway() rejects and closes everything when its socket fails", async () => {
  let closes = 0;
  const open: OpenSocket = () => ({
    local: LOOPBACK,
    send: () => Promise.resolve(),
    receive: () => Promise.reject(new TypeError("broken")),
    close: () => void closes++,
  });
  const gateway = new SimulatedGateway({ random: () => 0, startMs: 0 });
  const { signal } = new AbortController();
  const service = serveSimulatedGateway(gateway, { open, listen: LOOPBACK, clock: systemClock, signal });
  await assertRejects(() => service.finished, TypeError, "broken");
  assertEquals(closes, 1);
});

Deno.test({
  name:
    "serveSimulatedGateway() answers from another loopback address (only Linux and Windows have them all)",
  ignore: Deno.build.os !== "linux" && Deno.build.os !== "windows",
  fn: async () => {
    await withService({ wrongAddress: true }, {}, async ({ service, client }) => {
      await client.send(hex("00 00"), service.local);
      assertEquals((await client.receive())?.source, { hostname: "127.0.0.101", port: service.local.port });
    });
  },
});
