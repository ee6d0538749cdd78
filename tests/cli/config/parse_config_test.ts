import { assertEquals, assertThrows } from "@std/assert";
import type { Config } from "../../../lib/cli/config/config.ts";
import { parseConfig } from "../../../lib/cli/config/parse_config.ts";
import { nearest } from "../../../lib/cli/nearest.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";
import { BAD, GOOD } from "./corpus.ts";

const PATH = "/etc/natpmp/home.json";

function read(file: unknown): Config {
  return parseConfig(JSON.stringify(file), PATH);
}

for (const [what, file] of Object.entries(GOOD)) {
  Deno.test(`parseConfig() reads a file with ${what}`, () => {
    assertEquals(read(file).mappings.length, ((file as { mappings?: unknown[] }).mappings ?? []).length);
  });
}

for (const [what, { file, key, reason }] of Object.entries(BAD)) {
  Deno.test(`parseConfig() refuses a file with ${what}, and names file, key and reason`, () => {
    const { message, misspelling } = assertThrows(() => read(file), UsageError);
    const guess = misspelling && nearest(misspelling.word, misspelling.known);
    const said = guess === undefined ? message : `${message}; did you mean ${guess}?`;
    assertEquals(said.startsWith(`${PATH}: ${key === "" ? "" : `${key}: `}`), true, said);
    assertEquals(said.includes(reason), true, said);
  });
}

Deno.test("parseConfig() has each option as the command line would have it, and the flags that are true", () => {
  const { path, values, flags, listsMappings } = read({
    ...GOOD["every key"] as object,
    exact: false,
    anyPort: true,
  });
  assertEquals([path, listsMappings], [PATH, true]);
  assertEquals(values, {
    "gateway": "10.0.0.1:5352",
    "interface": "eth0",
    "source": "10.0.0.2",
    "timeout": "7.75",
    "lifetime": "7200",
    "exec": 'echo "$NATPMP_EVENT"\necho done',
    "port-file": "/run/ports",
  });
  assertEquals([...flags], ["any-port", "allow-port-zero"]);
});

Deno.test("parseConfig() reads every key of a mapping", () => {
  assertEquals(read(GOOD["every key"]).mappings, [{
    name: "Wächter 1",
    protocols: ["tcp", "udp"],
    namesProtocol: true,
    internalPort: 65535,
    lifetimeSeconds: 86_400,
    exact: false,
    anyPort: true,
    exec: "true",
    portFile: "/etc/port",
  }]);
});

Deno.test("parseConfig() asks for the internal port outside too, by TCP, where a mapping says nothing else", () => {
  const mapping = { protocols: ["tcp"], namesProtocol: false, internalPort: 80, externalPort: 80 } as const;
  assertEquals(read({ mappings: [{ internal: 80 }] }).mappings, [mapping]);
  assertEquals(read({ mappings: ["80"] }).mappings, [mapping]);
});

Deno.test("parseConfig() reads specs as the command line does", () => {
  const { mappings } = read(GOOD["specs of every form"]);
  const summaries = mappings.map((
    { protocols, externalPort, internalPort, namesProtocol },
  ) => [externalPort, internalPort, protocols.join("+"), namesProtocol]);
  assertEquals(summaries, [
    [80, 80, "tcp", false],
    [443, 443, "udp", true],
    [8081, 81, "tcp", false],
    [undefined, 22, "tcp", true],
    [undefined, 23, "tcp", false],
    [6881, 6881, "tcp+udp", true],
    [65535, 1, "tcp", false],
  ]);
});

Deno.test("parseConfig() lets relative port files start at the file's directory", () => {
  const { values, mappings } = read({
    portFile: "ports",
    mappings: [{ internal: 1, portFile: "./a/b" }, { internal: 2, portFile: "../run/b" }, {
      internal: 3,
      portFile: "/run/b",
    }],
  });
  assertEquals(
    [values["port-file"], ...mappings.map(({ portFile }) => portFile)],
    ["/etc/natpmp/ports", "/etc/natpmp/a/b", "/etc/run/b", "/run/b"],
  );
});

Deno.test("parseConfig() tells a file that wants nothing mapped from one that does not say", () => {
  assertEquals([read({ mappings: [] }).listsMappings, read({}).listsMappings], [true, false]);
});

Deno.test("parseConfig() lets the file or the command line allow port 0", () => {
  for (const [text, allowPortZero] of [["{", true], ['{"allowPortZero": true, ', false]] as const) {
    const { mappings } = parseConfig(`${text}"mappings": ["1:0/both"]}`, PATH, { allowPortZero });
    assertEquals(mappings[0]?.internalPort, 0);
  }
});

for (
  const [text, message] of [
    ["", "line 1, column 1: the file ends too early"],
    ['{\n  "exact": true,\n}', "line 3, column 1: Expected double-quoted property name"],
    ['{\n  "exec": "a",\n  "exec": "b"\n}', 'line 3, column 3: the key "exec" appears twice'],
    [
      '{"mappings": [{"internal": 80, "internal": 81}]}',
      'line 1, column 32: the key "internal" appears twice',
    ],
    ['{"__proto__": {"exec": "x"}}', "__proto__: Unknown key: the keys are $schema, gateway"],
    [
      '{"mappings": [{"internal": 80, "lifetime": 1e999}]}',
      'mappings[0].lifetime: Cannot read lifetime "Infinity"',
    ],
    ['{"mappings": [{"internal": 1e999}]}', 'mappings[0].internal: Cannot read port "Infinity"'],
  ] as const
) {
  Deno.test(`parseConfig() refuses ${JSON.stringify(text)}: ${message}`, () => {
    const error = assertThrows(() => parseConfig(text, PATH), UsageError);
    assertEquals(error.message.startsWith(`${PATH}: ${message}`), true, error.message);
  });
}

Deno.test("parseConfig() quotes a long value in part", () => {
  const { message } = assertThrows(() => read({ timeout: "9".repeat(1000) }), UsageError);
  assertEquals(message.length < 200, true, message);
});
