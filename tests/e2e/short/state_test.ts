import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { GatewayLab } from "../../support/gateway_lab.ts";
import { jsonOutput } from "../../support/json_output.ts";
import { e2eTest } from "../../support/requirements.ts";
import { target } from "../../support/target.ts";

e2eTest("every target: leases are remembered where the system keeps such things", async () => {
  await using lab = await GatewayLab.create();
  const statePaths = `${lab.directory}/cli-state`;
  const env = { XDG_STATE_HOME: statePaths };
  const stateFile = `${target().stateDirectoryIn(statePaths)}/leases.json`;
  const mapped = await lab.natpmp(["map", "8080:80"], { env });
  assertEquals([mapped.code, mapped.stderr], [0, ""]);
  assertStringIncludes(await Deno.readTextFile(stateFile), "8080");
  const known = await lab.natpmp(["status"], { env });
  assertEquals([known.code, known.stderr], [0, ""]);
  assertMatch(known.stdout, /8080/);
  assertEquals((await lab.natpmp(["unmap", "8080:80"], { env })).code, 0);
  assertEquals((await lab.natpmp(["status"], { env })).stdout.includes("8080"), false);
});

e2eTest("every target: the paths of a configuration and a state file are the system's own", async () => {
  await using lab = await GatewayLab.create();
  const isWindows = target().os === "Windows";
  // Z: is the root of Wine's file system.
  const native = (path: string) => isWindows ? `Z:${path.replaceAll("/", "\\")}` : path;
  const config = `${lab.directory}/ports.json`;
  const state = `${lab.directory}/state.json`;
  await Deno.writeTextFile(config, JSON.stringify({ mappings: ["8080:80", "9090:90/udp"] }));
  const files = ["--config", native(config), "--state", native(state)];
  const first = await lab.natpmp(["map", ...files, "--if-due", "--json"]);
  assertEquals([first.code, first.stderr], [0, ""]);
  assertEquals(jsonOutput(first).mappings?.map(({ externalPort }) => externalPort), [8080, 9090]);
  assertEquals((await lab.gateway.daemon.mappings()).length, 2);
  assertStringIncludes(await Deno.readTextFile(state), "9090");
  // Nothing is due, and so nothing is said.
  const second = await lab.natpmp(["map", ...files, "--if-due", "--quiet"]);
  assertEquals([second.code, second.stdout, second.stderr], [0, "", ""]);
  // A mapping that the file has no longer is deleted, which is news; the lock of the first run stands in nobody's way.
  await Deno.writeTextFile(config, JSON.stringify({ mappings: ["8080:80"] }));
  const third = await lab.natpmp(["map", ...files, "--if-due", "--quiet"]);
  assertEquals([third.code, third.stderr], [0, ""]);
  assertEquals(await lab.gateway.daemon.mappings(), ["tcp 8080 -> 10.77.0.2:80"]);
});
