import { assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { systemClock } from "../lib/clock.ts";
import { openUdpSocket } from "../lib/net/udp_socket.ts";
import { type Faults, serveSimulatedGateway, SimulatedGateway } from "../lib/simulator/mod.ts";
import { stateDirectory } from "./support/state_directory.ts";

const MAIN = new URL("../main.ts", import.meta.url);
const RUN = ["run", "-q", "--frozen", "-A", MAIN.href];

/** No process of these tests has reason to live this long. */
const LIFETIME_MS = 20_000;

/** A simulated gateway on a free port of loopback. */
class Gateway implements AsyncDisposable {
  readonly simulated: SimulatedGateway;
  /** `ADDR:PORT`. */
  readonly address: string;
  readonly #stopping = new AbortController();
  readonly #finished: Promise<void>;
  #heard = Promise.withResolvers<void>();

  constructor(faults: Faults = {}) {
    this.simulated = new SimulatedGateway({
      externalAddress: "203.0.113.7",
      random: () => 0.5,
      startMs: systemClock.now(),
      announcesStart: false,
      faults,
    });
    const { local, finished } = serveSimulatedGateway(this.simulated, {
      open: openUdpSocket,
      listen: { hostname: "127.0.0.1", port: 0 },
      clock: systemClock,
      signal: this.#stopping.signal,
      log: () => this.#heard.resolve(),
    });
    this.address = `${local.hostname}:${local.port}`;
    this.#finished = finished;
  }

  /** How many datagrams came. */
  get received(): number {
    return this.simulated.counters.received;
  }

  /** Resolves once a datagram has come, or the process that is to send it has ended. */
  async hears({ child }: Started): Promise<void> {
    await Promise.race([this.#heard.promise, child.status]);
  }

  setFaults(faults: Faults): void {
    this.simulated.setFaults(faults, systemClock.now());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#finished;
  }
}

interface Started {
  readonly child: Deno.ChildProcess;
  /** Ends the process if it lives too long; to be called when it has ended. */
  readonly release: () => void;
}

function start(program: string, args: readonly string[], env: Record<string, string> = {}): Started {
  const child = new Deno.Command(program, {
    args: [...args],
    env: { NO_COLOR: "1", XDG_STATE_HOME: stateDirectory(), ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), LIFETIME_MS);
  return { child, release: () => clearTimeout(timer) };
}

function natpmp(...args: string[]): Started {
  return start(Deno.execPath(), [...RUN, ...args]);
}

async function ended({ child, release }: Started) {
  const { code, stdout, stderr } = await child.output();
  release();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

const isLinux = Deno.build.os === "linux";
const isWindows = Deno.build.os === "windows";

Deno.test("main.ts maps, unmaps and prints the address of a gateway on a real socket", async () => {
  await using gateway = new Gateway();
  const { address } = gateway;
  assertEquals(await ended(natpmp("address", "-g", address)), {
    code: 0,
    stdout: "203.0.113.7\n",
    stderr: "",
  });
  assertEquals(await ended(natpmp("map", "8080:80/both", "-g", address)), {
    code: 0,
    stdout: "tcp 203.0.113.7:8080 -> 80, 7200 s\nudp 203.0.113.7:8080 -> 80, 7200 s\n",
    stderr: "",
  });
  assertEquals(await ended(natpmp("unmap", "8080:80", "-g", address)), {
    code: 0,
    stdout: "tcp 80 unmapped\n",
    stderr: "",
  });
  assertEquals(gateway.simulated.mappings(systemClock.now()).map(({ protocol }) => protocol), ["udp"]);
});

Deno.test("main.ts maps with the permission for the network alone, and says that nothing is remembered", async () => {
  await using gateway = new Gateway();
  const args = ["run", "-q", "--frozen", "--no-prompt", "--allow-net", MAIN.href];
  const { code, stdout, stderr } = await ended(
    start(Deno.execPath(), [...args, "map", "8080:80", "-g", gateway.address]),
  );
  assertEquals([code, stdout], [0, "tcp 203.0.113.7:8080 -> 80, 7200 s\n"]);
  assertMatch(stderr, /^natpmp: warning: natpmp cannot remember leases: Deno was started without [^\n]+\n$/);
});

Deno.test("main.ts prints one JSON object on stdout and nothing else", async () => {
  await using gateway = new Gateway();
  const { code, stdout, stderr } = await ended(natpmp("map", "80", "--json", "-g", gateway.address));
  assertEquals([code, stderr], [0, ""]);
  const { mappings: [{ expiresAt, elapsedMs }], ...rest } = JSON.parse(stdout);
  assertEquals(rest, { command: "map", gateway: "127.0.0.1", externalAddress: "203.0.113.7" });
  assertMatch(expiresAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assertEquals(typeof elapsedMs, "number");
});

Deno.test("main.ts ends with the exit code of the cause, and says it on stderr alone", async (t) => {
  const cases: readonly (readonly [string, Faults, number])[] = [
    ["silence", { silent: true }, 4],
    ["result 2", { refuse: true }, 5],
    ["result 3", { noAddress: true }, 6],
    ["result 4", { full: true }, 7],
    ["another version", { answerBytes: Uint8Array.of(1, 0x80, 0, 1, 0, 0, 0, 0) }, 8],
    ["result 77", { resultCode: 77 }, 9],
  ];
  for (const [cause, faults, expected] of cases) {
    await t.step(cause, async () => {
      await using gateway = new Gateway(faults);
      // This machine's port 1900 may have a UPnP router, which auto would use.
      const args = ["map", "80", "--via", "nat-pmp", "-t", "0.25", "-g", gateway.address];
      const { code, stdout, stderr } = await ended(natpmp(...args));
      assertEquals([code, stdout], [expected, ""]);
      assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
    });
  }
});

Deno.test("main.ts ends with 2 and sends nothing when the command line is wrong", async () => {
  await using gateway = new Gateway();
  const { code, stdout, stderr } = await ended(natpmp("map", "70000", "-g", gateway.address));
  assertEquals([code, stdout, gateway.received], [2, "", 0]);
  assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
});

Deno.test("main.ts prints no trace when nobody reads its stdout any more, and keeps its exit code", async () => {
  await using gateway = new Gateway({ silent: true });
  const started = natpmp("map", "80", "-g", gateway.address);
  await started.child.stdout.cancel();
  await gateway.hears(started);
  // Only now can it have anything to say: the pipe is closed by then.
  gateway.setFaults({});
  const [{ code }, stderr] = await Promise.all([
    started.child.status,
    new Response(started.child.stderr).text(),
  ]);
  started.release();
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("main.ts prints no trace when nobody reads its stderr any more, and keeps its exit code", async () => {
  await using gateway = new Gateway({ silent: true });
  const started = natpmp("map", "80", "-g", gateway.address);
  await started.child.stderr.cancel();
  await gateway.hears(started);
  gateway.setFaults({ refuse: true });
  const [{ code }, stdout] = await Promise.all([
    started.child.status,
    new Response(started.child.stdout).text(),
  ]);
  started.release();
  assertEquals([code, stdout], [5, ""]);
});

for (const args of [["--help"], ["--version", "--json"], ["map", "80"]]) {
  Deno.test({
    name: `main.ts ${args[0]} on a full disk ends with 1 and says so (Linux: /dev/full)`,
    ignore: !isLinux,
    fn: async () => {
      await using gateway = new Gateway();
      const gatewayArgs = args[0] === "map" ? ["-g", gateway.address] : [];
      const command = [Deno.execPath(), ...RUN, ...args, ...gatewayArgs];
      const { code, stderr } = await ended(start("sh", ["-c", 'exec "$0" "$@" > /dev/full', ...command]));
      assertEquals(code, 1);
      assertMatch(stderr, /^natpmp: error: [^\n]*(space|full)[^\n]*\n$/i);
    },
  });
}

Deno.test({
  name: "main.ts on a full disk keeps the exit code of a failure (Linux: /dev/full)",
  ignore: !isLinux,
  fn: async () => {
    await using gateway = new Gateway({ refuse: true });
    const command = [Deno.execPath(), ...RUN, "map", "80", "--json", "-g", gateway.address];
    const { code, stderr } = await ended(start("sh", ["-c", 'exec "$0" "$@" > /dev/full', ...command]));
    assertEquals(code, 5);
    assertMatch(stderr, /natpmp: error: /);
    assertNotMatch(stderr, /^ +at /m);
  },
});

for (const [signal, expected] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test({
    name: `main.ts stopped by ${signal} while it waits ends with ${expected} at once (not on Windows)`,
    ignore: isWindows,
    fn: async () => {
      await using gateway = new Gateway({ silent: true });
      const started = natpmp("map", "80", "-t", "127.75", "-g", gateway.address);
      await gateway.hears(started);
      started.child.kill(signal);
      const { code, stdout, stderr } = await ended(started);
      assertEquals([code, stdout], [expected, ""]);
      assertMatch(stderr, /^natpmp: error: [^\n]+\n$/);
    },
  });
}

Deno.test({
  name: "main.ts simulate serves main.ts address until it is stopped (not on Windows)",
  ignore: isWindows,
  fn: async () => {
    const simulator = natpmp("simulate", "--listen", "127.0.0.1:0", "--external", "198.51.100.9");
    const lines = simulator.child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let heard = "";
    while (!/listening on 127\.0\.0\.1:\d+.*\n/.test(heard)) {
      const { value, done } = await lines.read();
      if (done) break;
      heard += value;
    }
    const [, address = ""] = /listening on (127\.0\.0\.1:\d+)/.exec(heard) ?? [];
    const answer = await ended(natpmp("address", "-g", address));
    simulator.child.kill("SIGTERM");
    for (let next = await lines.read(); !next.done; next = await lines.read()) heard += next.value;
    const [{ code }, stderr] = await Promise.all([
      simulator.child.status,
      new Response(simulator.child.stderr).text(),
    ]);
    simulator.release();
    assertEquals(answer, { code: 0, stdout: "198.51.100.9\n", stderr: "" });
    assertStringIncludes(heard, "198.51.100.9");
    assertNotMatch(stderr, /^ +at /m);
    assertEquals(code, 0);
  },
});

interface ModuleInfo {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier?: string };
    readonly isDynamic?: boolean;
  }[];
}

/** The modules that are loaded with some, following static imports only. */
async function loadedWith(roots: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await ended(start(Deno.execPath(), ["info", "--json", MAIN.href]));
  assertEquals(code, 0, stderr);
  const { modules }: { modules: readonly ModuleInfo[] } = JSON.parse(stdout);
  const loaded = new Set<string>();
  const load = (specifier: string) => {
    if (loaded.has(specifier)) return;
    loaded.add(specifier);
    const module = modules.find((candidate) => candidate.specifier === specifier);
    for (const { code, isDynamic } of module?.dependencies ?? []) {
      if (code?.specifier !== undefined && !isDynamic) load(code.specifier);
    }
  };
  for (const root of roots) load(new URL(root, MAIN).href);
  return [...loaded].map((specifier) => specifier.replace(new URL("./", MAIN).href, ""));
}

/** What neither `--help` nor `--version` needs. */
const HEAVY = /^lib\/(net|simulator|natpmp|gateway|lease|cli\/manual)\/|\bmarked\b/;

Deno.test("main.ts loads a page of the manual for natpmp help TOPIC alone, and the Markdown parser with it", async () => {
  const commands = await Array.fromAsync(
    Deno.readDir(new URL("lib/cli/commands/", MAIN)),
    ({ name }) => `lib/cli/commands/${name}`,
  );
  const others = await loadedWith(["main.ts", ...commands.filter((path) => !path.endsWith("/help.ts"))]);
  assertEquals(others.filter((module) => /^lib\/cli\/manual\/|\bmarked\b/.test(module)), []);
  const help = await loadedWith(["lib/cli/commands/help.ts"]);
  assertEquals(help.filter((module) => /\.md$|\bmarked\b/.test(module)), []);
  const page = await loadedWith(["lib/cli/manual/render_page.ts"]);
  assertEquals(page.some((module) => /\bmarked\b/.test(module)), true);
});

Deno.test("main.ts --help and --version load neither network nor simulator code", async () => {
  const loaded = await loadedWith(["main.ts", "lib/cli/help.ts", "lib/cli/version.ts"]);
  assertEquals(loaded.includes("lib/cli/run.ts"), true);
  assertEquals(loaded.filter((module) => HEAVY.test(module)), []);
});

Deno.test("main.ts address loads network code but not the simulator's", async () => {
  const loaded = await loadedWith(["main.ts", "lib/cli/commands/address.ts"]);
  assertEquals(loaded.includes("lib/net/exchange.ts"), true);
  assertEquals(loaded.filter((module) => module.startsWith("lib/simulator/")), []);
});

/** `deno run` of main.ts with an import map by which these directories hold nothing. */
function withoutDirectories(directories: readonly string[], ...args: string[]): Started {
  const { imports } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", MAIN)));
  const absent = new URL("absent/", MAIN).href;
  for (const directory of directories) imports[new URL(directory, MAIN).href] = absent;
  const map = `data:application/json,${encodeURIComponent(JSON.stringify({ imports }))}`;
  return start(Deno.execPath(), ["run", "-q", "--no-lock", `--import-map=${map}`, MAIN.href, ...args]);
}

Deno.test("main.ts --help and --version work where network and simulator code is missing", async () => {
  const missing = ["lib/net/", "lib/simulator/", "lib/natpmp/", "lib/gateway/", "lib/lease/"];
  for (const args of [["--help"], ["--version"], ["help", "map"], ["map", "--help"]]) {
    const { code, stderr } = await ended(withoutDirectories(missing, ...args));
    assertEquals([code, stderr], [0, ""]);
  }
  // The proof of the proof: what needs that code fails.
  assertEquals((await ended(withoutDirectories(missing, "address", "-g", "127.0.0.1"))).code, 1);
});

Deno.test("main.ts --help and --version need no permission", async () => {
  for (const args of [["--help"], ["--version"], ["help", "map"]]) {
    const { code, stdout, stderr } = await ended(
      start(Deno.execPath(), ["run", "-q", "--frozen", "--no-prompt", MAIN.href, ...args]),
    );
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "natpmp");
  }
});
