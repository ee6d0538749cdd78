import { assertEquals, assertThrows } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";
import { readWatchOptions } from "../../../lib/cli/watch/watch_options.ts";

const read = (...args: string[]) => readWatchOptions(parseCommandLine(["watch", ...args]));

Deno.test("readWatchOptions() without specs has no wishes", () => {
  assertEquals(read().wishes, []);
});

Deno.test("readWatchOptions() reads the specs as map does", () => {
  const { wishes } = read("1:0/both", "-l", "60", "--allow-port-zero");
  assertEquals(wishes, [{
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
