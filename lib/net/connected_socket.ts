/**
 * A UDP socket that the kernel itself has connected, through libc: it hears ICMP *port unreachable*, which no socket
 * of Deno's reports, and it knows the local address that the kernel would send from. Where FFI is not allowed, not
 * supported or not understood there is simply no such socket.
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
} from "./datagram.ts";
import {
  AF_INET,
  decodeSockaddr,
  encodeSockaddr,
  SOCKADDR_BYTES,
  type SocketAbi,
  socketAbi,
} from "./socket_abi.ts";

const POLLIN = 1;
const BUFFER_BYTES = 65_535;

/** Waits between two looks at the socket: short after a send, when an answer is near, and never busy. */
const FIRST_LOOK_MS = 1;
const LONGEST_LOOK_MS = 50;

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** The opened library, shared by all its users and closed with the last: opening costs milliseconds. */
let shared: { readonly library: Deno.DynamicLibrary<typeof SYMBOLS>; users: number } | undefined;

function acquire(abi: SocketAbi): Libc | undefined {
  if (shared === undefined) {
    try {
      // Asked first, since dlopen() without the permission would prompt on a terminal.
      if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
      shared = { library: Deno.dlopen(abi.library, SYMBOLS), users: 0 };
    } catch {
      return undefined;
    }
  }
  shared.users++;
  return shared.library.symbols;
}

function release(): void {
  if (shared === undefined || --shared.users > 0) return;
  shared.library.close();
  shared = undefined;
}

/** A connected socket of the kernel and the library that it is spoken to through. */
interface Connection {
  readonly libc: Libc;
  readonly abi: SocketAbi;
  readonly descriptor: number;
  readonly local: Endpoint;
}

/** Connects, or leaves nothing behind: the library is released again whenever a step fails. */
function connect(remote: Endpoint, source: string | undefined): Connection | undefined {
  const abi = socketAbi(Deno.build.os, Deno.build.arch);
  if (abi === undefined) return undefined;
  const to = encodeSockaddr(remote, abi.layout);
  const from = encodeSockaddr({ hostname: source ?? "0.0.0.0", port: 0 }, abi.layout);
  if (to === undefined || from === undefined) return undefined;
  const libc = acquire(abi);
  if (libc === undefined) return undefined;
  const descriptor = libc.socket(AF_INET, abi.datagramType, 0);
  if (descriptor >= 0) {
    const name = new Uint8Array(SOCKADDR_BYTES);
    const connected = libc.bind(descriptor, from, SOCKADDR_BYTES) === 0 &&
      libc.connect(descriptor, to, SOCKADDR_BYTES) === 0 &&
      libc.getsockname(descriptor, name, new Uint32Array([SOCKADDR_BYTES])) === 0;
    const local = connected ? decodeSockaddr(name, abi.layout) : undefined;
    if (local !== undefined) return { libc, abi, descriptor, local };
    libc.close(descriptor);
  }
  release();
  return undefined;
}

function disconnect({ libc, descriptor }: Connection): void {
  libc.close(descriptor);
  release();
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
export interface OpenConnectedSocketOptions {
  /** The local address to send from; without it the kernel chooses. */
  readonly source?: string;
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
  const connection = connect(remote, options.source);
  return connection && new ConnectedSocket(connection, remote, options.clock);
}

/**
 * Asks the kernel which local address it would send from. No packet is sent: connecting a UDP socket only looks up
 * the route, policy rules included.
 *
 * @param remote The address to be reached.
 * @returns The local address, or `undefined` where there is no route, or no way to ask.
 */
export function localAddressFor(remote: string): string | undefined {
  // Port 9 is discard; connect() wants one, and nothing is sent to it.
  const connection = connect({ hostname: remote, port: 9 }, undefined);
  if (connection !== undefined) disconnect(connection);
  return connection?.local.hostname;
}
