import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { PortDiffersError, SocketError } from "../../lib/errors.ts";
import type { LedgerEntry, WantedMapping } from "../../lib/lease/ledger.ts";
import { timeAfter } from "../../lib/lease/stored_time.ts";
import { type MappingKey, mappingName } from "../../lib/port_mapper.ts";
import { GRANTED } from "../support/leases.ts";
import { NO_ANSWER, REFUSED } from "./fake_mapper.ts";
import {
  BUSY,
  DUE,
  errorName,
  EVERYTHING,
  FILE,
  HALF_MS,
  inWords,
  LIFE_MS,
  MOVED,
  OF_FILE,
  ofFile,
  PAIR,
  RunLab,
  SSH,
  STOPPED,
  WEB,
} from "./run_lab.ts";

const NO_SOCKET = new SocketError("No socket can be had");
const DEFECT = new TypeError("A defect");

const TCP_80 = ofFile("tcp", 80);
const TCP_90 = ofFile("tcp", 90);
const TCP_53 = ofFile("tcp", 53);
const UDP_53 = ofFile("udp", 53);

// ---- everything ----

Deno.test("runOnce() asks for everything in order, then for the address", async () => {
  const lab = new RunLab();
  const result = await lab.run(EVERYTHING, [PAIR, WEB]);
  assertEquals(inWords(result), ["tcp 53: 8080", "udp 53: 8080", "tcp 80: 8080"]);
  assertEquals(lab.mapper.calls, [
    "map tcp 53 at 8080",
    "map udp 53 at 8080",
    "map tcp 80 at 8080",
    "probe",
  ]);
  assertEquals([result.externalAddress, result.probeError], ["198.51.100.7", undefined]);
  assertEquals([result.dropped, result.leftovers], [[], []]);
});

Deno.test("runOnce() records what it is granted, with the file that asked for it", async () => {
  const lab = new RunLab([ofFile("tcp", 80, { config: "/etc/other.json", isLost: true })]);
  const { outcomes } = await lab.run(EVERYTHING, [WEB, SSH], { config: FILE });
  assertEquals(lab.known, ["tcp 80 held 8080", "tcp 22 held 2222"]);
  for (const one of outcomes) {
    const entry = lab.ledger.get(one.mapping);
    assertEquals(entry?.config, FILE);
    assert("lease" in one);
    assertStrictEquals(one.lease, entry?.lease);
    assertEquals([one.lease.granted, one.lease.requestedExternalPort], [GRANTED, entry?.lease?.externalPort]);
  }
});

Deno.test("runOnce() without a file leaves a mapping to the file that asked for it before", async () => {
  const lab = new RunLab([TCP_80]);
  await lab.run(EVERYTHING, [WEB, SSH]);
  assertEquals([...lab.ledger.entries].map(({ config }) => config), [FILE, undefined]);
});

Deno.test("runOnce() goes on after a refusal", async () => {
  const lab = new RunLab();
  lab.mapper.onMap = ({ internalPort }) => internalPort === 80 ? REFUSED : 2222;
  const result = await lab.run(EVERYTHING, [WEB, SSH]);
  assertEquals(inWords(result), ["tcp 80: refused", "tcp 22: 2222"]);
  assertEquals(lab.mapper.calls.at(-1), "probe");
});

Deno.test("runOnce() does not ask for the address where nothing was granted", async () => {
  const lab = new RunLab();
  lab.mapper.onMap = () => REFUSED;
  const result = await lab.run(EVERYTHING, [WEB]);
  assertEquals(lab.mapper.calls, ["map tcp 80 at 8080"]);
  assertEquals([result.externalAddress, result.probeError], [undefined, undefined]);
});

for (const error of [NO_ANSWER, NO_SOCKET, BUSY]) {
  Deno.test(`runOnce() gives the rest the same ${error.name} without asking, whatever was granted before`, async () => {
    const lab = new RunLab();
    lab.mapper.onMap = ({ internalPort }) => internalPort === 80 ? 8080 : error;
    const result = await lab.run(EVERYTHING, [WEB, SSH, PAIR]);
    assertEquals(lab.mapper.calls, ["map tcp 80 at 8080", "map tcp 22 at 2222"]);
    assertEquals(result.outcomes.length, 4);
    for (const one of result.outcomes.slice(1)) assertStrictEquals("error" in one && one.error, error);
  });
}

Deno.test("runOnce() reports why the address is missing, and what was granted all the same", async () => {
  for (const error of [NO_ANSWER, REFUSED, NO_SOCKET]) {
    const lab = new RunLab();
    lab.mapper.onProbe = () => error;
    const result = await lab.run(EVERYTHING, [WEB]);
    assertEquals(inWords(result), ["tcp 80: 8080"]);
    assertStrictEquals(result.probeError, error);
  }
});

Deno.test("runOnce() asks for everything although a running watch keeps it", async () => {
  const lab = new RunLab([TCP_80]);
  const result = await lab.run(EVERYTHING, [WEB], { watched: [TCP_80] });
  assertEquals(inWords(result), ["tcp 80: 8080"]);
});

Deno.test("runOnce() that asks for everything deletes nothing that the file no longer has", async () => {
  const lab = new RunLab([TCP_90]);
  await lab.run(EVERYTHING, [WEB], { config: FILE });
  assertEquals(lab.mapper.deletions, []);
});

// ---- what a failed pair leaves ----

/** The age of a lease of the first half, what is known of it besides, and whether it is left alone. */
const BEFORE: readonly (readonly [string, number, Partial<LedgerEntry>, boolean])[] = [
  ["lives", LIFE_MS - 1, {}, true],
  ["is over", LIFE_MS, {}, false],
  ["was lost by the gateway", 0, { isLost: true }, false],
  ["is of unknown age", -LIFE_MS, {}, true],
];

for (const [what, jumpMs, known, isKept] of BEFORE) {
  Deno.test(`runOnce() ${isKept ? "leaves" : "gives back"} the half of a failed pair whose lease ${what}`, async () => {
    const lab = new RunLab([{ ...TCP_53, ...known }]);
    lab.jumpMs = jumpMs;
    const storedNow = () =>
      jumpMs < 0 ? { wallMs: GRANTED.wallMs + jumpMs, uptimeMs: 0, boot: "second" } : lab.now().stored;
    lab.mapper.onMap = ({ protocol }) => protocol === "tcp" ? 8080 : REFUSED;
    const result = await lab.run(EVERYTHING, [PAIR], { storedNow });
    assertEquals(inWords(result), ["tcp 53: refused", "udp 53: refused"]);
    assertEquals(lab.mapper.calls.includes("unmap tcp 53"), !isKept);
    assertEquals(lab.ledger.get(TCP_53)?.lease, TCP_53.lease);
  });
}

Deno.test("runOnce() gives back what lived before the gateway forgot it, which shows in the first answer", async () => {
  const lab = new RunLab([TCP_53]);
  lab.mapper.onMap = ({ protocol }) => {
    if (protocol === "udp") return REFUSED;
    lab.mapper.loseState();
    return 8080;
  };
  await lab.run(EVERYTHING, [PAIR]);
  assertEquals(lab.mapper.calls.at(-1), "unmap tcp 53");
});

Deno.test("runOnce() has what could not be given back as a leftover", async () => {
  const lab = new RunLab();
  lab.mapper.onMap = ({ protocol, internalPort }) =>
    internalPort === 80 ? 8081 : protocol === "tcp" ? 8080 : REFUSED;
  lab.mapper.onUnmap = () => NO_ANSWER;
  const result = await lab.run(EVERYTHING, [PAIR, { ...WEB, exact: true }]);
  assertEquals(
    result.leftovers.map((lease) => `${mappingName(lease)} ${lease.externalPort}`),
    ["tcp 53 8080", "tcp 80 8081"],
  );
  const last = result.outcomes.at(-1)!;
  assert("error" in last && last.error instanceof PortDiffersError);
  assertEquals(lab.known, []);
});

Deno.test("runOnce() gives nothing back after silence, as nobody knows what stands", async () => {
  const lab = new RunLab();
  lab.mapper.onMap = ({ protocol }) => protocol === "tcp" ? 8080 : NO_ANSWER;
  const result = await lab.run(EVERYTHING, [PAIR, WEB]);
  assertEquals(inWords(result), ["tcp 53: 8080", "udp 53: no answer", "tcp 80: no answer"]);
  assertEquals(lab.mapper.deletions, []);
  assertEquals(lab.known, ["tcp 53 held 8080"]);
});

// ---- losses that a reply reveals ----

Deno.test("runOnce() takes a lease for the gateway's present state when its own reply revealed a loss", async () => {
  const lab = new RunLab([TCP_53, TCP_90]);
  lab.mapper.onMap = ({ externalPort, protocol }) => {
    if (protocol === "tcp") lab.mapper.loseState();
    return externalPort!;
  };
  await lab.run(EVERYTHING, [PAIR]);
  assertEquals(lab.known, ["tcp 53 held 8080", "tcp 90 lost 40001", "udp 53 held 8080"]);
});

for (
  const [how, policy, entries, ageMs] of [
    ["asks for", EVERYTHING, [], 0],
    ["renews", DUE, [TCP_53, UDP_53], HALF_MS],
  ] as const
) {
  Deno.test(`runOnce() that ${how} a pair takes the first half for lost when the second reply reveals a loss`, async () => {
    const lab = new RunLab(entries);
    lab.mapper.onMap = ({ protocol }) => {
      if (protocol === "udp") lab.mapper.loseState();
      return 8080;
    };
    const result = await lab.run(policy, [PAIR], { ageMs });
    assertEquals(inWords(result), ["tcp 53: 8080", "udp 53: 8080"]);
    assertEquals(lab.known, ["tcp 53 lost 8080", "udp 53 held 8080"]);
  });
}

Deno.test("runOnce() renews also what was not due when a reply in the middle reveals a loss", async () => {
  const fresh = ofFile("tcp", 22, {
    lease: { granted: timeAfter(GRANTED, HALF_MS), requestedExternalPort: 2222 },
  });
  const lab = new RunLab([TCP_80, fresh]);
  lab.mapper.onMap = ({ internalPort, externalPort }) => {
    if (internalPort === 80) lab.mapper.loseState();
    return externalPort!;
  };
  const result = await lab.run(DUE, [WEB, SSH], { ageMs: HALF_MS });
  assertEquals(inWords(result), ["tcp 80: 40001", "tcp 22: 40001"]);
  assertEquals(lab.mapper.callTimesMs, [HALF_MS, HALF_MS, HALF_MS + 2500]);
});

// ---- what is due ----

Deno.test("runOnce() asks for the address alone while nothing is due, and reports what is kept", async () => {
  const lab = new RunLab([TCP_80, TCP_53, UDP_53]);
  const result = await lab.run(OF_FILE, [WEB, PAIR], { ageMs: HALF_MS - 200_000 });
  assertEquals(lab.mapper.calls, ["probe"]);
  assertEquals(inWords(result), ["tcp 80: kept 40001", "tcp 53: kept 40001", "udp 53: kept 40001"]);
  const [first] = result.outcomes;
  assert(first !== undefined && "kept" in first);
  assertStrictEquals(first.kept, TCP_80.lease);
  assertEquals([result.externalAddress, result.dropped], ["198.51.100.7", []]);
});

Deno.test("runOnce() renews what is due on its port, and leaves the rest alone", async () => {
  const fresh = ofFile("tcp", 22, {
    lease: { granted: timeAfter(GRANTED, HALF_MS), requestedExternalPort: 2222 },
  });
  const lab = new RunLab([fresh, TCP_53, UDP_53]);
  const result = await lab.run(OF_FILE, [SSH, PAIR, WEB], { ageMs: HALF_MS });
  assertEquals(lab.mapper.calls, [
    "probe",
    "map tcp 53 at 40001",
    "map udp 53 at 40001",
    "map tcp 80 at 8080",
  ]);
  assertEquals(inWords(result), ["tcp 22: kept 40001", "tcp 53: 40001", "udp 53: 40001", "tcp 80: 8080"]);
  assertEquals(lab.ledger.get(TCP_53)?.lease?.granted, timeAfter(GRANTED, HALF_MS));
});

Deno.test("runOnce() asks for the missing half of a pair on the port of the other, which it leaves alone", async () => {
  const lab = new RunLab([TCP_53]);
  const result = await lab.run(OF_FILE, [PAIR]);
  assertEquals(lab.mapper.calls, ["probe", "map udp 53 at 40001"]);
  assertEquals(inWords(result), ["tcp 53: kept 40001", "udp 53: 40001"]);
});

Deno.test("runOnce() asks for a half that is over on the port of the other, not on the one that it had", async () => {
  const living = ofFile("udp", 53, {
    lease: { granted: timeAfter(GRANTED, HALF_MS), externalPort: 40_002 },
  });
  const lab = new RunLab([TCP_53, living]);
  const result = await lab.run(OF_FILE, [PAIR], { ageMs: LIFE_MS });
  assertEquals(lab.mapper.calls, ["probe", "map tcp 53 at 40002", "map udp 53 at 40002"]);
  assertEquals(inWords(result), ["tcp 53: 40002", "udp 53: 40002"]);
});

Deno.test("runOnce() asks for the typed port where the lease is over, and for the held one where its age is unknown", async () => {
  for (const isLost of [false, true]) {
    const lab = new RunLab([{ ...TCP_80, isLost }]);
    await lab.run(OF_FILE, [WEB], { ageMs: LIFE_MS });
    assertEquals(lab.mapper.calls, ["probe", "map tcp 80 at 8080"]);
  }
  const other = new RunLab([TCP_80]);
  const storedNow = () => ({ wallMs: 0, uptimeMs: 0, boot: "second" });
  await other.run(OF_FILE, [WEB], { storedNow });
  assertEquals(other.mapper.calls, ["probe", "map tcp 80 at 40001"]);
});

Deno.test("runOnce() renews everything, after a random wait, when the gateway forgot it", async () => {
  const lab = new RunLab([TCP_80, TCP_53, UDP_53]);
  lab.mapper.onProbe = () => {
    lab.mapper.loseState();
    return "198.51.100.7";
  };
  const result = await lab.run(OF_FILE, [WEB, PAIR]);
  assertEquals(inWords(result), ["tcp 80: 40001", "tcp 53: 40001", "udp 53: 40001"]);
  assertEquals(lab.mapper.callTimesMs, [0, 2500, 2500, 2500]);
});

Deno.test("runOnce() leaves alone what a running watch keeps, and asks for it again once it is over", async () => {
  const lab = new RunLab([TCP_80]);
  const watched: MappingKey[] = [{ protocol: "tcp", internalPort: 80 }];
  assertEquals(inWords(await lab.run(OF_FILE, [MOVED], { watched, ageMs: LIFE_MS - 1 })), [
    "tcp 80: kept 40001",
  ]);
  assertEquals(inWords(await lab.run(DUE, [WEB], { watched, ageMs: 1 })), ["tcp 80: 8080"]);
});

Deno.test("runOnce() asks for what is due although nobody answers the question for the address", async () => {
  for (const error of [NO_ANSWER, REFUSED]) {
    const lab = new RunLab([TCP_80]);
    lab.mapper.onProbe = () => error;
    const result = await lab.run(OF_FILE, [WEB, SSH]);
    assertEquals(inWords(result), ["tcp 80: kept 40001", "tcp 22: 2222"]);
    assertStrictEquals(result.probeError, error);
  }
});

Deno.test("runOnce() asks for nothing more where the question for the address cannot be asked", async () => {
  for (const error of [NO_SOCKET, BUSY]) {
    const lab = new RunLab([TCP_80, TCP_90]);
    lab.mapper.onProbe = () => error;
    const result = await lab.run(OF_FILE, [WEB, SSH]);
    assertEquals(lab.mapper.calls, ["probe"]);
    assertEquals(inWords(result), ["tcp 80: kept 40001", `tcp 22: ${errorName(error)}`]);
    assertStrictEquals(result.probeError, error);
    assertEquals([result.dropped, lab.known.length], [[], 2]);
  }
});

Deno.test("runOnce() keeps what is not due after the gateway fell silent, and gives what is due the same error", async () => {
  const fresh = ofFile("tcp", 22, {
    lease: { granted: timeAfter(GRANTED, HALF_MS), requestedExternalPort: 2222 },
  });
  const lab = new RunLab([TCP_80, fresh, TCP_53, UDP_53]);
  lab.mapper.onMap = () => NO_ANSWER;
  const result = await lab.run(OF_FILE, [WEB, SSH, PAIR], { ageMs: HALF_MS });
  assertEquals(lab.mapper.calls, ["probe", "map tcp 80 at 40001"]);
  assertEquals(inWords(result), [
    "tcp 80: no answer",
    "tcp 22: kept 40001",
    "tcp 53: no answer",
    "udp 53: no answer",
  ]);
});

Deno.test("runOnce() keeps a half that came to half of its life while the other was renewed", async () => {
  const later = ofFile("udp", 53, { lease: { granted: timeAfter(GRANTED, 1000) } });
  const lab = new RunLab([TCP_53, later]);
  lab.mapper.onMap = ({ externalPort }) => {
    lab.jumpMs += 1000;
    return externalPort ?? NO_ANSWER;
  };
  const other: WantedMapping = { protocols: ["tcp"], internalPort: 22 };
  const result = await lab.run(OF_FILE, [PAIR, other], { ageMs: TCP_53.lease!.joinAfterMs });
  assertEquals(inWords(result), ["tcp 53: 40001", "udp 53: kept 40001", "tcp 22: no answer"]);
});

Deno.test("runOnce() keeps a half that came to half of its life while the other was refused", async () => {
  const later = ofFile("udp", 53, { lease: { granted: timeAfter(GRANTED, 1000) } });
  const lab = new RunLab([TCP_53, later]);
  lab.mapper.onMap = ({ protocol }) => {
    if (protocol === "tcp") lab.jumpMs += 1000;
    return protocol === "tcp" ? REFUSED : 2222;
  };
  const result = await lab.run(OF_FILE, [PAIR], { ageMs: TCP_53.lease!.joinAfterMs });
  assertEquals(inWords(result), ["tcp 53: refused", "udp 53: kept 40001"]);
});

Deno.test("runOnce() has a defect for both halves of a pair of which it ended the renewal", async () => {
  const lab = new RunLab([TCP_53]);
  lab.mapper.onMap = ({ internalPort }) => internalPort === 53 ? DEFECT : 2222;
  const result = await lab.run(OF_FILE, [PAIR, SSH], { ageMs: HALF_MS });
  assertEquals(inWords(result), ["tcp 53: TypeError", "udp 53: TypeError", "tcp 22: 2222"]);
});

// ---- the end of the command ----

Deno.test("runOnce() ends with the command, whatever it is at", async () => {
  const lab = new RunLab([{ ...TCP_80, isLost: true }]);
  const during = {
    probe: () => lab.mapper.onProbe = () => "silence",
    wait: () => lab.mapper.onProbe = () => void lab.mapper.loseState(),
  };
  for (const begin of Object.values(during)) {
    begin();
    const stopping = new AbortController();
    const { signal } = stopping;
    const before = lab.clock.now();
    const stop = lab.clock.sleep(1000).then(() => stopping.abort(STOPPED));
    const result = await lab.run(OF_FILE, [WEB, SSH], { signal, probe: () => lab.mapper.probe({ signal }) });
    await stop;
    assertEquals(inWords(result), ["tcp 80: stopped", "tcp 22: stopped"]);
    assertEquals(lab.clock.now(), before + 1000);
  }
  assertEquals(lab.mapper.calls, ["probe", "probe"]);
});

Deno.test("runOnce() that is ended keeps what it was granted before", async () => {
  const lab = new RunLab();
  lab.mapper.onMap = ({ internalPort }) => internalPort === 80 ? 8080 : "silence";
  const running = lab.run(EVERYTHING, [WEB, SSH]);
  await lab.clock.advance(1000);
  lab.stop.abort(STOPPED);
  assertEquals(inWords(await running), ["tcp 80: 8080", "tcp 22: stopped"]);
  assertEquals(lab.known, ["tcp 80 held 8080"]);
});

// ---- a gateway that forgets while the run is at it ----

Deno.test("runOnce() takes what the gateway granted for lost where the next answer shows that it forgot it", async () => {
  const lab = new RunLab();
  lab.mapper.onProbe = () => {
    lab.mapper.loseState();
    return "198.51.100.7";
  };
  await lab.run(EVERYTHING, [WEB]);
  assertEquals(lab.ledger.get(TCP_80)?.isLost, true);
});

Deno.test("runOnce() holds what the gateway granted although it has another address than before", async () => {
  const lab = new RunLab([TCP_90]);
  await lab.run(EVERYTHING, [WEB], { noteAddress: () => lab.ledger.loseAll(lab.now()) });
  assertEquals([TCP_80, TCP_90].map((entry) => lab.ledger.get(entry)?.isLost), [false, true]);
});
