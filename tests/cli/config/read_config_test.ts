import { assertEquals, assertRejects } from "@std/assert";
import { readConfig } from "../../../lib/cli/config/read_config.ts";
import { UsageError } from "../../../lib/cli/usage_error.ts";
import { FakeMachine } from "../../support/fake_machine.ts";

const PATH = "/etc/natpmp.json";

function machineWith(content: Uint8Array | Error | string): FakeMachine {
  const machine = new FakeMachine();
  if (typeof content === "string") machine.files.set(PATH, content);
  else machine.contents.set(PATH, content);
  return machine;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function reasonOf(content: Uint8Array | Error | string): Promise<string> {
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
    ["is not UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), "it is not UTF-8"],
    ["is UTF-16", new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]), "it is not UTF-8"],
    ["is larger than 1 MiB", bytesOf(`{}${" ".repeat(2 ** 20 - 1)}`), "it is larger than 1 MiB"],
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

const DOUBT = "/etc belongs to user 1001, not to root";

/** Files that make the program run or write something, and the key that does. */
for (
  const [text, key, refusal] of [
    ['{"exec": "true"}', "exec", "Cannot run a command that somebody else may have written"],
    ['{"mappings": ["80", {"internal": 81, "exec": "true"}]}', "mappings[1].exec", "Cannot run a command"],
    ['{"portFile": "port"}', "portFile", "Cannot write to a path that somebody else may have named"],
    [
      '{"mappings": [{"internal": 81, "portFile": "port"}]}',
      "mappings[0].portFile",
      "Cannot write to a path",
    ],
  ] as const
) {
  Deno.test(`readConfig() refuses ${key} of a file that somebody else could have written: ${text}`, async () => {
    const machine = machineWith(text);
    await readConfig(PATH, machine);
    machine.doubts.set(PATH, DOUBT);
    const { message } = await assertRejects(() => readConfig(PATH, machine), UsageError);
    assertEquals(message.startsWith(`${PATH}: ${key}: ${refusal}`), true, message);
    assertEquals(message.endsWith(`: ${DOUBT}`), true, message);
  });
}

Deno.test("readConfig() does not ask who could have written a file that runs and writes nothing", async () => {
  const machine = machineWith('{"gateway": "10.0.0.1", "mappings": ["80", {"internal": 81, "name": "web"}]}');
  machine.doubts.set(PATH, DOUBT);
  assertEquals((await readConfig(PATH, machine)).mappings.length, 2);
});
