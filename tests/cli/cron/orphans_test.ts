import { assertEquals, assertStringIncludes } from "@std/assert";
import { formatState } from "../../../lib/lease/state_format.ts";
import { CronLine } from "../../support/cron_line.ts";

const TWO = { mappings: ["8080:80", "9000:90"] };
const ONE = { mappings: ["8080:80"] };
const SILENT = { exitCode: 0, mail: "" };

function namesIn({ world }: CronLine): string[] {
  return world.fakeStateHome.state.links.flatMap(({ leases }) =>
    leases.map(({ protocol, internalPort }) => `${protocol} ${internalPort}`)
  );
}

Deno.test("deleteOrphans() forgets without a packet what is over already, and says nothing of it", async () => {
  const cron = new CronLine(TWO);
  await cron.run();
  cron.write(ONE);
  await cron.world.clock.advance(3 * 3_600_000);
  assertStringIncludes((await cron.run()).mail, "mapped again: the lease had run out");
  assertEquals([cron.world.deletions, namesIn(cron)], [[], ["tcp 80"]]);
});

Deno.test("deleteOrphans() deletes nothing of another file, nor what was typed", async () => {
  const cron = new CronLine(ONE);
  await cron.run();
  await cron.world.run("map", "7000:70", "--quiet");
  assertEquals(await cron.next(), SILENT);
  assertEquals(cron.world.mappings.length, 2);
});

Deno.test("deleteOrphans() never deletes internal port 0, which would delete everything: it is forgotten", async () => {
  const cron = new CronLine({ allowPortZero: true, mappings: [{ internal: 0, external: 1 }, "8080:80"] });
  await cron.run();
  cron.write(ONE);
  await cron.next();
  assertEquals([cron.world.deletions, namesIn(cron)], [[], ["tcp 80"]]);
});

Deno.test("deleteOrphans() leaves what a running watch keeps", async () => {
  const cron = new CronLine(TWO);
  await cron.run();
  const { files, path, state } = cron.world.fakeStateHome;
  const keepers = [{
    lock: cron.world.fakeStateHome.keeperLock(1),
    mappings: [{ protocol: "tcp" as const, internalPort: 90 }],
  }];
  files.texts.set(path, formatState({ ...state, links: state.links.map((link) => ({ ...link, keepers })) }));
  files.locks.set(cron.world.fakeStateHome.keeperLock(1), "natpmp watch, process 9");
  cron.write(ONE);
  assertEquals(await cron.next(), SILENT);
  assertEquals([cron.world.deletions, namesIn(cron)], [[], ["tcp 80", "tcp 90"]]);
});

Deno.test("deleteOrphans() that is refused says so once, with the exit code, and tries again at each run", async () => {
  const cron = new CronLine(TWO, {
    faultsFor: (request) => request.kind === "map" && request.lifetimeSeconds === 0 ? { refuse: true } : {},
  });
  await cron.run();
  cron.write(ONE);
  const first = await cron.next();
  assertEquals(first.exitCode, 5);
  assertStringIncludes(first.mail, "tcp 90: 10.0.0.1 refused to delete the mapping: not authorized");
  assertEquals(await cron.next(), { exitCode: 5, mail: "" });
  assertEquals([cron.world.deletions.length, namesIn(cron)], [4, ["tcp 80", "tcp 90"]]);
});
