import { assertEquals } from "@std/assert";
import { NO_ANSWER, REFUSED } from "./fake_mapper.ts";
import {
  BUSY,
  dropped,
  errorName,
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
  WEB,
} from "./run_lab.ts";

const TCP_80 = ofFile("tcp", 80);
const TCP_90 = ofFile("tcp", 90);
const TCP_91 = ofFile("tcp", 91);
const TCP_53 = ofFile("tcp", 53);
const UDP_53 = ofFile("udp", 53);

// ---- what the file no longer has ----

Deno.test("runOnce() deletes what the file no longer has, by the port that it has, before it asks for anything", async () => {
  const lab = new RunLab([TCP_90, TCP_91]);
  const result = await lab.run(OF_FILE, [WEB], { ageMs: 1000 });
  assertEquals(lab.mapper.calls, ["probe", "unmap tcp 90", "unmap tcp 91", "map tcp 80 at 8080"]);
  assertEquals(lab.mapper.deletions[0], {
    protocol: "tcp",
    internalPort: 90,
    externalPort: 40_001,
    expiresAtMs: LIFE_MS,
  });
  assertEquals(dropped(result.dropped), ["tcp 90: deleted at 40001", "tcp 91: deleted at 40001"]);
  assertEquals(inWords(result), ["tcp 80: 8080"]);
  assertEquals(lab.known, ["tcp 80 held 8080"]);
});

for (
  const [what, known, ageMs] of [
    ["is over", {}, LIFE_MS],
    ["was lost by the gateway", { isLost: true }, 0],
  ] as const
) {
  Deno.test(`runOnce() forgets without a request what the file no longer has when it ${what}`, async () => {
    const lab = new RunLab([{ ...TCP_90, ...known }]);
    const result = await lab.run(OF_FILE, [], { ageMs });
    assertEquals([lab.mapper.deletions, lab.mapper.calls], [[], ["probe"]]);
    assertEquals([dropped(result.dropped), lab.known], [["tcp 90: was over"], []]);
  });
}

Deno.test("runOnce() deletes also what may live, as its age is unknown", async () => {
  const lab = new RunLab([TCP_90]);
  const storedNow = () => ({ wallMs: 0, uptimeMs: 0, boot: "second" });
  const result = await lab.run(OF_FILE, [], { storedNow });
  assertEquals(lab.mapper.calls, ["probe", "unmap tcp 90"]);
  assertEquals(dropped(result.dropped), ["tcp 90: deleted at 40001"]);
});

Deno.test("runOnce() leaves internal port 0 to expire, as its deletion would delete everything", async () => {
  const lab = new RunLab([ofFile("tcp", 0), TCP_80]);
  await lab.run(OF_FILE, [WEB]);
  assertEquals(lab.mapper.calls, ["probe"]);
  assertEquals(lab.known, ["tcp 80 held 40001"]);
});

Deno.test("runOnce() leaves what a running watch keeps, what another file asked for, and what was typed", async () => {
  const lab = new RunLab([
    TCP_90,
    ofFile("tcp", 91, { config: "/etc/other.json" }),
    ofFile("tcp", 92, { config: undefined }),
  ]);
  const result = await lab.run(OF_FILE, [], { watched: [TCP_90] });
  assertEquals([lab.mapper.deletions, result.dropped, lab.known.length], [[], [], 3]);
});

Deno.test("runOnce() keeps what the gateway refuses to delete, and goes on", async () => {
  const lab = new RunLab([TCP_90, TCP_91]);
  lab.mapper.onUnmap = ({ internalPort }) => internalPort === 90 ? REFUSED : undefined;
  const result = await lab.run(OF_FILE, [WEB]);
  assertEquals(dropped(result.dropped), ["tcp 90: refused", "tcp 91: deleted at 40001"]);
  assertEquals(inWords(result), ["tcp 80: 8080"]);
  assertEquals(lab.known, ["tcp 90 held 40001", "tcp 80 held 8080"]);
});

for (const error of [NO_ANSWER, BUSY]) {
  Deno.test(`runOnce() deletes nothing more after ${error.name}, and renews what is due all the same`, async () => {
    const lab = new RunLab([TCP_90, TCP_91, TCP_80]);
    lab.mapper.onUnmap = () => error;
    const result = await lab.run(OF_FILE, [WEB], { ageMs: HALF_MS });
    assertEquals(lab.mapper.calls, ["probe", "unmap tcp 90", "map tcp 80 at 40001"]);
    assertEquals(dropped(result.dropped), [`tcp 90: ${errorName(error)}`]);
    assertEquals(inWords(result), ["tcp 80: 40001"]);
    assertEquals(lab.known, ["tcp 90 held 40001", "tcp 91 held 40001", "tcp 80 held 40001"]);
  });
}

Deno.test("runOnce() has one outcome for a deletion whose refusal reveals a loss", async () => {
  const lab = new RunLab([TCP_90]);
  lab.mapper.onUnmap = () => {
    lab.mapper.loseState();
    return REFUSED;
  };
  const result = await lab.run(OF_FILE, []);
  assertEquals(dropped(result.dropped), ["tcp 90: refused"]);
  assertEquals(lab.known, ["tcp 90 lost 40001"]);
});

// ---- what the file wants on another port ----

Deno.test("runOnce() deletes what has to move, and asks for it anew (§3.3)", async () => {
  const lab = new RunLab([TCP_80]);
  const result = await lab.run(OF_FILE, [MOVED]);
  assertEquals(lab.mapper.calls, ["probe", "unmap tcp 80", "map tcp 80 at 9090"]);
  assertEquals(lab.mapper.deletions[0]?.externalPort, 40_001);
  assertEquals([inWords(result), result.dropped], [["tcp 80: 9090"], []]);
  assertEquals([lab.known, lab.ledger.get(TCP_80)?.config], [["tcp 80 held 9090"], FILE]);
});

Deno.test("runOnce() deletes all that has to move before it asks for any, as two may swap their ports", async () => {
  const lab = new RunLab([
    ofFile("tcp", 80, { lease: { externalPort: 8080 } }),
    ofFile("tcp", 22, { lease: { requestedExternalPort: 2222, externalPort: 2222 } }),
  ]);
  const result = await lab.run(OF_FILE, [{ ...WEB, externalPort: 2222 }, { ...SSH, externalPort: 8080 }]);
  assertEquals(lab.mapper.calls.slice(1), [
    "unmap tcp 80",
    "unmap tcp 22",
    "map tcp 80 at 2222",
    "map tcp 22 at 8080",
  ]);
  assertEquals(inWords(result), ["tcp 80: 2222", "tcp 22: 8080"]);
});

Deno.test("runOnce() moves both halves of a pair, and gives back what of it is granted when it fails", async () => {
  const lab = new RunLab([TCP_53, UDP_53]);
  lab.mapper.onMap = ({ protocol }) => protocol === "tcp" ? 9090 : REFUSED;
  const result = await lab.run(OF_FILE, [{ ...PAIR, externalPort: 9090 }]);
  assertEquals(lab.mapper.calls.slice(1), [
    "unmap tcp 53",
    "unmap udp 53",
    "map tcp 53 at 9090",
    "map udp 53 at 9090",
    "unmap tcp 53",
  ]);
  assertEquals(inWords(result), ["tcp 53: refused", "udp 53: refused"]);
  assertEquals(lab.known, []);
});

Deno.test("runOnce() keeps what has to move where it is when it cannot be deleted, and asks for the rest", async () => {
  const lab = new RunLab([TCP_80]);
  lab.mapper.onUnmap = () => REFUSED;
  const result = await lab.run(OF_FILE, [MOVED, SSH]);
  assertEquals(lab.mapper.calls, ["probe", "unmap tcp 80", "map tcp 22 at 2222"]);
  assertEquals([inWords(result), result.dropped], [["tcp 80: refused", "tcp 22: 2222"], []]);
  assertEquals(lab.known, ["tcp 80 held 40001", "tcp 22 held 2222"]);
});

Deno.test("runOnce() waits once for a gateway that ignores deletions: what else has to move stays, the rest is renewed", async () => {
  const lab = new RunLab([TCP_80, TCP_53, UDP_53, ofFile("tcp", 22, { isLost: true })]);
  lab.mapper.onUnmap = () => NO_ANSWER;
  const result = await lab.run(OF_FILE, [
    MOVED,
    { ...PAIR, externalPort: 9091 },
    { ...SSH, externalPort: 8080 },
  ]);
  assertEquals(lab.mapper.calls, ["probe", "unmap tcp 80", "map tcp 22 at 40001"]);
  assertEquals(inWords(result), [
    "tcp 80: no answer",
    "tcp 53: no answer",
    "udp 53: no answer",
    "tcp 22: 40001",
  ]);
});

Deno.test("runOnce() asks at once for what has to move and is over, as nothing is left to delete", async () => {
  const lab = new RunLab([TCP_80]);
  const result = await lab.run(OF_FILE, [MOVED], { ageMs: LIFE_MS });
  assertEquals(lab.mapper.calls, ["probe", "map tcp 80 at 9090"]);
  assertEquals(inWords(result), ["tcp 80: 9090"]);
});

Deno.test("runOnce() deletes what has to move also where the gateway seems to have forgotten it", async () => {
  const lab = new RunLab([{ ...TCP_80, isLost: true }]);
  const result = await lab.run(OF_FILE, [MOVED]);
  assertEquals(lab.mapper.calls, ["probe", "unmap tcp 80", "map tcp 80 at 9090"]);
  assertEquals(inWords(result), ["tcp 80: 9090"]);
});
