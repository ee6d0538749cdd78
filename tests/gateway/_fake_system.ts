/**
 * Systems that tell of their network what a test says.
 *
 * @module
 */

import { NoGatewayError } from "../../lib/errors.ts";
import type { InterfaceAddress, KernelRoute } from "../../lib/gateway/route.ts";
import type { GatewaySystem, ProgramOutput } from "../../lib/gateway/system.ts";
import { ETH0, LO, table, TUN1, WG0, windowsTables, WLAN0 } from "./_tables.ts";

/** The addresses of a host unless it says otherwise. */
export const HOST = [LO, ETH0, WLAN0, TUN1, WG0];

/** What a host is like. */
export interface FakeHost {
  readonly interfaces?: readonly InterfaceAddress[];
  /** Files by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** What programs print, by command line; what is not here is missing. */
  readonly programs?: Readonly<Record<string, Partial<ProgramOutput>>>;
  readonly kernelAddress?: string;
  /** The kernel's routes by destination; it cannot be asked for any other. */
  readonly kernelRoutes?: Readonly<Record<string, KernelRoute | "unreachable">>;
  /** Whether sockets can be bound to interfaces; they cannot. */
  readonly canBind?: boolean;
  readonly windows?: string;
}

/** A system that is asked only for what it has; everything it was asked is in `asked`. */
export function fake(os: string, host: FakeHost): GatewaySystem & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    os,
    asked,
    networkInterfaces: () => Promise.resolve(host.interfaces ?? HOST),
    readTextFile(path) {
      asked.push(path);
      const text = host.files?.[path];
      return text === undefined
        ? Promise.reject(new NoGatewayError(`Cannot read ${path}: it is missing`))
        : Promise.resolve(text);
    },
    run(program, args) {
      const line = [program, ...args].join(" ");
      asked.push(line);
      const output = host.programs?.[line];
      return output === undefined
        ? Promise.reject(new NoGatewayError(`Cannot run ${program}: the program is not installed`))
        : Promise.resolve({ success: true, stdout: "", stderr: "", ...output });
    },
    localAddressFor(remote) {
      asked.push(`kernel ${remote}`);
      return Promise.resolve(host.kernelAddress);
    },
    kernelRoute(remote, { source, interfaceName }) {
      asked.push(
        ["route", remote, source && `from ${source}`, interfaceName && `through ${interfaceName}`]
          .filter((word) => word !== undefined).join(" "),
      );
      return Promise.resolve(host.kernelRoutes?.[remote]);
    },
    canBindTo(interfaceName) {
      asked.push(`bind ${interfaceName}`);
      return Promise.resolve(host.canBind ?? false);
    },
    close() {},
    windowsTables: () => Promise.resolve(windowsTables(host.windows!)),
  };
}

/** A Linux system with one of the routing tables of the test data. */
export const linux = (name: string, host: FakeHost = {}) =>
  fake("linux", { ...host, files: { "/proc/net/route": table(`linux_${name}.txt`), ...host.files } });
