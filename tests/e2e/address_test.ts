import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { GatewayLab } from "../support/gateway_lab.ts";
import { jsonOutput } from "../support/json_output.ts";
import { e2eTest } from "../support/requirements.ts";

e2eTest("address asks the default gateway and prints its external address", async () => {
  await using lab = await GatewayLab.create();
  const { code, stdout, stderr } = await lab.natpmp(["address"]);
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "11.22.33.44\n", stderr: "" });
});

e2eTest("address --json has the fields of the contract", async () => {
  await using lab = await GatewayLab.create();
  const result = await lab.natpmp(["address", "--json"]);
  assertEquals({ code: result.code, stderr: result.stderr }, { code: 0, stderr: "" });
  const { epochSeconds, elapsedMs, ...rest } = jsonOutput(result);
  assertEquals(rest, {
    command: "address",
    gateway: "10.77.0.1",
    externalAddress: "11.22.33.44",
    via: "nat-pmp",
    attempts: 1,
  });
  // The daemon has only just started, and its epoch counts from there.
  assertEquals(Number.isInteger(epochSeconds) && epochSeconds! >= 0 && epochSeconds! < 60, true);
  assertGreater(elapsedMs!, 0);
});

e2eTest("of several default routes the one with the lowest metric names the gateway", async () => {
  await using lab = await GatewayLab.create();
  await lab.cli.ip("route", "delete", "default");
  await lab.cli.addRoute("default", "via", "10.77.0.3", "metric", "300");
  await lab.cli.addRoute("default", "via", lab.gatewayAddress, "metric", "200");
  const { code, stdout } = await lab.natpmp(["address"]);
  assertEquals({ code, stdout }, { code: 0, stdout: "11.22.33.44\n" });
});

e2eTest("without a default route there is no gateway, unless --gateway names one", async () => {
  await using lab = await GatewayLab.create();
  await lab.cli.ip("route", "delete", "default");
  const { code, stdout, stderr } = await lab.natpmp(["address"]);
  assertEquals({ code, stdout }, { code: 3, stdout: "" });
  assertMatch(stderr, /--gateway/);

  const json = await lab.natpmp(["map", "8080:80", "--json"]);
  assertEquals(json.code, 3);
  const output = jsonOutput(json);
  assertEquals({ command: output.command, kind: output.error?.kind }, { command: "map", kind: "no-gateway" });

  const named = await lab.natpmp(["address", "--gateway", lab.gatewayAddress]);
  assertEquals({ code: named.code, stdout: named.stdout }, { code: 0, stdout: "11.22.33.44\n" });
});

e2eTest("a gateway whose own external address is private reports a network failure", async () => {
  // miniupnpd refuses to map then as well: result 3 for both requests.
  await using lab = await GatewayLab.create({ externalAddress: "192.168.55.5" });
  const address = await lab.natpmp(["address", "--json"]);
  assertEquals(address.code, 6);
  const { error } = jsonOutput(address);
  assertEquals({ kind: error?.kind, resultCode: error?.resultCode }, {
    kind: "network-failure",
    resultCode: 3,
  });

  const map = await lab.natpmp(["map", "8080:80", "--json"]);
  assertEquals(map.code, 6);
  const [mapping] = jsonOutput(map).mappings ?? [];
  assertEquals(
    { kind: mapping?.error?.kind, resultCode: mapping?.error?.resultCode },
    { kind: "network-failure", resultCode: 3 },
  );
  assertEquals(await lab.gateway.daemon.mappings(), []);
});
