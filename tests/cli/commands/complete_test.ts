import { assert, assertEquals, assertNotMatch } from "@std/assert";
import { COMMANDS, OPTIONS, SERVICE_SYSTEMS, SHELLS, TOPICS } from "../../../lib/cli/option_table.ts";
import { parseSpecs } from "../../../lib/cli/specs.ts";
import { FAULTS, parseFault } from "../../../lib/simulator/mod.ts";
import { TestWorld, type TestWorldOptions } from "../../support/test_world.ts";

/** What a shell is answered, line by line. It gets no error, and nothing is sent. */
async function answer(args: readonly string[], options: TestWorldOptions = {}): Promise<string[]> {
  const world = new TestWorld(options);
  const { exitCode, stdout, stderr } = await world.run("__complete", ...args);
  assertEquals({ exitCode, stderr }, { exitCode: 0, stderr: "" });
  assertEquals([world.sentFrom.length, world.processesOpened, world.received], [0, 0, 0]);
  return stdout.split("\n").slice(0, -1);
}

/** What bash is answered at the end of a line of which readline completes the last part. */
function bash(line: string, text: string, options?: TestWorldOptions): Promise<string[]> {
  return answer(["bash", text, line], options);
}

const files = (paths: readonly string[]): TestWorldOptions => ({
  files: { list: (path) => Promise.resolve(paths.filter((name) => name.startsWith(path))) },
});

Deno.test("__complete offers commands, and the options and operands of each, with what they mean", async () => {
  const meanings = Object.entries(COMMANDS).map(([name, { summary }]) => `${name}\t${summary}`);
  assertEquals(await answer(["fish", ""]), ["words", ...meanings]);
  const [, ...topics] = await answer(["fish", "help", ""]);
  assertEquals(topics.slice(0, meanings.length), meanings);
  const others = TOPICS.filter((topic) => !Object.hasOwn(COMMANDS, topic));
  assertEquals(topics.slice(meanings.length).map((line) => line.split("\t")[0]), others);
  assertEquals(topics.every((line) => /^[a-z0-9-]+\t\S/.test(line)), true);
  assertEquals(await answer(["fish", "service", ""]), ["words", ...SERVICE_SYSTEMS]);
  assertEquals(await answer(["fish", "completions", ""]), ["words", ...SHELLS]);
  assertEquals(await answer(["fish", "status", "--pr"]), ["words", `--probe\t${OPTIONS.probe.help}`]);
  const { check } = OPTIONS;
  assertEquals(await answer(["fish", "map", "--che"]), ["words", `--check\t${check.helpFor.map}`]);
  assertEquals(await answer(["fish", "status", "--che"]), ["words", `--check\t${check.helpFor.status}`]);
  assertEquals(await answer(["fish", "nonsense", ""]), ["words"]);
});

Deno.test("__complete offers faults that --fault takes, and protocols that a spec takes", async () => {
  const faults = (await answer(["fish", "simulate", "--fault", ""])).slice(1).map((line) =>
    line.split("\t")[0]!
  );
  assertEquals(
    [...new Set(faults.map((word) => word.split("=")[0]))],
    [...FAULTS.map(({ name }) => name), "help"],
  );
  assertEquals(await answer(["fish", "simulate", "--speak", ""]), [
    "words",
    "nat-pmp",
    "pcp",
    "upnp",
    "both",
    "all",
  ]);
  assertEquals(await answer(["fish", "map", "--via", ""]), ["words", "auto", "pcp", "nat-pmp", "upnp"]);
  for (const word of faults.slice(0, -1)) parseFault(word.endsWith("=") ? `${word}10` : word);
  const specs = (await answer(["fish", "map", "80/"])).slice(1);
  for (const spec of specs) parseSpecs([spec], { defaultProtocols: ["tcp"], allowPortZero: false });
  assertEquals(specs.length, 3);
});

for (
  const [line, text, expected] of [
    ["natpmp un", "un", ["words", "unmap"]],
    ["natpmp map --config ev", "ev", ["default"]],
    ["natpmp map --config=ev", "ev", ["default"]],
    ['natpmp map --config="ev', "ev", ["default"]],
    ['natpmp map --config "a b"ev', '"a b"ev', ["default"]],
    ["natpmp map >ev", "ev", ["default"]],
    ["natpmp map 2>/dev/null --if", "--if", ["words", "--if-due"]],
    ["natpmp address -ie", "-ie", ["words", "-ieth0"]],
    ["natpmp address -qi=e", "e", ["words", "eth0"]],
    ["natpmp address --interface='e", "e", ["words", "eth0"]],
    ['natpmp "address" --in\\ter', "--in\\ter", ["words", "--interface"]],
    ["natpmp map --exec ec", "ec", ["commands", "ec"]],
    ["natpmp map --exec ./ec", "./ec", ["default"]],
    ["natpmp simulate --fault=lat", "lat", ["nospace", "latency="]],
    ["natpmp map 8080:80/u", "80/u", ["words", "80/udp"]],
    ["natpmp map --lifetime ", "", []],
    ["natpmp map -- --", "--", []],
    ["natpmp map '", "", []],
  ] as const
) {
  Deno.test(`__complete answers bash at the end of ${line}`, async () => {
    assertEquals(await bash(line, text), [...expected]);
  });
}

for (
  const [line, text, expected] of [
    ['natpmp map "--config=ev', "--config=ev", "--config=ev\\$(id) \\`id\\`\\\\ \\\"'"],
    ["natpmp map '--config=ev", "--config=ev", "--config=ev$(id) `id`\\ \"'\\''"],
    ["natpmp map --config=ev", "--config=ev", "--config=ev\\$\\(id\\)\\ \\`id\\`\\\\\\ \\\"\\' "],
    ["natpmp map --conf\\ig=e", "--conf\\ig=e", "--config=ev\\$\\(id\\)\\ \\`id\\`\\\\\\ \\\"\\' "],
  ] as const
) {
  Deno.test(`__complete quotes a file's name as bash wants it at the end of ${line}`, async () => {
    const expectedLines = ["nospace", expected];
    assertEquals(await bash(line, text, files(["ev$(id) `id`\\ \"'"])), expectedLines);
  });
}

Deno.test("__complete does not let the history into a name between double quotes", async () => {
  assertEquals(await bash('natpmp map "--config=', "--config=", files(["a!id"])), [
    "nospace",
    `--config=a"'!'"id`,
  ]);
});

Deno.test("__complete leaves a quotation open behind a directory", async () => {
  assertEquals(await bash('natpmp map "--config=d', "--config=d", files(["dir/"])), [
    "nospace",
    "--config=dir/",
    "--config=dir/.",
  ]);
});

Deno.test("__complete quotes an interface whose name is a trap", async () => {
  const network = { interfaceNames: () => Promise.resolve(["e$(id)"]) };
  assertEquals(await bash("natpmp map -i ", "", { network }), ["words", "e\\$\\(id\\)"]);
  assertEquals(await bash('natpmp map -i "', "", { network }), ["words", "e\\$(id)"]);
});

Deno.test("__complete tells zsh the part of the word that stays, and what only the user knows", async () => {
  const faults = await answer(["zsh", "simulate", "--fault=lat"]);
  assertEquals(faults.slice(0, 3), ["words", "--fault=", "fault"]);
  assert(faults.includes("latency=:Answers this many milliseconds late."));
  assertEquals(await answer(["zsh", "map", "--config=e"]), ["files", "--config="]);
  assertEquals(await answer(["zsh", "map", "--exec", ""]), ["commands", ""]);
  assertEquals(await answer(["zsh", "map", "--lifetime", ""]), ["hint", "", "DURATION"]);
});

Deno.test("__complete reads fish's quoting, and completes files behind an option's =", async () => {
  assertEquals(await answer(["fish", "map", "'--config=e"], files(["e $(id)"])), [
    "words",
    "--config=e $(id)",
  ]);
  assertEquals(await answer(["fish", "map", "--config", "e"]), ["files"]);
  assertEquals(await answer(["fish", "map", "--exec", "e"]), ["commands"]);
});

for (const args of [[], ["powershell", ""], ["--help"], ["bash", "x", "y"], ["bash"], ["zsh"], ["fish"]]) {
  Deno.test(`__complete ${args.join(" ")} is no reason for an error message`, async () => {
    const { stderr } = await new TestWorld().run("__complete", ...args);
    assertEquals(stderr, "");
  });
}

Deno.test("__complete is silent when this host cannot be asked", async () => {
  const network = { interfaceNames: () => Promise.reject(new Error("no interfaces")) };
  const outcome = await new TestWorld({ network }).run("__complete", "fish", "map", "-i", "");
  assertEquals(outcome, { exitCode: 1, stdout: "", stderr: "" });
});

Deno.test("__complete reads any line that is being typed", async () => {
  const parts = [
    "natpmp ",
    "map ",
    "-i",
    "--config",
    "=",
    '"',
    "'",
    "\\",
    "$(",
    "`",
    ">",
    "&",
    " ",
    "\n",
    "é",
    "-",
  ];
  for (let i = 0; i < 2000; i++) {
    let line = "natpmp ";
    for (let seed = i * 2654435761 % 2 ** 32; seed >= 1; seed = Math.floor(seed / parts.length)) {
      line += parts[seed % parts.length]!;
    }
    for (const text of ["", line.at(-1)!]) await bash(line, text, files(["e"]));
  }
});

Deno.test("__complete is listed nowhere", async () => {
  const { stdout } = await new TestWorld().run("help");
  assertNotMatch(stdout, /__complete/);
});
