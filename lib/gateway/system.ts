/**
 * The access to the system for finding a gateway: the one file that reads files and runs programs for it.
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import { NoGatewayError } from "../errors.ts";
import type { InterfaceAddress, KernelRoute, KernelRouteOptions, WindowsTables } from "./route.ts";

/** The output of a program. */
export interface ProgramOutput {
  /** Whether it ended with 0. */
  readonly success: boolean;
  /** Its standard output. */
  readonly stdout: string;
  /** Its standard error. */
  readonly stderr: string;
}

/** The system, so that a test can be another one. A method that fails throws {@linkcode NoGatewayError}. */
export interface GatewaySystem {
  /** The system's name, as `Deno.build.os` has it. */
  readonly os: string;
  /**
   * Lists the addresses of this host.
   *
   * @returns One entry for each address.
   */
  networkInterfaces(): Promise<readonly InterfaceAddress[]>;
  /**
   * Reads a file.
   *
   * @param path The file.
   * @returns Its text.
   */
  readTextFile(path: string): Promise<string>;
  /**
   * Runs a program, for 2 s at most.
   *
   * @param program The program's path.
   * @param args Its arguments.
   * @param signal Ends it early.
   * @returns What it printed, and whether it succeeded.
   */
  run(program: string, args: readonly string[], signal?: AbortSignal): Promise<ProgramOutput>;
  /**
   * Asks the kernel for the address that it would send from. Never throws.
   *
   * @param remote The address that it would send to.
   * @returns The address; `undefined` when the kernel cannot be asked.
   */
  localAddressFor(remote: string): Promise<string | undefined>;
  /**
   * Asks the kernel for the route that it would take. Never throws.
   *
   * @param remote The address that the route leads to.
   * @param options The conditions that it should satisfy.
   * @returns The route; `"unreachable"` where there is none, `undefined` when the kernel cannot be asked.
   */
  kernelRoute(remote: string, options: KernelRouteOptions): Promise<KernelRoute | "unreachable" | undefined>;
  /**
   * Checks whether a socket can be bound to an interface, so that it sends through it whatever the routes are. Never
   * throws.
   *
   * @param interfaceName The interface.
   * @returns Whether it can.
   */
  canBindTo(interfaceName: string): Promise<boolean>;
  /**
   * Reads Windows' tables.
   *
   * @param remote The address that the best route leads to.
   * @returns The tables.
   */
  windowsTables(remote: string): Promise<WindowsTables>;
  /** Closes what the questions opened; more may be asked afterwards. */
  close(): void;
}

/** How long a program may take; `route` and `netstat` take a few milliseconds. */
const PROGRAM_LIMIT_MS = 2_000;

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Checks first, since Deno would prompt on a terminal for a permission that it was not started with. */
function requirePermission(descriptor: Deno.PermissionDescriptor, what: string): void {
  if (Deno.permissions.querySync(descriptor).state === "granted") return;
  throw new NoGatewayError(`Cannot ${what}: Deno was started without the permission`, {
    reason: "no-permission",
  });
}

async function readTextFile(path: string): Promise<string> {
  requirePermission({ name: "read", path }, `read ${path}`);
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    // Deno opens most of /proc only to a program that may do everything.
    if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied) {
      throw new NoGatewayError(
        `Cannot read ${path}: Deno lets only a program with all permissions read it`,
        { reason: "no-permission" },
      );
    }
    throw new NoGatewayError(`Cannot read ${path}: ${reasonOf(error)}`, { reason: "unreadable-routes" });
  }
}

async function run(
  clock: Clock,
  program: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<ProgramOutput> {
  requirePermission({ name: "run", command: program }, `run ${program}`);
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
    const why = error instanceof Deno.errors.NotFound ? "the program is not installed" : reasonOf(error);
    throw new NoGatewayError(`Cannot run ${program}: ${why}`, { reason: "unreadable-routes" });
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
    `Cannot wait for ${program}: it has not ended after ${PROGRAM_LIMIT_MS / 1000} s`,
    { reason: "unreadable-routes" },
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

async function networkInterfaces(): Promise<readonly InterfaceAddress[]> {
  requirePermission({ name: "sys", kind: "networkInterfaces" }, "list the network interfaces");
  try {
    return Deno.networkInterfaces();
  } catch (error) {
    // It lists them by netlink, which services and containers may forbid.
    const { listIpv4Addresses } = await import("../net/interface_list.ts");
    const addresses = listIpv4Addresses();
    if (addresses !== undefined) return addresses;
    throw new NoGatewayError(`Cannot list the network interfaces: ${reasonOf(error)}`, {
      reason: "unlisted-interfaces",
    });
  }
}

/**
 * This machine.
 *
 * @param clock The time in which programs are limited.
 * @returns The system.
 */
export function thisSystem(clock: Clock = systemClock): GatewaySystem {
  let release: (() => void) | undefined;
  return {
    os: Deno.build.os,
    networkInterfaces,
    readTextFile,
    run: (program, args, signal) => run(clock, program, args, signal),
    async localAddressFor(remote) {
      const { localAddressFor } = await import("../net/connected_socket.ts");
      return localAddressFor(remote);
    },
    async kernelRoute(remote, options) {
      const { holdKernelRoute, kernelRoute } = await import("../net/kernel_route.ts");
      release ??= holdKernelRoute();
      return kernelRoute(remote, options);
    },
    async canBindTo(interfaceName) {
      const { canBindToInterface } = await import("../net/connected_socket.ts");
      return canBindToInterface(interfaceName);
    },
    async windowsTables(remote) {
      requirePermission({ name: "ffi" }, "read the routing table");
      const { readWindowsTables } = await import("./windows_ip_helper.ts");
      try {
        return readWindowsTables(remote);
      } catch (error) {
        throw new NoGatewayError(`Cannot read the routing table: ${reasonOf(error)}`, {
          reason: "unreadable-routes",
        });
      }
    },
    close() {
      release?.();
      release = undefined;
    },
  };
}
