import { assertEquals } from "@std/assert";
import { CronLine } from "../../support/cron_line.ts";

Deno.test("printRun() --json has an entry for each mapping, for those that were left alone and deleted too", async () => {
  const cron = new CronLine({ mappings: ["8080:80", "9000:90"] });
  await cron.run();
  cron.write({ mappings: ["8080:80", "7000:70"] });
  const { mail } = await cron.run("--json");
  const { mappings, ...top } = JSON.parse(mail);
  assertEquals(top, { command: "map", gateway: "10.0.0.1", externalAddress: "203.0.113.7" });
  assertEquals(
    mappings.map(({ internalPort, externalPort, kept, unmapped }: Record<string, unknown>) => ({
      internalPort,
      externalPort,
      kept,
      unmapped,
    })),
    [
      { internalPort: 80, externalPort: 8080, kept: true, unmapped: undefined },
      { internalPort: 70, externalPort: 7000, kept: undefined, unmapped: undefined },
      { internalPort: 90, externalPort: undefined, kept: undefined, unmapped: true },
    ],
  );
});

Deno.test("printRun() prints when a lease that is left alone ends by the wall clock as it is now", async () => {
  const cron = new CronLine({ mappings: ["8080:80"] });
  await cron.run();
  cron.world.fakeStatePaths.setWallClock(24 * 3_600_000);
  const before = cron.world.stdout.text.length;
  await cron.world.run("map", "--config", "/etc/natpmp.json", "--if-due", "--json");
  const [kept] = JSON.parse(cron.world.stdout.text.slice(before)).mappings;
  assertEquals(kept.expiresAt, "2026-01-02T02:00:00Z");
});

Deno.test("printRun() serves port file, line and hook in this order", async () => {
  const cron = new CronLine({ exec: "hook", portFile: "/run/port", mappings: ["8080:80"] });
  const { fakeMachine, stdout } = cron.world;
  let seen: unknown;
  fakeMachine.onHook = () => seen = [fakeMachine.files.get("/run/port"), stdout.text];
  await cron.run();
  assertEquals(seen, ["8080\n", "tcp 203.0.113.7:8080 -> 80, 7200 s\n"]);
});
