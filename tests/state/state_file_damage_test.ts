import { assert, assertEquals } from "@std/assert";
import { formatState } from "../../lib/state/format.ts";
import { EMPTY_STATE } from "../../lib/state/records.ts";
import { FULL_STATE, plain } from "../support/state_samples.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";
import { diskLab, lab, LOCK, PATH, storeError, withRun } from "./state_file_lab.ts";

const DAMAGED: readonly (readonly [what: string, text: string])[] = [
  ["empty", ""],
  ["null", "null"],
  ["cut in the middle", formatState(FULL_STATE).slice(0, 300)],
  ["zeros", "\0".repeat(4096)],
  ["behind a byte-order mark", `\uFEFF${formatState(FULL_STATE)}`],
  ["of wrong types", formatState(FULL_STATE).replace('"port":5351', '"port":"5351"')],
  ["without a version", formatState(FULL_STATE).replace('"version":2,', "")],
  ["of version 0", formatState(FULL_STATE).replace('"version":2', '"version":0')],
  ["of version 1 and damaged", '{"version":1,"links":[{}],"runs":[]}'],
  ["larger than 4 MiB", `${formatState(FULL_STATE)}${" ".repeat(4 * 2 ** 20)}`],
  ["large and of wrong types", `{"version":2,"gateways":[${"0,".repeat(1_000_000)}0],"runs":[]}`],
  ["larger than 4 MiB", formatState(FULL_STATE) + " ".repeat(4 * 2 ** 20)],
];

for (const [what, text] of DAMAGED) {
  for (const deed of ["read", "update"] as const) {
    Deno.test(`StateFile.${deed}() sets a file aside that is ${what}, with one warning, and goes on with nothing`, async () => {
      const { files, file, warnings } = lab();
      files.texts.set(PATH, text);
      const aside = `${PATH}.damaged-20260101T000000000Z`;
      if (deed === "read") {
        assertEquals(await file.read(), EMPTY_STATE);
        assertEquals([...files.texts], [[aside, text]]);
      } else {
        assertEquals((await file.update((state) => withRun(state, "first"))).runs.length, 1);
        assertEquals([[...files.texts.keys()], files.texts.get(aside)], [[aside, PATH], text]);
      }
      await file.read();
      await file.update((state) => withRun(state, "next"));
      assertEquals([warnings.length, files.locks.size], [1, 0]);
      assert(warnings[0]!.startsWith(`Cannot use the state file ${PATH}: `), warnings[0]);
      assert(warnings[0]!.includes(`It is now ${aside}, and a new state file begins empty`), warnings[0]);
      assert(warnings[0]!.length < 400, warnings[0]);
    });
  }
}

Deno.test("StateFile sets a file aside that was cut, wherever, once and with one warning", async () => {
  const text = formatState(FULL_STATE);
  for (let length = 0; length < text.length - 1; length++) {
    const { files, file, warnings } = lab();
    files.texts.set(PATH, text.slice(0, length));
    await file.read();
    await file.update((state) => withRun(state, "first"));
    assertEquals([warnings.length, files.texts.size], [1, 2], `${length} characters`);
  }
});

Deno.test("StateFile: of many that find a damaged file at the same time one sets it aside, and no other warns", async () => {
  const { clock, files, file, warnings } = lab();
  files.texts.set(PATH, "{");
  const work = Array.from(
    { length: 10 },
    (_, i) => i % 2 ? file.read() : file.update((state) => withRun(state, `${i}`)),
  );
  await clock.runUntil(Promise.all(work));
  assertEquals([warnings.length, files.texts.size, (await file.read()).runs.length], [1, 2, 5]);
});

Deno.test("StateFile.read() does not set a file aside that the process with the lock has repaired meanwhile", async () => {
  const { clock, files, file, warnings } = lab();
  files.texts.set(PATH, "{");
  files.locks.set(LOCK, "natpmp map, process 2");
  const reading = file.read();
  await clock.advance(100);
  files.texts.set(PATH, formatState(FULL_STATE));
  files.locks.delete(LOCK);
  assertEquals(plain(await clock.runUntil(reading)), plain(FULL_STATE));
  assertEquals([warnings, files.texts.size], [[], 1]);
});

Deno.test("StateFile gives both reasons where a damaged file cannot be set aside, and leaves it", async () => {
  const { files, file, warnings } = lab();
  files.texts.set(PATH, "null");
  files.rename = () =>
    Promise.reject(new Error(`Read-only file system (os error 30): rename '${PATH}' -> 'x'`));
  for (const work of [() => file.read(), () => file.update((state) => withRun(state, "first"))]) {
    assertEquals(
      await storeError(work),
      `Cannot use the state file ${PATH}: the file is not an object. It cannot be renamed either: ` +
        "Read-only file system (os error 30)",
    );
  }
  assertEquals([[...files.texts], warnings, files.locks.size], [[[PATH, "null"]], [], 0]);
});

Deno.test("StateFile sets a damaged file aside on a disk, byte for byte", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/leases.json`;
  const bytes = Uint8Array.of(0xFF, 0xFE, 0x00, 0x7B, 0xC3);
  await Deno.writeFile(path, bytes);
  const { file, warnings } = diskLab(path);
  assertEquals(await file.read(), EMPTY_STATE);
  const aside = directory.names.find((name) => name.startsWith("leases.json.damaged-"));
  assertEquals([await Deno.readFile(`${directory.path}/${aside}`), warnings.length], [bytes, 1]);
});
