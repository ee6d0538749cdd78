import { assertEquals, assertMatch } from "@std/assert";
import { CONFIG_PATH as PATH, CronLine as Cron } from "../../support/cron_line.ts";

const SILENT = { exitCode: 0, mail: "" };

const FILE = {
  exec: "all",
  portFile: "ports",
  mappings: ["8080:80", { name: "ssh", external: 2222, internal: 22, exec: "ssh", portFile: "ssh" }],
};

Deno.test("map --config --if-due maps what the file lists once, and is silent from then on", async () => {
  const cron = new Cron(FILE);
  assertEquals(await cron.run(), {
    exitCode: 0,
    mail: "tcp 203.0.113.7:8080 -> 80, 7200 s\ntcp 203.0.113.7:2222 -> 22, 7200 s\n",
  });
  for (let run = 0; run < 3; run++) assertEquals(await cron.next(), SILENT);
  assertEquals(cron.hooks, ["all mapped 8080", "ssh mapped 2222"]);
  const { files } = cron.world.fakeMachine;
  assertEquals([files.get("/etc/ports"), files.get("/etc/ssh")], ["8080\n", "2222\n"]);
});

Deno.test("map --config --if-due runs the hook of the mapping that moved, and of no other", async () => {
  const cron = new Cron(FILE);
  await cron.run();
  cron.write({ ...FILE, mappings: [FILE.mappings[0], { ...(FILE.mappings[1] as object), external: 2223 }] });
  const { mail } = await cron.next();
  assertMatch(mail, /^tcp 203\.0\.113\.7:2223 -> 22, 7200 s[^\n]*\n$/);
  assertEquals(cron.hooks.slice(2), ["ssh changed 2223"]);
  assertEquals(cron.world.fakeMachine.files.get("/etc/ssh"), "2223\n");
});

Deno.test("map --config --if-due remembers what it moved: the next run is silent, and can delete it", async () => {
  const cron = new Cron({ mappings: ["8080:80"] });
  await cron.run();
  cron.write({ mappings: ["9090:80/both"] });
  await cron.next();
  assertEquals(
    cron.world.fakeStatePaths.state.gateways[0]?.entries.map(({ lease }) =>
      `${lease?.protocol} ${lease?.externalPort}`
    ),
    [
      "tcp 9090",
      "udp 9090",
    ],
  );
  assertEquals(await cron.next(), SILENT);
  cron.write({ mappings: [] });
  assertEquals(await cron.next(), { exitCode: 0, mail: "tcp 80 unmapped\nudp 80 unmapped\n" });
  assertEquals(cron.world.mappings, []);
});

Deno.test("map --config --if-due leaves a port in its file while the lease lives, though its renewal is refused", async () => {
  let isRefusing = false;
  const cron = new Cron(
    { portFile: "ports", mappings: [{ internal: 80, lifetime: "1h" }, "2222:22"] },
    { faultsFor: ({ kind }) => isRefusing && kind === "map" ? { resultCode: 2 } : {} },
  );
  await cron.run();
  isRefusing = true;
  await cron.next();
  await cron.next();
  const { files } = cron.world.fakeMachine;
  assertEquals([(await cron.next()).exitCode, files.get("/etc/ports")], [5, "80\n2222\n"]);
  assertEquals([(await cron.next()).exitCode, files.get("/etc/ports")], [5, "2222\n"]);
});

Deno.test("map --config --if-due removes the port file when the lease ran out and the gateway refuses or is silent", async () => {
  for (const faults of [{ resultCode: 2 }, { silent: true }]) {
    let isFaulty = false;
    const cron = new Cron({ portFile: "ports", mappings: ["8080:80"] }, {
      faultsFor: () => isFaulty ? faults : {},
    });
    await cron.run();
    isFaulty = true;
    const { files } = cron.world.fakeMachine;
    for (let run = 1; run < 8; run++) {
      await cron.next();
      assertEquals(files.get("/etc/ports"), "8080\n", `run ${run}`);
    }
    await cron.next();
    assertEquals(files.has("/etc/ports"), false);
  }
});

Deno.test("map --config --if-due leaves a port file of which it knows nothing, as after the state was lost", async () => {
  const cron = new Cron({ portFile: "ports", mappings: ["8080:80"] }, { faults: { silent: true } });
  const { files } = cron.world.fakeMachine;
  files.set("/etc/ports", "8080\n");
  assertEquals([(await cron.run()).exitCode, files.get("/etc/ports")], [4, "8080\n"]);
});

Deno.test("map --config --if-due removes the port file with the last mapping that the file lists", async () => {
  const cron = new Cron({ portFile: "ports", mappings: ["8080:80", "2222:22"] });
  const { files } = cron.world.fakeMachine;
  await cron.run();
  cron.write({ portFile: "ports", mappings: ["2222:22"] });
  await cron.next();
  assertEquals(files.get("/etc/ports"), "2222\n");
  cron.write({ portFile: "ports", mappings: [] });
  assertEquals([await cron.next(), files.has("/etc/ports")], [
    { exitCode: 0, mail: "tcp 22 unmapped\n" },
    false,
  ]);
});

Deno.test("map --config --if-due deletes in one line what the file no longer has, the last mapping too", async () => {
  const cron = new Cron(FILE);
  await cron.run();
  cron.write({ ...FILE, mappings: FILE.mappings.slice(1) });
  assertEquals(await cron.next(), { exitCode: 0, mail: "tcp 80 unmapped\n" });
  cron.write({ ...FILE, mappings: [] });
  assertEquals(await cron.next(), { exitCode: 0, mail: "tcp 22 unmapped\n" });
  assertEquals([await cron.next(), cron.world.mappings], [SILENT, []]);
});

Deno.test("map --config --if-due deletes what an explicit map --config had asked for", async () => {
  const cron = new Cron(FILE);
  await cron.world.run("map", "--config", PATH);
  cron.write({ ...FILE, mappings: FILE.mappings.slice(1) });
  assertEquals(await cron.run(), { exitCode: 0, mail: "tcp 80 unmapped\n" });
});

Deno.test("map --config --if-due with a file that vanished: exit 2, nothing sent, the state untouched", async () => {
  const cron = new Cron(FILE);
  await cron.run();
  const { world } = cron;
  const before = await world.run("status", "--json");
  const count = world.requests.length;
  world.fakeMachine.files.delete(PATH);
  for (const wrong of [undefined, "", '{"mappings": ["80",]}', '{"mappings": [80]}', "{}"]) {
    if (wrong !== undefined) world.fakeMachine.files.set(PATH, wrong);
    const { exitCode, mail } = await cron.run();
    assertEquals([exitCode, mail.split("\n").length], [2, 2]);
  }
  assertEquals([world.requests.length, world.mappings.length], [count, 2]);
  world.stdout.text = "";
  const after = await world.run("status", "--json");
  assertEquals(after.stdout, before.stdout.split("\n").at(-2) + "\n");
  cron.write(FILE);
  assertEquals(await cron.next(), SILENT);
});

Deno.test("status --config lists what the file asked for", async () => {
  const cron = new Cron(FILE);
  const { world } = cron;
  await world.run("map", "443");
  await cron.run();
  world.stdout.text = "";
  const { stdout } = await world.run("status", "--config", PATH);
  assertEquals(stdout.trimEnd().split("\n").slice(1).map((line) => line.split("  ")[0]), [
    "tcp 80",
    "tcp 22",
  ]);
});

Deno.test("watch --config leaves its mappings to the file, so that status --config tells them", async () => {
  const { world } = new Cron({ mappings: ["8080:80"] });
  await world.run("watch", "--config", PATH, "--for", "1m", "--keep");
  world.stdout.text = "";
  const { stdout } = await world.run("status", "--config", PATH);
  assertMatch(stdout, /\ntcp 80 +203\.0\.113\.7:8080 /);
});

Deno.test("map --config --if-due runs the file's hook for a mapping that it deletes, not one of another mapping", async () => {
  const cron = new Cron({ exec: "all", mappings: ["8080:80", { internal: 22, exec: "own" }] });
  await cron.run();
  cron.write({ exec: "all", mappings: [{ internal: 22, exec: "own" }] });
  await cron.next();
  const { hooks } = cron.world.fakeMachine;
  assertEquals(hooks.map(({ command, environment }) => [command, environment.NATPMP_EVENT]), [
    ["all", "mapped"],
    ["own", "mapped"],
    ["all", "unmapped"],
  ]);
  assertEquals(hooks[2]?.environment.NATPMP_PREVIOUS_EXTERNAL_PORT, "8080");
});

Deno.test("map --config --if-due leaves a port file alone that says already what it should", async () => {
  const cron = new Cron({ portFile: "/run/port", mappings: ["8080:80"] });
  await cron.run();
  await cron.next();
  assertEquals(cron.world.fakeMachine.fileHistory, ["8080\n"]);
});

for (
  const [what, before, after, mappings] of [
    ["another internal port for an external one", ["8080:80"], ["8080:81"], ["8080:81"]],
    ["two that swap their ports", ["8080:80", "9090:90"], ["9090:80", "8080:90"], ["9090:80", "8080:90"]],
    ["one that takes the port which another leaves", ["8080:80", "9090:90"], ["9090:80", "7070:90"], [
      "9090:80",
      "7070:90",
    ]],
  ] as const
) {
  Deno.test(`map --config --if-due gets the ports of the file for ${what}`, async () => {
    const cron = new Cron({ mappings: before });
    await cron.run();
    cron.write({ mappings: after });
    assertEquals((await cron.next()).exitCode, 0);
    assertEquals(
      cron.world.mappings.toSorted(),
      mappings.map((mapping) => `tcp 10.0.0.2 ${mapping}`).toSorted(),
    );
    assertEquals(await cron.next(), SILENT);
  });
}

Deno.test("map --config --if-due ends with 1 when the hook of what it deleted fails", async () => {
  const cron = new Cron(FILE);
  await cron.run();
  cron.world.fakeMachine.hookEnd = () => ({ code: 3 });
  cron.write({ ...FILE, mappings: FILE.mappings.slice(0, 1) });
  const { exitCode, mail } = await cron.next();
  assertEquals(exitCode, 1);
  assertMatch(mail, /The hook for unmapped tcp 22 ended with exit code 3/);
});
