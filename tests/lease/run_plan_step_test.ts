import { assertEquals } from "@std/assert";
import { mappingsOf, type WantedMapping } from "../../lib/lease/ledger.ts";
import { nextRunStep, NO_PROGRESS, type Progress, type RunStep } from "../../lib/lease/run_plan.ts";
import { mappingName } from "../../lib/port_mapper.ts";
import {
  at,
  entryOf,
  EVERYTHING,
  JOIN_MS,
  type Known,
  LIFE_MS,
  MOVED,
  OF_FILE,
  ofFile,
  PAIR,
  situationOf,
  SSH,
  UNKNOWN,
  WEB,
} from "./run_lab.ts";

const TCP_80 = entryOf("tcp", 80);
const TCP_22 = entryOf("tcp", 22);
const TCP_53 = entryOf("tcp", 53);
const UDP_53 = entryOf("udp", 53);
const WATCHED_80 = { protocol: "tcp", internalPort: 80 } as const;

/** A step in a few words. */
function stepInWords(step: RunStep): string {
  switch (step.kind) {
    case "release":
      return `release ${mappingName(step.entry)}${step.wanted === undefined ? "" : " to move it"}`;
    case "acquire":
      return `acquire ${mappingsOf([step.wanted]).map(mappingName).join(", ")}`;
    case "renew":
      return `renew ${step.protocols.map((one) => `${one} ${step.wanted.internalPort}`).join(", ")}`;
    default:
      return step.kind;
  }
}

interface StepCase extends Known {
  readonly what: string;
  readonly progress?: Partial<Progress>;
  readonly step: string;
}

function test({ what, progress = {}, step, ...known }: StepCase, before: Partial<Progress> = {}): void {
  Deno.test(`nextRunStep(): ${step}, as ${what}`, () => {
    const next = nextRunStep(situationOf(known), { ...NO_PROGRESS, ...before, ...progress });
    assertEquals(stepInWords(next), step);
  });
}

const EVERYTHING_CASES: readonly StepCase[] = [
  { what: "everything is asked for, the first one first", wanted: [SSH, WEB], step: "acquire tcp 22" },
  {
    what: "everything is asked for, whether it was asked for before or not",
    wanted: [WEB],
    entries: [TCP_80],
    step: "acquire tcp 80",
  },
  {
    what: "one was asked for, and others are left",
    wanted: [SSH, WEB],
    progress: { asked: new Set([SSH]), hasGrants: true },
    step: "acquire tcp 80",
  },
  {
    what: "everything was asked for, and something was granted",
    progress: { asked: new Set([WEB]), hasGrants: true },
    step: "probe",
  },
  {
    what: "everything was asked for, and nothing was granted",
    progress: { asked: new Set([WEB]) },
    step: "end",
  },
  {
    what: "the address was asked for after everything else",
    progress: { asked: new Set([WEB]), hasGrants: true, hasProbed: true },
    step: "end",
  },
  {
    what: "an error stopped the run, though something was granted and something is left",
    wanted: [SSH, WEB],
    progress: { asked: new Set([SSH]), hasGrants: true, isStopped: true },
    step: "end",
  },
  {
    what: "everything is wanted, and a lost lease is no reason to wait",
    entries: [{ ...TCP_80, isLost: true }],
    step: "acquire tcp 80",
  },
];

for (const one of EVERYTHING_CASES) test({ policy: EVERYTHING, ...one });

Deno.test("nextRunStep(): the address is asked for first where only what is due is asked for", () => {
  const situations: readonly Known[] = [
    {},
    { entries: [TCP_80] },
    { wanted: [] },
    { entries: [{ ...TCP_80, isLost: true }] },
    { entries: [ofFile("tcp", 22)], policy: OF_FILE },
  ];
  for (const known of situations) assertEquals(nextRunStep(situationOf(known), NO_PROGRESS).kind, "probe");
});

const MOVED_PAIR: WantedMapping = { ...PAIR, externalPort: 9090 };
const LOST_80 = { ...TCP_80, isLost: true };

const AFTER_PROBE: readonly StepCase[] = [
  { what: "nothing is due", entries: [TCP_80], step: "end" },
  { what: "nothing is wanted", wanted: [], step: "end" },
  { what: "an error stopped the run", progress: { isStopped: true }, step: "end" },
  {
    what: "an error stopped the run, before anything was released",
    entries: [ofFile("tcp", 22), ofFile("tcp", 80)],
    wanted: [MOVED],
    policy: OF_FILE,
    progress: { isStopped: true },
    step: "end",
  },

  // The wait after a loss of state.
  { what: "the gateway forgot it", entries: [TCP_80], hasForgotten: true, step: "wait" },
  { what: "an earlier run found that the gateway forgot it", entries: [LOST_80], step: "renew tcp 80" },
  {
    what: "the gateway forgot it, and the wait is over",
    entries: [TCP_80],
    hasForgotten: true,
    progress: { hasWaited: true },
    step: "renew tcp 80",
  },
  {
    what: "the gateway forgot something, though what is asked for first is new",
    wanted: [SSH, WEB],
    entries: [TCP_80],
    hasForgotten: true,
    step: "wait",
  },
  {
    what: "the gateway forgot it, before anything is released",
    entries: [TCP_80, ofFile("tcp", 22)],
    hasForgotten: true,
    policy: OF_FILE,
    step: "wait",
  },
  {
    what: "the gateway forgot only what is not wanted any more",
    entries: [TCP_80, ofFile("tcp", 22, { isLost: true })],
    policy: OF_FILE,
    step: "release tcp 22",
  },
  {
    what: "what the gateway forgot was asked for already",
    wanted: [WEB, SSH],
    entries: [TCP_80],
    hasForgotten: true,
    progress: { asked: new Set([WEB]) },
    step: "acquire tcp 22",
  },

  // What is released.
  {
    what: "the file no longer has it, though something else is due before",
    entries: [ofFile("tcp", 22)],
    policy: OF_FILE,
    step: "release tcp 22",
  },
  {
    what: "the file no longer has it, and nothing is due",
    entries: [TCP_80, ofFile("tcp", 22)],
    policy: OF_FILE,
    step: "release tcp 22",
  },
  {
    what: "it was released or could not be, one after the other",
    entries: [ofFile("tcp", 22), ofFile("udp", 22)],
    policy: OF_FILE,
    progress: { released: new Set(["tcp 22"]) },
    step: "release udp 22",
  },
  {
    what: "nothing is left to release",
    entries: [ofFile("tcp", 22), ofFile("udp", 22)],
    policy: OF_FILE,
    progress: { released: new Set(["tcp 22", "udp 22"]) },
    step: "acquire tcp 80",
  },
  {
    what: "no further deletion makes sense",
    entries: [ofFile("tcp", 22), ofFile("udp", 22)],
    policy: OF_FILE,
    progress: { released: new Set(["tcp 22"]), isReleaseStopped: true },
    step: "acquire tcp 80",
  },
  {
    what: "the file wants another port for it",
    entries: [ofFile("tcp", 80)],
    wanted: [SSH, MOVED],
    policy: OF_FILE,
    step: "release tcp 80 to move it",
  },
  {
    what: "the file no longer has one, and wants another port for the other",
    entries: [ofFile("tcp", 80), ofFile("tcp", 22)],
    wanted: [MOVED],
    policy: OF_FILE,
    step: "release tcp 22",
  },
  {
    what: "the file wants another port for the other half too",
    entries: [ofFile("tcp", 53), ofFile("udp", 53)],
    wanted: [MOVED_PAIR],
    policy: OF_FILE,
    progress: { released: new Set(["tcp 53"]) },
    step: "release udp 53 to move it",
  },
  {
    what: "what has to move could not be released, so that it stays",
    entries: [ofFile("tcp", 53), ofFile("udp", 53)],
    wanted: [MOVED_PAIR],
    policy: OF_FILE,
    progress: { released: new Set(["tcp 53"]), asked: new Set([MOVED_PAIR]) },
    step: "end",
  },
  {
    what: "a running watch keeps what the file wants elsewhere",
    entries: [ofFile("tcp", 80)],
    wanted: [MOVED],
    policy: OF_FILE,
    watched: [WATCHED_80],
    step: "end",
  },

  // How it is asked for.
  { what: "nothing is known of it", step: "acquire tcp 80" },
  { what: "it is over", entries: [TCP_80], now: at(LIFE_MS), step: "acquire tcp 80" },
  { what: "it is at half of its life", entries: [TCP_80], now: at(JOIN_MS), step: "renew tcp 80" },
  { what: "its age is unknown", entries: [TCP_80], now: UNKNOWN, step: "renew tcp 80" },
  {
    what: "it is on another port than the exact one",
    entries: [TCP_80],
    wanted: [{ ...WEB, exact: true }],
    step: "acquire tcp 80",
  },
  {
    what: "the exact port is held",
    entries: [entryOf("tcp", 80, { lease: { externalPort: 8080 } })],
    wanted: [{ ...WEB, exact: true }],
    now: at(JOIN_MS),
    step: "renew tcp 80",
  },
  {
    what: "the exact port was forgotten, and may be another's",
    entries: [entryOf("tcp", 80, { lease: { externalPort: 8080 }, isLost: true })],
    wanted: [{ ...WEB, exact: true }],
    progress: { hasWaited: true },
    step: "acquire tcp 80",
  },
  { what: "a pair is new", wanted: [PAIR], step: "acquire tcp 53, udp 53" },
  { what: "the second half is missing", wanted: [PAIR], entries: [TCP_53], step: "renew udp 53" },
  {
    what: "both halves are due",
    wanted: [PAIR],
    entries: [TCP_53, UDP_53],
    now: at(JOIN_MS),
    step: "renew tcp 53, udp 53",
  },
  {
    what: "one half is on another port than the exact one",
    wanted: [{ ...PAIR, exact: true }],
    entries: [entryOf("tcp", 53, { lease: { externalPort: 8080 } }), UDP_53],
    step: "acquire tcp 53, udp 53",
  },
  {
    what: "it is the first that is due",
    wanted: [SSH, WEB, PAIR],
    entries: [TCP_22],
    step: "acquire tcp 80",
  },
  {
    what: "the others were asked for, whatever came of it",
    wanted: [SSH, WEB, PAIR],
    progress: { asked: new Set([SSH, WEB]) },
    step: "acquire tcp 53, udp 53",
  },
  { what: "all that is due was asked for", progress: { asked: new Set([WEB]) }, step: "end" },
];

for (const one of AFTER_PROBE) test(one, { hasProbed: true });
