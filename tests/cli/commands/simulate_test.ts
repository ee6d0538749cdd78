import { assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { run } from "../../../lib/cli/run.ts";
import { FAULTS } from "../../../lib/simulator/mod.ts";
import { OTHER_HOST, socketsOf, TestWorld } from "../../support/test_world.ts";

const LISTEN = { hostname: "10.0.0.2", port: 5351 };
const ADDRESS_REQUEST = Uint8Array.of(0, 0);
/** §3.3: map TCP 80, suggested 8080, 7200 s. */
const MAP_REQUEST = Uint8Array.of(0, 2, 0, 0, 0, 80, 0x1f, 0x90, 0, 0, 0x1c, 0x20);

/** RFC 6887 §11.1, from 10.0.0.3: map TCP 80, suggested 8080, 7200 s. */
const PCP_MAP_REQUEST = Uint8Array.fromHex(
  "02010000" + "00001c20" + "00000000000000000000ffff0a000003" +
    "a1a2a3a4a5a6a7a8a9aaabac" + "06000000" + "00501f90" + "00000000000000000000ffff00000000",
);

/** Runs `natpmp simulate` on the host, asks it from another one, and stops it. */
async function simulated(args: readonly string[], requests: readonly Uint8Array[] = []) {
  const world = new TestWorld();
  const quiet = args.includes("-q") || args.includes("--quiet");
  const ending = run(["simulate", "--listen", "10.0.0.2:5351", ...args], world);
  if (quiet) { while (world.networksOpened === 0) await world.clock.advance(0); }
  else await world.stdout.until("listening on 10.0.0.2:5351");
  await world.clock.advance(0);
  const socket = socketsOf(world, OTHER_HOST)();
  const answers: (Uint8Array | undefined)[] = [];
  for (const request of requests) {
    await socket.send(request, LISTEN);
    answers.push((await world.clock.runUntil(socket.receive()))?.data);
  }
  socket.close();
  world.stop("SIGINT");
  const exitCode = await ending;
  return { exitCode, stdout: world.stdout.text, stderr: world.stderr.text, answers };
}

Deno.test("simulate says where it listens and with which external address", async () => {
  const { stdout, stderr } = await simulated([]);
  assertMatch(stdout, /^listening on 10\.0\.0\.2:5351[^\n]*203\.0\.113\.7[^\n]*\n/);
  assertEquals(stderr, "");
});

Deno.test("simulate ends with 0 when it is stopped", async () => {
  assertEquals((await simulated([])).exitCode, 0);
});

Deno.test("simulate answers and prints what it hears and answers", async () => {
  const { stdout, answers } = await simulated([], [ADDRESS_REQUEST, MAP_REQUEST]);
  assertEquals(answers[0]?.subarray(8), Uint8Array.of(203, 0, 113, 7));
  assertEquals(answers[1]?.subarray(8), Uint8Array.of(0, 80, 0x1f, 0x90, 0, 0, 0x1c, 0x20));
  assertMatch(stdout, /^10\.0\.0\.3:\d+ address: 203\.0\.113\.7$/m);
  assertMatch(stdout, /^10\.0\.0\.3:\d+ map tcp 80 .*8080.*7200 s.*granted 8080, 7200 s$/m);
});

Deno.test("simulate speaks PCP beside NAT-PMP and prints that too", async () => {
  const { stdout, answers } = await simulated([], [PCP_MAP_REQUEST, MAP_REQUEST]);
  assertEquals(answers.map((answer) => answer?.subarray(0, 4).toHex()), ["02810000", "00820000"]);
  assertMatch(stdout, /^10\.0\.0\.3:\d+ PCP map tcp 80 -> 8080 7200 s: granted 8080, 7200 s$/m);
});

for (
  const [protocol, beginnings] of [
    ["nat-pmp", ["00800001", "00820000"]],
    ["pcp", ["02810000", "02820001"]],
    ["both", ["02810000", "00820000"]],
  ] as const
) {
  Deno.test(`simulate --speak ${protocol} refuses what it does not speak`, async () => {
    const { answers } = await simulated(["--speak", protocol], [PCP_MAP_REQUEST, MAP_REQUEST]);
    assertEquals(answers.map((answer) => answer?.subarray(0, 4).toHex()), [...beginnings]);
  });
}

Deno.test("simulate prints one line for each thing, to its end", async () => {
  const { stdout } = await simulated([], [ADDRESS_REQUEST]);
  assertEquals(stdout.endsWith("\n"), true);
  assertNotMatch(stdout, /\n\n/);
});

Deno.test("simulate --external is the address that it tells", async () => {
  const { answers } = await simulated(["--external", "198.51.100.9"], [ADDRESS_REQUEST]);
  assertEquals(answers[0]?.subarray(8), Uint8Array.of(198, 51, 100, 9));
});

Deno.test("simulate --max-lifetime caps what it grants", async () => {
  const { answers } = await simulated(["--max-lifetime", "1m"], [MAP_REQUEST]);
  assertEquals(answers[0]?.subarray(12), Uint8Array.of(0, 0, 0, 60));
});

Deno.test("simulate --fault may be repeated", async () => {
  const { answers, stdout } = await simulated(["--fault", "lose-requests=1", "--fault", "full"], []);
  assertEquals([answers, stdout.includes("listening")], [[], true]);
  const { answers: refused } = await simulated(["--fault=full", "--fault=trailing=2"], [MAP_REQUEST]);
  assertEquals(refused[0]?.[3], 4);
  assertEquals(refused[0]?.length, 18);
});

Deno.test("simulate announces its start to the group (§3.2.1)", async () => {
  const world = new TestWorld();
  const group = socketsOf(world, OTHER_HOST)({ hostname: "224.0.0.1", port: 5350 });
  const ending = run(["simulate", "--listen", "10.0.0.2:5351"], world);
  await world.stdout.until("listening");
  const heard = await world.clock.runUntil(group.receive(), { limitMs: 1000 });
  assertEquals(heard?.data.subarray(0, 2), Uint8Array.of(0, 128));
  group.close();
  world.stop();
  assertEquals(await ending, 0);
});

Deno.test("simulate --quiet prints nothing", async () => {
  const { exitCode, stdout, stderr, answers } = await simulated(["-q"], [ADDRESS_REQUEST]);
  assertEquals([exitCode, stdout, stderr, answers.length], [0, "", "", 1]);
});

Deno.test("simulate --json prints objects alone", async () => {
  const { stdout } = await simulated(["--json"], [ADDRESS_REQUEST]);
  for (const line of stdout.trimEnd().split("\n")) {
    assertMatch(JSON.parse(line).time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  }
});

Deno.test("simulate --fault help lists every fault with its value, and opens nothing", async () => {
  const world = new TestWorld();
  const { exitCode, stdout, stderr } = await world.run("simulate", "--fault", "help");
  assertEquals([exitCode, stderr, world.networksOpened], [0, "", 0]);
  const lines = stdout.trimEnd().split("\n");
  assertEquals(lines.length, FAULTS.length);
  for (const [i, { name, value, summary }] of FAULTS.entries()) {
    const line = lines[i] ?? "";
    assertEquals(line.startsWith(value === undefined ? `${name} ` : `${name}=${value} `), true);
    assertStringIncludes(line, summary);
  }
});

const BAD: readonly (readonly string[])[] = [
  ["--fault", "frobnicate"],
  ["--fault", "Silent"],
  ["--fault", "silent=1"],
  ["--fault", "latency"],
  ["--fault", "latency="],
  ["--fault", "latency=soon"],
  ["--fault", "latency=-1"],
  ["--fault", "lose-requests=0"],
  ["--fault", "lose-requests=every:0"],
  ["--fault", "result=0"],
  ["--fault", "result=65536"],
  ["--fault", ""],
  ["--fault"],
  ["--fault", "__proto__"],
  ["--fault", "pcp-result=full"],
  ["--speak", "upnp"],
  ["--speak", "PCP"],
  ["--speak", ""],
  ["--max-lifetime", "0"],
  ["--max-lifetime", "2y"],
  ["--max-lifetime", "1", "--max-lifetime", "2"],
  ["--external", "example.org"],
  ["--external", "::1"],
  ["--external", "203.0.113"],
  ["--listen", "localhost:5351"],
  ["--listen", "127.0.0.1:65536"],
  ["--listen", "127.0.0.1:"],
  ["--listen", "[::1]:5351"],
  ["--listen", "224.0.0.1:5351"],
  ["--gateway", "10.0.0.1"],
  ["--timeout", "1"],
  ["--lifetime", "1"],
  ["8080:80"],
];

for (const args of BAD) {
  Deno.test(`simulate ${args.join(" ")} is a usage error and opens nothing`, async () => {
    const world = new TestWorld();
    const { exitCode, stdout, stderr } = await world.run("simulate", ...args);
    assertEquals([exitCode, stdout, world.networksOpened], [2, "", 0]);
    assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
  });
}

Deno.test("simulate names the fault and what would be right", async () => {
  const { stderr } = await new TestWorld().run("simulate", "--fault", "latency=soon");
  assertStringIncludes(stderr, "latency=soon");
  assertStringIncludes(stderr, "whole number");
});

Deno.test("simulate ends with 1, one line and no stack trace when the port is taken", async () => {
  const world = new TestWorld();
  const taken = socketsOf(world, "10.0.0.2")(LISTEN);
  const { exitCode, stdout, stderr } = await world.run("simulate", "--listen", "10.0.0.2:5351", "--verbose");
  taken.close();
  assertEquals([exitCode, stdout], [1, ""]);
  assertStringIncludes(stderr, "10.0.0.2:5351");
  assertNotMatch(stderr, /^ +at /m);
  assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
});
