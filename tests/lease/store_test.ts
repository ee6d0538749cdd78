import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { BusyError, StoreError } from "../../lib/errors.ts";
import { systemFiles } from "../../lib/files/system_files.ts";
import { EMPTY_STATE, type State } from "../../lib/lease/state.ts";
import { formatState, parseState } from "../../lib/lease/state_format.ts";
import { LeaseStore, type LeaseStoreOptions } from "../../lib/lease/store.ts";
import { ManualClock } from "../../lib/simulator/mod.ts";
import { MemoryFiles } from "../support/memory_files.ts";
import { FULL_STATE, leaseOf, linkWith, NEW_YEAR, runOf } from "../support/state_samples.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";

const PATH = "/state/natpmp/leases.json";
const LOCK = `${PATH}.lock`;

/** A store in memory. */
function lab(options: Partial<LeaseStoreOptions> = {}) {
  const clock = new ManualClock();
  const files = new MemoryFiles();
  const warnings: string[] = [];
  const store = new LeaseStore({
    path: PATH,
    files,
    clock,
    timeoutMs: 7750,
    now: () => NEW_YEAR,
    holder: "natpmp map, process 1",
    warn: (text) => warnings.push(text),
    ...options,
  });
  return { clock, files, warnings, store };
}

/** Adds a run of this name. */
function withRun(state: State, source: string): State {
  return { ...state, runs: [...state.runs, runOf({ source })] };
}

function storeError(work: () => Promise<unknown>): Promise<string> {
  return assertRejects(work, StoreError).then(({ message }) => message);
}

Deno.test("LeaseStore.read() knows nothing where there is no file, makes none and locks nothing", async () => {
  const { files, store, warnings } = lab();
  assertStrictEquals(await store.read(), EMPTY_STATE);
  assertEquals([files.texts.size, files.directories.size, warnings], [0, 0, []]);
});

Deno.test("LeaseStore.read() reads without waiting for those who write", async () => {
  const { clock, files, store } = lab();
  files.texts.set(PATH, formatState(FULL_STATE));
  files.locks.set(LOCK, "somebody");
  assertEquals(await store.read(), FULL_STATE);
  assertEquals(clock.now(), 0);
});

Deno.test("LeaseStore.update() makes the directory, writes what is changed under the lock, and tells what is known now", async () => {
  const { files, store } = lab();
  const seen: unknown[] = [];
  const known = await store.update((state) => {
    seen.push(state, files.locks.get(LOCK));
    return withRun(state, "first");
  });
  assertEquals(seen, [EMPTY_STATE, "natpmp map, process 1"]);
  assertEquals(known, { links: [], runs: [runOf({ source: "first" })] });
  assertEquals(parseState(files.texts.get(PATH)!), known);
  assertEquals([[...files.directories], files.locks.size], [["/state/natpmp"], 0]);
});

Deno.test("LeaseStore.update() writes nothing where nothing is changed", async () => {
  const { files, store } = lab();
  files.texts.set(PATH, formatState(FULL_STATE));
  assertEquals(await store.update((state) => state), FULL_STATE);
  assertEquals([files.written, files.locks.size], [[], 0]);
});

Deno.test("LeaseStore.update() forgets what is old", async () => {
  const { store } = lab();
  const old = leaseOf(80, { granted: { wallMs: 0 } });
  const known = await store.update(() => ({ links: [linkWith({ leases: [old, leaseOf(22)] })], runs: [] }));
  assertEquals(known.links[0]!.leases, [leaseOf(22)]);
});

Deno.test("LeaseStore.update() loses no update of those who change the state at a time", async () => {
  const { clock, files, store } = lab({ timeoutMs: 60_000 });
  const sources = Array.from({ length: 20 }, (_, i) => `process ${i}`);
  await clock.runUntil(Promise.all(sources.map((source) =>
    store.update(async (state) => {
      await clock.sleep(10);
      return withRun(state, source);
    })
  )));
  const { runs } = parseState(files.texts.get(PATH)!);
  assertEquals(runs.map(({ source }) => source).toSorted(), sources.toSorted());
});

Deno.test("LeaseStore.update() waits for the lock for its time, then says who has it, and writes nothing", async () => {
  const { clock, files, store } = lab();
  files.locks.set(LOCK, "natpmp watch, process 7");
  assertEquals(
    await storeError(() => clock.runUntil(store.update((state) => withRun(state, "late")))),
    `Cannot write the state file ${PATH}: another process (natpmp watch, process 7) has had it locked for 7.75 s`,
  );
  assertEquals([clock.now(), files.written, [...files.locks]], [7750, [], [[
    LOCK,
    "natpmp watch, process 7",
  ]]]);
});

Deno.test("LeaseStore.update() ends its wait with the signal's reason", async () => {
  const { clock, files, store } = lab();
  files.locks.set(LOCK, "somebody");
  const stopping = new AbortController();
  const reason = new Error("told to stop");
  const updating = assertRejects(
    () => store.update((state) => withRun(state, "late"), stopping.signal),
    Error,
  );
  await clock.advance(100);
  stopping.abort(reason);
  assertStrictEquals(await updating, reason);
  assertEquals(files.written, []);
});

Deno.test("LeaseStore.update() passes on what the change throws, as it is, writes nothing and frees the lock", async () => {
  for (
    const error of [new BusyError("tcp 80 is kept by another process"), new TypeError("a defect"), "a word"]
  ) {
    const { files, store } = lab();
    const thrown = await store.update(() => {
      throw error;
    }).catch((thrown) => thrown);
    assertStrictEquals(thrown, error);
    assertEquals([files.written, files.locks.size], [[], 0]);
  }
});

Deno.test("LeaseStore.update() goes without a lock where none can be made, and writes as one who is not alone", async () => {
  const { files, store } = lab();
  files.lockFailure = new Deno.errors.PermissionDenied("Permission denied");
  const options: unknown[] = [];
  const replace = files.replace.bind(files);
  files.replace = (path: string, text: string, given?: unknown) => {
    options.push(given);
    return replace(path, text);
  };
  await store.update((state) => withRun(state, "first"));
  files.lockFailure = undefined;
  await store.update((state) => withRun(state, "second"));
  assertEquals(options, [{ isAlone: false }, { isAlone: true }]);
  assertEquals((await store.read()).runs.length, 2);
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
  Deno.test(`LeaseStore.update() on ${what} says so without naming files that nobody has to know of`, async () => {
    const { files, store } = lab();
    files.writeFailure = error;
    assertEquals(
      await storeError(() => store.update((state) => withRun(state, "first"))),
      `Cannot write the state file ${PATH}: ${reason}`,
    );
    assertEquals(files.locks.size, 0);
  });

  Deno.test(`LeaseStore.update() where the directory cannot be made, on ${what}, says so`, async () => {
    const { files, store } = lab();
    files.directoryFailure = error;
    assertEquals(
      await storeError(() => store.update((state) => withRun(state, "first"))),
      `Cannot write the state file ${PATH}: ${reason}`,
    );
  });
}

Deno.test("LeaseStore says what keeps the file from being read, and leaves it where it is", async () => {
  const { files, store, warnings } = lab();
  files.texts.set(PATH, formatState(FULL_STATE));
  files.readFailure = new Deno.errors.PermissionDenied(`Permission denied (os error 13): open '${PATH}'`);
  assertEquals(
    await storeError(() => store.read()),
    `Cannot read the state file ${PATH}: Permission denied (os error 13)`,
  );
  assertEquals(
    await storeError(() => store.update(() => EMPTY_STATE)),
    `Cannot read the state file ${PATH}: Permission denied (os error 13)`,
  );
  assertEquals([[...files.texts.keys()], files.written, files.locks.size, warnings], [[PATH], [], 0, []]);
});

// ---- what is no state ----

const DAMAGED: readonly (readonly [what: string, text: string])[] = [
  ["empty", ""],
  ["null", "null"],
  ["cut in the middle", formatState(FULL_STATE).slice(0, 300)],
  ["zeros", "\0".repeat(4096)],
  ["behind a byte-order mark", `\uFEFF${formatState(FULL_STATE)}`],
  ["of wrong types", formatState(FULL_STATE).replace('"port":5351', '"port":"5351"')],
  ["of a later version", formatState(FULL_STATE).replace('"version":1', '"version":2')],
  ["huge", `{"version":1,"links":[${"0,".repeat(1_000_000)}0],"runs":[]}`],
];

for (const [what, text] of DAMAGED) {
  for (const deed of ["read", "update"] as const) {
    Deno.test(`LeaseStore.${deed}() sets a file aside that is ${what}, with one warning, and goes on with nothing`, async () => {
      const { files, store, warnings } = lab();
      files.texts.set(PATH, text);
      const aside = `${PATH}.damaged-20260101T000000000Z`;
      if (deed === "read") {
        assertEquals(await store.read(), EMPTY_STATE);
        assertEquals([...files.texts], [[aside, text]]);
      } else {
        assertEquals((await store.update((state) => withRun(state, "first"))).runs.length, 1);
        assertEquals([[...files.texts.keys()], files.texts.get(aside)], [[aside, PATH], text]);
      }
      await store.read();
      await store.update((state) => withRun(state, "next"));
      assertEquals([warnings.length, files.locks.size], [1, 0]);
      assert(warnings[0]!.startsWith(`The state file ${PATH} is of no use: `), warnings[0]);
      assert(warnings[0]!.includes(`It is now ${aside}, and leases are remembered anew`), warnings[0]);
      assert(warnings[0]!.length < 400, warnings[0]);
    });
  }
}

Deno.test("LeaseStore sets a file aside that was cut, wherever, once and with one warning", async () => {
  const text = formatState(FULL_STATE);
  for (let length = 0; length < text.length - 1; length++) {
    const { files, store, warnings } = lab();
    files.texts.set(PATH, text.slice(0, length));
    await store.read();
    await store.update((state) => withRun(state, "first"));
    assertEquals([warnings.length, files.texts.size], [1, 2], `${length} characters`);
  }
});

Deno.test("LeaseStore: of many who find a damaged file at a time one sets it aside, and nobody else warns", async () => {
  const { clock, files, store, warnings } = lab();
  files.texts.set(PATH, "{");
  const work = Array.from(
    { length: 10 },
    (_, i) => i % 2 ? store.read() : store.update((state) => withRun(state, `${i}`)),
  );
  await clock.runUntil(Promise.all(work));
  assertEquals([warnings.length, files.texts.size, (await store.read()).runs.length], [1, 2, 5]);
});

Deno.test("LeaseStore.read() does not set aside what a process with the lock has put right meanwhile", async () => {
  const { clock, files, store, warnings } = lab();
  files.texts.set(PATH, "{");
  files.locks.set(LOCK, "natpmp map, process 2");
  const reading = store.read();
  await clock.advance(100);
  files.texts.set(PATH, formatState(FULL_STATE));
  files.locks.delete(LOCK);
  assertEquals(await clock.runUntil(reading), FULL_STATE);
  assertEquals([warnings, files.texts.size], [[], 1]);
});

Deno.test("LeaseStore says that a file is damaged and stays where it cannot be set aside", async () => {
  const { files, store, warnings } = lab();
  files.texts.set(PATH, "null");
  files.rename = () =>
    Promise.reject(new Error(`Read-only file system (os error 30): rename '${PATH}' -> 'x'`));
  for (const work of [() => store.read(), () => store.update((state) => withRun(state, "first"))]) {
    assertEquals(
      await storeError(work),
      `The state file ${PATH} is of no use: the file is no object. It cannot be set aside: ` +
        "Read-only file system (os error 30)",
    );
  }
  assertEquals([[...files.texts], warnings, files.locks.size], [[[PATH, "null"]], [], 0]);
});

// ---- with the machine's files ----

/** A store of real files. */
function realLab(path: string) {
  return lab({ path, files: systemFiles });
}

Deno.test("LeaseStore keeps its file whole on a disk, for the user alone, with nothing but the lock beside it", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/a/b/leases.json`;
  const { store } = realLab(path);
  await store.update(() => FULL_STATE);
  const again = realLab(path);
  assertEquals(await again.store.read(), await store.read());
  const names = [...Deno.readDirSync(`${directory.path}/a/b`)].map(({ name }) => name).sort();
  assertEquals(names, ["leases.json", "leases.json.lock"]);
  if (Deno.build.os !== "windows") assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
});

Deno.test("LeaseStore sets aside on a disk what is no state, bytes and all", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/leases.json`;
  const bytes = Uint8Array.of(0xFF, 0xFE, 0x00, 0x7B, 0xC3);
  await Deno.writeFile(path, bytes);
  const { store, warnings } = realLab(path);
  assertEquals(await store.read(), EMPTY_STATE);
  const aside = directory.names.find((name) => name.startsWith("leases.json.damaged-"));
  assertEquals([await Deno.readFile(`${directory.path}/${aside}`), warnings.length], [bytes, 1]);
});

Deno.test("LeaseStore says so where a directory stands in the file's place, or a file in the directory's", async () => {
  using directory = new TemporaryDirectory();
  await Deno.mkdir(`${directory.path}/leases.json`);
  await Deno.writeTextFile(`${directory.path}/file`, "precious");
  for (const path of [`${directory.path}/leases.json`, `${directory.path}/file/leases.json`]) {
    const { store, warnings } = realLab(path);
    assertMatch(
      await storeError(() => store.update(() => FULL_STATE)),
      /^Cannot (read|write) the state file [^:]+: [^']+$/,
    );
    assertEquals(warnings, []);
  }
  assertEquals(await Deno.readTextFile(`${directory.path}/file`), "precious");
});

Deno.test(
  "LeaseStore leaves alone what is no regular file, such as a device that somebody names to have no state",
  {
    ignore: Deno.build.os === "windows",
  },
  async () => {
    using directory = new TemporaryDirectory();
    const path = `${directory.path}/pipe`;
    assert((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
    const { store, warnings } = realLab(path);
    for (const work of [() => store.read(), () => store.update(() => FULL_STATE)]) {
      assertEquals(await storeError(work), `Cannot read the state file ${path}: It is not a regular file`);
    }
    assertEquals([(await Deno.stat(path)).isFifo, directory.names, warnings], [
      true,
      ["pipe", "pipe.lock"],
      [],
    ]);
  },
);

Deno.test("LeaseStore makes no directory after a backslash in a file's name, which is a letter like others", {
  ignore: Deno.build.os === "windows",
}, async () => {
  using directory = new TemporaryDirectory();
  await realLab(`${directory.path}/my\\leases.json`).store.update(() => FULL_STATE);
  assertEquals(directory.names, ["my\\leases.json", "my\\leases.json.lock"]);
});

Deno.test("LeaseStore finds the directory of a file at the root, and of one on Windows", async () => {
  for (
    const [path, directory] of [
      ["/leases.json", "/"],
      ["C:\\Users\\me\\natpmp\\leases.json", "C:\\Users\\me\\natpmp"],
      ["C:\\Users\\me/natpmp/leases.json", "C:\\Users\\me/natpmp"],
    ] as const
  ) {
    const { files, store } = lab({ path });
    await store.update(() => FULL_STATE);
    assertEquals([...files.directories], [directory]);
  }
});
