import { assert, assertEquals, assertThrows } from "@std/assert";
import { formatState, parseState, StateFormatError } from "../../lib/state/format.ts";
import { EMPTY_STATE, type State } from "../../lib/state/records.ts";
import { entryOf, FULL_STATE, NEW_YEAR, plain, recordWith, runOf } from "../support/state_samples.ts";

/** JSON whose fields can be replaced. */
// deno-lint-ignore no-explicit-any
type Json = any;

/** The full state's JSON, changed. */
function changed(change: (json: Json) => void): string {
  const json = JSON.parse(formatState(FULL_STATE));
  change(json);
  return JSON.stringify(json);
}

/** What comes back of a state that is written and read. */
function readAgain(state: State): State {
  return plain(parseState(formatState(state)));
}

Deno.test("parseState() reads what formatState() wrote, to the last field", () => {
  for (const state of [EMPTY_STATE, FULL_STATE]) assertEquals(readAgain(state), plain(state));
});

Deno.test("formatState() writes version 2 as documented, with the end of each lease for those who look into the file", () => {
  const state: State = {
    gateways: [recordWith({
      externalAddress: "203.0.113.7",
      memory: { data: { epochSeconds: 74_565 }, at: NEW_YEAR },
      entries: [entryOf(80, {
        lease: { externalPort: 40_001 },
        isLost: true,
        reported: { externalPort: 40_000, externalAddress: "203.0.113.8" },
        hookPending: true,
        config: "/etc/natpmp.json",
        portFile: "/run/port",
      })],
      watches: [{ lock: "/state/watch", mappings: [{ protocol: "tcp", internalPort: 80 }] }],
    })],
    runs: [runOf({ reported: ["silence"], shortRuns: 1 })],
  };
  const time = { at: "2026-01-01T00:00:00.000Z", uptimeMs: 3_600_000, boot: "first" };
  assertEquals(JSON.parse(formatState(state)), {
    version: 2,
    gateways: [{
      host: "box",
      gateway: "10.0.0.1",
      port: 5351,
      localAddress: "10.0.0.2",
      externalAddress: "203.0.113.7",
      memory: { data: { epochSeconds: 74_565 }, at: time },
      mappings: [{
        protocol: "tcp",
        internalPort: 80,
        via: "nat-pmp",
        requestedExternalPort: 80,
        externalPort: 40_001,
        requestedLifetimeSeconds: 7200,
        lifetimeSeconds: 7200,
        renewAfterMs: 3_600_000,
        joinAfterMs: 3_600_000,
        minRetryGapMs: 2000,
        granted: time,
        expiresAt: "2026-01-01T02:00:00.000Z",
        isLost: true,
        reported: { externalPort: 40_000, externalAddress: "203.0.113.8" },
        hookPending: true,
        config: "/etc/natpmp.json",
        portFile: "/run/port",
      }],
      watches: [{ lock: "/state/watch", mappings: ["tcp 80"] }],
    }],
    runs: [{ host: "box", source: "tcp 80", reported: ["silence"], shortRuns: 1, at: time }],
  });
});

Deno.test("formatState() writes a lease that never ends without an end, and infinite ages as null", () => {
  const lease = { lifetimeSeconds: "permanent", renewAfterMs: Infinity, joinAfterMs: Infinity } as const;
  const state = { gateways: [recordWith({ entries: [entryOf(80, { lease })] })], runs: [] };
  const { lifetimeSeconds, renewAfterMs, joinAfterMs, expiresAt } =
    JSON.parse(formatState(state)).gateways[0].mappings[0];
  assertEquals([lifetimeSeconds, renewAfterMs, joinAfterMs, expiresAt], ["permanent", null, null, undefined]);
  assertEquals(readAgain(state), state);
});

Deno.test("formatState() writes a lease that never ends and is renewed all the same", () => {
  const lease = { lifetimeSeconds: "permanent", renewAfterMs: 3_600_000, joinAfterMs: 3_000_000 } as const;
  const state = { gateways: [recordWith({ entries: [entryOf(80, { lease })] })], runs: [] };
  assertEquals(readAgain(state), state);
});

for (const via of ["pcp", "nat-pmp", "upnp"] as const) {
  Deno.test(`formatState() keeps the protocol and the token of a lease by ${via}`, () => {
    const entries = [
      entryOf(80, { lease: { via, externalAddress: "203.0.113.9", token: "000102030405060708090a0b" } }),
    ];
    const state = { gateways: [recordWith({ entries })], runs: [] };
    assertEquals(readAgain(state), state);
  });
}

Deno.test("formatState() writes no mapping that was never granted", () => {
  const entries = [{ protocol: "udp", internalPort: 9, lastPort: 7, config: "/c" } as const, entryOf(80)];
  const state = { gateways: [recordWith({ entries })], runs: [] };
  assertEquals(readAgain(state).gateways[0]!.entries, [entryOf(80)]);
});

Deno.test("formatState() writes nothing of what belongs to one process alone", () => {
  const entry = entryOf(80, {
    lease: { attempts: 3, elapsedMs: 2.5, epochSeconds: 7 },
    lastPort: 9,
    isUnconfirmed: true,
    isDoubtful: true,
    isRenewed: true,
  });
  const state = { gateways: [recordWith({ entries: [entry] })], runs: [] };
  assertEquals(readAgain(state).gateways[0]!.entries, [entryOf(80)]);
});

Deno.test("formatState() writes no flag that is false", () => {
  const entries = [entryOf(80, { isLost: false, hookPending: false })];
  const [mapping] =
    JSON.parse(formatState({ gateways: [recordWith({ entries })], runs: [] })).gateways[0].mappings;
  assertEquals(["isLost" in mapping, "hookPending" in mapping], [false, false]);
});

Deno.test("formatState() writes one line, whatever was reported", () => {
  assertEquals(formatState(FULL_STATE).match(/\n/g)?.length, 1);
});

Deno.test("parseState() goes by the beginning of a lease, not by the end that the file has", () => {
  const text = changed((json) => json.gateways[0].mappings[0].expiresAt = "never");
  assertEquals(plain(parseState(text)), plain(FULL_STATE));
});

Deno.test("parseState() ignores fields that it does not know", () => {
  const text = changed((json) => {
    const [gateway] = json.gateways;
    for (const object of [json, gateway, gateway.mappings[0], gateway.watches[0], json.runs[0]]) {
      object.futureField = [null];
    }
  });
  assertEquals(plain(parseState(text)), plain(FULL_STATE));
});

Deno.test("parseState() takes a backend's data as it is", () => {
  for (const data of [null, 0, "", [], { nonce: "AAAA", nested: [{ deep: true }] }, Array(1000).fill({})]) {
    const text = changed((json) => json.gateways[0].memory.data = data);
    assertEquals(parseState(text).gateways[0]!.memory!.data, data);
  }
});

Deno.test("parseState() is not taken in by fields of Object", () => {
  const text = formatState(EMPTY_STATE).replace("{", '{"__proto__":{"runs":[]},"constructor":1,').replace(
    ',"runs":[]',
    "",
  );
  assert(text.includes("__proto__"));
  assertThrows(() => parseState(text), StateFormatError, '"runs" of the file is missing');
});
