import { assert, assertEquals, assertInstanceOf, assertLess, assertThrows } from "@std/assert";
import { formatState, NewerStateError, parseState, StateFormatError } from "../../lib/state/format.ts";
import { EMPTY_STATE, type State } from "../../lib/state/records.ts";
import { seeded } from "../support/seeded.ts";
import { FULL_STATE, plain } from "../support/state_samples.ts";

/** JSON whose fields can be replaced. */
// deno-lint-ignore no-explicit-any
type Json = any;

/** Why a text is refused. */
function refusal(text: string): string {
  return assertThrows(() => parseState(text), StateFormatError).message;
}

/** The full state's JSON, changed. */
function changed(change: (json: Json) => void): string {
  const json = JSON.parse(formatState(FULL_STATE));
  change(json);
  return JSON.stringify(json);
}

const NOT_A_STATE: readonly (readonly [what: string, text: string])[] = [
  ["nothing", ""],
  ["blanks", " \n"],
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
  ["bytes that are not Unicode", "\uFFFD\uFFFD{"],
  ["HTML", "<!doctype html>"],
  ["lists that are far too deep", "[".repeat(200_000)],
  ["lists that are far too deep and closed", "[".repeat(200_000) + "]".repeat(200_000)],
  ["a version that is deep", `{"version":${"[".repeat(50_000)}${"]".repeat(50_000)}}`],
  ["a version that is long", `{"version":"${"x".repeat(1_000_000)}"}`],
];

for (const [what, text] of NOT_A_STATE) {
  Deno.test(`parseState() refuses ${what}, and says why in a line`, () => {
    assertLess(refusal(text).length, 200);
  });
}

for (const version of [0, -1, "1", "2", 1.5, 2.5, null, true, [1], { is: 1 }, undefined]) {
  Deno.test(`parseState() refuses a file of version ${JSON.stringify(version)}, and names the version`, () => {
    const reason = version === undefined ? "it has no version" : `its version is ${JSON.stringify(version)}`;
    assertEquals(refusal(changed((json) => json.version = version)), reason);
  });
}

for (const version of [3, 4, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
  Deno.test(`parseState() knows a file of version ${version} for a newer program's, whatever else is in it`, () => {
    for (const text of [changed((json) => json.version = version), `{"version":${version},"gateways":7}`]) {
      const error = assertThrows(() => parseState(text), NewerStateError);
      assertEquals(error.message, `a newer natpmp wrote it (version ${version})`);
    }
  });
}

/** A field, and how it is reached. */
const FIELDS: readonly (readonly [name: string, path: readonly (string | number)[], of: string])[] = [
  ["gateways", ["gateways"], "the file"],
  ["runs", ["runs"], "the file"],
  ["host", ["gateways", 0, "host"], "gateways[0]"],
  ["gateway", ["gateways", 0, "gateway"], "gateways[0]"],
  ["port", ["gateways", 0, "port"], "gateways[0]"],
  ["mappings", ["gateways", 0, "mappings"], "gateways[0]"],
  ["watches", ["gateways", 0, "watches"], "gateways[0]"],
  ["via", ["gateways", 0, "mappings", 1, "via"], "mappings[1]"],
  ["minRetryGapMs", ["gateways", 0, "mappings", 1, "minRetryGapMs"], "mappings[1]"],
  ["protocol", ["gateways", 0, "mappings", 1, "protocol"], "mappings[1]"],
  ["internalPort", ["gateways", 0, "mappings", 1, "internalPort"], "mappings[1]"],
  ["externalPort", ["gateways", 0, "mappings", 1, "externalPort"], "mappings[1]"],
  ["requestedLifetimeSeconds", ["gateways", 0, "mappings", 1, "requestedLifetimeSeconds"], "mappings[1]"],
  ["lifetimeSeconds", ["gateways", 0, "mappings", 1, "lifetimeSeconds"], "mappings[1]"],
  ["at", ["gateways", 0, "mappings", 1, "granted", "at"], "granted"],
  ["at", ["gateways", 0, "memory", "at", "at"], "at"],
  ["lock", ["gateways", 0, "watches", 0, "lock"], "watches[0]"],
  ["mappings", ["gateways", 0, "watches", 0, "mappings"], "watches[0]"],
  ["host", ["runs", 0, "host"], "runs[0]"],
  ["source", ["runs", 0, "source"], "runs[0]"],
  ["reported", ["runs", 0, "reported"], "runs[0]"],
  ["shortRuns", ["runs", 0, "shortRuns"], "runs[0]"],
  ["inode", ["gateways", 0, "namespace", "inode"], "namespace"],
  ["inode", ["runs", 1, "namespace", "inode"], "namespace"],
];

for (const [name, path, of] of FIELDS) {
  Deno.test(`parseState() needs ${path.join(".")} to be of its type, and names it`, () => {
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
          changed((json) =>
            (name === "memory" ? json.gateways[0] : json.gateways[0].mappings[0])[name] = value
          ),
        ),
        `${name} is not an object`,
      );
    }
  });
}

/** Values that no program wrote, and that could not be worked with or written again. */
const IMPOSSIBLE: readonly (readonly [what: string, change: (json: Json) => void])[] = [
  ["an external port above 65535", (json) => json.gateways[0].mappings[0].externalPort = 65_536],
  ["half an internal port", (json) => json.gateways[0].mappings[0].internalPort = 80.5],
  ["a protocol that is not known", (json) => json.gateways[0].mappings[0].via = "natpmp"],
  ["a lifetime in another word", (json) => json.gateways[0].mappings[0].lifetimeSeconds = "forever"],
  ["a lifetime that is null", (json) => json.gateways[0].mappings[0].lifetimeSeconds = null],
  ["an age below zero", (json) => json.gateways[0].mappings[0].renewAfterMs = -1],
  ["an age that is a text", (json) => json.gateways[0].mappings[0].joinAfterMs = "permanent"],
  ["a pause that is null", (json) => json.gateways[0].mappings[0].minRetryGapMs = null],
  ["a port of 0 that was reported", (json) => json.gateways[0].mappings[0].reported.externalPort = 0],
  ["a report that is a list", (json) => json.gateways[0].mappings[0].reported = []],
  ["a port file that is a flag", (json) => json.gateways[0].mappings[0].portFile = true],
  ["a pending hook that is a number", (json) => json.gateways[0].mappings[0].hookPending = 1],
  ["a requested port that is a text", (json) => json.gateways[0].mappings[0].requestedExternalPort = "80"],
  ["a gateway's port above 65535", (json) => json.gateways[0].port = 1e9],
  ["a lifetime above 32 bits", (json) => json.gateways[0].mappings[0].lifetimeSeconds = 2 ** 32],
  ["half a second of life", (json) => json.gateways[0].mappings[0].requestedLifetimeSeconds = 0.5],
  ["an uptime below zero", (json) => json.gateways[0].mappings[0].granted.uptimeMs = -1],
  ["an uptime that is far too long", (json) => json.gateways[0].mappings[0].granted.uptimeMs = 1e300],
  ["a run of the machine that is a number", (json) => json.gateways[0].mappings[0].granted.boot = 7],
  ["the thirteenth month", (json) => json.runs[0].at.at = "2026-13-01T00:00:00Z"],
  ["a time that is local", (json) => json.runs[0].at.at = "2026-01-01T00:00:00"],
  ["a time in words", (json) => json.runs[0].at.at = "January 1"],
  [
    "the last date that there is",
    (json) => json.gateways[0].mappings[0].granted.at = "+275760-09-13T00:00:00.000Z",
  ],
  ["a flag that is a text", (json) => json.gateways[0].mappings[0].isLost = "yes"],
  ["a configuration file that is a number", (json) => json.gateways[0].mappings[0].config = 1],
  ["a kept mapping of another protocol", (json) => json.gateways[0].watches[0].mappings = ["sctp 80"]],
  ["a kept mapping of a port above 65535", (json) => json.gateways[0].watches[0].mappings = ["tcp 65536"]],
  ["a kept mapping in other words", (json) => json.gateways[0].watches[0].mappings = ["tcp/80"]],
  ["reported texts with a number among them", (json) => json.runs[0].reported = ["x", 1]],
  ["half a run", (json) => json.runs[0].shortRuns = 0.5],
];

for (const [what, change] of IMPOSSIBLE) {
  Deno.test(`parseState() refuses ${what}`, () => {
    assertLess(refusal(changed(change)).length, 200);
  });
}

Deno.test("parseState() refuses a number that is too large for a number", () => {
  const text = formatState(FULL_STATE).replace('"uptimeMs":3600000', '"uptimeMs":1e999');
  assert(text.includes("1e999"));
  assertEquals(refusal(text), '"uptimeMs" of at is null');
});

Deno.test("parseState() refuses a text that was cut, wherever", () => {
  const text = formatState(FULL_STATE);
  for (let length = 0; length < text.length - 1; length++) {
    assertThrows(() => parseState(text.slice(0, length)), StateFormatError, "", `${length} characters`);
  }
});

// ---- a thousand damages, the same ones every time ----

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
  assertEquals(plain(parseState(formatState(state))), plain(state), text);
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
