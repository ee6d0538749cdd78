/**
 * A UDP socket that the kernel itself has connected, through libc: it hears ICMP *port unreachable*, which no socket
 * of Deno's reports, it knows the local address that the kernel would send from, and it can be bound to an interface.
 * Without FFI there is no such socket.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import {
  type Datagram,
  type DatagramSocket,
  type Endpoint,
  formatEndpoint,
  PortUnreachable,
  sameEndpoint,
  type SendFrom,
} from "./datagram.ts";
import { cString, SharedLibc } from "./libc.ts";
import { AF_INET, decodeSockaddr, encodeSockaddr, SOCKADDR_BYTES, type SocketAbi } from "./socket_abi.ts";

const POLLIN = 1;
const BUFFER_BYTES = 65_535;

/** Waits between two looks at the socket: short after a send, when an answer is near, and never busy. */
const FIRST_LOOK_MS = 1;
const LONGEST_LOOK_MS = 50;

const library = new SharedLibc({
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
});

/** The functions that bind a socket to an interface. */
const bindingLibrary = new SharedLibc({
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
});

type Libc = NonNullable<ReturnType<typeof library.acquire>>["libc"];

/** A connected socket of the kernel and the library that it is spoken to through. */
interface Connection {
  readonly libc: Libc;
  readonly abi: SocketAbi;
  readonly descriptor: number;
  readonly local: Endpoint;
}

/** Binds a socket to an interface: since Linux 5.7 everybody may. */
function bindToInterface(descriptor: number, interfaceName: string): boolean {
  const bound = bindingLibrary.use(({ libc, abi }) => {
    const { level, option, takes } = abi.boundInterface;
    const name = cString(interfaceName);
    const index = takes === "name" ? undefined : libc.if_nametoindex(name);
    // Index 0 would mean: bound to none any more.
    if (index === 0) return false;
    const value = index === undefined ? name : new Uint8Array(Uint32Array.of(index).buffer);
    return libc.setsockopt(descriptor, level, option, value, value.length) === 0;
  });
  return bound ?? false;
}

/** Connects, or leaves nothing behind: the library is released again whenever a step fails. */
function connect(remote: Endpoint, { source, interfaceName }: SendFrom): Connection | undefined {
  const opened = library.acquire();
  if (opened === undefined) return undefined;
  const { libc, abi } = opened;
  const to = encodeSockaddr(remote, abi.layout);
  const from = encodeSockaddr({ hostname: source ?? "0.0.0.0", port: 0 }, abi.layout);
  const descriptor = to === undefined || from === undefined ? -1 : libc.socket(AF_INET, abi.datagramType, 0);
  if (descriptor >= 0) {
    const name = new Uint8Array(SOCKADDR_BYTES);
    const connected = (interfaceName === undefined || bindToInterface(descriptor, interfaceName)) &&
      libc.bind(descriptor, from!, SOCKADDR_BYTES) === 0 &&
      libc.connect(descriptor, to!, SOCKADDR_BYTES) === 0 &&
      libc.getsockname(descriptor, name, new Uint32Array([SOCKADDR_BYTES])) === 0;
    const local = connected ? decodeSockaddr(name, abi.layout) : undefined;
    if (local !== undefined) return { libc, abi, descriptor, local };
    libc.close(descriptor);
  }
  library.release();
  return undefined;
}

function disconnect({ libc, descriptor }: Connection): void {
  libc.close(descriptor);
  library.release();
}

/**
 * Whether something waits, and the pending error, which reading it clears. Errno itself is never read: it need not
 * survive the way back from a call.
 */
function look({ libc, abi, descriptor }: Connection): { readonly ready: boolean; readonly error: number } {
  if (libc.poll(new Int32Array([descriptor, POLLIN]), 1n, 0) <= 0) return { ready: false, error: 0 };
  const error = new Int32Array(1);
  const size = new Uint32Array([error.byteLength]);
  const read = libc.getsockopt(descriptor, abi.solSocket, abi.soError, error, size) === 0;
  return { ready: read, error: read ? error[0]! : 0 };
}

class ConnectedSocket implements DatagramSocket {
  readonly local: Endpoint;
  readonly #connection: Connection;
  readonly #remote: Endpoint;
  readonly #clock: Clock;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #waking = new AbortController();
  #lookMs = FIRST_LOOK_MS;
  #sent = false;
  #refused = false;
  #closed = false;

  constructor(connection: Connection, remote: Endpoint, clock: Clock) {
    this.#connection = connection;
    this.#remote = remote;
    this.#clock = clock;
    this.local = connection.local;
  }

  // deno-lint-ignore require-await -- so that a failure is a rejection
  async send(data: Uint8Array, to: Endpoint): Promise<void> {
    const where = formatEndpoint(to);
    if (this.#closed) throw new Error(`Cannot send to ${where}: the socket is closed`);
    if (!sameEndpoint(to, this.#remote)) {
      throw new Error(`Cannot send to ${where}: the socket is connected to ${formatEndpoint(this.#remote)}`);
    }
    // A refusal of an earlier datagram would fail this send and be lost with it, so it is picked up first. One that
    // comes between the two calls fails the first attempt only.
    this.#lookForRefusal();
    if (!this.#sendOnce(data) && !this.#sendOnce(data)) {
      throw new Error(`Cannot send to ${where}: the system refused the datagram`);
    }
    this.#sent = true;
    this.#lookMs = FIRST_LOOK_MS;
    this.#wake();
  }

  async receive(): Promise<Datagram | undefined> {
    while (!this.#closed) {
      const ready = this.#lookForRefusal();
      if (this.#refused) {
        this.#refused = false;
        throw new PortUnreachable();
      }
      const data = ready ? this.#receiveOnce() : undefined;
      if (data !== undefined) return { data, source: this.#remote };
      await this.#pause();
    }
    return undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake();
    disconnect(this.#connection);
  }

  #lookForRefusal(): boolean {
    const { ready, error } = look(this.#connection);
    if (error === this.#connection.abi.connectionRefused) this.#refused = true;
    return ready;
  }

  #sendOnce(data: Uint8Array): boolean {
    const { libc, abi, descriptor } = this.#connection;
    const bytes = new Uint8Array(data);
    return Number(libc.send(descriptor, bytes, BigInt(bytes.length), abi.dontWait)) === bytes.length;
  }

  #receiveOnce(): Uint8Array | undefined {
    const { libc, abi, descriptor } = this.#connection;
    const size = Number(libc.recv(descriptor, this.#buffer, BigInt(BUFFER_BYTES), abi.dontWait));
    return size < 0 ? undefined : this.#buffer.slice(0, size);
  }

  /** Until the next look is due, or a send or close makes it due; before the first send nothing can come. */
  async #pause(): Promise<void> {
    const { signal } = this.#waking;
    const delayMs = this.#lookMs;
    this.#lookMs = Math.min(2 * delayMs, LONGEST_LOOK_MS);
    if (this.#sent) return await this.#clock.sleep(delayMs, { signal }).catch(() => {});
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }

  #wake(): void {
    this.#waking.abort();
    this.#waking = new AbortController();
  }
}

/** Options of {@linkcode openConnectedSocket}. */
export interface OpenConnectedSocketOptions extends SendFrom {
  /** The time in which the socket is looked at. */
  readonly clock: Clock;
}

/**
 * Opens a UDP socket that is connected to one endpoint, hears only that endpoint, and reports ICMP *port unreachable*.
 *
 * Looking at the socket costs a few microseconds; it happens 1, 2, 4, 8 … at most 50 ms apart after each send.
 *
 * @param remote The endpoint to connect to.
 * @param options The clock, and where to send from.
 * @returns The socket, or `undefined` where this system, its permissions or its routes do not give one.
 */
export function openConnectedSocket(
  remote: Endpoint,
  options: OpenConnectedSocketOptions,
): DatagramSocket | undefined {
  const connection = connect(remote, options);
  return connection && new ConnectedSocket(connection, remote, options.clock);
}

/**
 * Asks the kernel which local address it would send from. No packet is sent: connecting a UDP socket only looks up
 * the route, policy rules included.
 *
 * @param remote The address to be reached.
 * @returns The local address, or `undefined` where the system has no route, or cannot be asked.
 */
export function localAddressFor(remote: string): string | undefined {
  // Port 9 is discard; connect() wants one, and nothing is sent to it.
  const connection = connect({ hostname: remote, port: 9 }, {});
  if (connection !== undefined) disconnect(connection);
  return connection?.local.hostname;
}

/**
 * Tries whether this process may bind a socket to an interface.
 *
 * @param interfaceName The interface.
 * @returns Whether it may, and the interface exists.
 */
export function canBindToInterface(interfaceName: string): boolean {
  const can = library.use(({ libc, abi }) => {
    const descriptor = libc.socket(AF_INET, abi.datagramType, 0);
    if (descriptor < 0) return false;
    const bound = bindToInterface(descriptor, interfaceName);
    libc.close(descriptor);
    return bound;
  });
  return can ?? false;
}
