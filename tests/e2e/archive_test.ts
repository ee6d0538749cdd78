/** What the build packs, as the programs that unpack it see it. */

import { assertEquals, assertRejects } from "@std/assert";
import { packArchive } from "../../scripts/build/archive.ts";
import { BuildError } from "../../scripts/build/build_error.ts";
import { runCommand } from "../support/command.ts";
import { e2eTest } from "../support/requirements.ts";

const TIME = { timeSeconds: 1_700_000_000 };
const NEEDS = { programs: ["tar", "unzip"] };
const bytes = (text: string) => new TextEncoder().encode(text);
const FILES = [
  { path: "d/run", bytes: bytes("#!/bin/sh\n"), isExecutable: true },
  { path: "d/a.txt", bytes: bytes("hello\n"), isExecutable: false },
];

/** What Python 3.12's zipfile made of these files, at level 9, with their Unix access rights. */
const PYTHON_ZIP =
  "504b0304140000000800aab16e5720303a36080000000600000007000000642f612e747874cb48cdc9c9e70200504b0304140000000800aab1" +
  "6e571d9dfb040c0000000a00000005000000642f72756e5356d44fcaccd32fcee00200504b01021403140000000800aab16e5720303a360800" +
  "000006000000070000000000000000000000a48100000000642f612e747874504b01021403140000000800aab16e571d9dfb040c0000000a00" +
  "0000050000000000000000000000ed812d000000642f72756e504b05060000000002000200680000005c0000000000";

async function inDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "natpmp-archive-test-" });
  try {
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function run(...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, { env: { TZ: "UTC" } });
  assertEquals(code, 0, `${command.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

async function assertUnpacked(directory: string): Promise<void> {
  for (const { path, bytes, isExecutable } of FILES) {
    assertEquals(await Deno.readFile(`${directory}/${path}`), bytes);
    assertEquals((await Deno.stat(`${directory}/${path}`)).mode! & 0o777, isExecutable ? 0o755 : 0o644);
  }
}

e2eTest(
  "tar lists and unpacks what is packed: sorted, root's, of the given time",
  () =>
    inDirectory(async (directory) => {
      const archive = `${directory}/a.tar.gz`;
      await packArchive(archive, FILES, TIME);
      assertEquals(
        (await run("tar", "--full-time", "-tvzf", archive)).replaceAll(/ +/g, " "),
        "-rw-r--r-- root/root 6 2023-11-14 22:13:20 d/a.txt\n-rwxr-xr-x root/root 10 2023-11-14 22:13:20 d/run\n",
      );
      await run("tar", "-xzf", archive, "-C", directory);
      await assertUnpacked(directory);
    }),
  NEEDS,
);

e2eTest(
  "a .tar.gz tells neither when nor on what system it was packed (RFC 1952 §2.3.1)",
  () =>
    inDirectory(async (directory) => {
      await packArchive(`${directory}/a.tar.gz`, FILES, TIME);
      const header = (await Deno.readFile(`${directory}/a.tar.gz`)).subarray(0, 10);
      assertEquals([...header.subarray(0, 8)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
      assertEquals(header[9], 255);
    }),
  NEEDS,
);

e2eTest(
  "a .zip is what Python's zipfile writes of the same files, and unzip unpacks it",
  () =>
    inDirectory(async (directory) => {
      const archive = `${directory}/a.zip`;
      await packArchive(archive, FILES, TIME);
      assertEquals((await Deno.readFile(archive)).toHex(), PYTHON_ZIP);
      await run("unzip", "-q", archive, "-d", directory);
      await assertUnpacked(directory);
    }),
  NEEDS,
);

e2eTest(
  "the same files in another order, packed elsewhere on the globe, are the same bytes",
  () =>
    inDirectory(async (directory) => {
      const script = `import { packArchive } from "${new URL(
        "../../scripts/build/archive.ts",
        import.meta.url,
      )}";
const [archive, ...texts] = Deno.args;
await packArchive(archive, texts.map((path) => ({ path, bytes: new TextEncoder().encode(path), isExecutable: false })), ${
        JSON.stringify(TIME)
      });`;
      await Deno.writeTextFile(`${directory}/pack.ts`, script);
      for (const suffix of [".zip", ".tar.gz"]) {
        const packed: Uint8Array[] = [];
        for (const [zone, ...paths] of [["UTC", "a", "b"], ["Asia/Kathmandu", "b", "a"]] as const) {
          const archive = `${directory}/${paths[0]}${suffix}`;
          const command = [
            Deno.execPath(),
            "run",
            "-q",
            "--no-lock",
            "-A",
            `${directory}/pack.ts`,
            archive,
            ...paths,
          ];
          const { code, stderr } = await runCommand(command, { env: { TZ: zone } });
          assertEquals({ code, stderr }, { code: 0, stderr: "" });
          packed.push(await Deno.readFile(archive));
        }
        assertEquals(packed[1], packed[0]);
      }
    }),
  NEEDS,
);

e2eTest(
  "an archive that cannot be written is an error of the build in one line",
  () =>
    inDirectory(async (directory) => {
      const archive = `${directory}/missing/a.zip`;
      const { message } = await assertRejects(
        () => packArchive(archive, FILES, TIME),
        BuildError,
        "Cannot pack ",
      );
      assertEquals(message.includes("\n"), false);
    }),
  NEEDS,
);

e2eTest("the packer's types fit", async () => {
  const packer = new URL("../../scripts/archiver/", import.meta.url).pathname;
  const command = [
    "sh",
    "-c",
    'cd "$1" && shift && exec "$@"',
    "sh",
    packer,
    Deno.execPath(),
    "check",
    "--frozen",
    "-q",
    "pack.ts",
  ];
  const { code, stderr } = await runCommand(command, { timeoutMs: 60_000 });
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
}, { programs: ["sh"] });
