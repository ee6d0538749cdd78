/**
 * What everybody relies on who is given files, of the machine's and of those in memory with which others are tested.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Files } from "../../lib/files/files.ts";
import { systemFiles } from "../../lib/files/system_files.ts";
import { MemoryFiles } from "../support/memory_files.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

/** More than any file here has. */
const MAX_BYTES = 2 ** 20;

for (
  const [name, make] of [["systemFiles", () => systemFiles], [
    "MemoryFiles",
    () => new MemoryFiles(),
  ]] as const
) {
  const contract = (what: string, test: (files: Files, directory: string) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      using directory = new TemporaryDirectory();
      const files = make();
      await files.makeDirectory(directory.path);
      await test(files, directory.path);
    });

  contract("a file that is not there has no text", async (files, directory) => {
    assertEquals(await files.readText(`${directory}/file`, MAX_BYTES), undefined);
  });

  for (const isAlone of [true, false]) {
    contract(`a file has the text that was written last (alone: ${isAlone})`, async (files, directory) => {
      for (const text of ["a\n", "", "ø\u{1F30D}".repeat(10_000), "b"]) {
        await files.replace(`${directory}/file`, text, { isAlone });
        assertEquals(await files.readText(`${directory}/file`, MAX_BYTES), text);
      }
    });
  }

  contract("a file that is renamed has its text under the new name alone", async (files, directory) => {
    await files.replace(`${directory}/file`, "text");
    await files.rename(`${directory}/file`, `${directory}/other`);
    assertEquals(await files.readText(`${directory}/file`, MAX_BYTES), undefined);
    assertEquals(await files.readText(`${directory}/other`, MAX_BYTES), "text");
    await assertRejects(() => files.rename(`${directory}/file`, `${directory}/third`), Deno.errors.NotFound);
  });

  contract("a directory is made with those above it, and may be there", async (files, directory) => {
    await files.makeDirectory(`${directory}/a/b`);
    await files.makeDirectory(`${directory}/a/b`);
    await files.replace(`${directory}/a/b/file`, "text");
    assertEquals(await files.readText(`${directory}/a/b/file`, MAX_BYTES), "text");
  });

  contract("a lock is had by one, who is known by name until it is freed", async (files, directory) => {
    const path = `${directory}/lock`;
    assertEquals([await files.isLocked(path), await files.holderOf(path)], [false, undefined]);
    const lock = await files.tryLock(path, "first");
    assert(lock !== undefined);
    assertEquals(await files.tryLock(path, "second"), undefined);
    assertEquals(await files.isLocked(path), true);
    if (Deno.build.os !== "windows") assertEquals(await files.holderOf(path), "first");
    lock.release();
    assertEquals(await files.isLocked(path), false);
    const next = await files.tryLock(path, "third");
    lock.release();
    assertEquals(await files.isLocked(path), true);
    next!.release();
  });

  contract("a file is removed, and need not be there", async (files, directory) => {
    await files.replace(`${directory}/file`, "text");
    await files.remove(`${directory}/file`);
    await files.remove(`${directory}/file`);
    assertEquals(await files.readText(`${directory}/file`, MAX_BYTES), undefined);
  });
}
