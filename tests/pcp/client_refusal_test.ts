// What a server refuses (RFC 6887 §7.4), and datagrams that are no answer (§8.3, §11.4).

import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import {
  DeletionRefusedError,
  NoAnswerError,
  NotSupportedError,
  type NotSupportedReason,
  type Refusal,
  RefusedError,
} from "../../lib/errors.ts";
import type { PcpClient } from "../../lib/pcp/client.ts";
import { hex } from "../simulator/hex.ts";
import { NOT_RESPONSES } from "./figures.ts";
import { granted, NONCE_1, NONCE_2, PcpLab, refused } from "./pcp_lab.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const AT_8080 = { ...TCP_80, externalPort: 8080, lifetimeSeconds: 3600 } as const;

type Ask = (client: PcpClient) => Promise<unknown>;

const probe: Ask = (client) => client.probe();
const map: Ask = (client) => client.map({ ...AT_8080, token: NONCE_1 });
const unmap: Ask = (client) => client.unmap({ ...AT_8080, token: NONCE_1 });
const ASKINGS: readonly (readonly [name: string, ask: Ask])[] = [
  ["probe()", probe],
  ["map()", map],
  ["unmap()", unmap],
  ["findAddress()", (client) => client.findAddress()],
];

// ---- result codes ----

interface Meaning {
  readonly refusal?: Refusal;
  readonly reason?: NotSupportedReason;
  readonly name: string;
}

const MEANINGS: readonly (readonly [resultCode: number, meaning: Meaning])[] = [
  [1, { reason: "unsupported-version", name: "unsupported version" }],
  [2, { refusal: "not-authorized", name: "not authorized" }],
  [3, { refusal: "unknown-result", name: "malformed request" }],
  [4, { reason: "unsupported-opcode", name: "unsupported opcode" }],
  [5, { refusal: "unknown-result", name: "unsupported option" }],
  [6, { refusal: "unknown-result", name: "malformed option" }],
  [7, { refusal: "network-failure", name: "network failure" }],
  [8, { refusal: "out-of-resources", name: "no resources" }],
  [9, { reason: "unsupported-protocol", name: "unsupported protocol" }],
  [10, { refusal: "out-of-resources", name: "quota exceeded" }],
  [11, { refusal: "port-unavailable", name: "cannot provide that external port or address" }],
  [12, { refusal: "not-authorized", name: "address mismatch" }],
  [13, { refusal: "out-of-resources", name: "too many remote peers" }],
  [14, { refusal: "unknown-result", name: "undefined result" }],
  [255, { refusal: "unknown-result", name: "undefined result" }],
];

for (const [resultCode, { refusal, reason, name }] of MEANINGS) {
  for (const [asking, ask] of ASKINGS) {
    if (resultCode === 8 && asking === "unmap()") continue;
    Deno.test(`PcpClient.${asking} and result ${resultCode}: ${refusal ?? reason}`, async () => {
      // A whole copy of the request, and one that does not reach to the mapping.
      for (const length of [60, 24]) {
        const lab = new PcpLab((request) => [refused(request, resultCode).subarray(0, length)]);
        const error = await assertRejects(() => lab.run(ask(lab.client)), Error);
        if (refusal !== undefined) {
          assertInstanceOf(error, RefusedError);
          assertEquals([error.refusal, error.resultCode, error.holdsMs], [refusal, resultCode, 30_000]);
          assertEquals(error instanceof DeletionRefusedError, asking === "unmap()");
        } else {
          assertInstanceOf(error, NotSupportedError);
          assertEquals([error.reason, error.resultCode, error.version], [reason, resultCode, undefined]);
        }
        const outcome = error instanceof DeletionRefusedError ? "refused to delete the mapping" : "answered";
        assertStringIncludes(error.message, `10.0.0.1 ${outcome}: ${name} (PCP result ${resultCode})`);
        assertEquals((error as RefusedError).effort, { attempts: 1, elapsedMs: 0 });
        await lab.clock.advance(300_000);
        assertEquals(lab.heard.length, 1, "a refusal is an answer: nothing is sent again");
      }
    });
  }
}

Deno.test("PcpClient reports an address mismatch as what it is: something between it and the router changes addresses", async () => {
  const lab = new PcpLab((request) => [refused(request, 12)]);
  const error = await assertRejects(() => lab.run(map(lab.client)), RefusedError);
  assertEquals(
    error.message,
    "10.0.0.1 answered: address mismatch (PCP result 12): another NAT or a proxy is between this host and the router",
  );
});

for (
  const [lifetime, holdsS] of [[0, 30], [29, 30], [31, 31], [1799, 1799], [1801, 1800], [
    4_294_967_295,
    1800,
  ]] as const
) {
  Deno.test(`PcpClient has an error of ${lifetime} s hold for ${holdsS} s: 30 s at least, 30 min at most`, async () => {
    const lab = new PcpLab((request) => [refused(request, 2, { lifetime })]);
    const error = await assertRejects(() => lab.run(map(lab.client)), RefusedError);
    assertEquals(error.holdsMs, holdsS * 1000);
    const refusal = await assertRejects(() => lab.run(unmap(lab.client)), DeletionRefusedError);
    assertEquals(refusal.holdsMs, holdsS * 1000);
  });
}

Deno.test("PcpClient.unmap() that is refused names the mapping and its end", async () => {
  const lab = new PcpLab((request) => [refused(request, 2)]);
  const wallMs = lab.clock.wallNow().getTime();
  const mapping = { ...AT_8080, token: NONCE_1, expiresAtMs: lab.clock.now() + 60_000 };
  const error = await assertRejects(() => lab.run(lab.client.unmap(mapping)), DeletionRefusedError);
  assertEquals([error.mapping, error.livesUntil], [TCP_80, new Date(wallMs + 60_000)]);
});

Deno.test("PcpClient.unmap() takes no resources for a mapping that does not exist (miniupnpd)", async () => {
  const lab = new PcpLab((request) => [refused(request, 8, { lifetime: 30 })]);
  const unmapped = await lab.run(unmap(lab.client));
  assertEquals(unmapped, { epochSeconds: 74_565, attempts: 1, elapsedMs: 0 });
});

for (const externalAddress of ["0.0.0.0", "::"]) {
  Deno.test(`PcpClient.map() takes the address ${externalAddress} for none, and findAddress() for a failure`, async () => {
    const lab = new PcpLab((request) => {
      const reply = granted(request, { externalAddress: "0.0.0.0" });
      if (externalAddress === "::") reply.fill(0, 44, 60);
      return [reply];
    });
    const error = await assertRejects(() => lab.run(lab.client.findAddress()), RefusedError);
    assertEquals([error.refusal, error.resultCode, error.holdsMs], ["network-failure", 0, undefined]);
    assertEquals(error.message, `10.0.0.1 has no external address (it answered ${externalAddress})`);
    // The mapping is there all the same. The address is not suggested when it is renewed: :: asks for IPv6 (§5).
    for (let i = 0; i < 2; i++) {
      const lease = await lab.run(lab.client.map(AT_8080));
      assertEquals([lease.externalPort, lease.externalAddress], [8080, undefined]);
    }
    assertEquals(lab.heard.at(-1)!.subarray(44).toHex(), "00000000000000000000ffff00000000");
  });
}

// ---- other versions (§9) ----

for (const [name, ask] of ASKINGS) {
  Deno.test(`PcpClient.${name} ends at once with a version error of NAT-PMP, whatever its opcode (erratum 3618)`, async () => {
    for (const opcode of ["80", "81", "00", "82"]) {
      const lab = new PcpLab(() => [hex(`00 ${opcode} 00 01 | 00 01 23 45`)]);
      const error = await assertRejects(() => lab.run(ask(lab.client)), NotSupportedError);
      assertEquals([error.reason, error.version, error.resultCode], ["unsupported-version", 0, 1]);
      assertEquals([error.message, error.effort], [
        "10.0.0.1 speaks NAT-PMP, not PCP",
        { attempts: 1, elapsedMs: 0 },
      ]);
    }
  });

  Deno.test(`PcpClient.${name} ends at once with a version error of PCP's draft`, async () => {
    const lab = new PcpLab(() => [hex(`01 81 00 01 | 00 00 07 08 | ${"00".repeat(16)}`)]);
    const error = await assertRejects(() => lab.run(ask(lab.client)), NotSupportedError);
    assertEquals([error.version, error.message], [1, "10.0.0.1 speaks version 1 of PCP, not version 2"]);
  });

  Deno.test(`PcpClient.${name} concludes at the deadline that a gateway speaks NAT-PMP that answers in nothing else`, async () => {
    // An address (RFC 6886 §3.2), a mapping (§3.3), result 3 in 24 bytes (miniupnpd).
    for (
      const reply of [
        "00 80 00 00 00 01 23 45 CB 00 71 09",
        "00 81 0000 00012345 0050 1F90 00000E10",
        `00 80 00 03 ${"00".repeat(20)}`,
      ]
    ) {
      const lab = new PcpLab(() => [hex(reply)]);
      const error = await assertRejects(() => lab.run(ask(lab.client)), NotSupportedError);
      assertEquals([error.version, error.effort], [0, { attempts: 5, elapsedMs: 7750 }]);
    }
  });
}

// ---- what is no answer ----

/** The reply to a request, one of its bytes or more being others. */
type Forge = (request: Uint8Array) => Uint8Array;

function changed(forge: Forge, offset: number, ...bytes: number[]): Forge {
  return (request) => {
    const reply = forge(request);
    reply.set(bytes, offset);
    return reply;
  };
}

const no: Forge = (request) => refused(request, 2);
const PORT_81 = [0x00, 0x51] as const;

const DISCARDS: readonly (readonly [name: string, ask: Ask, forge: Forge, reason: string])[] = [
  ["a success with external port 0", map, changed(granted, 42, 0, 0), "a success with external port 0"],
  ["a success with lifetime 0", map, changed(granted, 4, 0, 0, 0, 0), "a success with lifetime 0"],
  [
    "an IPv6 address",
    map,
    changed(granted, 44, 0x20, 1),
    "a success with an external address that is not IPv4",
  ],
  ["another nonce", map, changed(granted, 35, 0xab), "with another nonce"],
  ["the other protocol", map, changed(granted, 36, 17), "for another protocol"],
  ["another internal port", map, changed(granted, 40, ...PORT_81), "for another internal port"],
  ["an ANNOUNCE", map, () => hex(`02 80 00 00 ${"00".repeat(20)}`), "for another opcode"],
  ["a deletion with another nonce", unmap, changed(granted, 24, 0xff), "with another nonce"],
  ["a deletion of the other protocol", unmap, changed(granted, 36, 17), "for another protocol"],
  ["a deletion of another port", unmap, changed(granted, 40, ...PORT_81), "for another internal port"],
  ["a refusal with another nonce", map, changed(no, 24, 0xff), "with another nonce"],
  ["a refusal of the other protocol", map, changed(no, 36, 17), "for another protocol"],
  ["a refusal of another port", map, changed(no, 40, ...PORT_81), "for another internal port"],
  ["a refusal of an ANNOUNCE", map, changed(no, 1, 0x80), "for another opcode"],
  ["a refusal of a PEER", map, changed(no, 1, 0x82), "for another opcode"],
  [
    "a version error of its own version for another opcode",
    map,
    changed((r) => refused(r, 1), 1, 0x80),
    "for another opcode",
  ],
  ["a refusal of a MAP", probe, changed(no, 1, 0x81), "for another opcode"],
  [
    "a mapping",
    probe,
    () => granted(hex(`02 01 ${"00".repeat(34)} 06 ${"00".repeat(3)} 0050 1F90 ${"00".repeat(16)}`)),
    "for another opcode",
  ],
  ["its own request", map, (request) => request, "a request, not a response"],
  [
    "a reply that is cut short",
    map,
    (request) => granted(request).subarray(0, 56),
    "too short for a mapping",
  ],
  [
    "a reply of 61 bytes",
    map,
    (request) => Uint8Array.of(...granted(request), 0),
    "a length that is not a multiple of 4",
  ],
  ["a reply of 1104 bytes", map, (request) => {
    const reply = new Uint8Array(1104);
    reply.set(granted(request));
    return reply;
  }, "longer than 1100 bytes"],
];

for (const [name, ask, forge, reason] of DISCARDS) {
  Deno.test(`PcpClient discards to the deadline: ${name}`, async () => {
    const lab = new PcpLab((request) => [forge(request)]);
    const error = await assertRejects(() => lab.run(ask(lab.client)), NoAnswerError);
    assertEquals(error.effort, { attempts: 5, elapsedMs: 7750 });
    assertEquals(error.discarded, new Map([[reason, 5]]));
  });
}

Deno.test("PcpClient discards everything that is not a response, whatever it asked", async () => {
  for (const [name, bytes] of NOT_RESPONSES.filter(([, bytes]) => bytes[0] !== 0)) {
    for (const [, ask] of ASKINGS) {
      const lab = new PcpLab(() => [bytes]);
      const error = await assertRejects(() => lab.run(ask(lab.client)), NoAnswerError, undefined, name);
      assertEquals([...error.discarded.values()], [5], name);
    }
  }
});

Deno.test("PcpClient takes the right answer after wrong ones, without sending for them", async () => {
  const wrong = DISCARDS.filter(([, ask]) => ask === map).map(([, , forge]) => forge);
  const lab = new PcpLab((request) => [
    ...wrong.map((forge) => forge(request)),
    ...NOT_RESPONSES.map(([, bytes]) => bytes),
    granted(request),
  ]);
  const lease = await lab.run(lab.client.map(AT_8080));
  assertEquals([lease.externalPort, lease.attempts, lab.heard.length], [8080, 1, 1]);
});

Deno.test("PcpClient takes an answer whose reserved bytes and options are not what it sent (§7.3)", async () => {
  const lab = new PcpLab((request) => [
    Uint8Array.of(...changed(granted, 12, ...Array<number>(12).fill(0xaa))(request), 0x7f, 0, 0, 0),
  ]);
  assertEquals((await lab.run(lab.client.map(AT_8080))).externalPort, 8080);
});

for (
  const [name, source, reason] of [
    ["another address", { hostname: "10.0.0.9", port: 5351 }, "from another address"],
    ["another port", { hostname: "10.0.0.1", port: 5352 }, "from another port"],
  ] as const
) {
  Deno.test(`PcpClient discards what comes from ${name}`, async () => {
    const lab = new PcpLab();
    lab.answer = (request) => {
      const to = { hostname: "10.0.0.2", port: lab.sources.at(-1)! };
      lab.network.host(source.hostname).emit({ data: granted(request), source }, to);
      return [];
    };
    for (const [, ask] of ASKINGS) {
      const error = await assertRejects(() => lab.run(ask(lab.client)), NoAnswerError);
      assertEquals(error.discarded, new Map([[reason, 5]]));
    }
  });
}

Deno.test("PcpClient takes no answer for another mapping of its own, asked for at the same time", async () => {
  const lab = new PcpLab();
  lab.answer = (request, nth) => nth === 1 ? [] : [granted(lab.heard[0]!), granted(request)];
  await assertRejects(() => lab.run(lab.client.map(AT_8080, { maxAttempts: 1 })), NoAnswerError);
  const lease = await lab.run(lab.client.map({ ...AT_8080, protocol: "udp" }));
  assertEquals([lease.protocol, lease.token, lease.attempts], ["udp", NONCE_2, 1]);
});

Deno.test("PcpClient concludes from port unreachable that there is no PCP", async () => {
  const lab = new PcpLab();
  lab.network.setConditions({ reportsPortUnreachable: true });
  const client = lab.newClient({ port: 5999 });
  for (const [, ask] of ASKINGS) {
    const error = await assertRejects(() => lab.run(ask(client)), NotSupportedError);
    assertEquals(error.reason, "port-unreachable");
  }
});
