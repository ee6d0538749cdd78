import { assertEquals } from "@std/assert";
import { livingKeeper } from "../../lib/lease/living_keeper.ts";
import type { KeeperClaim } from "../../lib/lease/state.ts";
import { MemoryFiles } from "../support/memory_files.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const UDP_80 = { protocol: "udp", internalPort: 80 } as const;
const TCP_22 = { protocol: "tcp", internalPort: 22 } as const;

const CLAIMS: readonly KeeperClaim[] = [
  { lock: "/a", mappings: [TCP_80] },
  { lock: "/b", mappings: [UDP_80, TCP_22] },
];

function filesWith(locks: Readonly<Record<string, string>>): MemoryFiles {
  const files = new MemoryFiles();
  for (const [path, holder] of Object.entries(locks)) files.locks.set(path, holder);
  return files;
}

Deno.test("livingKeeper() finds who keeps a mapping and lives, and what it is", async () => {
  const files = filesWith({ "/b": "natpmp watch, process 7" });
  assertEquals(await livingKeeper(files, CLAIMS, [TCP_80, TCP_22]), {
    mapping: TCP_22,
    holder: "natpmp watch, process 7",
  });
});

Deno.test("livingKeeper() finds nobody where the keepers are gone, or keep something else", async () => {
  assertEquals(await livingKeeper(filesWith({}), CLAIMS, [TCP_80, UDP_80]), undefined);
  assertEquals(await livingKeeper(filesWith({ "/b": "b" }), CLAIMS, [TCP_80]), undefined);
  assertEquals(await livingKeeper(filesWith({ "/a": "a" }), CLAIMS, []), undefined);
  assertEquals(await livingKeeper(filesWith({ "/a": "a" }), [], [TCP_80]), undefined);
});

Deno.test("livingKeeper() does without the keeper's name where a locked file cannot be read", async () => {
  const files = filesWith({ "/a": "a" });
  files.holderOf = () => Promise.resolve(undefined);
  assertEquals(await livingKeeper(files, CLAIMS, [TCP_80]), { mapping: TCP_80 });
});
