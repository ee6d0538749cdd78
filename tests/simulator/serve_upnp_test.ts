import { assertEquals, assertNotEquals } from "@std/assert";
import { systemClock } from "../../lib/clock.ts";
import type { Endpoint } from "../../lib/net/datagram.ts";
import { listenTcp } from "../../lib/net/tcp_listener.ts";
import { connectTcpStream } from "../../lib/net/tcp_stream.ts";
import { openUdpSocket } from "../../lib/net/udp_socket.ts";
import type { Faults } from "../../lib/simulator/faults.ts";
import { serveSimulatedGateway, type SimulatedGatewayService } from "../../lib/simulator/serve.ts";
import type { SimulatedGateway } from "../../lib/simulator/simulated_gateway.ts";
import { encode, mapping, outcome, post, search, upnpGateway } from "./upnp_client.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

interface Served {
  readonly gateway: SimulatedGateway;
  readonly service: SimulatedGatewayService;
  readonly upnp: { readonly searches: Endpoint; readonly http: Endpoint };
}

/** Serves a router of UPnP alone on loopback for the length of a test. */
async function withService(faults: Faults, test: (served: Served) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const startMs = systemClock.now();
  const gateway = upnpGateway({ speaks: "none", startMs, faults });
  const service = serveSimulatedGateway(gateway, {
    open: openUdpSocket,
    listen: LOOPBACK,
    clock: systemClock,
    signal: controller.signal,
    upnp: { searches: openUdpSocket(LOOPBACK), listenStream: listenTcp },
  });
  const { upnp } = service;
  try {
    if (upnp === undefined) throw new Error("The gateway does not speak UPnP");
    await test({ gateway, service, upnp });
  } finally {
    controller.abort();
    await service.finished;
  }
}

/** Sends a search to a gateway, and returns where its HTTP is. */
async function locate(to: Endpoint): Promise<Endpoint> {
  const socket = openUdpSocket(LOOPBACK);
  await socket.send(search("upnp:rootdevice"), to);
  const answer = await socket.receive();
  socket.close();
  assertEquals(answer?.source, to);
  const text = new TextDecoder().decode(answer?.data);
  const [, hostname = "", port] = /^LOCATION: http:\/\/([\d.]+):(\d+)\//m.exec(text) ?? [];
  return { hostname, port: Number(port) };
}

async function request(to: Endpoint, text: string): Promise<string> {
  const stream = await connectTcpStream(to);
  await stream.write(encode(text));
  const into = new Uint8Array(65_536);
  let answer = "";
  for (let count = await stream.read(into); count !== null; count = await stream.read(into)) {
    answer += new TextDecoder().decode(into.subarray(0, count));
  }
  stream.close();
  return answer;
}

const MAP = post("AddPortMapping", mapping({ NewInternalClient: "127.0.0.1" }));

Deno.test("a router of UPnP is found and maps on real sockets, and gives its ports back", async () => {
  let ports: readonly Endpoint[] = [];
  await withService({}, async ({ gateway, upnp }) => {
    ports = [upnp.searches, upnp.http];
    const http = await locate(upnp.searches);
    assertEquals(http, upnp.http);
    assertEquals(outcome(await request(http, MAP)), {});
    const [made] = gateway.mappings(systemClock.now());
    assertEquals([made?.address, made?.externalPort, made?.internalPort], ["127.0.0.1", 8080, 80]);
    const { searches, httpRequests } = gateway.counters;
    assertEquals([searches, httpRequests], [1, 1]);
  });
  const [searches = LOOPBACK, http = LOOPBACK] = ports;
  openUdpSocket(searches).close();
  listenTcp(http).close();
});

Deno.test("a reboot moves HTTP to another port on real sockets too", async () => {
  await withService({ upnpNewPort: true }, async ({ gateway, service, upnp }) => {
    const before = upnp.http;
    gateway.reboot(systemClock.now());
    const http = await locate(upnp.searches);
    assertEquals(http, service.upnp?.http);
    assertNotEquals(http, before);
    assertEquals(outcome(await request(http, MAP)), {});
  });
});

Deno.test("the end of the service ends an answer that waits, and one without an end", async () => {
  for (
    const faults of [{ silent: true }, { latencyMs: 60_000 }, { upnpBody: "endless" }] satisfies Faults[]
  ) {
    let stream: Awaited<ReturnType<typeof connectTcpStream>> | undefined;
    await withService(faults, async ({ gateway, upnp }) => {
      stream = await connectTcpStream(upnp.http);
      const heard = Promise.withResolvers<void>();
      gateway.observe({ log: () => heard.resolve() });
      await stream.write(encode(MAP));
      await heard.promise;
    });
    stream?.close();
  }
});
