// What a mapping keeps from one request to the next (RFC 6887): its nonce (§8.1.1, §11.2, §11.3) and what its renewal
// suggests (§11.2.1).

import { assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { DeletionRefusedError, NoAnswerError, RefusedError } from "../../lib/errors.ts";
import { fieldsOf, granted, HOST, NONCE_1, NONCE_2, PcpLab, refused } from "./pcp_lab.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const UDP_80 = { protocol: "udp", internalPort: 80 } as const;
const ANY_16 = "00000000000000000000ffff00000000";
const EXTERNAL_16 = "00000000000000000000ffffcb007109";

function noncesOf(lab: PcpLab): string[] {
  return lab.heard.map((data) => fieldsOf(data).nonce);
}

// ---- nonces ----

Deno.test("PcpClient gives each mapping a nonce of its own, and keeps it for renewals and the deletion", async () => {
  const lab = new PcpLab();
  const tcp = await lab.run(lab.client.map(TCP_80));
  const udp = await lab.run(lab.client.map(UDP_80));
  assertEquals([tcp.token, udp.token], [NONCE_1, NONCE_2]);
  assertEquals((await lab.run(lab.client.map(TCP_80))).token, NONCE_1);
  await lab.run(lab.client.unmap(UDP_80));
  await lab.run(lab.client.unmap(TCP_80));
  assertEquals(noncesOf(lab), [NONCE_1, NONCE_2, NONCE_1, NONCE_2, NONCE_1]);
});

Deno.test("PcpClient has nonces of 96 bits from the system's own source of chance", async () => {
  const lab = new PcpLab();
  const tokens = new Set<string | undefined>();
  for (let i = 0; i < 50; i++) {
    const client = lab.newClient({ randomBytes: undefined });
    tokens.add((await lab.run(client.map(TCP_80))).token);
  }
  assertEquals(tokens.size, 50);
  for (const token of tokens) assertMatch(token!, /^[0-9a-f]{24}$/);
});

Deno.test("PcpClient renews and deletes with the token of a lease that an earlier process made", async () => {
  const lab = new PcpLab();
  const lease = await lab.run(lab.client.map(TCP_80));
  const renewed = await lab.run(lab.newClient().map({ ...TCP_80, externalPort: 40_000, token: lease.token }));
  assertEquals(renewed.token, lease.token);
  await lab.run(lab.newClient().unmap(renewed));
  assertEquals(noncesOf(lab), [NONCE_1, NONCE_1, NONCE_1]);
});

Deno.test("PcpClient puts the caller's token before the nonce that it used, and uses it from then on", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.map(TCP_80));
  const token = "0a0b0c0d0e0f101112131415";
  await lab.run(lab.client.map({ ...TCP_80, token }));
  await lab.run(lab.client.unmap(TCP_80));
  assertEquals(noncesOf(lab), [NONCE_1, token, token]);
});

Deno.test("PcpClient takes a token that is not a nonce for none: the mapping gets a new one", async () => {
  for (const token of ["", "uuid:0a1b", `${NONCE_1}00`, NONCE_2.toUpperCase()]) {
    const lab = new PcpLab();
    assertEquals((await lab.run(lab.client.map({ ...TCP_80, token }))).token, NONCE_1);
  }
});

Deno.test("PcpClient keeps the nonce of a request without an answer, which may have made the mapping", async () => {
  const lab = new PcpLab(() => []);
  assertEquals(lab.client.tokenOf(TCP_80), undefined);
  await assertRejects(() => lab.run(lab.client.map(TCP_80)), NoAnswerError);
  assertEquals([lab.client.tokenOf(TCP_80), lab.client.tokenOf(UDP_80)], [NONCE_1, undefined]);
  lab.answer = (request) => [granted(request)];
  await lab.run(lab.client.map(TCP_80));
  await lab.run(lab.client.unmap(TCP_80));
  assertEquals(new Set(noncesOf(lab)), new Set([NONCE_1]));
});

Deno.test("PcpClient keeps the nonce of a refused request, and of a mapping that is deleted: it may be deleted again", async () => {
  const lab = new PcpLab((request) => [refused(request, 2)]);
  await assertRejects(() => lab.run(lab.client.map(TCP_80)), RefusedError);
  lab.answer = (request) => [granted(request)];
  await lab.run(lab.client.map(TCP_80));
  for (let i = 0; i < 2; i++) assertEquals((await lab.run(lab.client.unmap(TCP_80))).attempts, 1);
  assertEquals(new Set(noncesOf(lab)), new Set([NONCE_1]));
});

Deno.test("PcpClient.unmap() of a mapping without a nonce is refused before anything is sent", async () => {
  const lab = new PcpLab();
  const wallMs = lab.clock.wallNow().getTime();
  const expiresAtMs = lab.clock.now() + 60_000;
  for (const token of [undefined, "", "12", `${NONCE_1}00`]) {
    const asking = () => lab.client.unmap({ ...TCP_80, token, expiresAtMs });
    const error = await assertRejects(asking, DeletionRefusedError);
    assertEquals([error.refusal, error.resultCode, error.mapping], ["not-authorized", 2, TCP_80]);
    assertEquals([error.livesUntil, error.effort], [new Date(wallMs + 60_000), undefined]);
    assertEquals(
      error.message,
      "Only the program that opened tcp port 80 over PCP can close it: this host does not have its nonce",
    );
  }
  assertEquals(lab.heard, []);
});

// ---- suggestions ----

Deno.test("PcpClient.map() suggests the port and the address that the mapping has, when no port is named", async () => {
  const lab = new PcpLab();
  for (let i = 0; i < 2; i++) await lab.run(lab.client.map(TCP_80));
  const [first, renewal] = lab.heard.map(fieldsOf);
  assertEquals([first?.externalPort, first?.externalAddress], [0, ANY_16]);
  assertEquals([renewal?.externalPort, renewal?.externalAddress], [40_000, EXTERNAL_16]);
});

Deno.test("PcpClient.map() suggests the caller's port before the one that the mapping has", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.map(TCP_80));
  await lab.run(lab.client.map({ ...TCP_80, externalPort: 8080 }));
  await lab.run(lab.client.map(TCP_80));
  assertEquals(lab.heard.map((data) => fieldsOf(data).externalPort), [0, 8080, 8080]);
});

Deno.test("PcpClient.map() suggests the new address once it has changed", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.map(TCP_80));
  lab.answer = (request) => [granted(request, { externalAddress: "198.51.100.4" })];
  for (let i = 0; i < 2; i++) await lab.run(lab.client.map(TCP_80));
  const suggested = lab.heard.map((data) => fieldsOf(data).externalAddress);
  assertEquals(suggested, [ANY_16, EXTERNAL_16, "00000000000000000000ffffc6336404"]);
});

Deno.test("PcpClient.map() suggests nothing for a mapping that it has deleted, nor for another one", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.map(TCP_80));
  await lab.run(lab.client.unmap(TCP_80));
  await lab.run(lab.client.map(TCP_80));
  await lab.run(lab.client.map(UDP_80));
  const last = lab.heard.slice(2).map(fieldsOf);
  assertEquals(last.map(({ externalPort }) => externalPort), [0, 0]);
  assertEquals(last.map(({ externalAddress }) => externalAddress), [ANY_16, ANY_16]);
});

Deno.test("PcpClient.map() goes on suggesting the port after a refusal and after silence", async () => {
  const lab = new PcpLab();
  await lab.run(lab.client.map(TCP_80));
  lab.answer = (request) => [refused(request, 7)];
  await assertRejects(() => lab.run(lab.client.map(TCP_80)), RefusedError);
  lab.answer = () => [];
  await assertRejects(() => lab.run(lab.client.map(TCP_80, { maxAttempts: 1 })), NoAnswerError);
  assertEquals(lab.heard.map((data) => fieldsOf(data).externalPort), [0, 40_000, 40_000]);
});

Deno.test("PcpClient sends each request from a port of its own, so that a late reply answers no other", async () => {
  const lab = new PcpLab((request, nth) => nth === 1 ? [] : [granted(request)]);
  await lab.run(lab.client.map(TCP_80));
  await lab.run(lab.client.unmap(TCP_80));
  assertEquals(lab.sources[0], lab.sources[1]);
  assertNotEquals(lab.sources[1], lab.sources[2]);
  assertEquals(lab.host.address, HOST);
});
