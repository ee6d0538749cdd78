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
    reason: missingPermission() ?? otherSystem() ?? notInstalled(LAB_PROGRAMS) ?? refusedNamespace(),
  };
  return verdict.reason;
}

/** Options of {@linkcode e2eTest}. */
export interface E2eTestOptions {
  /** All the programs that this test needs; without this it needs the network namespaces of the gateway lab. */
  readonly programs?: readonly string[];
  /** Whether it needs the gateway lab beside its programs. */
  readonly lab?: boolean;
  /** Whether it needs root beside them: for `chroot`, for mounts, for being another user. */
  readonly root?: boolean;
  /** Why it cannot run here, where the caller knows a reason of its own. */
  readonly impediment?: string | undefined;
  /** The variable that makes the test fail instead of being ignored; `NATPMP_E2E_REQUIRED` by default. */
  readonly requiredBy?: string;
}

/**
 * Registers an end-to-end test. Where it can't run it is ignored with the reason in its name, or fails with that
 * reason if `NATPMP_E2E_REQUIRED` is 1.
 *
 * @param name What is to be shown.
 * @param fn Shows it.
 * @param options What it needs; what tests with a gateway need unless they say otherwise.
 */
export function e2eTest(
  name: string,
  fn: (context: Deno.TestContext) => Promise<void>,
  options: E2eTestOptions = {},
): void {
  const { programs, lab = programs === undefined, root = false, impediment } = options;
  const { requiredBy = REQUIRED_VARIABLE } = options;
  const reason = (lab ? e2eUnavailable() : missingPermission()) ?? notInstalled(programs ?? []) ??
    (root ? notRoot() : undefined) ?? impediment;
  if (reason === undefined) {
    Deno.test(`e2e: ${name}`, fn);
  } else if (isRequired(requiredBy)) {
    Deno.test(`e2e: ${name}`, () => {
      throw new Error(`${requiredBy} is 1 and this test cannot run: ${reason}`);
    });
  } else {
    Deno.test({ name: `e2e: ${name} (ignored: ${reason})`, ignore: true, fn });
  }
}

/**
 * Where a program is, by `PATH`.
 *
 * @returns Its absolute path; `undefined` if it is not installed.
 */
export function programPath(program: string): string | undefined {
  const directories = (Deno.env.get("PATH") ?? "").split(Deno.build.os === "windows" ? ";" : ":");
  const paths = directories.filter((directory) => directory !== "").map((directory) =>
    `${directory}/${program}`
  );
  return paths.find(isFile);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function notInstalled(programs: readonly string[]): string | undefined {
  const missing = programs.filter((program) => programPath(program) === undefined);
  return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}`;
}

function notRoot(): string | undefined {
  return Deno.uid() === 0 ? undefined : "not root";
}

function isRequired(variable: string): boolean {
  const granted = Deno.permissions.querySync({ name: "env", variable }).state === "granted";
  return granted && Deno.env.get(variable) === "1";
}

function missingPermission(): string | undefined {
  const names = ["run", "env", "read", "write"] as const;
  const missing = names.filter((name) => Deno.permissions.querySync({ name }).state !== "granted");
  return missing.length === 0 ? undefined : `no permission to ${missing.join(", ")}`;
}

function otherSystem(): string | undefined {
  return Deno.build.os === "linux" ? undefined : `network namespaces need Linux, this is ${Deno.build.os}`;
}

const LAB_PROGRAMS = ["ip", "nft", "sysctl", "miniupnpd"];

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
