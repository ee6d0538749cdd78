import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { CONFIG_PATH, CronLine } from "../../support/cron_line.ts";
import { faultyFor, TestWorld } from "../../support/test_world.ts";

/** Where a command goes, and the same in the words of a hint. */
const PLACES: readonly (readonly [given: readonly string[], hinted: string])[] = [
  [["-g", "10.0.0.1"], " --gateway 10.0.0.1"],
  [["--gateway=10.0.0.1:5351"], " --gateway 10.0.0.1:5351"],
  [["-i", "eth0", "--source", "10.0.0.2"], " --interface eth0 --source 10.0.0.2"],
  [["-i", "Wi-Fi 2"], " --interface 'Wi-Fi 2'"],
  [["-i", "it's $HOME"], " --interface 'it'\\''s $HOME'"],
  [["-i=-x"], " --interface=-x"],
  [[], ""],
];

const STATES: readonly (readonly [given: readonly string[], hinted: string])[] = [
  [["--state", "my leases.json"], " --state 'my leases.json'"],
  [["--state=leases.json", "-t", "1", "-q"], " --state leases.json"],
];

for (const [given, hinted] of [...PLACES, ...STATES]) {
  Deno.test(`map${hinted} hints to unmap there what was mapped already`, async () => {
    const world = new TestWorld();
    await world.run("map", "8080:80", ...given);
    // A hint is no news.
    const loud = given.filter((word) => word !== "-q");
    const { stderr } = await world.run("map", "9090:80", ...loud);
    assertStringIncludes(stderr, `first unmap it (natpmp unmap 80/tcp${hinted})\n`);
  });

  Deno.test(`unmap${hinted} hints to unmap there what was probably meant`, async () => {
    const world = new TestWorld();
    await world.run("map", "8080:80", ...given);
    const { stderr } = await world.run("unmap", "8080", ...given);
    assertStringIncludes(stderr, `to unmap that, run natpmp unmap 80/tcp${hinted}\n`);
  });
}

for (const [given, hinted] of PLACES) {
  Deno.test(`the commands that a silent gateway${hinted} ends point to doctor there`, async () => {
    for (const words of [["map", "80"], ["unmap", "80"], ["address"], ["watch", "80", "--for", "1m"]]) {
      const world = new TestWorld({ faults: { silent: true } });
      const { stderr } = await world.run(...words, ...given);
      assertStringIncludes(
        stderr,
        `Run natpmp doctor${hinted} to see whether this is the right router`,
        words[0],
      );
    }
  });
}

Deno.test("a hint to doctor has no option that doctor does not have", async () => {
  const world = new TestWorld({ faults: { silent: true } });
  const { stderr } = await world.run("map", "80", "--state", "leases.json", "-g", "10.0.0.1");
  assertStringIncludes(stderr, "Run natpmp doctor --gateway 10.0.0.1 to see whether");
});

Deno.test("a hint has the gateway of the configuration file", async () => {
  const cron = new CronLine({ gateway: "10.0.0.1", mappings: ["80"] }, { faults: { silent: true } });
  assertStringIncludes((await cron.run()).mail, "Run natpmp doctor --gateway 10.0.0.1 to see whether");
  const { json } = await cron.world.runJson("map", "--config", CONFIG_PATH);
  assertStringIncludes(
    `${json.mappings?.[0]?.error?.message}`,
    "Run natpmp doctor --gateway 10.0.0.1 to see whether",
  );
});

Deno.test("map suggests any:PORT when the wished port is refused", async () => {
  for (const resultCode of [2, 4]) {
    for (
      const [spec, suggested] of [
        ["8080:80", "any:80/tcp"],
        ["443/udp", "any:443/udp"],
        ["8080:80/both", "any:80/both"],
        ["6881-6889", "any:6881-6889/tcp"],
        ["8000-8001:9000-9001/both", "any:9000-9001/both"],
      ] as const
    ) {
      const world = new TestWorld({ faults: { resultCode } });
      const { stderr } = await world.run("map", spec);
      assert(stderr.endsWith(`, or let the router choose another port: ${suggested}\n`), stderr);
    }
  }
});

Deno.test("map suggests any:PORT when the wished port is not the one that --exact wants", async () => {
  const world = new TestWorld({ gateway: { firstPort: 40_001 } });
  const { exitCode, stderr } = await world.run("map", "8080:80", "--exact");
  assertEquals(exitCode, 10);
  assertStringIncludes(
    stderr,
    "Leave out --exact to accept another port, or let the router choose another port: any:80/tcp\n",
  );
});

Deno.test("map suggests any:PORT for the specs that failed only", async () => {
  const world = new TestWorld({
    faultsFor: (request) => request.kind === "map" && request.internalPort === 80 ? { resultCode: 2 } : {},
  });
  const { stderr } = await world.run("map", "8080:80", "443", "53/udp");
  assertEquals(stderr.match(/any:\S+/g), ["any:80/tcp"]);
});

Deno.test("map suggests no any:PORT where it was asked for, or would not help", async () => {
  const cases = [
    [["any:80"], { resultCode: 2 }],
    [["0:80"], { resultCode: 4 }],
    [["any:6881-6889/both"], { resultCode: 4 }],
    [["80"], { resultCode: 3 }],
    [["80"], { resultCode: 9 }],
    [["1:0/both", "--allow-port-zero"], { resultCode: 2 }],
    [["80", "-t1"], { silent: true }],
  ] as const;
  for (const [words, faults] of cases) {
    const { exitCode, stderr } = await new TestWorld({ faults }).run("map", ...words);
    assert(exitCode > 2);
    assertEquals(stderr.includes("any:"), false, words.join(" "));
  }
});

Deno.test("unmap suggests no port", async () => {
  const { stderr } = await new TestWorld({ faults: { resultCode: 2 } }).run("unmap", "8080:80");
  assertEquals(stderr.includes("any:"), false);
});

Deno.test("watch and a cron line suggest any:PORT too", async () => {
  const options = { faultsFor: faultyFor("tcp", { resultCode: 2 }) };
  const { stderr } = await new TestWorld(options).run("watch", "8080:80", "6881-6889", "--for", "1m");
  assertStringIncludes(stderr, "let the router choose another port: any:80/tcp any:6881-6889/tcp\n");
  const { mail } = await new CronLine({ mappings: ["8080:80"] }, options).run();
  assertStringIncludes(mail, "let the router choose another port: any:80/tcp\n");
});

Deno.test("status --probe points to doctor at the gateway that was silent", async () => {
  let isSilent = false;
  const world = new TestWorld({ faultsFor: () => isSilent ? { silent: true } : {} });
  await world.run("map", "80");
  isSilent = true;
  const { stderr } = await world.run("status", "--probe", "--timeout", "1");
  assertStringIncludes(stderr, "Run natpmp doctor --gateway 10.0.0.1 to see whether");
});
