import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { BusyError } from "../../lib/errors.ts";
import { formatState, parseState } from "../../lib/state/format.ts";
import { EMPTY_STATE } from "../../lib/state/records.ts";
import { entryOf, FULL_STATE, plain, recordWith, runOf } from "../support/state_samples.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";
import { diskLab, lab, LOCK, PATH, storeError, withRun } from "./state_file_lab.ts";

Deno.test("StateFile.read() knows nothing where there is no file, writes nothing and locks nothing", async () => {
  const { files, file, warnings } = lab();
  assertStrictEquals(await file.read(), EMPTY_STATE);
  assertEquals([files.texts.size, files.directories.size, warnings], [0, 0, []]);
});

Deno.test("StateFile.read() reads without waiting for a process that writes", async () => {
  const { clock, files, file } = lab();
  files.texts.set(PATH, formatState(FULL_STATE));
  files.locks.set(LOCK, "somebody");
  assertEquals(plain(await file.read()), plain(FULL_STATE));
  assertEquals(clock.now(), 0);
});

Deno.test("StateFile.update() makes the directory, writes what is changed under the lock, and returns it", async () => {
  const { files, file } = lab();
  const seen: unknown[] = [];
  const known = await file.update((state) => {
    seen.push(state, files.locks.get(LOCK));
    return withRun(state, "first");
  });
  assertEquals(seen, [EMPTY_STATE, "natpmp map, process 1"]);
  assertEquals(known, { gateways: [], runs: [runOf({ source: "first" })] });
  assertEquals(parseState(files.texts.get(PATH)!), known);
  assertEquals([[...files.directories], files.locks.size], [["/state/natpmp"], 0]);
});

Deno.test("StateFile.update() writes nothing where nothing is changed", async () => {
  const { files, file } = lab();
  files.texts.set(PATH, formatState(FULL_STATE));
  assertEquals(plain(await file.update((state) => state)), plain(FULL_STATE));
  assertEquals([files.written, files.locks.size], [[], 0]);
});

Deno.test("StateFile.update() forgets what is old", async () => {
  const { file } = lab();
  const old = entryOf(80, { lease: { granted: { wallMs: 0 } } });
  const known = await file.update(() => ({
    gateways: [recordWith({ entries: [old, entryOf(22)] })],
    runs: [],
  }));
  assertEquals(known.gateways[0]!.entries, [entryOf(22)]);
});

Deno.test("StateFile.update() loses nothing of what many change at the same time", async () => {
  const { clock, files, file } = lab({ timeoutMs: 60_000 });
  const sources = Array.from({ length: 20 }, (_, i) => `process ${i}`);
  await clock.runUntil(Promise.all(sources.map((source) =>
    file.update(async (state) => {
      await clock.sleep(10);
      return withRun(state, source);
    })
  )));
  const { runs } = parseState(files.texts.get(PATH)!);
  assertEquals(runs.map(({ source }) => source).toSorted(), sources.toSorted());
});

Deno.test("StateFile.update() waits for the lock for its time, then names who has it, and writes nothing", async () => {
  const { clock, files, file } = lab();
  files.locks.set(LOCK, "natpmp watch, process 7");
  assertEquals(
    await storeError(() => clock.runUntil(file.update((state) => withRun(state, "late")))),
    `Cannot write the state file ${PATH}: another process (natpmp watch, process 7) has kept it locked for 7.75 s`,
  );
  assertEquals([clock.now(), files.written, [...files.locks]], [7750, [], [[
    LOCK,
    "natpmp watch, process 7",
  ]]]);
});

Deno.test("StateFile.update() ends its wait with the signal's reason", async () => {
  const { clock, files, file } = lab();
  files.locks.set(LOCK, "somebody");
  const stopping = new AbortController();
  const reason = new Error("stopped");
  const updating = assertRejects(
    () => file.update((state) => withRun(state, "late"), stopping.signal),
    Error,
  );
  await clock.advance(100);
  stopping.abort(reason);
  assertStrictEquals(await updating, reason);
  assertEquals(files.written, []);
});

Deno.test("StateFile.update() passes on what the change throws, as it is, writes nothing and frees the lock", async () => {
  for (
    const error of [new BusyError("tcp 80 is kept by another process"), new TypeError("a defect"), "a word"]
  ) {
    const { files, file } = lab();
    const thrown = await file.update(() => {
      throw error;
    }).catch((thrown) => thrown);
    assertStrictEquals(thrown, error);
    assertEquals([files.written, files.locks.size], [[], 0]);
  }
});

Deno.test("StateFile.update() goes without a lock where none can be made, and writes as one that is not alone", async () => {
  const { files, file } = lab();
  files.lockFailure = new Deno.errors.PermissionDenied("Permission denied");
  const options: unknown[] = [];
  const replace = files.replace.bind(files);
  files.replace = (path: string, text: string, given?: unknown) => {
    options.push(given);
    return replace(path, text);
  };
  await file.update((state) => withRun(state, "first"));
  files.lockFailure = undefined;
  await file.update((state) => withRun(state, "second"));
  assertEquals(options, [{ isAlone: false }, { isAlone: true }]);
  assertEquals((await file.read()).runs.length, 2);
});

const FAILURES = [
  [
    "a full disk",
    new Error(`No space left on device (os error 28): open '${PATH}.new'`),
    "No space left on device (os error 28)",
  ],
  [
    "a read-only disk",
    new Error(`Read-only file system (os error 30): open '${PATH}.new'`),
    "Read-only file system (os error 30)",
  ],
  [
    "a directory of another user",
    new Deno.errors.PermissionDenied(`Permission denied (os error 13): rename '${PATH}.new' -> '${PATH}'`),
    "Permission denied (os error 13)",
  ],
] as const;

for (const [what, error, reason] of FAILURES) {
  Deno.test(`StateFile.update() on ${what} gives the reason without the names of its own files`, async () => {
    const { files, file } = lab();
    files.writeFailure = error;
    assertEquals(
      await storeError(() => file.update((state) => withRun(state, "first"))),
      `Cannot write the state file ${PATH}: ${reason}`,
    );
    assertEquals(files.locks.size, 0);
  });

  Deno.test(`StateFile.update() gives the reason why the directory cannot be made: ${what}`, async () => {
    const { files, file } = lab();
    files.directoryFailure = error;
    assertEquals(
      await storeError(() => file.update((state) => withRun(state, "first"))),
      `Cannot write the state file ${PATH}: ${reason}`,
    );
  });
}

Deno.test("StateFile gives the reason why the file cannot be read, and leaves it where it is", async () => {
  const { files, file, warnings } = lab();
  files.texts.set(PATH, formatState(FULL_STATE));
  files.readFailure = new Deno.errors.PermissionDenied(`Permission denied (os error 13): open '${PATH}'`);
  assertEquals(
    await storeError(() => file.read()),
    `Cannot read the state file ${PATH}: Permission denied (os error 13)`,
  );
  assertEquals(
    await storeError(() => file.update(() => EMPTY_STATE)),
    `Cannot read the state file ${PATH}: Permission denied (os error 13)`,
  );
  assertEquals([[...files.texts.keys()], files.written, files.locks.size, warnings], [[PATH], [], 0, []]);
});

// ---- with the machine's files ----

Deno.test("StateFile keeps its file whole on a disk, for the user alone, with nothing but the lock beside it", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/a/b/leases.json`;
  const { file } = diskLab(path);
  await file.update(() => FULL_STATE);
  const again = diskLab(path);
  assertEquals(await again.file.read(), await file.read());
  const names = [...Deno.readDirSync(`${directory.path}/a/b`)].map(({ name }) => name).sort();
  assertEquals(names, ["leases.json", "leases.json.lock"]);
  if (Deno.build.os !== "windows") assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
});

Deno.test("StateFile cannot be used where a directory stands in the file's place, or a file in the directory's", async () => {
  using directory = new TemporaryDirectory();
  await Deno.mkdir(`${directory.path}/leases.json`);
  await Deno.writeTextFile(`${directory.path}/file`, "precious");
  for (const path of [`${directory.path}/leases.json`, `${directory.path}/file/leases.json`]) {
    const { file, warnings } = diskLab(path);
    assertMatch(
      await storeError(() => file.update(() => FULL_STATE)),
      /^Cannot (read|write) the state file [^:]+: [^']+$/,
    );
    assertEquals(warnings, []);
  }
  assertEquals(await Deno.readTextFile(`${directory.path}/file`), "precious");
});

Deno.test(
  "StateFile leaves alone what is not a regular file, such as a device that somebody names to have no state",
  {
    ignore: Deno.build.os === "windows",
  },
  async () => {
    using directory = new TemporaryDirectory();
    const path = `${directory.path}/pipe`;
    assert((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
    const { file, warnings } = diskLab(path);
    for (const work of [() => file.read(), () => file.update(() => FULL_STATE)]) {
      assertEquals(await storeError(work), `Cannot read the state file ${path}: It is not a regular file`);
    }
    assertEquals([(await Deno.stat(path)).isFifo, directory.names, warnings], [
      true,
      ["pipe", "pipe.lock"],
      [],
    ]);
  },
);

Deno.test("StateFile makes no directory after a backslash in a file's name, which is a letter like others", {
  ignore: Deno.build.os === "windows",
}, async () => {
  using directory = new TemporaryDirectory();
  await diskLab(`${directory.path}/my\\leases.json`).file.update(() => FULL_STATE);
  assertEquals(directory.names, ["my\\leases.json", "my\\leases.json.lock"]);
});

Deno.test("StateFile finds the directory of a file at the root, and of one on Windows", async () => {
  for (
    const [path, directory] of [
      ["/leases.json", "/"],
      ["C:\\Users\\me\\natpmp\\leases.json", "C:\\Users\\me\\natpmp"],
      ["C:\\Users\\me/natpmp/leases.json", "C:\\Users\\me/natpmp"],
    ] as const
  ) {
    const { files, file } = lab({ path });
    await file.update(() => FULL_STATE);
    assertEquals([...files.directories], [directory]);
  }
});
