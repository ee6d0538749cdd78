/**
 * Compiles this machine's standalone binary into `dist/`. The compiler fetches its runtime on first use, or takes the
 * one that the environment variable `DENORT_BIN` names; a runtime serves only the Deno version that it belongs to.
 */

const ROOT = `${import.meta.dirname}/..`;
const binary = `dist/natpmp${Deno.build.os === "windows" ? ".exe" : ""}`;

const { success } = await new Deno.Command(Deno.execPath(), {
  // Every permission: Linux shows /proc/net/route to nothing less.
  args: ["compile", "--frozen", "--allow-all", "--output", binary, "main.ts"],
  cwd: ROOT,
  stdin: "null",
  stdout: "inherit",
  stderr: "inherit",
}).spawn().status;
if (!success) {
  console.error(
    `Cannot compile. Without a way to the download of Deno's runtime, name a denort of Deno ${Deno.version.deno} ` +
      "in the environment variable DENORT_BIN",
  );
  Deno.exit(1);
}
const { size } = await Deno.stat(`${ROOT}/${binary}`);
console.log(`${binary}: ${(size / 2 ** 20).toFixed(1)} MiB`);
