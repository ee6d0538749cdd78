import { assertEquals } from "@std/assert";
import { hookCommands } from "../../../lib/cli/publish/hook_commands.ts";
import type { HookEvent } from "../../../lib/cli/publish/hook_environment.ts";
import type { RequestedMapping } from "../../../lib/cli/wanted.ts";
import { heldLeaseOf } from "../../support/leases.ts";

const WHEN = { gateway: "10.0.0.1", time: new Date(0) };
const MAPPED: HookEvent = { type: "mapped", lease: heldLeaseOf(), ...WHEN };
const EXPIRED: HookEvent = {
  type: "expired",
  mapping: { protocol: "udp", internalPort: 80 },
  previousExternalPort: 8080,
  ...WHEN,
};
const OTHER: HookEvent = { type: "mapped", lease: heldLeaseOf({ internalPort: 81 }), ...WHEN };
const ADDRESS: HookEvent = { type: "address", externalAddress: "203.0.113.7", ...WHEN };

const PAIR: RequestedMapping = { protocols: ["tcp", "udp"], internalPort: 80, exec: "of the pair" };
const MUTE: RequestedMapping = { protocols: ["tcp"], internalPort: 81 };

Deno.test("hookCommands() gives each event of a mapping that mapping's command, and the address the general one", () => {
  const commandOf = hookCommands([PAIR, MUTE], { exec: "general" });
  assertEquals([MAPPED, EXPIRED, OTHER, ADDRESS].map((event) => commandOf?.(event)), [
    "of the pair",
    "of the pair",
    undefined,
    "general",
  ]);
});

Deno.test("hookCommands() is nothing where there is no command", () => {
  assertEquals(hookCommands([MUTE]), undefined);
  assertEquals(hookCommands([], {}), undefined);
});
