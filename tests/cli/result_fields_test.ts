import { assertEquals, assertThrows } from "@std/assert";
import { NoGatewayError } from "../../lib/errors.ts";
import {
  assertDocumented,
  documentedFields,
  fieldsIn,
  isDocumented,
  type TableName,
} from "../support/documented_fields.ts";
import { TestWorld, type TestWorldOptions } from "../support/test_world.ts";

const CONFIG = "/etc/natpmp.json";
const CONFIG_TEXT = JSON.stringify({
  mappings: [{
    name: "web",
    internal: 80,
    protocol: "both",
    external: 8080,
    anyPort: true,
    exec: "true",
    portFile: "p",
  }, { internal: 22, exact: true }],
});

/** Command lines, one after the other in one world, that together print every field of a command. */
interface Scenario extends TestWorldOptions {
  readonly lines: readonly string[];
  readonly config?: string;
}

const NO_GATEWAY = { noGateway: new NoGatewayError("There is none") };
const PRIVATE = { gateway: { externalAddress: "10.1.2.3" } };

const CANDIDATE = {
  interfaceName: "eth0",
  gateway: "10.0.0.1",
  metric: 100,
  guessed: false,
  chosen: true,
  reason: "default route through eth0",
};

const SCENARIOS: Readonly<Record<Exclude<TableName, "error" | "version" | "simulate">, readonly Scenario[]>> =
  {
    address: [{ lines: ["address"], ...PRIVATE }, { lines: ["address"], ...NO_GATEWAY }],
    map: [
      { lines: ["map 8080:80", "map 8080:80 --if-due"], ...PRIVATE },
      { lines: ["map 8080:80"], faults: { refuse: true } },
      { lines: ["map 8080:80 --if-due --via pcp"], faults: { silent: true } },
      { lines: ["map 8080:80"], ...NO_GATEWAY },
      { lines: ["map 8080:80"], speaks: "none", upnp: "igd1" },
      { lines: ["map 80 --for-host 10.0.0.3"], speaks: "pcp", faults: { allowThirdParty: true } },
      { lines: [`map --config ${CONFIG} --check`], config: CONFIG_TEXT },
    ],
    unmap: [
      { lines: ["map 8080:80", "unmap 8080"] },
      { lines: ["unmap 80"], faults: { refuse: true } },
      { lines: ["map 80", "unmap 80"], speaks: "pcp", faults: { lingerSeconds: 60 } },
      { lines: ["unmap 80"], ...NO_GATEWAY },
      { lines: ["map 80", "unmap --all --via upnp"], speaks: "none", upnp: "igd1" },
      {
        lines: ["map 80 --for-host 10.0.0.3", "unmap 80 --for-host 10.0.0.3"],
        speaks: "pcp",
        faults: { allowThirdParty: true },
      },
    ],
    watch: [
      { lines: ["watch 8080:80 --for 4h"], ...PRIVATE },
      { lines: ["watch 8080:80 --for 4h"], faults: { refuse: true } },
      { lines: ["watch --lifetime 60"] },
      { lines: ["watch 8080:80 --for 1h"], speaks: "none", upnp: "igd1" },
      { lines: ["watch 8080:80 --for 1h"], speaks: "pcp", faults: { lingerSeconds: 60 } },
    ],
    list: [
      { lines: ["map 8080:80", "list"], speaks: "none", upnp: "igd1" },
      { lines: ["map 8080:80", "list"], speaks: "none", upnp: "igd1", faults: { upnpPermanentOnly: true } },
      { lines: ["list --via pcp"] },
      { lines: ["list"], speaks: "none", upnp: "igd1", found: { guessed: true } },
    ],
    status: [
      { lines: ["map 8080:80", "status"] },
      { lines: ["map 80 --for-host 10.0.0.3", "status"], speaks: "pcp", faults: { allowThirdParty: true } },
      { lines: [`map --config ${CONFIG}`, "status"], config: CONFIG_TEXT },
      { lines: ["status --no-state"] },
      { lines: ["map 80", "status --probe --gateway 10.0.0.1 --via pcp"] },
    ],
    doctor: [
      { lines: ["doctor 80"], survey: { candidates: [CANDIDATE] }, ...PRIVATE },
      { lines: ["doctor 80 443"], faults: { refuse: true } },
      { lines: ["doctor 8080:80 80 90"], ...NO_GATEWAY },
      { lines: ["doctor 80 90"], ...PRIVATE },
      { lines: ["doctor"], speaks: "none", upnp: "igd1" },
    ],
    service: [{ lines: [`service cron --config ${CONFIG}`] }, { lines: ["service"] }],
    completions: [{ lines: ["completions bash"] }, { lines: ["completions"] }],
    help: [{ lines: ["help x"] }],
  };

/** Fields that these command lines do not print: no lease of NAT-PMP is permanent, and the world stays as it is. */
const OTHERS: Readonly<Partial<Record<string, readonly string[]>>> = {
  map: [
    "answersAgain",
    ...["permanent", "unmapped", "closesInSeconds", "expired"].map((name) => `mappings[].${name}`),
  ],
  watch: ["permanent", "previousExternalAddress", "previousGateway"],
  list: ["warnings"],
  status: ["leases[].permanent", "leases[].keeper", "warnings"],
  doctor: [
    ...["testMapping.permanent", "binding.interface", "binding.routeInterface", "announcements.error"],
    ...["modelNumber", "problem"].map((name) => `upnpRouters[].${name}`),
  ],
};

async function printedBy({ lines, config, ...options }: Scenario): Promise<string> {
  const world = new TestWorld(options);
  if (config !== undefined) world.fakeMachine.files.set(CONFIG, config);
  for (const line of lines) await world.run("--json", ...line.split(" "));
  return world.stdout.text;
}

for (const [name, scenarios] of Object.entries(SCENARIOS)) {
  Deno.test(`natpmp ${name} --json prints every field that the manual has`, async () => {
    const printed = (await Promise.all(scenarios.map(printedBy))).join("");
    const found = fieldsIn(printed).filter(({ table }) => table === name).flatMap(({ paths }) => [...paths]);
    const missing = documentedFields(name as TableName).filter((path) =>
      !OTHERS[name]?.includes(path) && !found.some((one) => isDocumented(one, [path]))
    );
    assertEquals(missing, []);
  });
}

Deno.test("a field that the manual does not have fails the test that prints it", () => {
  assertDocumented('not JSON\n{"command":"map","mappings":[{"protocol":"tcp","error":{"kind":"busy"}}]}\n');
  for (
    const text of [
      '{"command":"map","port":1}',
      '{"command":"map","mappings":[{"port":1}]}',
      '{"command":"map","mappings":[{"error":{"port":1}}]}',
      '{"event":"mapped","mappings":[]}',
    ]
  ) {
    assertThrows(() => assertDocumented(text), Error, "lib/cli/result_fields.ts has no ");
  }
});
