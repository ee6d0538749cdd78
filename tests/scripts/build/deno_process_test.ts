import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  compilerEnvironment,
  denoDirectory,
  failureText,
  runDeno,
} from "../../../scripts/build/deno_process.ts";
import { fromRoot } from "./_root.ts";

Deno.test("compilerEnvironment() keeps out what would get into the program or choose its runtime", () => {
  const inherited = {
    HOME: "/home/user",
    DENO_DIR: "/cache",
    DENO_TLS_CA_STORE: "system",
    DENORT_BIN: "/denort",
    DENORT_BIN_LINUX_X64: "/denort",
    DENO_V8_FLAGS: "--jitless",
    OTEL_DENO: "true",
  };
  assertEquals(compilerEnvironment(inherited), {
    HOME: "/home/user",
    DENO_DIR: "/cache",
    DENO_TLS_CA_STORE: "system",
    NO_COLOR: "1",
  });
});

/** What Deno 2.7.11 printed. */
const FAILURE = `error: Writing deno compile executable to temporary file '/tmp/zz.tmp-fdfeec076fb77d88'

Caused by:
    0: Setting up base binary.
    1: client error (Connect)

Stack backtrace:
   0: <unknown>
   1: __libc_start_call_main
`;

Deno.test("failureText() is the message with its causes, without the stack", () => {
  assertEquals(
    failureText(FAILURE),
    "Writing deno compile executable to temporary file '/tmp/zz.tmp-fdfeec076fb77d88'; " +
      "0: Setting up base binary.; 1: client error (Connect)",
  );
  assertEquals(failureText("Download https://example.org/x\nerror: no\n    at file:///a.ts:1:2\n"), "no");
  assertEquals(failureText(""), "");
});

Deno.test("runDeno() runs this Deno in the directory that is named, and gives what it left", async () => {
  const directory = fromRoot("lib");
  const { success, stdout, stderr } = await runDeno(
    ["eval", "console.log(Deno.version.deno, Deno.cwd(), Deno.env.get('GREETING')); console.error('told')"],
    { directory, env: { GREETING: "hello" } },
  );
  assertEquals({ success, stderr }, { success: true, stderr: "told\n" });
  assertEquals(stdout, `${Deno.version.deno} ${directory} hello\n`);
});

Deno.test("denoDirectory() is where this Deno keeps what it fetched, the package of @std for one", async () => {
  const directory = await denoDirectory();
  assert((await Deno.stat(`${directory}/npm`)).isDirectory);
});

Deno.test("runDeno() gives a failure as a result", async () => {
  const { success, stderr } = await runDeno(["run", "absent.ts"], { directory: fromRoot("lib") });
  assertEquals(success, false);
  assertMatch(failureText(stderr), /absent\.ts/);
});
