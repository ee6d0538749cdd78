import { assertEquals, assertMatch } from "@std/assert";
import { TestWorld } from "../support/test_world.ts";

/** Every port that is none, wherever a port may stand. */
const NO_PORTS = ["70000", "65536", "-1", "+80", "12abc", "abc", "0x50", "８０", "", " 80", "80 "]
  .concat("080", "8e1", "80.0", "1,2", "1-", "1-2-3", "٨٠", "0");

const BAD_SPECS = [
  ...NO_PORTS.map((port) => [port]),
  ...NO_PORTS.map((port) => [`8080:${port}`]),
  // 0 is a fair external port.
  ...NO_PORTS.filter((port) => port !== "0").map((port) => [`${port}:80`]),
  ...NO_PORTS.map((port) => [`${port}/udp`]),
  ...NO_PORTS.map((port) => ["443/tcp", port]),
  ["any"],
  ["any:any"],
  ["ANY:80"],
  [":"],
  ["80:80:80"],
  ["80/"],
  ["/tcp"],
  ["80/icmp"],
  ["80/TCP"],
  ["80/tcp/udp"],
  ["80/tcp,udp"],
  ["80/constructor"],
  ["80/__proto__"],
  ["90-80"],
  ["80-336"],
  ["8000-8010:80"],
  ["8000:80-90"],
  ["8000-8010:9000-9009"],
  ["0-9"],
  ["0-9:10-19"],
  ["10-19:0-9"],
  ["any-90"],
  ["any:80-90:1"],
  ["65530-65536"],
  ["080-90"],
  ["80-90/icmp"],
  ["80..90"],
  ["80 - 90"],
  ["10.0.0.1:80"],
];

const AMBIGUOUS = [["80", "443", "22"], ["80", "443", "22", "53"], ["-u", "80", "443", "22"]];

const COLLISIONS = [
  ["80/tcp", "80/tcp"],
  ["80/tcp", "80"],
  ["8080:80", "9090:80"],
  ["8080:80", "8080:81"],
  ["8080:80/udp", "8080:81/udp"],
  ["any:80", "0:80"],
  ["80/both", "81:80/tcp"],
  ["80/both", "81:80/udp"],
  ["80/udp", "80:81/both"],
  ["80/both", "80:81/both"],
  ["-u", "80/udp", "81:80"],
  ["80-90", "85"],
  ["80-90", "90-95"],
  ["8000-8010:80-90", "8010:8010"],
  ["80-90/both", "any:90/udp"],
];

const BAD_GATEWAYS = ["router.lan", "localhost", "::1", "[::1]:5351", "fe80::1%eth0", "10.0.0", "10.0.0.256"]
  .concat("010.0.0.1", "0x0a000001", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:70000", "10.0.0.1:-1")
  .concat("10.0.0.1:", "10.0.0.1:abc", "10.0.0.1:05351", "10.0.0.1:5351:1", ":5351", "10.0.0.1/24")
  .concat("224.0.0.1", "239.255.255.250", "255.255.255.255", "0.0.0.0", "0.0.0.0:5351", " 10.0.0.1", "");

const BAD_LIFETIMES = [
  "0",
  "0s",
  "-1",
  "4294967296",
  "49711d",
  "1.5",
  "7102w",
  "30m1h",
  "1h30",
  "2H",
  "abc",
  "",
  "h",
  "1e3",
]
  .concat("0x10", "６０", "60 ", "1 h", "Infinity", "NaN");

const BAD_TIMEOUTS = ["0", "0.0", "-1", "127.76", "128", "1000000", "abc", "1e2", "", "5s", "Infinity", "NaN"]
  .concat("0x5", "1,5", "５", "1.2.3", "+5");

/** Command lines that are wrong, by what is wrong with them. */
const BAD: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "a spec": ["map", "unmap"].flatMap((command) => BAD_SPECS.map((specs) => [command, ...specs])),
  "three bare numbers": ["map", "unmap"].flatMap((command) => AMBIGUOUS.map((specs) => [command, ...specs])),
  "two specs that collide": COLLISIONS.map((specs) => ["map", ...specs]),
  "no spec": [["map"], ["unmap"], ["map", "--udp"], ["unmap", "--both"]],
  "a gateway": ["address", "map 80", "unmap 80"].flatMap((command) =>
    BAD_GATEWAYS.map((gateway) => [...command.split(" "), "-g", gateway])
  ),
  "a lifetime": BAD_LIFETIMES.map((lifetime) => ["map", "80", "--lifetime", lifetime]),
  "a timeout": ["address", "map 80", "unmap 80"].flatMap((command) =>
    BAD_TIMEOUTS.map((timeout) => [...command.split(" "), "--timeout", timeout])
  ),
  "an option without its value": [
    ["address", "-g"],
    ["address", "--gateway"],
    ["address", "--gateway="],
    ["address", "-g="],
    ["map", "80", "-l"],
    ["map", "80", "-ul"],
    ["map", "80", "--timeout"],
    ["map", "80", "-t", ""],
  ],
  "a value to a flag": [
    ["map", "80", "--udp=yes"],
    ["map", "80", "--udp="],
    ["map", "80", "--json=false"],
    ["map", "80", "-u=1"],
    ["address", "--quiet=0"],
  ],
  "an unknown option": [
    ["map", "80", "--frobnicate"],
    ["map", "80", "--life", "60"],
    ["map", "80", "-x"],
    ["map", "80", "-ux"],
    ["map", "80", "-u1"],
    ["map", "80", "--UDP"],
    ["map", "80", "---udp"],
    ["map", "80", "--__proto__"],
    ["map", "80", "--constructor"],
    ["map", "80", "--no-json"],
    ["--frobnicate"],
  ],
  "the state wanted and not wanted": [
    ["map", "80", "--state", "leases.json", "--no-state"],
    ["unmap", "80", "--state", "leases.json", "--no-state"],
    ["map", "80", "--if-due", "--no-state"],
    ["status", "--no-state"],
    ["status", "80"],
  ],
  "an option of another command": [
    ["address", "--lifetime", "60"],
    ["address", "-u"],
    ["address", "--all"],
    ["address", "--exact"],
    ["unmap", "80", "--lifetime", "60"],
    ["unmap", "80", "--exact"],
    ["unmap", "80", "--any-port"],
    ["unmap", "80", "--allow-port-zero"],
    ["map", "--all"],
    ["map", "80", "--fault", "silent"],
    ["address", "--listen", "127.0.0.1:5351"],
    ["help", "--gateway", "10.0.0.1"],
  ],
  "a repeated option": [
    ["map", "80", "-l", "60", "-l", "60"],
    ["map", "80", "--lifetime=60", "-l61"],
    ["address", "-g", "10.0.0.1", "--gateway", "10.0.0.1"],
    ["unmap", "80", "-t1", "-t2"],
  ],
  "options that contradict each other": [
    ["map", "80", "--udp", "--tcp"],
    ["map", "80", "-u", "--both"],
    ["map", "80", "--tcp", "--both"],
    ["map", "80", "--udp", "--tcp", "--both"],
    ["unmap", "80", "--udp", "--tcp"],
    ["unmap", "--all", "--udp", "--tcp"],
    ["map", "80/both", "--exact", "--any-port"],
  ],
  "specs beside --all": [["unmap", "--all", "80"], ["unmap", "80", "443", "--all"]],
  "port 0": [["map", "0"], ["map", "1:0"], ["unmap", "0"], ["unmap", "0:0"], ["map", "8080", "0"]],
  "no command or an unknown one": [
    [],
    [""],
    ["-g", "10.0.0.1"],
    ["frobnicate"],
    ["MAP", "80"],
    ["maps", "80"],
    ["-1"],
    ["constructor"],
  ],
  "operands too many": [
    ["address", "80"],
    ["address", ""],
    ["address", "--", "-v"],
    ["simulate", "80"],
    ["help", "map", "unmap"],
    ["help", "map", "80"],
  ],
  "a line break": [
    ["map", "80\n"],
    ["unmap", "8080:80\n"],
    ["map", "80/tcp\n"],
    ["map", "80", "-l", "60\n"],
    ["map", "80", "-t", "5\n"],
    ["address", "-g", "10.0.0.1\n"],
    ["address", "a\nb"],
    ["map\n", "80"],
    ["map", "80", "--no\nsuch"],
    ["map", "80", "--udp=\n"],
  ],
  "what watch cannot do": [
    ["watch", "--port-file", "port"],
    ["watch", "--lifetime", "60"],
    ["watch", "80", "--timeout", "60.5"],
    ["watch", "80", "--for", "0"],
    ["watch", "80", "--for", "tomorrow"],
    ["watch", "80", "--exec", ""],
    ["watch", "80", "--exact", "--any-port"],
    ["watch", "0:0"],
    ["watch", "80", "--all"],
    ["map", "80", "--keep"],
    ["map", "80", "--for", "1m"],
    ["unmap", "80", "--exec", "true"],
  ],
  "an unknown help topic": [["help", "frobnicate"], ["help", "constructor"]],
};

function shown(args: readonly string[]): string {
  return args.map((arg) => JSON.stringify(arg)).join(" ") || "without arguments";
}

for (const [what, lines] of Object.entries(BAD)) {
  Deno.test(`natpmp with ${what} that is wrong: exit 2, one line on stderr, nothing on stdout or sent`, async (t) => {
    for (const args of lines) {
      await t.step(shown(args), async () => {
        const world = new TestWorld();
        const { exitCode, stdout, stderr } = await world.run(...args);
        assertEquals(exitCode, 2);
        assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
        assertEquals([stdout, world.received, world.requests.length], ["", 0, 0]);
      });
    }
  });

  Deno.test(`natpmp --json with ${what} that is wrong: one object with the kind usage`, async (t) => {
    for (const args of lines) {
      await t.step(shown(args), async () => {
        const world = new TestWorld();
        const { exitCode, json } = await world.runJson(...args);
        assertEquals([exitCode, json.error?.kind], [2, "usage"]);
        assertEquals(Object.keys(json.error ?? {}).sort(), ["kind", "message"]);
        assertEquals(Object.keys(json).filter((key) => key !== "command" && key !== "error"), []);
        assertEquals(world.received, 0);
      });
    }
  });
}
