import { assertEquals, assertMatch } from "@std/assert";
import { BackgroundProcess } from "../support/background_process.ts";
import {
  hostArchive,
  INSTALL_PROGRAMS,
  INSTALL_SH,
  INSTALLED,
  InstallLab,
  tree,
} from "../support/install_lab.ts";
import { e2eTest } from "../support/requirements.ts";

/** Ending a download takes milliseconds. */
const DEADLINE_MS = 10_000;
const NEEDS = { programs: INSTALL_PROGRAMS };

/** Lets the archive's download never end; tells when it has begun, and when the downloader is gone. */
function stall(
  lab: InstallLab,
  version: string,
): { readonly begun: Promise<void>; readonly gone: Promise<void> } {
  const begun = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  lab.server.route(`/v${version}/${hostArchive(version)}`, () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("the first bytes"));
        begun.resolve();
      },
      cancel() {
        gone.resolve();
      },
    });
    return new Response(body);
  });
  return { begun: begun.promise, gone: gone.promise };
}

/** Waits for what a signal should cause, for a while. */
async function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Waited in vain: ${what}`)), DEADLINE_MS);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  for (const shell of [["dash"], ["bash", "--posix"], ["busybox", "sh"]]) {
    e2eTest(
      `install.sh stopped by ${signal} in ${shell.join(" ")} ends its download and leaves nothing behind`,
      async () => {
        await using lab = await InstallLab.create();
        await lab.server.publish("0.1.0");
        lab.assertDone(await lab.install([], { shell }));
        await lab.server.publish("0.2.0");
        const { begun, gone } = stall(lab, "0.2.0");
        const args = ["--base-url", lab.server.url, "--prefix", lab.prefix];
        await using installer = new BackgroundProcess(lab.command(args, { shell }));
        await soon("the download begins", begun);
        installer.kill(signal);
        assertEquals(await soon("the installer ends", installer.ended()), code);
        await soon("the downloader is gone", gone);
        assertMatch(installer.lines.at(-1)!, /^install\.sh: stopped by a signal, nothing changed$/);
        assertEquals(tree(lab.temporary), []);
        assertEquals(tree(lab.prefix), INSTALLED);
        assertEquals(await lab.installedVersion(), "natpmp 0.1.0");
      },
      { programs: [...INSTALL_PROGRAMS, shell[0]!] },
    );
  }
}

e2eTest("install.sh cut off on its way into the shell does nothing at all", async () => {
  // Without a downloader, as a part of the script that runs must not reach the network; it would complain.
  await using lab = await InstallLab.create({ programs: ["sha256sum"] });
  const script = await Deno.readTextFile(INSTALL_SH);
  const lineEnds = [...script.matchAll(/\n/g)].map(({ index }) => index + 1);
  // After every third line, and at every character from the last function on.
  const lastFunction = script.lastIndexOf("\n}\n");
  const cuts = [
    ...lineEnds.filter((end, i) => i % 3 === 0 && end < lastFunction),
    ...Array.from({ length: script.trimEnd().length - lastFunction }, (_, i) => lastFunction + i),
  ];
  for (const cut of cuts) {
    const { stdout, stderr } = await lab.install([], { piped: true, script: script.slice(0, cut) });
    assertEquals(
      { stdout, ran: stderr.includes("install.sh: ") },
      { stdout: "", ran: false },
      `cut at ${cut}`,
    );
  }
  assertEquals([...Deno.readDirSync(lab.root)].map(({ name }) => name).sort(), ["home", "path", "tmp"]);
  assertEquals(tree(lab.temporary), []);

  // Whole it runs; the last newline is not needed.
  const { stderr } = await lab.install([], { piped: true, script: script.trimEnd() });
  assertEquals(stderr, "install.sh: needs curl or wget\n");
}, NEEDS);
