/**
 * The main job in one minute: the real command line against simulated gateways on free loopback ports. Prints each
 * command and its output; exits with 0 only if all is as expected.
 *
 * Usage: deno task demo [PATH OF A BINARY]
 */

/** The command line of natpmp: a binary, or this source tree. */
const NATPMP = Deno.args.length > 0
  ? Deno.args
  : [Deno.execPath(), "run", "-q", "-A", `${import.meta.dirname}/../main.ts`];
/** How long the whole demo may take. */
const LIMIT_MS = 60_000;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const decoder = new TextDecoder();
/** The demo's leases are not among the user's. */
const stateHome = await Deno.makeTempDir({ prefix: "natpmp-demo-" });
const signal = AbortSignal.timeout(LIMIT_MS);

function natpmp(args: readonly string[]): Deno.Command {
  const [program = "", ...words] = NATPMP;
  return new Deno.Command(program, {
    args: [...words, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", XDG_STATE_HOME: stateHome },
    signal,
  });
}

/** A gateway that serves until it is disposed of. */
class DemoGateway implements AsyncDisposable {
  readonly address: string;
  readonly #process: Deno.ChildProcess;
  readonly #rest: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(
    address: string,
    process: Deno.ChildProcess,
    rest: ReadableStreamDefaultReader<Uint8Array>,
  ) {
    this.address = address;
    this.#process = process;
    this.#rest = rest;
  }

  static async start(...faults: string[]): Promise<DemoGateway> {
    const options = ["no-announcement", ...faults].flatMap((fault) => ["--fault", fault]);
    const process = natpmp(["simulate", "--listen", "127.0.0.1:0", ...options]).spawn();
    const reader = process.stdout.getReader();
    let printed = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`The simulated router ended: ${printed}${(await process.output()).stderr}`);
      printed += decoder.decode(value);
      const address = /listening on (\S+),/.exec(printed)?.[1];
      if (address !== undefined) return new DemoGateway(address, process, reader);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGINT");
    await this.#rest.cancel();
    await this.#process.stderr.cancel();
    await this.#process.status;
  }
}

interface Expectation {
  readonly code: number;
  /** The pattern that stdout, or stderr after a failure, has to match. */
  readonly printed: RegExp;
}

const problems: string[] = [];

function say(text: string): void {
  console.log(text);
}

/** Runs a command line against a gateway, shows it as a user would see it, and compares it with the expected output. */
async function show(gateway: DemoGateway, commandLine: string, expected: Expectation): Promise<void> {
  const { code, stdout, stderr } = await natpmp([...commandLine.split(" "), "-g", gateway.address]).output();
  const outcome: Outcome = { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  say(`$ natpmp ${commandLine} -g ${gateway.address}`);
  const printedText = (outcome.stdout + outcome.stderr).trimEnd();
  if (printedText !== "") say(printedText);
  if (code !== 0) say(`(exit ${code})`);
  const printed = code === 0 ? outcome.stdout : outcome.stderr;
  if (code !== expected.code || !expected.printed.test(printed)) {
    problems.push(`natpmp ${commandLine}: expected exit ${expected.code} and ${expected.printed}`);
  }
}

const startMs = performance.now();
{
  say("# A simulated router with external address 203.0.113.7");
  await using gateway = await DemoGateway.start();
  await show(gateway, "address", { code: 0, printed: /^203\.0\.113\.7\n$/ });
  await show(gateway, "map 8080:80", { code: 0, printed: /^tcp 203\.0\.113\.7:8080 -> 80, 7200 s\n$/ });
  say("\n# Another host already has this port: the router grants another one, unless --exact forbids it");
  await show(gateway, "map 8080:9000", {
    code: 0,
    printed: /^tcp 203\.0\.113\.7:(?!8080)\d+ -> 9000, 7200 s \(asked for 8080\)\n$/,
  });
  await show(gateway, "map 8080:9001 --exact", { code: 10, printed: /cannot provide that external port/ });
  say("\n# TCP and UDP on one port");
  await show(gateway, "map 6881/both --lifetime 1h", {
    code: 0,
    printed: /^tcp 203\.0\.113\.7:6881 -> 6881, 3600 s\nudp 203\.0\.113\.7:6881 -> 6881, 3600 s\n$/,
  });
  say("\n# The leases of this host, from the state file");
  await show(gateway, "status", {
    code: 0,
    printed: /tcp 80 +203\.0\.113\.7:8080 +\d:\d\d:\d\d +alive/,
  });
  say("\n# From cron: natpmp renews only what is due, and prints nothing when nothing changed");
  await show(gateway, "map 8080:80 --if-due --quiet", { code: 0, printed: /^$/ });
  say("\n# Delete it again");
  await show(gateway, "unmap 8080:80", { code: 0, printed: /^tcp 80 unmapped\n$/ });
  await show(gateway, "unmap --all", { code: 0, printed: /^tcp all unmapped\nudp all unmapped\n$/m });
}
{
  say("\n# A router that loses the first two datagrams");
  await using gateway = await DemoGateway.start("lose-requests=2");
  await show(gateway, "map 8080:80 --json", { code: 0, printed: /"externalPort":8080.*"attempts":2/ });
}
{
  say("\n# A router that refuses");
  await using gateway = await DemoGateway.start("refuse");
  await show(gateway, "map 8080:80", { code: 5, printed: /not authorized/ });
}

await Deno.remove(stateHome, { recursive: true });
say(`\nThe demo took ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
for (const problem of problems) console.error(`Unexpected: ${problem}`);
Deno.exit(problems.length === 0 ? 0 : 1);
