/**
 * What the end-to-end tests need of the machine, and how they are registered.
 *
 * @module
 */

/** Set to `1` where these tests have to run: then a machine that can't run them fails them. */
const REQUIRED_VARIABLE = "NATPMP_E2E_REQUIRED";

let verdict: { readonly reason: string | undefined } | undefined;

/**
 * Why end-to-end tests with a gateway cannot run here, found out once by trying.
 *
 * @returns `undefined` if they can.
 */
export function e2eUnavailable(): string | undefined {
  verdict ??= {
    reason: missingPermission() ?? otherSystem() ?? missingProgram(LAB_PROGRAMS) ?? refusedNamespace(),
  };
  return verdict.reason;
}

/** A program, and arguments with which it does no harm. */
export type ProgramTrial = readonly [program: string, ...args: string[]];

/**
 * Why end-to-end tests that only need some programs cannot run here.
 *
 * @param trials The programs.
 * @returns `undefined` if they can.
 */
export function programsUnavailable(...trials: readonly ProgramTrial[]): string | undefined {
  return missingPermission() ?? missingProgram(trials);
}

/**
 * Registers an end-to-end test. Where it can't run it is ignored with the reason in its name, or fails with that
 * reason if `NATPMP_E2E_REQUIRED` is 1.
 *
 * @param name What is to be shown.
 * @param fn Shows it.
 * @param findReason Tells why it can't run; unless given, it needs what tests with a gateway need.
 */
export function e2eTest(
  name: string,
  fn: (context: Deno.TestContext) => Promise<void>,
  findReason: () => string | undefined = e2eUnavailable,
): void {
  const reason = findReason();
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

function otherSystem(): string | undefined {
  return Deno.build.os === "linux" ? undefined : `network namespaces need Linux, this is ${Deno.build.os}`;
}

const LAB_PROGRAMS: readonly ProgramTrial[] = [
  ["ip", "-Version"],
  ["nft", "--version"],
  ["sysctl", "--version"],
  ["miniupnpd", "--version"],
];

function missingProgram(trials: readonly ProgramTrial[]): string | undefined {
  const missing = trials.filter((command) => failure(command) === "not found").map(([program]) => program);
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
