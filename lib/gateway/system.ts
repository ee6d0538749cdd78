/**
 * What finding a gateway needs of the system: the one file that reads files and runs programs for it.
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import { NoGatewayError } from "../errors.ts";
import { NAME_IT } from "./failure.ts";
import type { InterfaceAddress, WindowsTables } from "./route.ts";

/** What a program printed. */
export interface ProgramOutput {
  /** Whether it ended with 0. */
  readonly success: boolean;
  /** Its standard output. */
  readonly stdout: string;
  /** Its standard error. */
  readonly stderr: string;
}

/** The system, so that a test can be another one. Everything that fails throws {@linkcode NoGatewayError}. */
export interface GatewaySystem {
  /** The system's name, as `Deno.build.os` has it. */
  readonly os: string;
  /** The addresses of this host. */
  networkInterfaces(): readonly InterfaceAddress[];
  /** The text of a file. */
  readTextFile(path: string): Promise<string>;
  /** Runs a program, with a limit of 2 s. */
  run(program: string, args: readonly string[], signal?: AbortSignal): Promise<ProgramOutput>;
  /** The address that the kernel would send from; `undefined` when it cannot be asked. Never throws. */
  localAddressFor(remote: string): Promise<string | undefined>;
  /** Windows' tables. */
  windowsTables(remote: string): Promise<WindowsTables>;
}

/** How long a program may take; `route` and `netstat` take a few milliseconds. */
const PROGRAM_LIMIT_MS = 2_000;

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Checks first, since Deno would prompt on a terminal for a permission that it was not started with. */
function requirePermission(descriptor: Deno.PermissionDescriptor, what: string, advice: string): void {
  if (Deno.permissions.querySync(descriptor).state === "granted") return;
  throw new NoGatewayError(
    `Cannot ${what}: Deno was started without the permission; ${advice}, or ${NAME_IT}`,
  );
}

async function readTextFile(path: string): Promise<string> {
  requirePermission({ name: "read", path }, `read ${path}`, "start it with -A");
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    // Deno opens most of /proc only to a program that may do everything.
    if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied) {
      throw new NoGatewayError(
        `Cannot read ${path}: Deno lets only a program with all permissions read it; start it with -A, or ${NAME_IT}`,
      );
    }
    throw new NoGatewayError(`Cannot read ${path}: ${reasonOf(error)}; ${NAME_IT}`);
  }
}

async function run(
  clock: Clock,
  program: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<ProgramOutput> {
  requirePermission({ name: "run", command: program }, `run ${program}`, "start it with -A");
  const timer = new AbortController();
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args: [...args],
      env: { LC_ALL: "C" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "there is no such program" : reasonOf(error);
    throw new NoGatewayError(`Cannot run ${program}: ${why}; ${NAME_IT}`);
  }
  const output = child.output();
  const given = signal === undefined ? timer.signal : AbortSignal.any([timer.signal, signal]);
  const limit = clock.sleep(PROGRAM_LIMIT_MS, { signal: given }).then(() => undefined);
  try {
    const ended = await Promise.race([output, limit]);
    if (ended !== undefined) {
      const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return { success: ended.success, stdout: decode(ended.stdout), stderr: decode(ended.stderr) };
    }
  } catch (error) {
    await kill();
    throw error;
  } finally {
    timer.abort();
    limit.catch(() => {});
  }
  await kill();
  throw new NoGatewayError(
    `Cannot wait for ${program}: it has not ended after ${PROGRAM_LIMIT_MS / 1000} s; ${NAME_IT}`,
  );

  async function kill(): Promise<void> {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has just ended by itself.
    }
    await output.catch(() => {});
  }
}

/**
 * This machine.
 *
 * @param clock The time in which programs are limited.
 * @returns The system.
 */
export function thisSystem(clock: Clock = systemClock): GatewaySystem {
  return {
    os: Deno.build.os,
    networkInterfaces() {
      requirePermission(
        { name: "sys", kind: "networkInterfaces" },
        "list the network interfaces",
        "start it with --allow-sys",
      );
      return Deno.networkInterfaces();
    },
    readTextFile,
    run: (program, args, signal) => run(clock, program, args, signal),
    async localAddressFor(remote) {
      const { localAddressFor } = await import("../net/connected_socket.ts");
      return localAddressFor(remote);
    },
    async windowsTables(remote) {
      requirePermission({ name: "ffi" }, "read the routing table", "start it with --allow-ffi");
      const { readWindowsTables } = await import("./windows_ip_helper.ts");
      try {
        return readWindowsTables(remote);
      } catch (error) {
        throw new NoGatewayError(`Cannot read the routing table: ${reasonOf(error)}; ${NAME_IT}`);
      }
    },
  };
}
