// What a client owes the server (RFC 6887), each with its test here or where it is named. Announcements and the epoch
// are in client_epoch_test, what is no answer and what is refused in client_refusal_test, the external address in
// client_address_test, nonces and suggestions in client_nonce_test, a real server's replies in client_recorded_test.
//
// 8.1     client address in the header          "names the address that it sends from"
// 8.1.1   schedule; the same nonce each time     "sends again", "each time the same bytes"
// 8.3     a cap on lifetimes                     "24 h"
// 11.2    never assume the suggestion            "takes what was granted"
// 11.2.1  renewal in 1/2..5/8, 4 s apart         "renewAtMs"
// 13.2    PREFER_FAILURE                         "exact"
// 15      lifetime of a deletion                 "closesInSeconds"
// 15.1    deletion                               "writes the deletion of §15.1"

import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import { NoAnswerError, PortMapperError } from "../../lib/errors.ts";
import { PcpClient, type PcpClientOptions } from "../../lib/pcp/client.ts";
import type { RequestOptions } from "../../lib/port_mapper.ts";
import { hex } from "../simulator/hex.ts";
import { EXTERNAL, fieldsOf, GATEWAY, granted, HOST, NONCE_1, NONCE_2, PcpLab, refused } from "./pcp_lab.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const AT_8080 = { ...TCP_80, externalPort: 8080, lifetimeSeconds: 3600 } as const;

const HOST_16 = "00000000000000000000ffff0a000002";
const ANY_16 = "00000000000000000000ffff00000000";

type Ask = (client: PcpClient, options?: RequestOptions) => Promise<unknown>;

const ASKINGS: readonly (readonly [name: string, ask: Ask])[] = [
  ["probe()", (client, options) => client.probe(options)],
  ["map()", (client, options) => client.map(AT_8080, options)],
  ["unmap()", (client, options) => client.unmap({ ...TCP_80, token: NONCE_2 }, options)],
  ["findAddress()", (client, options) => client.findAddress(options)],
];

// ---- what is sent ----

Deno.test("PcpClient.probe() writes the ANNOUNCE of §14.1", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.probe());
  assertEquals(lab.heard, [hex(`02 00 00 00 | 00 00 00 00 | ${HOST_16}`)]);
});

Deno.test("PcpClient.map() writes the MAP of §11.1: any port and address, 7200 s", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.map(TCP_80));
  assertEquals(lab.heard, [
    hex(`02 01 00 00 | 00 00 1C 20 | ${HOST_16} | ${NONCE_1} | 06 00 00 00 | 00 50 00 00 | ${ANY_16}`),
  ]);
});

Deno.test("PcpClient.map() writes the smallest and the largest that it takes", async () => {
  const lab = new PcpLab();
  const ports = { externalPort: 1, internalPort: 1 };
  await lab.run(lab.client.map({ protocol: "tcp", ...ports, lifetimeSeconds: 1 }));
  const largest = { internalPort: 65_535, externalPort: 65_535, lifetimeSeconds: 4_294_967_295 };
  await lab.run(lab.client.map({ protocol: "udp", ...largest }));
  const [small, large] = lab.heard.map(fieldsOf);
  assertEquals([small?.protocol, small?.internalPort, small?.externalPort, small?.lifetime], [6, 1, 1, 1]);
  assertEquals(
    [large?.protocol, large?.internalPort, large?.externalPort, large?.lifetime],
    [17, 65_535, 65_535, 4_294_967_295],
  );
});

Deno.test("PcpClient.unmap() writes the deletion of §15.1: no lifetime, no port, no address of IPv4 (erratum 3621)", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.unmap({ ...AT_8080, token: NONCE_2 }));
  assertEquals(lab.heard, [
    hex(`02 01 00 00 | 00 00 00 00 | ${HOST_16} | ${NONCE_2} | 06 00 00 00 | 00 50 00 00 | ${ANY_16}`),
  ]);
});

Deno.test("PcpClient for another host names it by THIRD_PARTY where it maps and deletes, and nowhere else (§13.1)", async () => {
  const lab = new PcpLab(undefined, { forHost: "10.0.0.9" });
  const { forHost } = await lab.run(lab.client.map(AT_8080));
  await lab.run(lab.client.unmap(AT_8080));
  await lab.run(lab.client.findAddress());
  const thirdParty = "01000010" + "00000000000000000000ffff0a000009";
  assertEquals(lab.heard.map((data) => fieldsOf(data).options), [thirdParty, thirdParty, "", ""]);
  assertEquals(forHost, "10.0.0.9");
});

Deno.test("PcpClient for another host takes no mapping that leads elsewhere for an answer", async () => {
  const withoutOptions = (request: Uint8Array) => granted(request).slice(0, 60);
  const withOther = (request: Uint8Array) => granted(request).with(79, 8);
  for (const answer of [withoutOptions, withOther]) {
    const lab = new PcpLab((request) => [answer(request)], { forHost: "10.0.0.9" });
    const error = await assertRejects(() => lab.run(lab.client.map(AT_8080)), NoAnswerError);
    assertEquals([...error.discarded.keys()], ["for another host"]);
  }
  for (const forHost of ["10.0.0", "::1", "router"]) {
    assertThrows(() => new PcpLab(undefined, { forHost }), SyntaxError);
  }
});

Deno.test("PcpClient asks at another port than 5351 where one is named", async () => {
  const lab = new PcpLab(undefined, { port: 15_351 });
  await lab.run(lab.client.probe());
  assertEquals(lab.heard.length, 1);
});

for (const [name, ask] of ASKINGS) {
  Deno.test(`PcpClient.${name} sends again each time the same bytes, at 0, 250, 750, 1750 and 3750 ms`, async () => {
    const lab = new PcpLab(() => []);
    const error = await assertRejects(() => lab.run(ask(lab.client)), NoAnswerError);
    assertEquals(error.effort, { attempts: 5, elapsedMs: 7750 });
    assertEquals(lab.heardAtMs, [0, 250, 750, 1750, 3750]);
    assert(lab.heard.every((data) => data.toHex() === lab.heard[0]!.toHex()));
  });

  Deno.test(`PcpClient.${name} sends again by the schedule of §8.1.1 when it is patient, for as long as it may`, async () => {
    const lab = new PcpLab(() => [], { isPatient: true });
    const asking = ask(lab.client, { timeoutMs: 200_000 });
    await assertRejects(() => lab.run(asking), NoAnswerError);
    assertEquals(lab.heardAtMs, [0, 3000, 9000, 21_000, 45_000, 93_000, 189_000]);
  });

  Deno.test(`PcpClient.${name} sends no more often than maxAttempts`, async () => {
    const lab = new PcpLab(() => []);
    const error = await assertRejects(() => lab.run(ask(lab.client, { maxAttempts: 2 })), NoAnswerError);
    assertEquals(error.effort, { attempts: 2, elapsedMs: 750 });
  });

  Deno.test(`PcpClient.${name} rejects with the signal's reason`, async () => {
    const lab = new PcpLab(() => []);
    const controller = new AbortController();
    void lab.clock.sleep(300).then(() => controller.abort(new Error("enough")));
    await assertRejects(() => lab.run(ask(lab.client, { signal: controller.signal })), Error, "enough");
    assertEquals(lab.heard.length, 2);
  });

  Deno.test(`PcpClient.${name} refuses limits out of range, and sends nothing`, async () => {
    const lab = new PcpLab();
    for (const limits of [{ maxAttempts: 0 }, { maxAttempts: 1.5 }, { timeoutMs: 0 }, { timeoutMs: NaN }]) {
      await assertRejects(() => ask(lab.client, limits), RangeError);
    }
    assertEquals(lab.heard, []);
  });
}

Deno.test("PcpClient waits a random tenth longer or shorter each time (§8.1.1)", async () => {
  for (const [random, sends] of [[0, [0, 225, 630]], [1 - 2 ** -53, [0, 275, 880]]] as const) {
    const lab = new PcpLab(() => [], { random: () => random, maxAttempts: 3 });
    await assertRejects(() => lab.run(lab.client.probe()), NoAnswerError);
    assertEquals(lab.heardAtMs, [...sends]);
  }
});

Deno.test("PcpClient takes its limits from its options, and a request's own before those", async () => {
  const lab = new PcpLab(() => [], { maxAttempts: 3, timeoutMs: 1000 });
  const first = await assertRejects(() => lab.run(lab.client.probe()), NoAnswerError);
  assertEquals(first.effort, { attempts: 3, elapsedMs: 1000 });
  const own = lab.client.probe({ maxAttempts: 1, timeoutMs: 5000 });
  const second = await assertRejects(() => lab.run(own), NoAnswerError);
  assertEquals(second.effort, { attempts: 1, elapsedMs: 250 });
});

// ---- whose address is in the header (§8.1) ----

Deno.test("PcpClient names the address that it sends from, looked up for each request", async () => {
  const addresses = [HOST, "10.0.0.7"];
  const clientAddress = () => Promise.resolve(addresses.shift());
  const lab = new PcpLab(undefined, { localAddress: undefined, clientAddress });
  await lab.run(lab.client.probe());
  await lab.run(lab.client.map(TCP_80));
  const named = lab.heard.map((data) => data.subarray(8, 24).toHex());
  assertEquals(named, [HOST_16, "00000000000000000000ffff0a000007"]);
});

Deno.test("PcpClient names the local address where it has one, sends from it and looks nothing up", async () => {
  const opened: unknown[] = [];
  const lab: PcpLab = new PcpLab(undefined, {
    clientAddress: () => Promise.reject(new Error("It was looked up")),
    openSocket: (local) => {
      opened.push(local);
      return lab.host.open(local);
    },
  });
  await lab.run(lab.client.map(TCP_80));
  assertEquals([fieldsOf(lab.heard[0]!).client, opened], [HOST_16, [{ hostname: HOST }]]);
});

Deno.test("PcpClient sends nothing where the address that it sends from is unknown, and says so", async () => {
  for (const clientAddress of [undefined, () => Promise.resolve(undefined)]) {
    const lab = new PcpLab(undefined, { localAddress: undefined, clientAddress });
    for (const [, ask] of ASKINGS) {
      const error = await assertRejects(() => ask(lab.client), PortMapperError);
      assertEquals(
        error.message,
        "Cannot speak PCP with 10.0.0.1: the address that this host sends from is unknown",
      );
    }
    assertEquals(lab.heard, []);
  }
});

// ---- out of range ----

const NO_PORTS = [-1, 65_536, 1.5, NaN, Infinity];

Deno.test("PcpClient.map() refuses ports and lifetimes out of range, internal port 0 among them, and sends nothing", async () => {
  const lab = new PcpLab();
  for (const port of [0, ...NO_PORTS]) {
    await assertRejects(() => lab.client.map({ ...TCP_80, internalPort: port }), RangeError, `port ${port}`);
    await assertRejects(() => lab.client.map({ ...TCP_80, externalPort: port }), RangeError, `port ${port}`);
  }
  for (const lifetimeSeconds of [0, -1, 1.5, NaN, Infinity, 2 ** 32]) {
    await assertRejects(
      () => lab.client.map({ ...TCP_80, lifetimeSeconds }),
      RangeError,
      `${lifetimeSeconds} s`,
    );
  }
  assertEquals(lab.heard, []);
});

Deno.test("PcpClient.unmap() refuses what is not a port, and sends nothing", async () => {
  const lab = new PcpLab();
  for (const port of NO_PORTS) {
    const mapping = { ...TCP_80, token: NONCE_1 };
    await assertRejects(() => lab.client.unmap({ ...mapping, internalPort: port }), RangeError);
    await assertRejects(() => lab.client.unmap({ ...mapping, externalPort: port }), RangeError);
  }
  assertEquals(lab.heard, []);
});

Deno.test("PcpClient.unmap() leaves internal port 0 to expire: deleting it would delete every port", async () => {
  const lab = new PcpLab();
  const mapping = { protocol: "udp", internalPort: 0, token: NONCE_1 } as const;
  assertEquals(await lab.client.unmap(mapping), { leftToExpire: true, attempts: 0, elapsedMs: 0 });
  assertEquals([lab.heard, "unmapAll" in lab.client], [[], false]);
});

Deno.test("new PcpClient() refuses what is not an address, and numbers out of range", () => {
  for (const gateway of ["", "router", "10.0.0", "10.0.0.256", "10.0.0.1:5351"]) {
    assertThrows(() => new PcpClient(gateway), SyntaxError, `"${gateway}"`);
  }
  const options: PcpClientOptions[] = [{ port: 0 }, { port: 65_536 }, { maxAttempts: 0 }, { timeoutMs: -1 }];
  for (const wrong of options) assertThrows(() => new PcpClient(GATEWAY, wrong), RangeError);
});

// ---- successes ----

Deno.test("PcpClient.probe() gives the epoch and the effort, and nothing else", async () => {
  const lab = new PcpLab();
  assertEquals(await lab.run(lab.client.probe()), { epochSeconds: 74_565, attempts: 1, elapsedMs: 0 });
});

Deno.test("PcpClient.map() gives a whole lease, and nothing else", async () => {
  const lab = new PcpLab(undefined, { random: () => 0 });
  assertEquals(await lab.run(lab.client.map(AT_8080)), {
    via: "pcp",
    protocol: "tcp",
    internalPort: 80,
    requestedExternalPort: 8080,
    externalPort: 8080,
    externalAddress: EXTERNAL,
    token: NONCE_1,
    requestedLifetimeSeconds: 3600,
    lifetimeSeconds: 3600,
    grantedAtMs: 5000,
    renewAtMs: 5000 + 1_800_000,
    joinAtMs: 5000 + 1_800_000,
    minRetryGapMs: 4000,
    expiresAtMs: 5000 + 3_600_000,
    epochSeconds: 74_565,
    attempts: 1,
    elapsedMs: 0,
  });
});

Deno.test("PcpClient.map() takes what was granted, whatever it suggested", async () => {
  const lab = new PcpLab((request) => [
    granted(request, { externalPort: 9090, externalAddress: "198.51.100.4", lifetime: 120 }),
  ]);
  const lease = await lab.run(lab.client.map(AT_8080));
  assertEquals([lease.externalPort, lease.requestedExternalPort], [9090, 8080]);
  assertEquals([lease.lifetimeSeconds, lease.requestedLifetimeSeconds], [120, 3600]);
  assertEquals(lease.externalAddress, "198.51.100.4");
});

Deno.test("PcpClient.map() names no requested external port when there was none", async () => {
  const lab = new PcpLab();
  const lease = await lab.run(lab.client.map(TCP_80));
  assertFalse(Object.hasOwn(lease, "requestedExternalPort"));
  assertEquals([lease.externalPort, lease.requestedLifetimeSeconds], [40_000, 7200]);
});

Deno.test("PcpClient.unmap() gives the epoch and the effort, and nothing else", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.map(AT_8080));
  assertEquals(await lab.run(lab.client.unmap(TCP_80)), { epochSeconds: 74_565, attempts: 1, elapsedMs: 0 });
});

Deno.test("PcpClient.unmap() gives closesInSeconds where the port stays open for a while (§15)", async () => {
  const lab = new PcpLab((request) => [granted(request, { lifetime: 90 })]);
  const unmapped = await lab.run(lab.client.unmap({ ...TCP_80, token: NONCE_1 }));
  assertEquals(unmapped.closesInSeconds, 90);
});

// ---- the times of a lease (§11.2.1) ----

const HOUR_S = 3600;
const DAY_S = 86_400;

for (
  const [what, lifetime, baseS] of [
    ["the granted lifetime", HOUR_S, HOUR_S],
    ["a longer one than was asked for (§15)", 2 * HOUR_S, 2 * HOUR_S],
    ["24 h", DAY_S, DAY_S],
    ["no more than 24 h (§8.3)", DAY_S + 1, DAY_S],
    ["no more than 24 h, also of the longest", 4_294_967_295, DAY_S],
    ["a lifetime of 1 s", 1, 1],
  ] as const
) {
  Deno.test(`PcpClient.map() sets renewAtMs from 1/2 to 5/8 of ${what}, joinAtMs to 1/2, and expiresAtMs to its end`, async () => {
    for (const [random, share] of [[0, 1 / 2], [0.5, 9 / 16], [1 - 2 ** -53, 5 / 8]] as const) {
      const lab = new PcpLab((request) => [granted(request, { lifetime })], { random: () => random });
      const lease = await lab.run(lab.client.map(AT_8080));
      assertEquals(Math.round(lease.renewAtMs), Math.round(5000 + baseS * 1000 * share));
      assertEquals(lease.joinAtMs, 5000 + baseS * 500);
      assertEquals([lease.expiresAtMs, lease.lifetimeSeconds], [5000 + lifetime * 1000, lifetime]);
    }
  });
}

Deno.test("PcpClient.map() counts a lease from its first send", async () => {
  const lab = new PcpLab((request, nth) => nth < 3 ? [] : [granted(request)], { random: () => 0.5 });
  const lease = await lab.run(lab.client.map({ ...AT_8080, lifetimeSeconds: 120 }));
  assertEquals([lease.attempts, lease.elapsedMs], [3, 750]);
  assertEquals([lease.grantedAtMs, lease.expiresAtMs], [5000, 125_000]);
});

// ---- PREFER_FAILURE (§13.2) ----

const EXACT = { ...AT_8080, exact: true } as const;
const PREFER_FAILURE = "02000000";

Deno.test("PcpClient.map() asks with PREFER_FAILURE for an exact port, and leaves it to the caller to compare", async () => {
  const lab = new PcpLab((request) => [granted(request, { externalPort: 9090 })]);
  const lease = await lab.run(lab.client.map(EXACT));
  assertEquals([fieldsOf(lab.heard[0]!).options, lease.externalPort], [PREFER_FAILURE, 9090]);
});

Deno.test("PcpClient.map() has nothing to be exact about without an external port", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.map({ ...TCP_80, exact: true }));
  assertEquals(fieldsOf(lab.heard[0]!).options, "");
});

Deno.test("PcpClient.map() asks once more without PREFER_FAILURE where the gateway lacks it, and then never again with it", async () => {
  const lab = new PcpLab((request) => [request.length > 60 ? refused(request, 5) : granted(request)]);
  const lease = await lab.run(lab.client.map(EXACT));
  assertEquals([lease.externalPort, lease.token, lease.attempts], [8080, NONCE_1, 2]);
  await lab.run(lab.client.map(EXACT));
  assertEquals(lab.heard.map((data) => fieldsOf(data).options), [PREFER_FAILURE, "", ""]);
});

Deno.test("PcpClient.map() takes no longer with both requests than it may", async () => {
  const lab = new PcpLab((request, nth) => nth === 3 ? [refused(request, 5)] : []);
  const asking = lab.client.map(EXACT, { timeoutMs: 1000 });
  await assertRejects(() => lab.run(asking), NoAnswerError);
  assertEquals(lab.heardAtMs, [0, 250, 750, 750]);
  assertEquals(lab.clock.now(), 6000);
});

Deno.test("PcpClient.map() does not suggest the address with PREFER_FAILURE: one that has changed would be refused", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.map(EXACT));
  await lab.run(lab.client.map(EXACT));
  assertEquals(fieldsOf(lab.heard[1]!).externalAddress, ANY_16);
});
