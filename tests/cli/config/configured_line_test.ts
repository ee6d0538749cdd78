import { assertEquals } from "@std/assert";
import { parseCommandLine } from "../../../lib/cli/args.ts";
import { configuredLine } from "../../../lib/cli/config/configured_line.ts";
import { parseConfig } from "../../../lib/cli/config/parse_config.ts";

function lineOf(file: unknown, ...args: string[]) {
  return configuredLine(parseCommandLine(args), parseConfig(JSON.stringify(file), "/etc/natpmp.json"));
}

const FILE = { gateway: "10.0.0.1", lifetime: "2h", exact: true };

Deno.test("configuredLine() has the file's options where none is typed", () => {
  const line = lineOf(FILE, "map", "--config", "/etc/natpmp.json");
  assertEquals([line.value("gateway"), line.values("lifetime"), line.has("exact")], [
    "10.0.0.1",
    ["2h"],
    true,
  ]);
  assertEquals([line.value("exec"), line.values("exec"), line.has("any-port")], [undefined, [], false]);
});

Deno.test("configuredLine() has what is typed, and the file's other options beside it", () => {
  const line = lineOf(FILE, "map", "-l", "60", "--any-port");
  assertEquals([line.value("lifetime"), line.values("lifetime"), line.value("gateway")], [
    "60",
    ["60"],
    "10.0.0.1",
  ]);
  assertEquals([line.has("any-port"), line.has("exact"), line.has("json")], [true, true, false]);
});

Deno.test("configuredLine() tells what is typed from what the file says, and keeps command and operands", () => {
  const line = lineOf(FILE, "map", "80", "-l", "60", "--any-port");
  const names = ["lifetime", "any-port", "gateway", "exact"] as const;
  assertEquals(names.map((name) => line.isTyped(name)), [true, true, false, false]);
  assertEquals([line.command, line.operands], ["map", ["80"]]);
});
