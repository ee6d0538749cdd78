/**
 * `natpmp unmap --all` over PCP, NAT-PMP and whatever the router speaks: each lease that the state knows by its protocol,
 * then everything else by NAT-PMP.
 *
 * @module
 */

import { isUnsuitable, PCP_VERSION } from "../../backends.ts";
import { NoAnswerError, NotSupportedError, RefusedError } from "../../errors.ts";
import type { LedgerEntry } from "../../lease/ledger.ts";
import type { TransportProtocol, Unmapped } from "../../port_mapper.ts";
import type { CommandContext } from "../command.ts";
import { commandHint } from "../messages.ts";
import type { MappingOutcome } from "../publish/mapping_report.ts";
import { readForHost, readVia, type StatefulSession, stopsCommand } from "../session.ts";
import { describe, forget, isDeletedByName, mayLive, unmapOne } from "./unmap_one.ts";

const ONLY_KNOWN =
  "Over PCP, natpmp can delete only the mappings that it knows: any other one stays until its lifetime ends";

/** Deletes every mapping of this host, as far as the router can. */
export async function unmapAll(
  context: CommandContext,
  session: StatefulSession,
  protocols: readonly TransportProtocol[],
): Promise<readonly MappingOutcome[]> {
  const { line, output } = context;
  const deletion = new Deletion(context, session);
  await deletion.deleteKnown((entry) => protocols.includes(entry.protocol) && isDeletedByName(entry));
  if (readVia(line) === "pcp" || readForHost(line) !== undefined) output.warn(ONLY_KNOWN);
  else for (const protocol of protocols) await deletion.deleteByNatPmp(protocol);
  return deletion.outcomes;
}

/** The deletions of one command. */
class Deletion {
  readonly outcomes: MappingOutcome[] = [];
  readonly #context: CommandContext;
  readonly #session: StatefulSession;
  /** Why nothing more is asked for. */
  #stop: { readonly error: unknown } | undefined;
  /** Whether the router was found to speak UPnP, and no NAT-PMP. */
  #isUpnpAlone = false;

  constructor(context: CommandContext, session: StatefulSession) {
    this.#context = context;
    this.#session = session;
  }

  /** Deletes the known leases that may live, each by its protocol or by the one that is spoken in its place. */
  async deleteKnown(isMeant: (entry: LedgerEntry) => boolean): Promise<void> {
    const { line, world: { signal } } = this.#context;
    const { state } = this.#session;
    const { stored } = state.now();
    const known = [...state.ledger.entries].filter((entry) => isMeant(entry) && mayLive(entry, stored));
    for (const { protocol, internalPort } of known) {
      const mapping = { protocol, internalPort };
      await this.#attempt(
        mapping,
        () => unmapOne(this.#session, { ...mapping, force: line.has("force") }, signal),
      );
    }
  }

  /** Deletes everything else. A router that does not speak NAT-PMP has no such request. */
  async deleteByNatPmp(protocol: TransportProtocol): Promise<void> {
    const mapping = { protocol, internalPort: 0 };
    if (this.#isUpnpAlone) return await this.#deleteOverUpnp(protocol);
    await this.#attempt(mapping, async () => {
      try {
        return await unmapOne(this.#session, mapping, this.#context.world.signal);
      } catch (error) {
        if (this.#isAllOfNone(protocol, error)) {
          this.#context.output.warn(ONLY_KNOWN);
          return undefined;
        }
        if (!await this.#isWithoutNatPmp(error)) throw error;
        this.#isUpnpAlone = true;
        this.#noteRest();
        return undefined;
      }
    });
    if (this.#isUpnpAlone) await this.#deleteOverUpnp(protocol);
  }

  async #attempt(
    mapping: { readonly protocol: TransportProtocol; readonly internalPort: number },
    unmap: () => Promise<Unmapped | undefined>,
  ): Promise<void> {
    try {
      if (this.#stop !== undefined) throw this.#stop.error;
      const unmapped = await unmap();
      if (unmapped === undefined) return;
      forget(this.#session.state, mapping);
      this.outcomes.push(describe(mapping, unmapped, readForHost(this.#context.line)));
    } catch (error) {
      this.outcomes.push({ mapping, error });
      // One protocol may delete what another one cannot.
      if (stopsCommand(error) && !isUnsuitable(error)) this.#stop = { error };
    }
  }

  /** The leases of NAT-PMP, which the router does not speak any more. */
  #deleteOverUpnp(protocol: TransportProtocol): Promise<void> {
    return this.deleteKnown((entry) => entry.protocol === protocol && entry.lease?.via === "nat-pmp");
  }

  #noteRest(): void {
    const { line, output } = this.#context;
    const flags = (["udp", "tcp"] as const).filter((name) => line.has(name)).map((name) => `--${name}`);
    const words = ["--all", ...flags, "--via", "upnp"];
    output.note(
      "The router does not speak NAT-PMP, and over UPnP this deletes only the mappings that natpmp knows: to delete all of " +
        `this host, run ${commandHint(line, "unmap", words)}`,
    );
  }

  /** Whether NAT-PMP is not spoken and has nothing that it could delete, as at a router that speaks only PCP. */
  #isAllOfNone(protocol: TransportProtocol, error: unknown): boolean {
    if (!(error instanceof NotSupportedError) || error.version !== PCP_VERSION) return false;
    const { state } = this.#session;
    const { stored } = state.now();
    return ![...state.ledger.entries].some((entry) =>
      entry.protocol === protocol && !isDeletedByName(entry) && mayLive(entry, stored)
    );
  }

  /**
   * Whether a failure of NAT-PMP means that it is not spoken at a router that speaks UPnP. Silence alone does not mean that,
   * only where UPnP was spoken last.
   *
   * @throws {NotSupportedError} If UPnP is not spoken either.
   */
  async #isWithoutNatPmp(error: unknown): Promise<boolean> {
    if (readVia(this.#context.line) !== "auto") return false;
    const { mapper } = this.#session;
    const isSilent = error instanceof NoAnswerError && mapper.via === "upnp";
    if (!isSilent && !(error instanceof NotSupportedError)) return false;
    try {
      const { via } = await mapper.probe({ signal: this.#context.world.signal });
      return via === "upnp";
    } catch (second) {
      if (second instanceof RefusedError) return second.via === "upnp";
      if (second instanceof NotSupportedError && error instanceof NotSupportedError) throw second;
      this.#context.world.signal.throwIfAborted();
      return false;
    }
  }
}
