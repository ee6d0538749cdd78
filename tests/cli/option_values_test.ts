import { assertEquals, assertThrows } from "@std/assert";
import {
  parseAddress,
  parseDuration,
  parseEndpoint,
  parseTimeoutMs,
  parseWholeNumber,
} from "../../lib/cli/option_values.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";

const GATEWAY = { defaultPort: 5351, minPort: 1, what: "--gateway" };

for (
  const [text, seconds] of [
    ["1", 1],
    ["3600", 3600],
    ["90s", 90],
    ["30m", 1800],
    ["2h", 7200],
    ["1d", 86_400],
    ["1w", 604_800],
    ["2w", 1_209_600],
    ["1h30m", 5400],
    ["1w2d3h4m5s", 788_645],
    ["0h90s", 90],
    ["7101w", 4_294_684_800],
    ["49710d", 4_294_944_000],
    ["4294967295", 4_294_967_295],
    ["4294967295s", 4_294_967_295],
  ] as const
) {
  Deno.test(`parseDuration() reads ${text}`, () => assertEquals(parseDuration(text, "--lifetime"), seconds));
}

for (
  const text of [
    "0",
    "0d",
    "-1",
    "4294967296",
    "49711d",
    "71582789m",
    "1.5",
    "7102w",
    "1h30",
    "30m1h",
    "1h1h",
    "0h0m",
    "h",
  ]
    .concat("1h 30m", "1H30M", "1h-30m", "w", " 1", "")
) {
  Deno.test(`parseDuration() refuses "${text}" and says what is wanted`, () => {
    const { message } = assertThrows(() => parseDuration(text, "--lifetime"), UsageError, `"${text}"`);
    for (const part of ["--lifetime", "2h", "from 1 to 4294967295"]) {
      assertEquals(message.includes(part), true);
    }
  });
}

for (
  const [text, ms] of [["1", 1000], ["0.1", 100], ["7.75", 7750], ["127.75", 127_750], ["0.001", 1]] as const
) {
  Deno.test(`parseTimeoutMs() reads ${text}`, () => assertEquals(parseTimeoutMs(text), ms));
}

for (
  const text of ["0", "0.0", "-1", "127.76", "128", "abc", "1e2", "5s", "", "Infinity", "NaN", "0x5", "1,5"]
) {
  Deno.test(`parseTimeoutMs() refuses "${text}" and says what is wanted`, () => {
    assertThrows(() => parseTimeoutMs(text), UsageError, "up to 127.75");
  });
}

Deno.test("parseEndpoint() reads an address, with a port or without", () => {
  assertEquals(parseEndpoint("10.0.0.1", GATEWAY), { hostname: "10.0.0.1", port: 5351 });
  assertEquals(parseEndpoint("10.0.0.1:1", GATEWAY), { hostname: "10.0.0.1", port: 1 });
  assertEquals(parseEndpoint("10.0.0.1:65535", GATEWAY), { hostname: "10.0.0.1", port: 65_535 });
});

Deno.test("parseEndpoint() reads port 0 only where it may be", () => {
  assertEquals(parseEndpoint("127.0.0.1:0", { ...GATEWAY, minPort: 0, what: "--listen" }).port, 0);
  assertThrows(() => parseEndpoint("127.0.0.1:0", GATEWAY), UsageError, "from 1 to 65535");
});

for (
  const text of [
    "router.lan",
    "::1",
    "[::1]:5351",
    "10.0.0",
    "10.0.0.256",
    "010.0.0.1",
    "10.0.0.1:1:1",
    ":5351",
  ]
) {
  Deno.test(`parseEndpoint() refuses ${text}, which is no IPv4 address`, () => {
    assertThrows(() => parseEndpoint(text, GATEWAY), UsageError, `--gateway "${text}"`);
  });
}

for (
  const text of ["10.0.0.1:65536", "10.0.0.1:", "10.0.0.1:x", "10.0.0.1:080", "10.0.0.1:-1", "10.0.0.1:８０"]
) {
  Deno.test(`parseEndpoint() refuses the port of ${text}`, () => {
    assertThrows(() => parseEndpoint(text, GATEWAY), UsageError, "65535");
  });
}

for (const text of ["0.0.0.0", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "0.1.2.3"]) {
  Deno.test(`parseEndpoint() refuses ${text}, which is no unicast address`, () => {
    assertThrows(() => parseEndpoint(text, GATEWAY), UsageError, text);
  });
}

Deno.test("parseEndpoint() takes loopback and addresses for documentation, which are unicast", () => {
  for (const text of ["127.0.0.1", "203.0.113.1", "192.0.2.1", "198.51.100.1", "198.18.0.1", "169.254.0.1"]) {
    assertEquals(parseEndpoint(text, GATEWAY).hostname, text);
  }
});

Deno.test("parseWholeNumber() reads decimal digits and nothing else", () => {
  assertEquals(["0", "7", "80", "65536"].map(parseWholeNumber), [0, 7, 80, 65_536]);
  for (const text of ["", "080", "00", "-1", "+1", "1.0", "1e2", "0x50", "８０", " 1", "1 ", "1\n"]) {
    assertEquals(parseWholeNumber(text), NaN);
  }
});

Deno.test("parseAddress() reads an IPv4 address and nothing else", () => {
  assertEquals(parseAddress("203.0.113.7", "--external"), "203.0.113.7");
  for (const text of ["", "example.org", "::1", "203.0.113", "203.0.113.7:80"]) {
    assertThrows(() => parseAddress(text, "--external"), UsageError, `--external "${text}"`);
  }
});

Deno.test("parseTimeoutMs() says where the value stands, if not in --timeout", () => {
  assertThrows(() => parseTimeoutMs("0"), UsageError, 'Cannot read --timeout "0"');
  assertThrows(() => parseTimeoutMs("0", "timeout"), UsageError, 'Cannot read timeout "0"');
});
