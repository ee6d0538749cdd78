import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import type { CommandResult } from "../support/command.ts";
import { GatewayLab } from "../support/gateway_lab.ts";
import { jsonOutput } from "../support/json_output.ts";
import { e2eTest } from "../support/requirements.ts";

const THREE_OF_TEN = { count: 3, of: 10 } as const;
/** Twenty runs on one gateway would take a minute, nearly all of it waiting. */
const LOSSY_LABS = 4;
const RUNS_PER_LAB = 5;
/** The RFC's whole schedule, for the mapping and for the address after it. */
const WHOLE_SCHEDULE_MS = 2 * 127_750 + 5000;

/** Maps different ports, one after the other, through a gateway that loses three of ten datagrams each way. */
async function mapThroughLoss(): Promise<CommandResult[]> {
  await using lab = await GatewayLab.create();
  await lab.gateway.lossEvery({ requests: THREE_OF_TEN, replies: THREE_OF_TEN });
  const results: CommandResult[] = [];
  for (let run = 0; run < RUNS_PER_LAB; run++) {
    const args = ["map", `${8000 + run}:${4000 + run}`, "--timeout", "127.75"];
    const result = await lab.natpmp(args, { timeoutMs: WHOLE_SCHEDULE_MS });
    assertEquals({ code: result.code, stderr: result.stderr }, { code: 0, stderr: "" });
    results.push(result);
  }
  const lost = await lab.gateway.faultCounts();
  assertGreater(lost.requests, 0);
  assertGreater(lost.replies, 0);
  const mapped = Array.from(
    { length: RUNS_PER_LAB },
    (_, run) => `tcp ${8000 + run} -> 10.77.0.2:${4000 + run}`,
  );
  assertEquals(await lab.gateway.daemon.mappings(), mapped);
  return results;
}

/** Waits, a few seconds at most, until the gateway's faults have taken a request. */
async function firstRequestLost(lab: GatewayLab): Promise<void> {
  for (let look = 0; look < 500; look++) {
    if ((await lab.gateway.faultCounts()).requests > 0) return;
  }
  throw new Error("No request has reached the gateway");
}

e2eTest(
  "map --timeout 127.75 succeeds twenty times out of twenty while 3 of 10 datagrams are lost each way",
  async () => {
    // Settled, so that a failure in one lab does not leave the others running.
    const labs = await Promise.allSettled(Array.from({ length: LOSSY_LABS }, mapThroughLoss));
    const results = labs.flatMap((lab) => {
      if (lab.status === "rejected") throw lab.reason;
      return lab.value;
    });
    assertEquals(results.length, 20);
    for (const { stdout } of results) assertMatch(stdout, /^tcp 11\.22\.33\.44:\d+ -> \d+, 7200 s\n$/);
  },
);

e2eTest("map sends again after 250 ms when the first datagram is lost", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.lossEvery({ requests: { count: 1, of: 1000 } });
  const result = await lab.natpmp(["map", "8080:80", "--json"]);
  assertEquals({ code: result.code, stderr: result.stderr }, { code: 0, stderr: "" });
  const [mapping] = jsonOutput(result).mappings ?? [];
  assertEquals(mapping?.attempts, 2);
  const elapsedMs = mapping?.elapsedMs ?? 0;
  assert(elapsedMs >= 249 && elapsedMs < 750, `elapsed ${elapsedMs}`);
});

e2eTest("a gateway that is down is given up at the deadline with 4", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.stopDaemon();
  await lab.gateway.dropAll();

  const address = await lab.natpmp(["address", "--timeout", "1", "--json"]);
  assertEquals(address.code, 4);
  const { error } = jsonOutput(address);
  // Sent at 0, 250 and 750 ms.
  assertEquals({ kind: error?.kind, attempts: error?.attempts }, { kind: "timeout", attempts: 3 });
  assert(error!.elapsedMs! >= 990 && error!.elapsedMs! < 1500, `elapsed ${error!.elapsedMs}`);
  assert(address.elapsedMs >= 990 && address.elapsedMs < 2500, `the process took ${address.elapsedMs} ms`);
  assertEquals((await lab.gateway.faultCounts()).requests, 3);

  const map = await lab.natpmp(["map", "8080:80", "9090:90", "--timeout", "1"]);
  assertEquals({ code: map.code, stdout: map.stdout }, { code: 4, stdout: "" });
  assertMatch(map.stderr, /10\.77\.0\.1/);
  // The second spec fails without another wait.
  assert(map.elapsedMs >= 990 && map.elapsedMs < 1900, `the process took ${map.elapsedMs} ms`);

  const unmap = await lab.natpmp(["unmap", "8080:80", "--timeout", "1", "--json"]);
  assertEquals(unmap.code, 4);
  assertEquals(jsonOutput(unmap).mappings?.map(({ error }) => error?.kind), ["timeout"]);
});

e2eTest("a gateway that comes back within the deadline is heard", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.dropAll();
  const mapping = lab.natpmp(["map", "8080:80", "--json", "--timeout", "10"]);
  await firstRequestLost(lab);
  await lab.gateway.clearFaults();
  const result = await mapping;
  assertEquals({ code: result.code, stderr: result.stderr }, { code: 0, stderr: "" });
  assertGreater(jsonOutput(result).mappings?.[0]?.attempts ?? 0, 1);
});
