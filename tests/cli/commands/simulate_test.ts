import { assertEquals, assertMatch, assertNotMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { run } from "../../../lib/cli/run.ts";
import { PortUnreachable } from "../../../lib/net/datagram.ts";
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

const SEARCH = new TextEncoder().encode(
  'M-SEARCH * HTTP/1.1\r\nHOST: 10.0.0.2:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n',
);

/** Runs `natpmp simulate`, searches for it from another host, and gets its description. */
async function searched(args: readonly string[], to = { hostname: "10.0.0.2", port: 1900 }) {
  const world = new TestWorld();
  const ending = run(["simulate", "--listen", "10.0.0.2:5351", ...args], world);
  await world.stdout.until("UPnP: ");
  const socket = socketsOf(world, OTHER_HOST)();
  await socket.send(SEARCH, to);
  const answer = new TextDecoder().decode((await world.clock.runUntil(socket.receive()))?.data);
  const [, port] = /^LOCATION: http:\/\/10\.0\.0\.2:(\d+)\/rootDesc\.xml\r$/m.exec(answer) ?? [];
  const http = { hostname: "10.0.0.2", port: Number(port) };
  const stream = await world.clock.runUntil(world.memory.host(OTHER_HOST).connect(http));
  await stream.write(
    new TextEncoder().encode(`GET /rootDesc.xml HTTP/1.1\r\nHost: 10.0.0.2:${port}\r\n\r\n`),
  );
  const into = new Uint8Array(4096);
  let text = "";
  for (let count; (count = await world.clock.runUntil(stream.read(into))) !== null;) {
    text += new TextDecoder().decode(into.subarray(0, count));
  }
  stream.close();
  socket.close();
  world.stop();
  assertEquals(await ending, 0);
  return { text, port: Number(port), stdout: world.stdout.text, stderr: world.stderr.text };
}

Deno.test("simulate speaks UPnP too, and prints where", async () => {
  const { text, port, stdout, stderr } = await searched([]);
  assertStringIncludes(text, "urn:schemas-upnp-org:device:InternetGatewayDevice:1<");
  assertStringIncludes(stdout, `\nUPnP: searches on 10.0.0.2:1900, http://10.0.0.2:${port}/rootDesc.xml\n`);
  assertMatch(stdout, /^10\.0\.0\.3:\d+ search for upnp:rootdevice: answered 1$/m);
  assertMatch(stdout, /^10\.0\.0\.3:\d+ GET \/rootDesc\.xml$/m);
  assertEquals(stderr, "");
});

Deno.test("simulate hears searches of the group", async () => {
  assertStringIncludes((await searched([], { hostname: "239.255.255.250", port: 1900 })).text, "200 OK");
});

Deno.test("simulate takes the ports of UPnP and its version that are asked for", async () => {
  const args = ["--ssdp-port", "1901", "--http-port", "8000", "--upnp-version", "2"];
  const { text, port, stdout } = await searched(args, { hostname: "10.0.0.2", port: 1901 });
  assertEquals(port, 8000);
  assertStringIncludes(text, "urn:schemas-upnp-org:device:InternetGatewayDevice:2<");
  assertStringIncludes(stdout, "UPnP: searches on 10.0.0.2:1901, http://10.0.0.2:8000/");
});

Deno.test("simulate --speak upnp leaves port 5351 closed", async () => {
  const world = new TestWorld({ conditions: { reportsPortUnreachable: true } });
  const ending = run(["simulate", "--listen", "10.0.0.2:5351", "--speak", "upnp"], world);
  await world.stdout.until("UPnP: ");
  const socket = socketsOf(world, OTHER_HOST)();
  await socket.send(ADDRESS_REQUEST, LISTEN);
  await assertRejects(() => world.clock.runUntil(socket.receive()), PortUnreachable);
  socket.close();
  world.stop();
  assertEquals(await ending, 0);
  assertMatch(world.stdout.text, /^external address 203\.0\.113\.7\nUPnP: /);
});

Deno.test("simulate goes on without UPnP where its port is taken, or --listen names no single address", async () => {
  for (
    const [listen, reason] of [["10.0.0.2:5351", "another program uses it"], [
      "0.0.0.0:5351",
      "one interface",
    ]]
  ) {
    const world = new TestWorld();
    const taken = socketsOf(world, "10.0.0.2")({ hostname: "10.0.0.2", port: 1900 });
    const ending = run(["simulate", "--listen", listen ?? ""], world);
    await world.stdout.until("listening on");
    taken.close();
    world.stop();
    assertEquals(await ending, 0);
    assertEquals(world.stdout.text.includes("UPnP"), false);
    assertMatch(
      world.stderr.text,
      /^natpmp: warning: [^\n]+; the simulated router does not speak (UPnP|it)\n$/,
    );
    assertStringIncludes(world.stderr.text, reason ?? "");
  }
});

Deno.test("simulate ends with 1 where a port of UPnP is taken that was asked for", async () => {
  for (const option of ["--ssdp-port=1900", "--speak=upnp", "--http-port=80"]) {
    const world = new TestWorld();
    const host = world.memory.host("10.0.0.2");
    const taken = option.startsWith("--http")
      ? host.listenStream({ hostname: "10.0.0.2", port: 80 })
      : host.open({
        hostname: "10.0.0.2",
        port: 1900,
      });
    const { exitCode, stdout, stderr } = await world.run("simulate", "--listen", "10.0.0.2:5351", option);
    taken.close();
    assertEquals([exitCode, stdout], [1, ""]);
    assertMatch(stderr, /^natpmp: error: [^\n]+another program uses it[^\n]*\n$/);
    // Everything was given back.
    host.open({ hostname: "10.0.0.2", port: 5351 }).close();
    host.open({ hostname: "10.0.0.2", port: 1900 }).close();
  }
});

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
  ["--speak", "igd"],
  ["--speak", "upnp", "--listen", "0.0.0.0:5351"],
  ["--speak", "pcp", "--ssdp-port", "1900"],
  ["--ssdp-port", "65536"],
  ["--ssdp-port", "-1"],
  ["--http-port", "http"],
  ["--upnp-version", "3"],
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
