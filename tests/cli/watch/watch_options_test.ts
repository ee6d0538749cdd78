import { assertEquals, assertThrows } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { configuredLine } from "../../../lib/cli/config/configured_line.ts";
import { parseConfig } from "../../../lib/cli/config/parse_config.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";
import { readWatchOptions } from "../../../lib/cli/watch/watch_options.ts";

const read = (...args: string[]) => readWatchOptions(parseCommandLine(["watch", ...args]));

Deno.test("readWatchOptions() without specs wants nothing", () => {
  assertEquals(read().wanted, []);
});

Deno.test("readWatchOptions() reads the specs as map does", () => {
  const { wanted } = read("1:0/both", "-l", "60", "--allow-port-zero");
  assertEquals(wanted, [{
    protocols: ["tcp", "udp"],
    externalPort: 1,
    internalPort: 0,
    lifetimeSeconds: 60,
    exact: false,
    anyPort: false,
  }]);
});

Deno.test("readWatchOptions() reads durations and names", () => {
  const { forMs, tryTimeoutMs, exec, portFilePath } = read(
    ...["80", "--for", "2h", "--timeout", "60", "--exec", "run me", "--port-file", "/run/port"],
  );
  assertEquals([forMs, tryTimeoutMs, exec, portFilePath], [7_200_000, 60_000, "run me", "/run/port"]);
});

for (
  const [args, message] of [
    [["80", "--timeout", "60.1"], "at most 60 s"],
    [["80", "--timeout", "0"], "--timeout"],
    [["80", "--for", "0"], "--for"],
    [["80", "--for", "soon"], "--for"],
    [["80", "--exact", "--any-port"], "contradict"],
    [["--port-file", "/run/port"], "needs a mapping"],
    [["-l", "60"], "needs a mapping"],
    [["0:0"], "internal port 0"],
  ] as const
) {
  Deno.test(`readWatchOptions() refuses ${args.join(" ")}`, () => {
    assertThrows(() => read(...args), UsageError, message);
  });
}

/** The options of a file and a command line together. */
function readWith(file: unknown, ...args: string[]) {
  const config = parseConfig(JSON.stringify(file), "/etc/natpmp.json");
  return readWatchOptions(configuredLine(parseCommandLine(["watch", ...args]), config), config);
}

Deno.test("readWatchOptions() takes mappings and options from a file", () => {
  const { wanted, tryTimeoutMs, exec, portFilePath } = readWith({
    timeout: 30,
    exec: "general",
    portFile: "all",
    mappings: ["8080:80", { internal: 81, exec: "own", portFile: "own" }],
  });
  assertEquals(wanted.map(({ internalPort, exec, portFile }) => [internalPort, exec, portFile]), [
    [80, "general", "/etc/all"],
    [81, "own", "/etc/own"],
  ]);
  assertEquals([tryTimeoutMs, exec, portFilePath], [30_000, "general", "/etc/all"]);
});

Deno.test("readWatchOptions() only observes with a file that lists no mapping, whatever it says of mappings", () => {
  for (const file of [{}, { mappings: [] }]) {
    const { wanted, exec } = readWith({ ...file, lifetime: "1h", portFile: "port", exec: "hook" });
    assertEquals([wanted, exec], [[], "hook"]);
  }
  assertThrows(() => readWith({}, "--port-file", "port"), UsageError, "needs a mapping");
});

Deno.test("readWatchOptions() says of a timeout that is too long for it where that stands", () => {
  assertThrows(
    () => readWith({ timeout: 61 }),
    UsageError,
    "/etc/natpmp.json: timeout: Cannot use 61: one try",
  );
  assertThrows(() => readWith({}, "--timeout", "61"), UsageError, "Cannot use --timeout 61: one try");
  assertEquals(readWith({ timeout: 61 }, "--timeout", "5").tryTimeoutMs, 5000);
});
