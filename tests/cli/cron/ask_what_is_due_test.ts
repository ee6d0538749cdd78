import { assertEquals, assertStringIncludes } from "@std/assert";
import { CronLine } from "../../support/cron_line.ts";
import { faultyFor } from "../../support/test_world.ts";

/** The mappings that were asked for since a number of requests, each in a word. */
function asked({ world }: CronLine, since: number): string[] {
  return world.requests.slice(since).flatMap((request) =>
    request.kind === "map" ? [`${request.protocol} ${request.externalPort}:${request.internalPort}`] : []
  );
}

Deno.test("askWhatIsDue() renews the halves of a pair together, on their port", async () => {
  const cron = new CronLine({ mappings: ["6881/both"] });
  await cron.run();
  await cron.world.clock.advance(65 * 60_000);
  const count = cron.world.requests.length;
  assertEquals(await cron.run(), { exitCode: 0, mail: "" });
  assertEquals(asked(cron, count), ["tcp 6881:6881", "udp 6881:6881"]);
});

Deno.test("askWhatIsDue() asks for the missing half of a pair on the port of the other, which it leaves alone", async () => {
  const cron = new CronLine({ mappings: ["6881/both"] });
  await cron.world.run("map", "6881/tcp", "--quiet");
  const count = cron.world.requests.length;
  assertEquals(await cron.next(), { exitCode: 0, mail: "udp 203.0.113.7:6881 -> 6881, 7200 s\n" });
  assertEquals(asked(cron, count), ["udp 6881:6881"]);
});

Deno.test("askWhatIsDue() renews at once when another lifetime is wanted", async () => {
  const cron = new CronLine({ mappings: ["8080:80"] });
  await cron.run();
  cron.write({ lifetime: "1h", mappings: ["8080:80"] });
  const count = cron.world.requests.length;
  assertEquals(await cron.next(), { exitCode: 0, mail: "" });
  assertEquals(asked(cron, count), ["tcp 8080:80"]);
});

Deno.test("askWhatIsDue() moves a mapping whose file wants another external port: it is deleted first (§3.3)", async () => {
  const cron = new CronLine({ mappings: ["8080:80"] });
  await cron.run();
  cron.write({ mappings: ["9090:80"] });
  const { exitCode, mail } = await cron.next();
  assertEquals([exitCode, mail], [0, "tcp 203.0.113.7:9090 -> 80, 7200 s (was 8080)\n"]);
  assertEquals([cron.world.deletions.length, cron.world.mappings], [1, ["tcp 10.0.0.2 9090:80"]]);
});

Deno.test("askWhatIsDue() gives the rest the same error once the gateway is silent, without another wait", async () => {
  const cron = new CronLine({ mappings: ["8080:80", "8081:81", "8082:82"] }, {
    faultsFor: faultyFor("tcp", { silent: true }),
  });
  const startMs = cron.world.clock.now();
  const { exitCode, mail } = await cron.run();
  assertEquals([exitCode, cron.world.clock.now() - startMs], [4, 7750]);
  assertStringIncludes(mail, "tcp 80, tcp 81, tcp 82: 10.0.0.1:5351 did not answer");
});
