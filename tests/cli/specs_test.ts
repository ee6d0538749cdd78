import { assertEquals, assertFalse, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import {
  findCollision,
  parsePort,
  parseSpec,
  parseSpecs,
  protocolsNamed,
  protocolsOfFlags,
} from "../../lib/cli/specs.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";

const TCP = { defaultProtocols: ["tcp"], allowPortZero: false } as const;
const UDP = { defaultProtocols: ["udp"], allowPortZero: false } as const;
const ZERO = { defaultProtocols: ["tcp"], allowPortZero: true } as const;

for (
  const [text, expected] of [
    ["80", { protocols: ["tcp"], internalPort: 80, externalPort: 80 }],
    ["1", { protocols: ["tcp"], internalPort: 1, externalPort: 1 }],
    ["65535", { protocols: ["tcp"], internalPort: 65_535, externalPort: 65_535 }],
    ["80/udp", { protocols: ["udp"], internalPort: 80, externalPort: 80 }],
    ["80/both", { protocols: ["tcp", "udp"], internalPort: 80, externalPort: 80 }],
    ["8080:80", { protocols: ["tcp"], internalPort: 80, externalPort: 8080 }],
    ["8080:80/udp", { protocols: ["udp"], internalPort: 80, externalPort: 8080 }],
    ["8080:80/both", { protocols: ["tcp", "udp"], internalPort: 80, externalPort: 8080 }],
    ["0:80", { protocols: ["tcp"], internalPort: 80 }],
    ["any:80/udp", { protocols: ["udp"], internalPort: 80 }],
  ] as const
) {
  Deno.test(`parseSpecs() reads ${text}`, () => {
    assertEquals(parseSpecs([text], TCP), { specs: [expected] });
  });
}

Deno.test("parseSpecs() reads several, with the default protocol where none is named", () => {
  const { specs } = parseSpecs(["80", "443/tcp", "53/both"], UDP);
  assertEquals(specs.map(({ protocols }) => protocols), [["udp"], ["tcp"], ["tcp", "udp"]]);
});

Deno.test("parseSpecs() takes exactly two bare numbers for PUBLIC PRIVATE", () => {
  const { specs, note } = parseSpecs(["8080", "80"], TCP);
  assertEquals(specs, [{ protocols: ["tcp"], internalPort: 80, externalPort: 8080 }]);
  assertStringIncludes(note ?? "", "8080:8080 80:80");
  assertEquals(parseSpecs(["443", "443"], UDP).specs.length, 1);
  assertEquals(parseSpecs(["0", "80"], TCP).specs, [{ protocols: ["tcp"], internalPort: 80 }]);
});

Deno.test("parseSpecs() takes two operands that are not both bare numbers for two mappings", () => {
  for (const operands of [["8080", "80/tcp"], ["8080/tcp", "80"], ["8080:8080", "80"], ["80", "any:443"]]) {
    const { specs, note } = parseSpecs(operands, TCP);
    assertEquals([specs.length, note], [2, undefined]);
  }
});

Deno.test("parseSpecs() takes two bare numbers beside another spec for two mappings", () => {
  assertEquals(parseSpecs(["80", "443", "53/udp"], TCP).specs.length, 3);
});

Deno.test("parseSpecs() refuses three bare numbers and shows the unambiguous form", () => {
  const { message } = assertThrows(() => parseSpecs(["80", "443", "22"], TCP), UsageError);
  assertStringIncludes(message, "80:80 443:443 22:22");
});

Deno.test("parseSpecs() shows the unambiguous form in the protocol that was asked for", () => {
  const { message } = assertThrows(() => parseSpecs(["80", "443", "22"], UDP), UsageError);
  assertFalse(message.includes("/tcp"));
});

Deno.test("parseSpecs() counts bare numbers right beside other specs", () => {
  const operands = ["80", "443", "22", "53/udp"];
  const { message } = assertThrows(() => parseSpecs(operands, TCP), UsageError);
  assertFalse(message.includes("4 bare numbers"));
});

Deno.test("parseSpecs() shows a spec with a space in it without the space", () => {
  for (
    const [operands, joined] of [
      [["51820", "/udp"], "51820/udp"],
      [["51820/", "udp"], "51820/udp"],
      [["53/udp", "8080", ":80"], "8080:80"],
      [["8080:", "80"], "8080:80"],
    ] as const
  ) {
    const { message } = assertThrows(() => parseSpecs(operands, TCP), UsageError);
    assertMatch(message, new RegExp(`a SPEC has no space, as in ${joined}$`));
  }
});

Deno.test("parseSpecs() refuses two specs of one protocol with one internal or one external port", () => {
  for (
    const operands of [
      ["8080:80", "9090:80"],
      ["8080:80", "8080:81"],
      ["any:80", "80/tcp"],
      ["80/both", "81:80/udp"],
      ["80/both", "80:81/tcp"],
    ]
  ) {
    const { message } = assertThrows(() => parseSpecs(operands, TCP), UsageError);
    assertStringIncludes(message, "80");
  }
});

Deno.test("parseSpecs() lets TCP and UDP share ports, and any number of specs leave theirs to the gateway", () => {
  assertEquals(parseSpecs(["80/tcp", "80/udp"], TCP).specs.length, 2);
  assertEquals(parseSpecs(["8080:80/tcp", "8080:81/udp"], TCP).specs.length, 2);
  assertEquals(parseSpecs(["any:80", "any:81", "0:82"], TCP).specs.length, 3);
  assertEquals(parseSpecs(["80:443", "443:80"], TCP).specs.length, 2);
});

Deno.test("parseSpecs() refuses internal port 0 and names --allow-port-zero", () => {
  for (const operand of ["0", "1:0", "0:0", "any:0"]) {
    assertThrows(() => parseSpecs([operand], TCP), UsageError, "--allow-port-zero");
  }
});

Deno.test("parseSpecs() reads internal port 0 where it is allowed", () => {
  assertEquals(parseSpecs(["1:0"], ZERO).specs, [{ protocols: ["tcp"], internalPort: 0, externalPort: 1 }]);
  assertEquals(parseSpecs(["0"], ZERO).specs, [{ protocols: ["tcp"], internalPort: 0 }]);
});

Deno.test("parseSpecs() says the value that was given and the value that is wanted", () => {
  const { message } = assertThrows(() => parseSpecs(["8080:70000"], TCP), UsageError);
  assertStringIncludes(message, "70000");
  assertStringIncludes(message, "from 1 to 65535");
});

Deno.test("parseSpecs() refuses no operand and shows what to write", () => {
  assertThrows(() => parseSpecs([], TCP), UsageError, "8080:80");
});

Deno.test("protocolsOfFlags() is the one that was given, or none", () => {
  const none = { udp: false, tcp: false, both: false };
  assertEquals(protocolsOfFlags(none), undefined);
  assertEquals(protocolsOfFlags({ ...none, udp: true }), ["udp"]);
  assertEquals(protocolsOfFlags({ ...none, tcp: true }), ["tcp"]);
  assertEquals(protocolsOfFlags({ ...none, both: true }), ["tcp", "udp"]);
});

Deno.test("protocolsOfFlags() refuses two", () => {
  const { message } = assertThrows(
    () => protocolsOfFlags({ udp: true, tcp: true, both: false }),
    UsageError,
  );
  assertStringIncludes(message, "--both");
});

Deno.test("parseSpec() reads one spec", () => {
  assertEquals(parseSpec("8080:80/udp", TCP), { protocols: ["udp"], internalPort: 80, externalPort: 8080 });
  assertThrows(() => parseSpec("8080 80", TCP), UsageError, '"8080 80"');
});

Deno.test("protocolsNamed() knows the words that may follow the slash, and no others", () => {
  assertEquals(["tcp", "udp", "both", "TCP", "", "constructor"].map(protocolsNamed), [
    ["tcp"],
    ["udp"],
    ["tcp", "udp"],
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("parsePort() reads a port, and says of what it is a part where it is one", () => {
  assertEquals([parsePort("80", { isZeroAllowed: false }), parsePort("0", { isZeroAllowed: true })], [80, 0]);
  assertThrows(
    () => parsePort("70000", { isZeroAllowed: true }),
    UsageError,
    'Cannot read port "70000": a port is',
  );
  assertThrows(
    () => parsePort("70000", { isZeroAllowed: true, spec: "70000:80" }),
    UsageError,
    'Cannot read port "70000" of "70000:80": a port is',
  );
});

Deno.test("findCollision() names the later of two specs on one port of one protocol, and the port", () => {
  const specs = ["8080:80", "8080:80/udp", "any:81/udp", "9090:82", "8080:83/both"].map((text) =>
    parseSpec(text, TCP)
  );
  assertEquals(findCollision(specs), {
    index: 4,
    reason: "Two mappings have external tcp port 8080: each port can be mapped once",
  });
  assertEquals(findCollision(specs.slice(0, 4)), undefined);
});
