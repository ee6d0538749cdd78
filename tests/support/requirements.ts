/**
 * What the end-to-end tests need of the machine, and how they are registered.
 *
 * @module
 */

/** Set to `1` where these tests have to run: then a machine that can't run them fails them. */
const REQUIRED_VARIABLE = "NATPMP_E2E_REQUIRED";

/** Options of {@linkcode e2eTest} and {@linkcode e2eUnavailable}. */
export interface E2eOptions {
  /** The programs that the test needs, and nothing else; without it the test needs network namespaces and miniupnpd. */
  readonly programs?: readonly string[];
}

/** The programs that make a network with a gateway, each with an argument that it does nothing by. */
const NETWORK_PROGRAMS = [
  ["ip", "-Version"],
  ["nft", "--version"],
  ["sysctl", "--version"],
  ["miniupnpd", "--version"],
];

const verdicts = new Map<string, string | undefined>();

/**
 * Why the end-to-end tests cannot run here, found out once by trying.
 *
 * @param options What they need.
 * @returns `undefined` if they can.
 */
export function e2eUnavailable({ programs }: E2eOptions = {}): string | undefined {
  const key = programs?.join(" ") ?? "network";
  if (!verdicts.has(key)) {
    const missing = missingPermission() ??
      (programs === undefined
        ? missingLinux() ?? missingProgram(NETWORK_PROGRAMS) ?? refusedNamespace()
        : missingProgram(programs.map((program) => [program, "--version"])));
    verdicts.set(key, missing);
  }
  return verdicts.get(key);
}

/**
 * Registers an end-to-end test. Where it can't run it is ignored with the reason in its name, or fails with that
 * reason if `NATPMP_E2E_REQUIRED` is 1.
 *
 * @param name What it shows.
 * @param fn The test.
 * @param options What it needs.
 */
export function e2eTest(
  name: string,
  fn: (context: Deno.TestContext) => Promise<void>,
  options: E2eOptions = {},
): void {
  const reason = e2eUnavailable(options);
  if (reason === undefined) {
    Deno.test(`e2e: ${name}`, fn);
  } else if (isRequired()) {
    Deno.test(`e2e: ${name}`, () => {
      throw new Error(`${REQUIRED_VARIABLE} is 1 and this test cannot run: ${reason}`);
    });
  } else {
    Deno.test({ name: `e2e: ${name} (ignored: ${reason})`, ignore: true, fn });
  }
}

function isRequired(): boolean {
  const granted =
    Deno.permissions.querySync({ name: "env", variable: REQUIRED_VARIABLE }).state === "granted";
  return granted && Deno.env.get(REQUIRED_VARIABLE) === "1";
}

function missingPermission(): string | undefined {
  const names = ["run", "env", "read", "write"] as const;
  const missing = names.filter((name) => Deno.permissions.querySync({ name }).state !== "granted");
  return missing.length === 0 ? undefined : `no permission to ${missing.join(", ")}`;
}

function missingLinux(): string | undefined {
  return Deno.build.os === "linux" ? undefined : `network namespaces need Linux, this is ${Deno.build.os}`;
}

/** Starting them shows that they are there, whatever they make of the argument. */
function missingProgram(commands: readonly (readonly string[])[]): string | undefined {
  const missing = commands.filter((command) => failure(command) === "not found").map(([program]) => program);
  return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}`;
}

/** Makes and removes a namespace with a veth pair and a table in it, since each of these can be forbidden. */
function refusedNamespace(): string | undefined {
  const name = `natpmp-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}-check`;
  const refusal = failure(["ip", "netns", "add", name]);
  if (refusal !== undefined) return `cannot make a network namespace: ${refusal}`;
  try {
    const link = failure(["ip", "-n", name, "link", "add", "lan0", "type", "veth", "peer", "name", "eth0"]);
    if (link !== undefined) return `cannot make a veth pair: ${link}`;
    const table = failure(["ip", "netns", "exec", name, "nft", "add", "table", "inet", "filter"]);
    return table === undefined ? undefined : `cannot use nftables in a network namespace: ${table}`;
  } finally {
    failure(["ip", "netns", "delete", name]);
  }
}

/** How a command failed: `not found`, or the first line of what it said; `undefined` if it did not fail. */
function failure([program = "", ...args]: readonly string[]): string | undefined {
  try {
    const { success, stdout, stderr } = new Deno.Command(program, { args, stdin: "null" }).outputSync();
    if (success) return undefined;
    const text = new TextDecoder();
    return `${text.decode(stderr)}${text.decode(stdout)}`.trim().split("\n")[0] || `${program} failed`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "not found";
    throw error;
  }
}
