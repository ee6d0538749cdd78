/**
 * What the parts of `map` work with, around a client that answers as a test says.
 *
 * @module
 */

import { parseCommandLine } from "../../../lib/cli/args.ts";
import type { CommandContext } from "../../../lib/cli/command.ts";
import { Output } from "../../../lib/cli/output.ts";
import type { Session } from "../../../lib/cli/session.ts";
import { LeaseBook } from "../../../lib/cli/state/lease_book.ts";
import type { LinkState } from "../../../lib/lease/state.ts";
import { formatState } from "../../../lib/lease/state_format.ts";
import { LeaseStore } from "../../../lib/lease/store.ts";
import { FakeMapper } from "../../lease/fake_mapper.ts";
import { linkWith } from "../../support/state_samples.ts";
import { TestWorld } from "../../support/test_world.ts";

/** One command line of `map`. */
export class MapLab {
  readonly world = new TestWorld();
  readonly mapper = new FakeMapper(this.world.clock);
  readonly context: CommandContext = {
    line: parseCommandLine(["map"]),
    world: this.world,
    output: new Output(this.world, { json: false, quiet: false }),
  };

  /** A session that remembers nothing. */
  get session(): Session {
    return { mapper: this.mapper, clock: this.world.clock, gateway: this.mapper.gateway };
  }

  /** A session to which this is known of the gateway. */
  async sessionWith(known: Partial<LinkState>): Promise<Session & { readonly book: LeaseBook }> {
    const { clock, fakeStateHome: home } = this.world;
    const { files, path } = home;
    files.texts.set(path, formatState({ links: [linkWith(known)], runs: [] }));
    const warn = (text: string) => this.context.output.warn(text);
    const now = () => home.now();
    const store = new LeaseStore({ path, files, clock, timeoutMs: 1000, now, holder: "me", warn });
    const mapper = Object.assign(this.mapper, {
      memory: undefined,
      recall: () => {},
      hasForgottenSince: () => false,
    });
    const { leases: _, keepers: _keepers, ...link } = linkWith({});
    return { ...this.session, book: await LeaseBook.open({ store, link, mapper, clock, warn }) };
  }
}
