import { assertEquals } from "@std/assert";
import { type MappingOutcome, reportMappings } from "../../../lib/cli/publish/mapping_report.ts";
import { Output } from "../../../lib/cli/output.ts";
import { RefusedError } from "../../../lib/errors.ts";
import type { MappingKey } from "../../../lib/port_mapper.ts";
import { MemorySink } from "../../support/test_world.ts";

const TCP = { protocol: "tcp", internalPort: 80 } as const;
const UDP = { protocol: "udp", internalPort: 80 } as const;
const SSH = { protocol: "tcp", internalPort: 22 } as const;
const FULL = new RefusedError("10.0.0.1 answered: full", "out-of-resources", { resultCode: 4 });
const REFUSED = new RefusedError("10.0.0.1 answered: no", "not-authorized", { resultCode: 2 });

async function report(outcomes: readonly MappingOutcome[], json: boolean) {
  const stdout = new MemorySink(false);
  const stderr = new MemorySink(false);
  const exitCode = await reportMappings(new Output({ stdout, stderr }, { json, quiet: false }), outcomes, {
    command: "map",
    gateway: "10.0.0.1",
    nameOf: ({ protocol, internalPort }: MappingKey) => `${protocol} ${internalPort}`,
    json: { externalAddress: "203.0.113.7" },
  });
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}

function done(mapping: MappingKey): MappingOutcome {
  return { mapping, line: `${mapping.protocol} ${mapping.internalPort} done`, json: { externalPort: 8080 } };
}

Deno.test("reportMappings() prints one line a mapping, in order, and ends with 0", async () => {
  assertEquals(await report([done(TCP), done(UDP)], false), {
    exitCode: 0,
    stdout: "tcp 80 done\nudp 80 done\n",
    stderr: "",
  });
});

Deno.test("reportMappings() prints one line for an error that several share, with their names", async () => {
  const { stdout, stderr } = await report([{ mapping: TCP, error: FULL }, done(SSH), {
    mapping: UDP,
    error: FULL,
  }], false);
  assertEquals(stdout, "tcp 22 done\n");
  assertEquals(stderr.split("\n").length, 2);
  assertEquals(stderr.startsWith("natpmp: error: tcp 80, udp 80: 10.0.0.1 answered: full"), true);
});

Deno.test("reportMappings() ends with the first failure's exit code", async () => {
  const full = { mapping: TCP, error: FULL };
  const refused = { mapping: UDP, error: REFUSED };
  assertEquals((await report([done(SSH), full, refused], false)).exitCode, 7);
  assertEquals((await report([refused, done(SSH), full], false)).exitCode, 5);
});

Deno.test("reportMappings() prints one JSON object with every mapping, failed ones with their error", async () => {
  const { exitCode, stdout, stderr } = await report([done(TCP), { mapping: UDP, error: FULL }], true);
  assertEquals([exitCode, stderr], [7, ""]);
  const { mappings, ...rest } = JSON.parse(stdout);
  assertEquals(rest, { command: "map", gateway: "10.0.0.1", externalAddress: "203.0.113.7" });
  assertEquals(mappings[0], { protocol: "tcp", internalPort: 80, externalPort: 8080 });
  const { error, ...key } = mappings[1];
  assertEquals([key, error.kind, error.resultCode], [UDP, "out-of-resources", 4]);
});
