import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { parseCommandLine } from "../../lib/cli/args.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";
import { readWishes, type Wishes } from "../../lib/cli/wishes.ts";

function wishesOf(...args: string[]): Wishes {
  return readWishes(parseCommandLine(["map", ...args]));
}

const PLAIN = { lifetimeSeconds: undefined, exact: false, anyPort: false };

Deno.test("readWishes() wishes TCP where nothing else is said, each spec by itself", () => {
  assertEquals(wishesOf("8080:80", "any:53/udp"), {
    wishes: [
      { protocols: ["tcp"], internalPort: 80, externalPort: 8080, ...PLAIN },
      { protocols: ["udp"], internalPort: 53, ...PLAIN },
    ],
  });
});

for (
  const [flag, protocols] of [["--udp", ["udp"]], ["--tcp", ["tcp"]], ["--both", ["tcp", "udp"]]] as const
) {
  Deno.test(`readWishes() with ${flag} wishes ${protocols.join(" and ")}, but for specs that name a protocol`, () => {
    const { wishes } = wishesOf(flag, "1:1", "2:2/tcp");
    assertEquals(wishes.map(({ protocols }) => protocols), [[...protocols], ["tcp"]]);
  });
}

Deno.test("readWishes() reads lifetime, --exact and --any-port for every wish", () => {
  const { wishes } = wishesOf("-l", "2h", "--exact", "8080:80", "2222:22");
  assertEquals(wishes.map(({ lifetimeSeconds, exact }) => [lifetimeSeconds, exact]), [[7200, true], [
    7200,
    true,
  ]]);
  assertEquals(wishesOf("--any-port", "8080:80/both").wishes[0]?.anyPort, true);
});

Deno.test("readWishes() takes two bare numbers for one mapping, and says so", () => {
  const { wishes, note = "" } = wishesOf("8080", "80");
  assertEquals(wishes, [{ protocols: ["tcp"], internalPort: 80, externalPort: 8080, ...PLAIN }]);
  assertMatch(note, /8080:8080 80:80/);
  assertEquals("note" in wishesOf("8080:80"), false);
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
  Deno.test(`readWishes() refuses map ${args.join(" ")}`, () => {
    const error = assertThrows(() => wishesOf(...args), UsageError);
    assertEquals(error.message.includes(reason), true, error.message);
  });
}

Deno.test("readWishes() wishes internal port 0 with --allow-port-zero", () => {
  assertEquals(wishesOf("--allow-port-zero", "0/udp").wishes[0]?.internalPort, 0);
});
