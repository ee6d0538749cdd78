/**
 * State files that this version of the program did not write, or not alone: other files, those of other versions, and
 * paths of locks that lead elsewhere.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { formatState } from "../../lib/state/format.ts";
import { EMPTY_STATE, type State } from "../../lib/state/records.ts";
import { entryOf, FULL_STATE, plain, recordWith } from "../support/state_samples.ts";
import { TemporaryDirectory } from "../support/temporary_directory.ts";
import { diskLab, lab, PATH, storeError, withRun } from "./state_file_lab.ts";

// ---- files that a person named ----

/** How the text of a file begins that may be a state that was damaged, and of one that is somebody's own. */
const NAMED: readonly (readonly [what: string, text: string, isSetAside: boolean])[] = [
  ["an empty file", "", true],
  ["blanks", " \n\t", true],
  ["zeros", "\0".repeat(512), true],
  ["a state that was cut", formatState(FULL_STATE).slice(0, 100), true],
  ["a state of wrong types", '{ "version": 2 }', true],
  ["a shell's profile", "export PATH=/usr/bin\n", false],
  ["another program's JSON", '{"name":"natpmp","version":"0.1.0"}', false],
  ["a list", "[]", false],
  ["bytes that are not text", "\uFFFD\uFFFD", false],
];

for (const [what, text, isSetAside] of NAMED) {
  const does = isSetAside ? "sets aside" : "leaves alone";
  Deno.test(`StateFile of a name that a person gave ${does} ${what}`, async () => {
    const { files, file, warnings } = lab({ isNamed: true });
    files.texts.set(PATH, text);
    if (isSetAside) {
      assertEquals(await file.read(), EMPTY_STATE);
      assertEquals([files.texts.has(PATH), files.texts.size, warnings.length], [false, 1, 1]);
      return;
    }
    for (const work of [() => file.read(), () => file.update((state) => withRun(state, "first"))]) {
      assertMatch(
        await storeError(work),
        /^Cannot use \/state\/natpmp\/leases\.json as the state file: .*\. The file stays as it is$/,
      );
    }
    assertEquals([[...files.texts], files.written, files.locks.size, warnings], [[[PATH, text]], [], 0, []]);
  });
}

// ---- files of other versions of the program ----

for (const version of [3, 4, 99]) {
  for (const isNamed of [false, true]) {
    const whose = isNamed ? "that a person named " : "";
    Deno.test(`StateFile leaves a file ${whose}of version ${version} as it is, which a newer natpmp wrote`, async () => {
      const text = `{"version":${version},"future":[1,{"gateways":null}]}  \n`;
      const { files, file, warnings } = lab({ isNamed });
      files.texts.set(PATH, text);
      const expected = `Cannot use the state file ${PATH}: a newer natpmp wrote it (version ${version}). ` +
        "The file stays as it is, and leases are not remembered";
      let changes = 0;
      for (let i = 0; i < 2; i++) {
        assertEquals(await storeError(() => file.read()), expected);
        assertEquals(
          await storeError(() =>
            file.update((state) => {
              changes++;
              return withRun(state, "first");
            })
          ),
          expected,
        );
      }
      assertEquals([...files.texts], [[PATH, text]]);
      assertEquals([files.written, files.locks.size, warnings, changes], [[], 0, [], 0]);
    });
  }
}

Deno.test("StateFile leaves a newer file on a disk as it is, byte for byte, with nothing but the lock beside it", async () => {
  using directory = new TemporaryDirectory();
  const path = `${directory.path}/leases.json`;
  const bytes = new TextEncoder().encode('{"version":3,"ø":[0, 1]}');
  await Deno.writeFile(path, bytes, { mode: 0o600 });
  const { mtime, ino } = await Deno.stat(path);
  const { file, warnings } = diskLab(path);
  await storeError(() => file.read());
  await storeError(() => file.update((state) => withRun(state, "first")));
  const after = await Deno.stat(path);
  assertEquals([await Deno.readFile(path), after.mtime, after.ino], [bytes, mtime, ino]);
  assertEquals([directory.names, warnings], [["leases.json", "leases.json.lock"], []]);
});

Deno.test("StateFile reads a file of version 1 without changing it, and writes version 2 with the first change", async () => {
  const { files, file, warnings } = lab();
  const text = Deno.readTextFileSync(new URL("../testdata/state/version_1_watch.json", import.meta.url));
  files.texts.set(PATH, text);
  const state = await file.read();
  assertEquals([state.gateways[0]?.entries.length, files.texts.get(PATH)], [5, text]);
  // The lock's file is looked for beside this state file.
  assertEquals(state.gateways[0]?.watches.map(({ lock }) => lock), [
    `${PATH}.keeper-70d30601-bfd9-46c4-9e50-e95da5913cfe.lock`,
  ]);
  const known = await file.update((state) => withRun(state, "first"));
  assertEquals(JSON.parse(files.texts.get(PATH)!).version, 2);
  assertEquals(plain(await file.read()), plain(known));
  assertEquals([known.gateways[0]?.entries.length, warnings], [5, []]);
});

// ---- sizes ----

Deno.test("StateFile leaves a file alone that is too large for a state and was named by a person", async () => {
  const { files, file } = lab({ isNamed: true });
  const text = "a".repeat(4 * 2 ** 20 + 1);
  files.texts.set(PATH, text);
  assertMatch(
    await storeError(() => file.read()),
    /as the state file: it is larger than 4 MiB\. The file stays as it is$/,
  );
  assertEquals(files.texts.get(PATH), text);
});

Deno.test("StateFile has room for 8,000 leases with their watches, and never writes a file that it would not read", async () => {
  const { files, file } = lab();
  const stateOf = (count: number): State => {
    const entries = Array.from(
      { length: count },
      (_, i) => entryOf(i + 1, { reported: { externalPort: i + 1, externalAddress: "203.0.113.77" } }),
    );
    const watches = [{ lock: `${PATH}.keeper-${crypto.randomUUID()}.lock`, mappings: entries }];
    return { gateways: [recordWith({ entries, watches })], runs: [] };
  };
  await file.update(() => stateOf(8000));
  assertEquals((await file.read()).gateways[0]!.entries.length, 8000);
  const before = files.texts.get(PATH);
  assertEquals(
    await storeError(() => file.update(() => stateOf(20_000))),
    `Cannot write the state file ${PATH}: it would be larger than 4 MiB`,
  );
  assertEquals(files.texts.get(PATH), before);
});

// ---- locks of watches ----

const UUID = "01234567-89ab-4cde-8f01-23456789abcd";

for (
  const lock of [
    "/etc/passwd",
    "/state/natpmp/leases.json",
    "/state/natpmp/leases.json.lock",
    `/state/natpmp/other.json.keeper-${UUID}.lock`,
    `/state/natpmp/leases.json.keeper-${UUID}.lock/`,
    `/state/natpmp/leases.json.keeper-${UUID}.lock/../../../etc/passwd`,
    `/state/natpmp/leases.json.keeper-/../../${UUID}.lock`,
    `/state/natpmp/leases.json.keeper-${UUID.toUpperCase()}.lock`,
    `/state/natpmp/leases.json.keeper-1.lock`,
    `/state/natpmp/leases.json.keeper-${UUID}.lock\n`,
    "",
  ]
) {
  Deno.test(`StateFile ignores a claim whose lock is not a watch's by its name: ${JSON.stringify(lock)}`, async () => {
    const { files, file } = lab();
    const watches = [{ lock, mappings: [{ protocol: "tcp", internalPort: 80 }] }] as const;
    files.texts.set(PATH, formatState({ gateways: [recordWith({ watches })], runs: [] }));
    assertEquals((await file.read()).gateways[0]!.watches, []);
  });
}

Deno.test("StateFile looks for a watch's lock beside its file, however the directory is spelt", async () => {
  for (
    const [path, lock, expected] of [
      [PATH, `/var/link/leases.json.keeper-${UUID}.lock`, `${PATH}.keeper-${UUID}.lock`],
      [PATH, `leases.json.keeper-${UUID}.lock`, `${PATH}.keeper-${UUID}.lock`],
      ["/leases.json", `/leases.json.keeper-${UUID}.lock`, `/leases.json.keeper-${UUID}.lock`],
      [
        "C:\\state\\leases.json",
        `C:\\state\\leases.json.keeper-${UUID}.lock`,
        `C:\\state\\leases.json.keeper-${UUID}.lock`,
      ],
    ] as const
  ) {
    const { files, file } = lab({ path });
    const watches = [{ lock, mappings: [{ protocol: "tcp", internalPort: 80 }] }] as const;
    files.texts.set(path, formatState({ gateways: [recordWith({ watches })], runs: [] }));
    assertEquals((await file.read()).gateways[0]!.watches.map(({ lock }) => lock), [expected]);
  }
});
