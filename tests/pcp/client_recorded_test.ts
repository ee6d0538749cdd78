// The client and a real server: it sends the recorded requests, byte by byte, and makes this of the recorded replies
// (tests/testdata/pcp/miniupnpd.hex). That server's peculiarities are what the client is built for.

import { assertEquals, assertRejects } from "@std/assert";
import { DeletionRefusedError, NoAnswerError, NotSupportedError, RefusedError } from "../../lib/errors.ts";
import type { Datagram } from "../../lib/net/datagram.ts";
import { PcpClient } from "../../lib/pcp/client.ts";
import type { Lease } from "../../lib/port_mapper.ts";
import { ManualClock, MemoryNetwork } from "../../lib/simulator/mod.ts";
import { hex } from "../simulator/hex.ts";
import { readRecordings, type Recording } from "./recorded.ts";

const RECORDINGS = readRecordings();
const ROUTER = "10.77.0.1";
const CLIENT = "10.77.0.2";
const NONCE = "a1a2a3a4a5a6a7a8a9aaabac";
const NONCE_2 = "b1b2b3b4b5b6b7b8b9babbbc";

/** A client of a server that gives the recorded replies, in this order, each to the request that it was recorded for. */
class Recorded {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork({ clock: this.clock, random: () => 0.5 });
  readonly client: PcpClient;
  readonly #script: Recording[];

  constructor(names: readonly string[], clientAddress = CLIENT) {
    this.#script = names.map((name) => RECORDINGS.get(name)!);
    const router = this.network.host(ROUTER);
    const local = { hostname: ROUTER, port: 5351 };
    const deliver = ({ data, source }: Datagram) => {
      const { request, reply } = this.#script.shift() ?? {};
      assertEquals(data.toHex(), request?.toHex());
      if (reply !== undefined) router.emit({ data: reply, source: local }, source);
    };
    router.listen({ local, deliver });
    this.client = new PcpClient(ROUTER, {
      clock: this.clock,
      random: () => 0.5,
      openSocket: this.network.host(CLIENT).open,
      clientAddress: () => Promise.resolve(clientAddress),
      randomBytes: () => hex(NONCE),
    });
  }

  /** The outcome, once everything recorded was asked for. */
  async run<T>(asking: (client: PcpClient) => Promise<T>): Promise<T> {
    try {
      return await this.clock.runUntil(asking(this.client));
    } finally {
      assertEquals(this.#script, []);
    }
  }
}

function granted({ externalPort, externalAddress, lifetimeSeconds, token }: Lease) {
  return { externalPort, externalAddress, lifetimeSeconds, token };
}

const TCP_2222 = { protocol: "tcp", internalPort: 2222, lifetimeSeconds: 3600 } as const;
const AT_2222 = { externalPort: 2222, externalAddress: "11.22.33.44", lifetimeSeconds: 3600, token: NONCE };

Deno.test("PcpClient and miniupnpd: the epoch", async () => {
  const probed = await new Recorded(["announce"]).run((client) => client.probe());
  assertEquals(probed, { epochSeconds: 3, attempts: 1, elapsedMs: 0 });
});

Deno.test("PcpClient and miniupnpd: a mapping, its renewal on the same port without being told which, its deletion twice", async () => {
  const recorded = new Recorded(["map", "renew", "delete_both", "delete_absent"]);
  await recorded.run(async (client) => {
    assertEquals(granted(await client.map(TCP_2222)), AT_2222);
    assertEquals(granted(await client.map(TCP_2222)), AT_2222);
    assertEquals(await client.unmap(TCP_2222), { epochSeconds: 3, attempts: 1, elapsedMs: 0 });
    assertEquals(await client.unmap(TCP_2222), { epochSeconds: 3, attempts: 1, elapsedMs: 0 });
  });
});

Deno.test("PcpClient and miniupnpd: a mapping with another nonce cannot be deleted, and the refusal holds for 30 s", async () => {
  const asking = (client: PcpClient) => client.unmap({ ...TCP_2222, token: NONCE_2 });
  const error = await assertRejects(
    () => new Recorded(["delete_with_another_nonce"]).run(asking),
    DeletionRefusedError,
  );
  assertEquals([error.refusal, error.resultCode, error.holdsMs], ["not-authorized", 2, 30_000]);
  assertEquals(error.message, "10.77.0.1 refused to delete the mapping: not authorized (PCP result 2)");
});

Deno.test("PcpClient and miniupnpd: a lifetime that is made longer, and one that is cut to a day", async () => {
  const recorded = new Recorded(["map_udp_60_s", "map_udp_longest"]);
  await recorded.run(async (client) => {
    const short = await client.map({ protocol: "udp", internalPort: 4000, lifetimeSeconds: 60 });
    assertEquals([short.lifetimeSeconds, short.requestedLifetimeSeconds, short.expiresAtMs], [
      120,
      60,
      120_000,
    ]);
    const long = await client.map({ protocol: "udp", internalPort: 4002, lifetimeSeconds: 4_294_967_295 });
    assertEquals([long.lifetimeSeconds, long.renewAtMs], [86_400, 48_600_000]);
  });
});

Deno.test("PcpClient and miniupnpd: an exact port is granted, and one that is taken is another all the same", async () => {
  const exact = { protocol: "tcp", lifetimeSeconds: 3600, exact: true } as const;
  await new Recorded(["prefer_failure", "prefer_failure_taken_port"]).run(async (client) => {
    const free = await client.map({ ...exact, internalPort: 9003, externalPort: 9010 });
    const taken = await client.map({ ...exact, internalPort: 9002, externalPort: 9000 });
    assertEquals([free.externalPort, taken.externalPort, taken.requestedExternalPort], [9010, 9002, 9000]);
  });
});

Deno.test("PcpClient and miniupnpd: another address in the header than the sender's", async () => {
  const asking = (client: PcpClient) => client.map({ ...TCP_2222, internalPort: 9009 });
  const error = await assertRejects(
    () => new Recorded(["client_mismatch"], "10.77.0.3").run(asking),
    RefusedError,
  );
  assertEquals([error.refusal, error.resultCode], ["not-authorized", 12]);
});

Deno.test("PcpClient and miniupnpd: no mapping while its external address is private", async () => {
  const error = await assertRejects(
    () => new Recorded(["private_external_address"]).run((client) => client.map(TCP_2222)),
    RefusedError,
  );
  assertEquals([error.refusal, error.resultCode, error.holdsMs], ["out-of-resources", 8, 30_000]);
});

// ---- its other replies, each to a request that it was not recorded for ----

async function outcomeOf(reply: Uint8Array): Promise<unknown> {
  const clock = new ManualClock();
  const network = new MemoryNetwork({ clock, random: () => 0.5 });
  const local = { hostname: ROUTER, port: 5351 };
  const router = network.host(ROUTER);
  router.listen({ local, deliver: ({ source }) => router.emit({ data: reply, source: local }, source) });
  const { open: openSocket } = network.host(CLIENT);
  const randomBytes = () => hex(NONCE);
  const client = new PcpClient(ROUTER, {
    clock,
    openSocket,
    localAddress: CLIENT,
    randomBytes,
    random: () => 0.5,
  });
  return await clock.runUntil(client.map(TCP_2222).catch((error) => error));
}

Deno.test("PcpClient and every recorded reply: it grants tcp 2222 to this nonce alone, and nothing else is a lease", async () => {
  const leases = new Set<string>();
  for (const [name, { reply }] of RECORDINGS) {
    if (reply === undefined) continue;
    const outcome = await outcomeOf(reply);
    const isFailure = [RefusedError, NotSupportedError, NoAnswerError].some((type) =>
      outcome instanceof type
    );
    if (!isFailure) leases.add(name);
  }
  assertEquals([...leases], ["map", "renew", "renew_for_another_port", "map_anew"]);
});
