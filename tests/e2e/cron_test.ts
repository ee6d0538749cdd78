import { assertEquals, assertMatch } from "@std/assert";
import { CronDaemon } from "../support/cron_daemon.ts";
import { GatewayLab } from "../support/gateway_lab.ts";
import { e2eTest } from "../support/requirements.ts";
import { eventually } from "../support/watch_side_by_side.ts";
import { Traffic } from "../support/watch_traffic.ts";

const MAPPED = ["tcp 8080 -> 10.77.0.2:80"];

/** Long enough for cron to begin the next minute, and for a run. */
const NEXT_RUN_MS = 75_000;

/** The variables without which the program from source would look for its modules elsewhere. */
function inherited(): string[] {
  return ["DENO_DIR", "DENO_TLS_CA_STORE", "HOME", "PATH"].flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [`${name}=${value}`];
  });
}

/** When the state says that the file was renewed by cron last. */
async function lastRun(lab: GatewayLab): Promise<string> {
  const text = await Deno.readTextFile(`${lab.directory}/${lab.cli.name}/natpmp/leases.json`);
  return JSON.parse(text).runs[0].at.at;
}

async function untilNextRun(lab: GatewayLab): Promise<void> {
  const before = await lastRun(lab);
  await eventually(async () => await lastRun(lab) !== before, {
    what: "another run",
    timeoutMs: NEXT_RUN_MS,
  });
}

e2eTest(
  "cron keeps a mapping for minutes; its mail is empty until the gateway reboots, and then one line",
  async () => {
    await using lab = await GatewayLab.create();
    await lab.listen(lab.cli, "tcp", 80);
    const config = `${lab.directory}/natpmp.json`;
    await Deno.writeTextFile(config, JSON.stringify({ lifetime: "240s", mappings: ["8080:80/tcp"] }), {
      mode: 0o600,
    });

    const first = await lab.natpmp(["map", "--config", config, "--if-due", "--quiet"]);
    assertEquals([first.code, first.stdout], [0, "tcp 11.22.33.44:8080 -> 80, 240 s\n"]);
    const service = await lab.natpmp(["service", "cron", "--config", config]);
    const [line = ""] = service.stdout.split("\n").filter((text) => text.startsWith("*/15 "));
    assertMatch(line, /map --config .*natpmp\.json --if-due --quiet$/);

    // The printed line, but every minute: leases of 240 s are then due at the second run.
    await using cron = await CronDaemon.start(lab.cli, {
      directory: lab.directory,
      crontab: [
        ...inherited(),
        `XDG_STATE_HOME=${lab.directory}/${lab.cli.name}`,
        line.replace("*/15", "*"),
      ],
    });
    await using traffic = new Traffic(lab, 8080);
    const startedAtMs = Date.now();
    await traffic.next(true, startedAtMs);
    for (let run = 0; run < 2; run++) {
      await untilNextRun(lab);
      assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
      const { stdout } = await lab.natpmp(["status", "--check"]);
      assertMatch(stdout, /^tcp 80 +11\.22\.33\.44:8080 +0:0\d:\d\d +alive /m);
    }
    assertEquals(traffic.all.filter(({ isOk }) => !isOk), []);
    assertEquals(await cron.mails(), [], cron.log.join("\n"));

    await lab.gateway.rebootDaemon();
    assertEquals(await lab.gateway.daemon.mappings(), []);
    assertEquals((await lab.natpmp(["status", "--probe", "--check"])).code, 1);
    await untilNextRun(lab);
    assertEquals(await lab.gateway.daemon.mappings(), MAPPED);
    await traffic.next(true, Date.now());
    await eventually(async () => (await cron.mails()).length > 0, { what: "the mail", timeoutMs: 5000 });
    assertEquals(await cron.mails(), [
      "tcp 11.22.33.44:8080 -> 80, 240 s (mapped again: the router had forgotten its mappings)\n",
    ]);
    assertEquals((await lab.natpmp(["status", "--check"])).code, 0);
  },
  { lab: true, programs: ["cron", "unshare"] },
);
