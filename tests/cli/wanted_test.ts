import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { parseCommandLine } from "../../lib/cli/args.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";
import { configuredLine } from "../../lib/cli/config/configured_line.ts";
import { parseConfig } from "../../lib/cli/config/parse_config.ts";
import { readSpecs, readWanted, type WantedList } from "../../lib/cli/wanted.ts";

function wantedOf(...args: string[]): WantedList {
  return readWanted(parseCommandLine(["map", ...args]));
}

const PLAIN = { lifetimeSeconds: undefined, exact: false, anyPort: false };

Deno.test("readWanted() wants TCP where nothing else is said, each spec by itself", () => {
  assertEquals(wantedOf("8080:80", "any:53/udp"), {
    wanted: [
      { protocols: ["tcp"], internalPort: 80, externalPort: 8080, ...PLAIN },
      { protocols: ["udp"], internalPort: 53, ...PLAIN },
    ],
  });
});

for (
  const [flag, protocols] of [["--udp", ["udp"]], ["--tcp", ["tcp"]], ["--both", ["tcp", "udp"]]] as const
) {
  Deno.test(`readWanted() with ${flag} wants ${protocols.join(" and ")}, but for specs that name a protocol`, () => {
    const { wanted } = wantedOf(flag, "1:1", "2:2/tcp");
    assertEquals(wanted.map(({ protocols }) => protocols), [[...protocols], ["tcp"]]);
  });
}

Deno.test("readWanted() reads lifetime, --exact and --any-port for every mapping", () => {
  const { wanted } = wantedOf("-l", "2h", "--exact", "8080:80", "2222:22");
  assertEquals(wanted.map(({ lifetimeSeconds, exact }) => [lifetimeSeconds, exact]), [[7200, true], [
    7200,
    true,
  ]]);
  assertEquals(wantedOf("--any-port", "8080:80/both").wanted[0]?.anyPort, true);
});

Deno.test("readWanted() takes two bare numbers for one mapping, and says so", () => {
  const { wanted, note = "" } = wantedOf("8080", "80");
  assertEquals(wanted, [{ protocols: ["tcp"], internalPort: 80, externalPort: 8080, ...PLAIN }]);
  assertMatch(note, /8080:8080 80:80/);
  assertEquals("note" in wantedOf("8080:80"), false);
});

for (
  const [args, reason] of [
    [["--exact", "--any-port", "80"], "--exact and --any-port contradict"],
    [["--udp", "--tcp", "80"], "--udp and --tcp contradict"],
    [["-l", "soon", "80"], '--lifetime "soon"'],
    [["-l", "0", "80"], '--lifetime "0"'],
    [[], "No mapping is given"],
    [["0"], "--allow-port-zero"],
  ] as const
) {
  Deno.test(`readWanted() refuses map ${args.join(" ")}`, () => {
    const error = assertThrows(() => wantedOf(...args), UsageError);
    assertEquals(error.message.includes(reason), true, error.message);
  });
}

Deno.test("readWanted() wants internal port 0 with --allow-port-zero", () => {
  assertEquals(wantedOf("--allow-port-zero", "0/udp").wanted[0]?.internalPort, 0);
});

Deno.test("readWanted() gives every mapping the command and the port file of the command line", () => {
  const { wanted } = wantedOf("80", "81/both", "--exec", "hook", "--port-file", "port");
  assertEquals(wanted.map(({ exec, portFile }) => [exec, portFile]), [["hook", "port"], ["hook", "port"]]);
  assertEquals(
    Object.keys(wantedOf("80").wanted[0]!).filter((key) => ["exec", "portFile", "name"].includes(key)),
    [],
  );
});

/** What a file and a command line want together. */
function configured(file: unknown, ...args: string[]) {
  const config = parseConfig(JSON.stringify(file), "/etc/natpmp.json");
  return { config, line: configuredLine(parseCommandLine(["map", ...args]), config) };
}

function wantedIn(file: unknown, ...args: string[]): WantedList["wanted"] {
  const { line, config } = configured(file, ...args);
  return readWanted(line, config).wanted;
}

Deno.test("readWanted() wants the mappings of a file, with its options where a mapping says nothing else", () => {
  const wanted = wantedIn({
    lifetime: "1h",
    exec: "general",
    portFile: "all",
    mappings: ["8080:80", {
      name: "own",
      internal: 81,
      external: "any",
      lifetime: 60,
      exec: "own",
      portFile: "own",
    }],
  });
  assertEquals(wanted, [
    {
      protocols: ["tcp"],
      internalPort: 80,
      externalPort: 8080,
      lifetimeSeconds: 3600,
      exact: false,
      anyPort: false,
      exec: "general",
      portFile: "/etc/all",
    },
    {
      name: "own",
      protocols: ["tcp"],
      internalPort: 81,
      lifetimeSeconds: 60,
      exact: false,
      anyPort: false,
      exec: "own",
      portFile: "/etc/own",
    },
  ]);
});

Deno.test("readWanted() lets what is typed win over all that the file says of it", () => {
  const mappings = ["80", { internal: 81, lifetime: 60, exec: "own", portFile: "own" }];
  const file = { lifetime: "1h", exec: "general", portFile: "all", mappings };
  const wanted = wantedIn(file, "-l", "30m", "--exec", "typed", "--port-file", "typed");
  assertEquals(
    wanted.map(({ lifetimeSeconds, exec, portFile }) => [lifetimeSeconds, exec, portFile]),
    [[1800, "typed", "typed"], [1800, "typed", "typed"]],
  );
});

for (
  const [what, file, args, exact, anyPort] of [
    ["nothing", {}, [], [false, true, false], [false, false, true]],
    ["exact in the file", { exact: true }, [], [true, true, false], [false, false, true]],
    ["anyPort in the file", { anyPort: true }, [], [false, true, false], [true, false, true]],
    ["--exact", { anyPort: true }, ["--exact"], [true, true, true], [false, false, false]],
    ["--any-port", { exact: true }, ["--any-port"], [false, false, false], [true, true, true]],
  ] as const
) {
  Deno.test(`readWanted() with ${what}: of two rules that exclude each other the nearer one counts`, () => {
    const mappings = ["1/both", { internal: 2, exact: true }, {
      internal: 3,
      protocol: "both",
      anyPort: true,
    }];
    const wanted = wantedIn({ ...file, mappings }, ...args);
    assertEquals(wanted.map((one) => one.exact), [...exact]);
    assertEquals(wanted.map((one) => one.anyPort), [...anyPort]);
  });
}

Deno.test("readWanted() lets a mapping turn off what the file turns on", () => {
  const mappings = [{ internal: 1, exact: false }, { internal: 2 }];
  assertEquals(wantedIn({ exact: true, mappings }).map(({ exact }) => exact), [false, true]);
});

Deno.test("readWanted() with --udp means the mappings of the file that name no protocol", () => {
  const mappings = ["1", "2/tcp", { internal: 3 }, { internal: 4, protocol: "both" }];
  assertEquals(wantedIn({ mappings }, "--udp").map(({ protocols }) => protocols.join("+")), [
    "udp",
    "tcp",
    "udp",
    "tcp+udp",
  ]);
});

Deno.test("readWanted() finds mappings that collide only by a protocol of the command line", () => {
  const mappings = ["80", "80/udp"];
  assertEquals(wantedIn({ mappings }).length, 2);
  const { message } = assertThrows(() => wantedIn({ mappings }, "--both"), UsageError);
  assertMatch(message, /^\/etc\/natpmp\.json: mappings\[1\]: Two mappings have internal udp port 80/);
});

Deno.test("readWanted() wants nothing where the file says so, and refuses a file that says nothing", () => {
  assertEquals(wantedIn({ mappings: [] }), []);
  assertThrows(() => wantedIn({}), UsageError, "/etc/natpmp.json: mappings: It is missing");
});

Deno.test("readSpecs() refuses operands beside a file", () => {
  const { line, config } = configured({ mappings: ["80"] }, "443");
  assertThrows(
    () => readSpecs(line, config, { allowPortZero: false }),
    UsageError,
    'not both: leave out "443"',
  );
});
