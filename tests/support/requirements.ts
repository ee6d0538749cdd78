/**
 * What the end-to-end tests need of the machine, and how they are registered.
 *
 * @module
 */

/** Set to `1` where these tests have to run: then a machine that can't run them fails them. */
const REQUIRED_VARIABLE = "NATPMP_E2E_REQUIRED";

let verdict: { readonly reason: string | undefined } | undefined;

/**
 * Why the end-to-end tests cannot run here, found out once by trying.
 *
 * @returns `undefined` if they can.
 */
export function e2eUnavailable(): string | undefined {
  verdict ??= { reason: missingPermission() ?? missingProgram() ?? refusedNamespace() };
  return verdict.reason;
}

/**
 * Registers an end-to-end test. Where it can't run it is ignored with the reason in its name, or fails with that
 * reason if `NATPMP_E2E_REQUIRED` is 1.
 */
export function e2eTest(name: string, fn: (context: Deno.TestContext) => Promise<void>): void {
  testUnless(e2eUnavailable(), name, fn);
}

/** Registers an end-to-end test like {@linkcode e2eTest}, for requirements of its own. */
export function testUnless(
  reason: string | undefined,
  name: string,
  fn: (context: Deno.TestContext) => Promise<void>,
): void {
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

/** Why no program can be started here; `undefined` if one can. */
export function missingPermission(): string | undefined {
  const names = ["run", "env", "read", "write"] as const;
  const missing = names.filter((name) => Deno.permissions.querySync({ name }).state !== "granted");
  return missing.length === 0 ? undefined : `no permission to ${missing.join(", ")}`;
}

function missingProgram(): string | undefined {
  if (Deno.build.os !== "linux") return `network namespaces need Linux, this is ${Deno.build.os}`;
  const versions = [["ip", "-Version"], ["nft", "--version"], ["sysctl", "--version"], [
    "miniupnpd",
    "--version",
  ]];
  return notInstalled(versions);
}

/**
 * Which programs are not there.
 *
 * @param commands For each, a command line that does nothing.
 * @returns A reason that names them; `undefined` if all are there.
 */
export function notInstalled(commands: readonly (readonly string[])[]): string | undefined {
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
