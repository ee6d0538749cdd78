import { assert, assertEquals, assertMatch } from "@std/assert";
import type { CommandResult } from "../support/command.ts";
import { GatewayLab } from "../support/gateway_lab.ts";
import { jsonOutput } from "../support/json_output.ts";
import { e2eTest } from "../support/requirements.ts";

/** An idle machine needs less than 400 ms, most of it the schedule's 250 ms; a busy one gets more. */
const MILLISECONDS = 1500;

/** No deadline of the command's own plays a part: the default is 7.75 s. */
function assertPrompt({ code, stderr, elapsedMs }: CommandResult): void {
  assertEquals(code, 8, stderr);
  assertMatch(stderr, /^natpmp: error: [^\n]*10\.77\.0\.1[^\n]*ICMP port unreachable[^\n]*NAT-PMP[^\n]*\n$/);
  assert(elapsedMs < MILLISECONDS, `the process took ${elapsedMs} ms`);
}

e2eTest("a closed port ends every command that talks with 8 in milliseconds", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.stopDaemon();
  await lab.gateway.countRequests();
  assertPrompt(await lab.natpmp(["address"]));
  // One request of two sends: the first is not heard to be refused, the second is.
  assertEquals((await lab.gateway.faultCounts()).requests, 2);
  assertPrompt(await lab.natpmp(["map", "8080:80", "9090:90"]));
  assertEquals((await lab.gateway.faultCounts()).requests, 4);
  assertPrompt(await lab.natpmp(["unmap", "8080:80"]));
  assertPrompt(await lab.natpmp(["doctor", "--via", "nat-pmp"]));
  assertPrompt(await lab.natpmp(["address", "--source", "10.77.0.2"]));
});

e2eTest("a port that a firewall rejects ends with 8 in milliseconds", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.rejectPort();
  assertPrompt(await lab.natpmp(["map", "8080:80"]));
  const json = await lab.natpmp(["address", "--json"]);
  assertEquals(json.code, 8);
  const { error } = jsonOutput(json);
  assertEquals([error?.kind, error?.attempts, error?.resultCode], ["not-supported", 2, undefined]);
  assert(error!.elapsedMs! >= 250 && error!.elapsedMs! < MILLISECONDS, `elapsed ${error!.elapsedMs}`);
  assertEquals((await lab.gateway.faultCounts()).requests, 4);
});

e2eTest("under Linux' own limit of ICMP errors a closed port still ends by the deadline", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.stopDaemon();
  await lab.gateway.namespace.sysctl({ "net.ipv4.icmp_ratelimit": 1000 });
  // The burst is used up by these, and the limit leaves one error a second then. Those of one user would take turns.
  const runs = await Promise.all(
    Array.from({ length: 8 }, (_, user) =>
      lab.natpmp(["address", "--timeout", "2"], {
        timeoutMs: 8000,
        env: { XDG_STATE_HOME: `${lab.directory}/user-${user}` },
      })),
  );
  for (const { code, stderr, elapsedMs } of runs) {
    assert(code === 8 || code === 4, `ended with ${code}: ${stderr}`);
    assert(elapsedMs < 5000, `the process took ${elapsedMs} ms`);
  }
  assert(runs.some(({ code }) => code === 8), "no run heard an ICMP error");
});

e2eTest("a refused datagram of a gateway that answered before is a hiccup", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.rejectMappingOf(81, 2);
  const result = await lab.natpmp(["map", "8080:80", "8081:81", "--json"]);
  assertEquals([result.code, result.stderr], [0, ""]);
  const { mappings = [] } = jsonOutput(result);
  // The second send of the second request is heard to be refused, and the third is answered.
  assertEquals(mappings.map(({ internalPort, attempts }) => [internalPort, attempts]), [[80, 1], [81, 3]]);
  assertEquals((await lab.gateway.faultCounts()).requests, 2);
  assertEquals((await lab.gateway.daemon.mappings()).length, 2);
});

e2eTest("a gateway that drops everything gets five sends and ends with 4 at the deadline", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.dropAll();
  const [address, doctor] = await Promise.all([
    lab.natpmp(["address", "--json"]),
    lab.natpmp(["doctor", "--via", "nat-pmp"], { host: lab.cli2 }),
  ]);
  assertEquals([address.code, doctor.code], [4, 4]);
  const { error } = jsonOutput(address);
  assertEquals([error?.kind, error?.attempts], ["timeout", 5]);
  assert(error!.elapsedMs! >= 7740 && error!.elapsedMs! < 9000, `elapsed ${error!.elapsedMs}`);
  assertMatch(
    doctor.stdout,
    /^ {2}NAT-PMP: 10\.77\.0\.1:5351 did not answer within 7\.75 s \(attempts: 5\)$/m,
  );
  // Five by each of the two commands, although the later ones leave through another socket.
  assertEquals((await lab.gateway.faultCounts()).requests, 10);
});

e2eTest("a request that is answered at once costs one datagram each way", async () => {
  await using lab = await GatewayLab.create();
  await lab.gateway.countRequests();
  assertEquals((await lab.natpmp(["map", "8080:80"])).code, 0);
  assertEquals(await lab.gateway.faultCounts(), { requests: 2, replies: 2 });
});
