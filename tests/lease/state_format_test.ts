import { assert, assertEquals, assertInstanceOf, assertLess, assertThrows } from "@std/assert";
import { EMPTY_STATE, type State } from "../../lib/lease/state.ts";
import { formatState, parseState, StateFormatError } from "../../lib/lease/state_format.ts";
import { FULL_STATE, leaseOf, linkWith, NEW_YEAR, runOf } from "../support/state_samples.ts";

/** JSON whose fields can be replaced. */
// deno-lint-ignore no-explicit-any
type Json = any;

/** Why a text is no state. */
function refusal(text: string): string {
  return assertThrows(() => parseState(text), StateFormatError).message;
}

/** The full state's JSON, changed. */
function changed(change: (json: Json) => void): string {
  const json = JSON.parse(formatState(FULL_STATE));
  change(json);
  return JSON.stringify(json);
}

Deno.test("parseState() reads what formatState() wrote, to the last field", () => {
  for (const state of [EMPTY_STATE, FULL_STATE]) assertEquals(parseState(formatState(state)), state);
});

Deno.test("formatState() writes version 1 as documented, with the end of each lease for who looks into the file", () => {
  const state: State = {
    links: [linkWith({
      externalAddress: "203.0.113.7",
      memory: { data: { epochSeconds: 74_565 }, at: NEW_YEAR },
      leases: [leaseOf(80, { externalPort: 40_001, config: "/etc/natpmp.json" })],
      keepers: [{ lock: "/state/keeper", mappings: [{ protocol: "tcp", internalPort: 80 }] }],
    })],
    runs: [runOf({ told: ["silence"], shortRuns: 1 })],
  };
  const moment = { at: "2026-01-01T00:00:00.000Z", uptimeMs: 3_600_000, boot: "first" };
  assertEquals(JSON.parse(formatState(state)), {
    version: 1,
    links: [{
      host: "box",
      gateway: "10.0.0.1",
      port: 5351,
      localAddress: "10.0.0.2",
      externalAddress: "203.0.113.7",
      memory: { data: { epochSeconds: 74_565 }, at: moment },
      leases: [{
        protocol: "tcp",
        internalPort: 80,
        requestedExternalPort: 80,
        externalPort: 40_001,
        requestedLifetimeSeconds: 7200,
        lifetimeSeconds: 7200,
        config: "/etc/natpmp.json",
        granted: moment,
        expiresAt: "2026-01-01T02:00:00.000Z",
      }],
      keepers: [{ lock: "/state/keeper", mappings: ["tcp 80"] }],
    }],
    runs: [{ host: "box", source: "tcp 80", told: ["silence"], shortRuns: 1, at: moment }],
  });
});

Deno.test("formatState() writes one line, whatever is told", () => {
  assertEquals(formatState(FULL_STATE).match(/\n/g)?.length, 1);
});

Deno.test("parseState() goes by what the file says of a lease's beginning, not by its end", () => {
  const text = changed((json) => json.links[0].leases[0].expiresAt = "never");
  assertEquals(parseState(text), FULL_STATE);
});

Deno.test("parseState() does without fields that a later program may add, and drops them", () => {
  const text = changed((json) => {
    for (
      const object of [json, json.links[0], json.links[0].leases[0], json.links[0].keepers[0], json.runs[0]]
    ) {
      object.futureField = [null];
    }
  });
  assertEquals(parseState(text), FULL_STATE);
});

Deno.test("parseState() takes a backend's data as it is", () => {
  for (const data of [null, 0, "", [], { nonce: "AAAA", nested: [{ deep: true }] }, Array(1000).fill({})]) {
    const text = changed((json) => json.links[0].memory.data = data);
    assertEquals(parseState(text).links[0]!.memory!.data, data);
  }
});

Deno.test("parseState() is not taken in by fields of Object", () => {
  const text = formatState(EMPTY_STATE).replace("{", '{"__proto__":{"runs":[]},"constructor":1,').replace(
    ',"runs":[]',
    "",
  );
  assertEquals(refusal(text), '"runs" of the file is missing');
});

const NO_STATE: readonly (readonly [what: string, text: string])[] = [
  ["nothing", ""],
  ["a blank", " \n"],
  ["null", "null"],
  ["true", "true"],
  ["a number", "1"],
  ["a text", '"version"'],
  ["a list", "[]"],
  ["an empty object", "{}"],
  ["a byte-order mark", `\uFEFF${formatState(EMPTY_STATE)}`],
  ["two states", formatState(EMPTY_STATE).repeat(2)],
  ["a state with something behind it", `${formatState(EMPTY_STATE)}}`],
  ["zeros, as after a power failure", "\0".repeat(4096)],
  ["what is no Unicode", "\uFFFD\uFFFD{"],
  ["HTML", "<!doctype html>"],
  ["lists beyond all measure", "[".repeat(200_000)],
  ["lists in lists beyond all measure", "[".repeat(200_000) + "]".repeat(200_000)],
  ["a version that is deep", `{"version":${"[".repeat(50_000)}${"]".repeat(50_000)}}`],
  ["a version that is long", `{"version":"${"x".repeat(1_000_000)}"}`],
];

for (const [what, text] of NO_STATE) {
  Deno.test(`parseState() finds no state in ${what}, and says so in a line`, () => {
    assertLess(refusal(text).length, 200);
  });
}

for (const version of [0, 2, "1", 1.5, null, true, [1], { is: 1 }, undefined]) {
  Deno.test(`parseState() reads no state of version ${JSON.stringify(version)}, and says which it is`, () => {
    const said = version === undefined
      ? "it has no version"
      : `it is of version ${JSON.stringify(version)}, not 1`;
    assertEquals(refusal(changed((json) => json.version = version)), said);
  });
}

/** A field, and how it is reached. */
const FIELDS: readonly (readonly [name: string, path: readonly (string | number)[], of: string])[] = [
  ["links", ["links"], "the file"],
  ["runs", ["runs"], "the file"],
  ["host", ["links", 0, "host"], "links[0]"],
  ["gateway", ["links", 0, "gateway"], "links[0]"],
  ["port", ["links", 0, "port"], "links[0]"],
  ["leases", ["links", 0, "leases"], "links[0]"],
  ["keepers", ["links", 0, "keepers"], "links[0]"],
  ["protocol", ["links", 0, "leases", 1, "protocol"], "leases[1]"],
  ["internalPort", ["links", 0, "leases", 1, "internalPort"], "leases[1]"],
  ["externalPort", ["links", 0, "leases", 1, "externalPort"], "leases[1]"],
  ["requestedLifetimeSeconds", ["links", 0, "leases", 1, "requestedLifetimeSeconds"], "leases[1]"],
  ["lifetimeSeconds", ["links", 0, "leases", 1, "lifetimeSeconds"], "leases[1]"],
  ["at", ["links", 0, "leases", 1, "granted", "at"], "granted"],
  ["at", ["links", 0, "memory", "at", "at"], "at"],
  ["lock", ["links", 0, "keepers", 0, "lock"], "keepers[0]"],
  ["mappings", ["links", 0, "keepers", 0, "mappings"], "keepers[0]"],
  ["host", ["runs", 0, "host"], "runs[0]"],
  ["source", ["runs", 0, "source"], "runs[0]"],
  ["told", ["runs", 0, "told"], "runs[0]"],
  ["shortRuns", ["runs", 0, "shortRuns"], "runs[0]"],
];

for (const [name, path, of] of FIELDS) {
  Deno.test(`parseState() needs ${path.join(".")}, of its type, and names it`, () => {
    const wrong = (value: unknown) =>
      refusal(changed((json) => {
        const parent = path.slice(0, -1).reduce((object, key) => object[key], json);
        parent[path.at(-1)!] = value;
      }));
    assertEquals(wrong(undefined), `"${name}" of ${of} is missing`);
    for (const value of [null, true, {}, [0], -1, "x"]) {
      const isText = typeof value === "string" && ["host", "gateway", "source", "lock"].includes(name);
      if (!isText) {
        assertEquals(wrong(value).includes(`${name}`), true, `${JSON.stringify(value)}: ${wrong(value)}`);
      }
    }
  });
}

for (const name of ["memory", "granted"] as const) {
  Deno.test(`parseState() needs an object where ${name} stands`, () => {
    for (const value of [null, 1, "x", []]) {
      assertEquals(
        refusal(
          changed((json) => (name === "memory" ? json.links[0] : json.links[0].leases[0])[name] = value),
        ),
        `${name} is no object`,
      );
    }
  });
}

/** Values that no program wrote, and that could not be worked with or written again. */
const IMPOSSIBLE: readonly (readonly [what: string, change: (json: Json) => void])[] = [
  ["an external port above 65535", (json) => json.links[0].leases[0].externalPort = 65_536],
  ["half an internal port", (json) => json.links[0].leases[0].internalPort = 80.5],
  ["a requested port that is a text", (json) => json.links[0].leases[0].requestedExternalPort = "80"],
  ["a gateway's port above 65535", (json) => json.links[0].port = 1e9],
  ["a lifetime above 32 bits", (json) => json.links[0].leases[0].lifetimeSeconds = 2 ** 32],
  ["half a second of life", (json) => json.links[0].leases[0].requestedLifetimeSeconds = 0.5],
  ["an uptime below zero", (json) => json.links[0].leases[0].granted.uptimeMs = -1],
  ["an uptime beyond all measure", (json) => json.links[0].leases[0].granted.uptimeMs = 1e300],
  ["a run of the machine that is a number", (json) => json.links[0].leases[0].granted.boot = 7],
  ["the thirteenth month", (json) => json.runs[0].at.at = "2026-13-01T00:00:00Z"],
  ["a time that is local", (json) => json.runs[0].at.at = "2026-01-01T00:00:00"],
  ["a time in words", (json) => json.runs[0].at.at = "January 1"],
  [
    "the last date that there is",
    (json) => json.links[0].leases[0].granted.at = "+275760-09-13T00:00:00.000Z",
  ],
  ["a flag that is no flag", (json) => json.links[0].leases[0].isLost = "yes"],
  ["a configuration file that is a number", (json) => json.links[0].leases[0].config = 1],
  ["a kept mapping of no protocol", (json) => json.links[0].keepers[0].mappings = ["sctp 80"]],
  ["a kept mapping of no port", (json) => json.links[0].keepers[0].mappings = ["tcp 65536"]],
  ["a kept mapping in other words", (json) => json.links[0].keepers[0].mappings = ["tcp/80"]],
  ["words that are no texts", (json) => json.runs[0].told = ["x", 1]],
  ["half a run", (json) => json.runs[0].shortRuns = 0.5],
];

for (const [what, change] of IMPOSSIBLE) {
  Deno.test(`parseState() finds no state with ${what}`, () => {
    assertLess(refusal(changed(change)).length, 200);
  });
}

Deno.test("parseState() finds no state where a number is beyond all numbers", () => {
  const text = formatState(FULL_STATE).replace('"uptimeMs":3600000', '"uptimeMs":1e999');
  assert(text.includes("1e999"));
  assertEquals(refusal(text), '"uptimeMs" of at is null');
});

Deno.test("parseState() finds no state in a text that was cut, wherever", () => {
  const text = formatState(FULL_STATE);
  for (let length = 0; length < text.length - 1; length++) {
    assertThrows(() => parseState(text.slice(0, length)), StateFormatError, "", `${length} characters`);
  }
});

// ---- a thousand damages, the same ones every time ----

/** Numbers that look random and are not (mulberry32). */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6D2B79F5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Parses a damaged text: a state that can be written again and read the same, or the one error. */
function parseAnyhow(text: string): "state" | "refused" {
  let state: State;
  try {
    state = parseState(text);
  } catch (error) {
    assertInstanceOf(error, StateFormatError, text);
    assertLess(error.message.length, 300);
    return "refused";
  }
  assertEquals(parseState(formatState(state)), state, text);
  return "state";
}

const ROUNDS = 3000;

Deno.test("parseState() of changed, lost and doubled characters throws a StateFormatError or nothing", () => {
  const random = seeded(1);
  const text = formatState(FULL_STATE);
  const counts = { state: 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const at = Math.floor(random() * text.length);
    const length = Math.floor(random() * 8);
    const junk = String.fromCharCode(
      ...Array.from({ length: Math.floor(random() * 4) }, () => random() * 0x180),
    );
    counts[parseAnyhow(text.slice(0, at) + junk + text.slice(at + length))]++;
  }
  // Neither outcome is rare, so both were tried.
  assert(counts.refused > ROUNDS / 2 && counts.state > ROUNDS / 30, JSON.stringify(counts));
});

const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  0.5,
  65_536,
  1e21,
  1e308,
  "",
  "80",
  "tcp",
  "2026-02-30T00:00:00Z",
  "9999-12-31T23:59:59Z",
  [],
  {},
  [[]],
  { at: "x" },
];

/** Every place in a JSON value: what holds it, and its key. */
function places(json: Json): [Json, string][] {
  if (typeof json !== "object" || json === null) return [];
  return Object.keys(json).flatMap((key) => [[json, key] as [Json, string], ...places(json[key])]);
}

Deno.test("parseState() of wrong values in right places throws a StateFormatError or nothing", () => {
  const random = seeded(2);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const counts = { state: 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const json = JSON.parse(formatState(FULL_STATE));
    const all = places(json);
    const [parent, key] = pick(all);
    if (random() < 0.2) delete parent[key];
    else parent[key] = structuredClone(random() < 0.3 ? pick(all)[0] : pick(VALUES));
    counts[parseAnyhow(JSON.stringify(json))]++;
  }
  assert(counts.refused > ROUNDS / 2 && counts.state > ROUNDS / 30, JSON.stringify(counts));
});
