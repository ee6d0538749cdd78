import { assert, assertArrayIncludes, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { FAULTS } from "../../lib/cli/commands/simulate.ts";
import {
  type CommandName,
  COMMANDS,
  helpOf,
  OPTIONS,
  optionsOf,
  type Shell,
  SHELLS,
  TOPICS,
} from "../../lib/cli/option_table.ts";
import { natpmpCommand, runCommand, runNatpmp, shellText } from "../support/command.ts";
import {
  ARGUMENTS_FUNCTION,
  type CompletingShell,
  openBash,
  openFish,
  openFishTerminal,
  openZsh,
  type TabbingShell,
  type TerminalShell,
} from "../support/completing_shell.ts";
import { e2eTest, type E2eTestOptions } from "../support/requirements.ts";

const NAMES = Object.keys(COMMANDS) as CommandName[];
/** The shells that are driven by TAB need a terminal for it. */
const needs: Readonly<Record<Shell, E2eTestOptions>> = {
  bash: { programs: ["bash", "script"] },
  zsh: { programs: ["zsh", "script"] },
  fish: { programs: ["fish"] },
};
/** What zsh does at the start of nearly every user's .zshrc; here without a file to remember by. */
const COMPINIT = "autoload -Uz compinit; compinit -u -D";

/** What a shell inherits whose home this is: it finds the `natpmp` under test. */
function environment(home: string): Record<string, string> {
  return { PATH: `${home}/bin:${Deno.env.get("PATH")}` };
}

/** A home with nothing in it but two files to complete; `bin` has the `natpmp` under test. */
async function withHome(use: (home: string) => Promise<void>): Promise<void> {
  const home = await Deno.makeTempDir({ prefix: "natpmp-completions-" });
  try {
    await Deno.mkdir(`${home}/bin`);
    await Deno.writeTextFile(`${home}/bin/natpmp`, `#!/bin/sh\nexec ${shellText(natpmpCommand())} "$@"\n`, {
      mode: 0o755,
    });
    await Deno.writeTextFile(`${home}/mappings.json`, "{}");
    await Deno.mkdir(`${home}/more files`);
    await Deno.writeTextFile(`${home}/more files/one.json`, "{}");
    await use(home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

/** The completions of a shell, as the program prints them. */
async function scriptFor(shell: Shell): Promise<string> {
  const { code, stdout, stderr } = await runNatpmp(["completions", shell]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout;
}

/** Starts a shell with the completions where each shell looks for them. */
async function open(shell: Shell, home: string): Promise<CompletingShell> {
  if (shell === "fish") return await openFishIn(home);
  return await openTabbing(shell, home);
}

async function openTabbing(shell: "bash" | "zsh", home: string): Promise<TabbingShell> {
  const script = await scriptFor(shell);
  if (shell === "bash") {
    await Deno.writeTextFile(`${home}/completions.bash`, script);
    return await openBash({ home, env: environment(home), startUp: "source ~/completions.bash" });
  }
  await Deno.mkdir(`${home}/functions`);
  await Deno.writeTextFile(`${home}/functions/_natpmp`, script);
  return await openZsh({ home, env: environment(home), startUp: `fpath=(~/functions $fpath)\n${COMPINIT}` });
}

async function openFishIn(home: string) {
  const directory = `${home}/.config/fish/completions`;
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(`${directory}/natpmp.fish`, await scriptFor("fish"));
  return openFish({ home, env: environment(home) });
}

/** Starts a shell in `traps`, where `natpmp` shows its arguments. */
async function openTerminal(shell: Shell, home: string): Promise<TerminalShell> {
  const env = environment(home);
  await Deno.writeTextFile(`${home}/completions`, await scriptFor(shell));
  const start = "cd ~/traps; source ~/completions";
  if (shell === "fish") return await openFishTerminal({ home, env, startUp: start });
  const startUp = `${shell === "zsh" ? COMPINIT : ""}\n${ARGUMENTS_FUNCTION}\n${start}`;
  return await (shell === "bash" ? openBash : openZsh)({ home, env, startUp });
}

/** Registers a test for each shell. */
function inEachShell(name: string, test: (shell: CompletingShell, home: string) => Promise<void>): void {
  for (const shell of SHELLS) {
    e2eTest(`${shell}: ${name}`, () =>
      withHome(async (home) => {
        await using opened = await open(shell, home);
        await test(opened, home);
      }), needs[shell]);
  }
}

/** Registers a test for each shell whose TAB is pressed. */
function withTab(name: string, test: (shell: TabbingShell, home: string) => Promise<void>): void {
  for (const shell of ["bash", "zsh"] as const) {
    e2eTest(`${shell}: ${name}`, () =>
      withHome(async (home) => {
        await using opened = await openTabbing(shell, home);
        await test(opened, home);
      }), needs[shell]);
  }
}

function longOptions(command?: CommandName): string[] {
  return optionsOf(command).map(([name]) => `--${name}`).sort();
}

function letters(command: CommandName): string[] {
  return optionsOf(command).flatMap(([, { short }]) => short === undefined ? [] : `-${short}`).sort();
}

/** The directories, that is interfaces, of Linux's list, which Deno reads with all permissions only. */
async function interfaces(): Promise<string[]> {
  const find = [
    "find",
    "-L",
    "/sys/class/net",
    "-mindepth",
    "1",
    "-maxdepth",
    "1",
    "-type",
    "d",
    "-printf",
    "%f\\n",
  ];
  return (await runCommand(find)).stdout.trimEnd().split("\n").sort();
}

inEachShell("the first word is a command", async (shell) => {
  assertEquals(await shell.offers("natpmp "), NAMES.toSorted());
  assertEquals(await shell.offers("natpmp un"), ["unmap"]);
});

inEachShell("a command has its own options, short and long, and no others", async (shell) => {
  for (const name of NAMES) {
    assertEquals(await shell.offers(`natpmp ${name} --`), longOptions(name), name);
    const all = await shell.offers(`natpmp ${name} -`);
    assertEquals(all, [...longOptions(name), ...letters(name)].sort(), name);
  }
});

inEachShell("options stand before the command too, with their values", async (shell) => {
  assertEquals(await shell.offers("natpmp --"), longOptions());
  assertEquals(await shell.offers("natpmp --json --gateway 10.0.0.1:5351 -i eth0 sim"), ["simulate"]);
  assertEquals(await shell.offers("natpmp --timeout=3 -l 60 watch --ke"), ["--keep"]);
});

inEachShell("an option that is there is not offered again, unless it repeats", async (shell) => {
  assertEquals(await shell.offers("natpmp --json map --js"), []);
  assertEquals(await shell.offers("natpmp map -uq --lifetime 60 80 --u"), []);
  assertEquals(await shell.offers("natpmp map --quiet --lifetime=60 --li"), []);
  assertEquals(await shell.offers("natpmp simulate --fault silent --fault=full --fau"), ["--fault"]);
});

inEachShell("--interface takes this host's interfaces", async (shell) => {
  const names = await interfaces();
  for (const form of ["--interface ", "--interface=", "-i ", "-qi "]) {
    assertEquals(await shell.offers(`natpmp address ${form}`), names, form);
  }
  assertEquals(await shell.offers("natpmp address --interface=l"), names.filter((name) => name[0] === "l"));
});

inEachShell("--source takes this host's addresses", async (shell) => {
  const own = Deno.networkInterfaces().filter(({ family }) => family === "IPv4");
  const addresses = [...new Set(own.map(({ address }) => address))].sort();
  assertEquals(await shell.offers("natpmp map --source "), addresses);
  assertEquals(await shell.offers("natpmp map --source="), addresses);
});

inEachShell("--fault takes the names of the faults", async (shell) => {
  const choices = ["opcode-error=echo", "opcode-error=short", "nat-pmp-only=0"];
  const offered = await shell.offers("natpmp simulate --fault ");
  assertArrayIncludes(offered, ["help", "silent", "latency=", ...choices]);
  for (const { name } of FAULTS) {
    assert(offered.some((word) => word.split("=")[0] === name), name);
  }
  assertEquals(await shell.offers("natpmp simulate --fault=lose-re"), ["lose-replies=", "lose-requests="]);
  assertEquals(await shell.offers("natpmp simulate --fault opcode-error="), ["echo", "short"]);
  assertEquals(await shell.offers("natpmp simulate --fault=opcode-error=e"), ["echo"]);
});

inEachShell("--config, --state and --port-file take files", async (shell, home) => {
  for (const option of ["--config", "--state", "--port-file"]) {
    for (const join of [" ", "="]) {
      const offered = await shell.offers(`natpmp map ${option}${join}${home}/map`);
      assertEquals(offered, [`${home}/mappings.json`], option);
    }
  }
});

inEachShell("--exec takes a command of the shell", async (shell) => {
  assertArrayIncludes(await shell.offers("natpmp watch --exec ech"), ["echo"]);
});

inEachShell("a mapping is followed by its protocol", async (shell) => {
  for (const command of ["map", "unmap", "watch", "doctor"]) {
    assertEquals(await shell.offers(`natpmp ${command} 8080:80/`), ["80/both", "80/tcp", "80/udp"]);
  }
  assertEquals(await shell.offers("natpmp map -g 10.0.0.1:5351 443/tcp any:22/u"), ["22/udp"]);
  assertEquals(await shell.offers("natpmp map 8080:80"), []);
  assertEquals(await shell.offers("natpmp address 8080:80/"), []);
});

inEachShell("service, completions and help take one word of theirs", async (shell) => {
  assertEquals(await shell.offers("natpmp service sys"), ["systemd", "systemd-timer"]);
  assertEquals(await shell.offers("natpmp completions "), SHELLS.toSorted());
  assertEquals(await shell.offers("natpmp help "), [...new Set([...NAMES, ...TOPICS])].sort());
  assertEquals(await shell.offers("natpmp help map ma"), []);
  assertEquals(await shell.offers("natpmp completions bash z"), []);
});

inEachShell("behind -- there are operands only", async (shell) => {
  assertEquals(await shell.offers("natpmp map -- --"), []);
  assertEquals(await shell.offers("natpmp map -- 80/t"), ["80/tcp"]);
});

inEachShell("what only the user knows is left to the user", async (shell) => {
  for (const line of ["map --lifetime ", "map --gateway=", "map --timeout ", "simulate --external "]) {
    assertEquals(await shell.offers(`natpmp ${line}`), [], line);
  }
});

withTab("TAB completes what is unique, and leaves no blank where a value goes on", async (shell, home) => {
  assertEquals(await shell.complete("natpmp comp"), "natpmp completions ");
  assertEquals(await shell.complete("natpmp service systemd-"), "natpmp service systemd-timer ");
  assertMatch(await shell.complete("natpmp map --por"), /^natpmp map --port-file[ =]$/);
  assertEquals(await shell.complete("natpmp map --if"), "natpmp map --if-due ");
  assertEquals(await shell.complete("natpmp map 8080:80/u"), "natpmp map 8080:80/udp ");
  assertEquals(await shell.complete('natpmp map "8080:80/u'), 'natpmp map "8080:80/udp" ');
  assertEquals(await shell.complete("natpmp address --interface=l"), "natpmp address --interface=lo ");
  assertEquals(await shell.complete("natpmp address -il"), "natpmp address -ilo ");
  assertEquals(await shell.complete("natpmp simulate --fault lat"), "natpmp simulate --fault latency=");
  assertEquals(await shell.complete("natpmp simulate --fault=lat"), "natpmp simulate --fault=latency=");
  assertEquals(await shell.complete("natpmp map --config ~/map"), "natpmp map --config ~/mappings.json ");
  for (const join of [" ", "="]) {
    const line = `natpmp map --config${join}${home}/more`;
    assertEquals(await shell.complete(line), `${line}\\ files/`);
    assertEquals(await shell.complete(`${line}\\ files/`), `${line}\\ files/one.json `);
  }
  assertEquals(await shell.complete("natpmp status > ~/map"), "natpmp status > ~/mappings.json ");
  assertEquals(await shell.complete("natpmp status 2>/dev/null --pr"), "natpmp status 2>/dev/null --probe ");
  assertEquals(await shell.complete("echo; natpmp --json addr"), "echo; natpmp --json address ");
});

e2eTest(
  "bash: where : and = do not break words, words are completed all the same",
  () =>
    withHome(async (home) => {
      await Deno.writeTextFile(`${home}/completions.bash`, await scriptFor("bash"));
      const startUp = "COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]}\nsource ~/completions.bash";
      await using shell = await openBash({ home, env: environment(home), startUp });
      for (
        const [line, completed] of [
          ["natpmp map 8080:80/u", "natpmp map 8080:80/udp "],
          ["natpmp address --interface=l", "natpmp address --interface=lo "],
          ["natpmp simulate --fault=opcode-error=e", "natpmp simulate --fault=opcode-error=echo "],
          ["natpmp simulate --fault=lat", "natpmp simulate --fault=latency="],
          [`natpmp map --config=${home}/map`, `natpmp map --config=${home}/mappings.json `],
          [`natpmp map --config=${home}/more`, `natpmp map --config=${home}/more\\ files/`],
          [`natpmp map "--config=${home}/map`, `natpmp map "--config=${home}/mappings.json"`],
        ] as const
      ) {
        assertEquals(await shell.complete(line), completed);
      }
    }),
  needs.bash,
);

e2eTest(
  "bash: completions do not mind set -u, a strange IFS, or options that change patterns",
  () =>
    withHome(async (home) => {
      await Deno.writeTextFile(`${home}/completions.bash`, await scriptFor("bash"));
      const startUp = "source ~/completions.bash\nset -u -f\nshopt -s failglob nullglob extglob\nIFS=em";
      await using shell = await openBash({ home, env: environment(home), startUp });
      assertEquals(await shell.offers("natpmp "), NAMES.toSorted());
      assertEquals(await shell.offers("natpmp watch --"), longOptions("watch"));
      assertEquals(await shell.complete("natpmp address --interface=l"), "natpmp address --interface=lo ");
      assertEquals(await shell.complete("natpmp map 8080:80/u"), "natpmp map 8080:80/udp ");
      assertEquals(await shell.complete("natpmp map --lifetime "), "natpmp map --lifetime ");
    }),
  needs.bash,
);

e2eTest("zsh: what a command or option does stands beside it", () =>
  withHome(async (home) => {
    await using shell = await openTabbing("zsh", home);
    await shell.lists("natpmp ", /unmap +-- delete mappings/);
    await shell.lists("natpmp map --l", /--lifetime/);
    await shell.lists("natpmp watch -", new RegExp(`--keep +-- ${OPTIONS.keep.help}`));
    await shell.lists("natpmp simulate --fault s", /silent +-- Hears everything/);
  }), needs.zsh);

e2eTest("fish: what a command or option does stands beside it", () =>
  withHome(async (home) => {
    const shell = await openFishIn(home);
    assertArrayIncludes(await shell.describes("natpmp "), ["unmap\tdelete mappings"]);
    for (const name of NAMES) {
      const described = await shell.describes(`natpmp ${name} -`);
      for (const [option, spec] of optionsOf(name)) {
        const { short } = spec;
        const help = helpOf(spec, name);
        assertArrayIncludes(described, [`--${option}\t${help}`]);
        if (short !== undefined) assertArrayIncludes(described, [`-${short}\t${help}`]);
      }
    }
  }), needs.fish);

/** Names that a shell would act on unless each of these characters is quoted for where it stands. */
const TRAPS = [
  "e v$(touch trapped).json",
  "e v`touch trapped`.json",
  'e v"; touch trapped; ".json',
  "e v'; touch trapped; '.json",
  "e v\\$(touch trapped).json",
  "e v;touch trapped & $HOME!e*",
];

/** How the beginning of such a name is typed. */
const SPELLINGS = [
  "--config e\\ v",
  '--config "e v',
  "--config 'e v",
  "--config=e\\ v",
  '--config="e v',
  "--config='e v",
  '"--config=e v',
  "'--config=e v",
  "--config\\=e\\ v",
];

for (const shell of SHELLS) {
  e2eTest(
    `${shell}: a file's name is quoted as the place wants it, and runs nothing`,
    () =>
      withHome(async (home) => {
        const directory = `${home}/traps`;
        await Deno.mkdir(directory);
        await using opened = await openTerminal(shell, home);
        for (const name of TRAPS) {
          await Deno.writeTextFile(`${directory}/${name}`, "{}");
          for (const spelling of SPELLINGS) {
            // zsh leaves this quotation open behind the name, whatever the command.
            if (shell === "zsh" && name.includes("'") && spelling.includes("'")) continue;
            const args = await opened.run(`natpmp map ${spelling}`);
            const value = args.join("=");
            assertEquals(value, `map=--config=${name}`, spelling);
            assertEquals([...Deno.readDirSync(directory)].map(({ name }) => name), [name], spelling);
          }
          await Deno.remove(`${directory}/${name}`);
        }
      }),
    { programs: [shell, "script"] },
  );
}

const INSTALL_PAGE = await Deno.readTextFile(new URL("../../lib/cli/manual/install.md", import.meta.url));

/** The lines by which the manual installs the completions, and what the shell's start-up file had before. */
const INSTALLATIONS: Readonly<Record<Shell, { readonly line: string; readonly startUp: string }>> = {
  bash: { line: "echo 'source <(natpmp completions bash)' >> ~/.bashrc", startUp: "" },
  zsh: { line: "echo 'source <(natpmp completions zsh)' >> ~/.zshrc", startUp: COMPINIT },
  fish: { line: "natpmp completions fish > ~/.config/fish/completions/natpmp.fish", startUp: "" },
};

for (const shell of SHELLS) {
  e2eTest(`${shell}: the manual's line installs the completions`, () =>
    withHome(async (home) => {
      const { line, startUp } = INSTALLATIONS[shell];
      assertStringIncludes(INSTALL_PAGE, line);
      const env = { HOME: home, ...environment(home) };
      await Deno.mkdir(`${home}/.config/fish/completions`, { recursive: true });
      const { code, stderr } = await runCommand(["sh", "-c", line], { env });
      assertEquals({ code, stderr }, { code: 0, stderr: "" });
      const installed = shell === "fish" ? "" : await Deno.readTextFile(`${home}/.${shell}rc`);
      await using opened = shell === "fish"
        ? openFish({ home, env })
        : await (shell === "bash" ? openBash : openZsh)({ home, env, startUp: `${startUp}\n${installed}` });
      assertEquals(await opened.offers("natpmp "), NAMES.toSorted());
      assertEquals(await opened.offers("natpmp map --if"), ["--if-due"]);
    }), needs[shell]);

  e2eTest(`${shell}: it reads its completions without a complaint`, async () => {
    const { code, stdout, stderr } = await runCommand([shell, "-n"], { stdin: await scriptFor(shell) });
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  }, { programs: [shell] });
}

e2eTest("bash: shellcheck finds nothing in the completions", async () => {
  const { code, stdout } = await runCommand(["shellcheck", "--shell=bash", "-"], {
    stdin: await scriptFor("bash"),
  });
  assertEquals({ code, stdout }, { code: 0, stdout: "" });
}, { programs: ["shellcheck"] });
