import { assertEquals, assertRejects } from "@std/assert";
import { readConfig } from "../../../lib/cli/config/read_config.ts";
import type { FileContent } from "../../../lib/cli/machine.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";
import { FakeMachine } from "../../support/fake_machine.ts";

const PATH = "/etc/natpmp.json";
const ROOT = 0;
const CALLER = 1000;
const STRANGER = 1001;

function machineWith(content: FileContent | Error | string): FakeMachine {
  const machine = new FakeMachine();
  machine.user = CALLER;
  if (typeof content === "string") machine.files.set(PATH, content);
  else machine.contents.set(PATH, content);
  return machine;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function reasonOf(content: FileContent | Error | string): Promise<string> {
  return assertRejects(() => readConfig(PATH, machineWith(content)), UsageError).then(({ message }) =>
    message
  );
}

Deno.test("readConfig() reads a file, and knows it by its absolute path", async () => {
  const machine = new FakeMachine();
  machine.files.set("/work/natpmp.json", '{"mappings": ["8080:80"]}');
  const { path, mappings } = await readConfig("natpmp.json", machine);
  assertEquals([path, mappings.length], ["/work/natpmp.json", 1]);
});

Deno.test("readConfig() reads a file that begins with a byte order mark, as editors on Windows write it", async () => {
  const config = await readConfig(PATH, machineWith('\uFEFF{"mappings": ["80"]}'));
  assertEquals(config.mappings.length, 1);
});

Deno.test("readConfig() lets the command line allow port 0", async () => {
  const machine = machineWith('{"mappings": ["1:0"]}');
  await assertRejects(() => readConfig(PATH, machine), UsageError, "allowPortZero");
  assertEquals((await readConfig(PATH, machine, { allowPortZero: true })).mappings.length, 1);
});

for (
  const [what, content, reason] of [
    [
      "is not there",
      new Deno.errors.NotFound(`No such file or directory (os error 2): stat '${PATH}'`),
      "No such file or directory (os error 2)",
    ],
    [
      "may not be read",
      new Deno.errors.PermissionDenied(`Permission denied (os error 13): open '${PATH}'`),
      "Permission denied (os error 13)",
    ],
    ["is a directory", new Deno.errors.IsADirectory("It is a directory"), "It is a directory"],
    ["is a pipe", new TypeError("It is not a regular file"), "It is not a regular file"],
    ["is not UTF-8", { bytes: new Uint8Array([0x7b, 0xff, 0x7d]) }, "it is not UTF-8"],
    ["is UTF-16", { bytes: new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]) }, "it is not UTF-8"],
    ["is larger than 1 MiB", { bytes: bytesOf(`{}${" ".repeat(2 ** 20 - 1)}`) }, "it is larger than 1 MiB"],
  ] as const
) {
  Deno.test(`readConfig() refuses a file that ${what}`, async () => {
    assertEquals(await reasonOf(content), `Cannot read the configuration file ${PATH}: ${reason}`);
  });
}

Deno.test("readConfig() reads a file of 1 MiB", async () => {
  const { mappings } = await readConfig(PATH, machineWith(`{}${" ".repeat(2 ** 20 - 2)}`));
  assertEquals(mappings, []);
});

/** Files with a command in them, at the top or in a mapping, and the key that has it. */
const COMMANDING = [
  ['{"exec": "true"}', "exec"],
  ['{"mappings": ["80", {"internal": 81, "exec": "true"}]}', "mappings[1].exec"],
] as const;

for (const [text, key] of COMMANDING) {
  for (const [who, ownerId] of [["the caller", CALLER], ["root", ROOT]] as const) {
    Deno.test(`readConfig() trusts ${key} of a file that belongs to ${who}, who alone can write it`, async () => {
      for (const mode of [0o644, 0o600, 0o755, 0o400]) {
        await readConfig(PATH, machineWith({ bytes: bytesOf(text), ownerId, mode }));
      }
    });
  }

  Deno.test(`readConfig() refuses ${key} of a file that belongs to somebody else`, async () => {
    assertEquals(
      await reasonOf({ bytes: bytesOf(text), ownerId: STRANGER, mode: 0o600 }),
      `${PATH}: ${key}: Cannot run commands of a file that belongs to user 1001, neither to root nor to user 1000, ` +
        "who would run them",
    );
  });

  for (const mode of [0o664, 0o646, 0o666, 0o620, 0o602]) {
    Deno.test(`readConfig() refuses ${key} of a file of mode ${mode.toString(8)}`, async () => {
      for (const ownerId of [CALLER, ROOT]) {
        assertEquals(
          await reasonOf({ bytes: bytesOf(text), ownerId, mode }),
          `${PATH}: ${key}: Cannot run commands of a file that its group or others can write ` +
            `(mode 0${mode.toString(8)}): chmod go-w it`,
        );
      }
    });
  }
}

Deno.test("readConfig() does not ask who owns a file without commands", async () => {
  const bytes = bytesOf('{"portFile": "port", "mappings": [{"internal": 80, "portFile": "port"}]}');
  await readConfig(PATH, machineWith({ bytes, ownerId: STRANGER, mode: 0o666 }));
});

Deno.test("readConfig() trusts commands where files and users have no numbers", async () => {
  const machine = machineWith({ bytes: bytesOf('{"exec": "true"}') });
  machine.user = undefined;
  assertEquals((await readConfig(PATH, machine)).values.exec, "true");
});

Deno.test("readConfig() as root trusts root's file only", async () => {
  for (const [ownerId, isTrusted] of [[ROOT, true], [CALLER, false]] as const) {
    const machine = machineWith({ bytes: bytesOf('{"exec": "true"}'), ownerId, mode: 0o644 });
    machine.user = ROOT;
    const outcome = await readConfig(PATH, machine).then(() => true, () => false);
    assertEquals(outcome, isTrusted);
  }
});
