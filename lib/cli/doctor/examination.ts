import type { Candidate, InterfaceAddress, SocketBinding } from "../../gateway/mod.ts";
import type { SurveyedRouter } from "../../backends.ts";
import type { GatewayInfo, Lease, TransportProtocol, Unmapped, Via } from "../../port_mapper.ts";
import type { ContainerVerdict } from "./container.ts";

/** The result of one part: the finding, or the error that prevented it. */
export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/** The gateway that is asked. */
export interface ChosenGateway {
  readonly gateway: string;
  readonly port: number;
  /** The address of this host that it is asked from, where that is known. */
  readonly localAddress?: string;
  /** The interface with that address. */
  readonly interfaceName?: string;
  /** The reason for choosing it. */
  readonly reason: string;
  /** Whether its address is a guess. */
  readonly guessed: boolean;
  /** Whether policy routing overruled the routing table. */
  readonly overrulesTable: boolean;
  /** The interface that the socket is bound to, where the route leads through another one. */
  readonly binding?: SocketBinding;
}

/** The outcome of a question in one protocol. */
export interface ProtocolAnswer {
  readonly via: Via;
  readonly answer: Outcome<GatewayInfo>;
}

/** The mapping made for a test. */
export interface TestMapping {
  readonly lease: Lease;
  readonly deletion: Outcome<Unmapped>;
}

/** Whether a program has an internal port here. */
export type PortState =
  /** A program has it on the address that a mapping leads to. */
  | "taken"
  /** A program has it, but only on other addresses, such as loopback. */
  | "elsewhere"
  | "free"
  /** Nobody knows. */
  | "unknown";

/** One internal port of a spec. */
export interface PortFinding {
  readonly protocol: TransportProtocol;
  readonly internalPort: number;
  readonly state: PortState;
  /** The attempt and its result, in words. */
  readonly how: string;
}

/** A line about a datagram. */
export interface TraceLine {
  /** Since the first datagram. */
  readonly elapsedMs: number;
  readonly text: string;
}

/** Everything that `doctor` has found out. A part that is absent was not tried. */
export interface Examination {
  readonly interfaces: readonly InterfaceAddress[];
  /** Every gateway that came into question, or why they are unknown. */
  readonly candidates: Outcome<readonly Candidate[]>;
  readonly gateway: Outcome<ChosenGateway>;
  readonly container: ContainerVerdict;
  /** One for each protocol that was tried. */
  readonly protocols: readonly ProtocolAnswer[];
  /** The protocol that other commands would use, which is that of the test mapping; absent where none will do. */
  readonly via?: Via;
  /** The routers that answered the search of UPnP. */
  readonly upnpRouters?: readonly SurveyedRouter[] | undefined;
  readonly address?: Outcome<GatewayInfo>;
  /** Whether the port of announcements can be shared. */
  readonly announcements?: Outcome<void>;
  readonly testMapping?: Outcome<TestMapping>;
  readonly ports: readonly PortFinding[];
  readonly trace: readonly TraceLine[];
}

/**
 * The error that the other commands would end with: of the gateway's choice, its address or the test mapping.
 *
 * @returns The first of them, or `undefined`.
 */
export function firstError({ gateway, address, testMapping }: Examination): { error: unknown } | undefined {
  for (const part of [gateway, address, testMapping]) {
    if (part !== undefined && "error" in part) return { error: part.error };
  }
  return undefined;
}
