import { assertEquals } from "@std/assert";
import type { WatchClaim } from "../../lib/state/records.ts";
import { findRunningWatch, watchedMappings } from "../../lib/state/running_watch.ts";
import { MemoryFiles } from "../support/memory_files.ts";

const TCP_80 = { protocol: "tcp", internalPort: 80 } as const;
const UDP_80 = { protocol: "udp", internalPort: 80 } as const;
const TCP_22 = { protocol: "tcp", internalPort: 22 } as const;

const CLAIMS: readonly WatchClaim[] = [
  { lock: "/a", mappings: [TCP_80] },
  { lock: "/b", mappings: [UDP_80, TCP_22] },
];

function filesWith(locks: Readonly<Record<string, string>>): MemoryFiles {
  const files = new MemoryFiles();
  for (const [path, holder] of Object.entries(locks)) files.locks.set(path, holder);
  return files;
}

Deno.test("findRunningWatch() finds the running process that keeps a mapping, and its name", async () => {
  const files = filesWith({ "/b": "natpmp watch, process 7" });
  assertEquals(await findRunningWatch(files, CLAIMS, [TCP_80, TCP_22]), {
    mapping: TCP_22,
    holder: "natpmp watch, process 7",
  });
});

Deno.test("findRunningWatch() finds nobody where the watches are gone, or keep something else", async () => {
  assertEquals(await findRunningWatch(filesWith({}), CLAIMS, [TCP_80, UDP_80]), undefined);
  assertEquals(await findRunningWatch(filesWith({ "/b": "b" }), CLAIMS, [TCP_80]), undefined);
  assertEquals(await findRunningWatch(filesWith({ "/a": "a" }), CLAIMS, []), undefined);
  assertEquals(await findRunningWatch(filesWith({ "/a": "a" }), [], [TCP_80]), undefined);
});

Deno.test("findRunningWatch() does without the name where a locked file cannot be read", async () => {
  const files = filesWith({ "/a": "a" });
  files.holderOf = () => Promise.resolve(undefined);
  assertEquals(await findRunningWatch(files, CLAIMS, [TCP_80]), { mapping: TCP_80, holder: undefined });
});

Deno.test("watchedMappings() are those of the watches that run", async () => {
  assertEquals(await watchedMappings(filesWith({ "/b": "b" }), CLAIMS), [UDP_80, TCP_22]);
  assertEquals(await watchedMappings(filesWith({ "/a": "a", "/b": "b" }), CLAIMS), [TCP_80, UDP_80, TCP_22]);
  assertEquals(await watchedMappings(filesWith({}), CLAIMS), []);
});
