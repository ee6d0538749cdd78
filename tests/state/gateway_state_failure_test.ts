/**
 * State files that cannot be read or written: the command goes on, and one warning says so.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { known, Lab, LEFT } from "./gateway_state_lab.ts";

const NO_SPACE = new Error("No space left on device (os error 28): open '/state/natpmp/leases.json.new'");

Deno.test("GatewayState warns once that nothing can be written, and again when it could be meanwhile or the reason changes", async () => {
  const lab = new Lab();
  const { state, map } = await lab.open();
  await map(80);
  const { files } = lab.paths;
  const text = (reason: string) => `Cannot write the state file /state/natpmp/leases.json: ${reason}`;
  files.writeFailure = NO_SPACE;
  for (let i = 0; i < 3; i++) assertEquals(await state.save(), false);
  assertEquals(lab.warnings, [text("No space left on device (os error 28)")]);
  files.writeFailure = new Error("Read-only file system");
  for (let i = 0; i < 2; i++) await state.save();
  assertEquals(lab.warnings.slice(1), [text("Read-only file system")]);
  files.writeFailure = undefined;
  assertEquals([await state.save(), lab.ports], [true, ["80"]]);
  files.writeFailure = NO_SPACE;
  await state.save();
  assertEquals(lab.warnings.slice(2), [text("No space left on device (os error 28)")]);
});

Deno.test("GatewayState warns once that nothing can be read, and knows nothing then", async () => {
  const lab = new Lab();
  lab.leave(LEFT);
  lab.paths.files.readFailure = new Deno.errors.PermissionDenied("Permission denied (os error 13)");
  const { state, mapper, map } = await lab.open();
  for (let i = 0; i < 2; i++) {
    await map(80);
    await state.save();
  }
  assertEquals([state.record.entries, mapper.recalled, lab.paths.files.written], [[], [], []]);
  assertEquals(lab.warnings, [
    "Cannot read the state file /state/natpmp/leases.json: Permission denied (os error 13)",
  ]);
});

Deno.test("GatewayState that cannot read does not warn that it cannot write either, until it could", async () => {
  const lab = new Lab();
  const { files } = lab.paths;
  files.readFailure = new Error("Not a directory (os error 20)");
  files.directoryFailure = new Error("File exists (os error 17)");
  const { state } = await lab.open();
  await state.save();
  assertEquals(lab.warnings, [
    "Cannot read the state file /state/natpmp/leases.json: Not a directory (os error 20)",
  ]);
  files.readFailure = files.directoryFailure = undefined;
  await state.save();
  files.writeFailure = NO_SPACE;
  await state.save();
  assertEquals(lab.warnings.length, 2);
});

Deno.test("GatewayState does its work beside a newer program's file with one warning, and leaves the file as it is", async () => {
  const lab = new Lab();
  const { files, path } = lab.paths;
  const text = '{"version":3,"gateways":{}}';
  files.texts.set(path, text);
  const { state, map } = await lab.open();
  for (const port of [80, 22]) {
    await map(port);
    assertEquals(await state.save(), false);
  }
  assertEquals([...state.ledger.entries].length, 2);
  assertEquals([[...files.texts], files.written], [[[path, text]], []]);
  assertEquals(lab.warnings, [
    "Cannot use the state file /state/natpmp/leases.json: a newer natpmp wrote it (version 3). " +
    "The file stays as it is, and leases are not remembered",
  ]);
});

Deno.test("GatewayState begins anew beside a damaged file, with one warning", async () => {
  const lab = new Lab();
  const { files, path } = lab.paths;
  files.texts.set(path, "{");
  const { state, map } = await lab.open();
  await map(80);
  await state.save();
  assertEquals([lab.ports, files.texts.size, lab.warnings.length], [["80"], 2, 1]);
});

Deno.test("GatewayState passes on what is not about the file", async () => {
  const lab = new Lab();
  lab.leave({ entries: [known(80)] });
  const { state } = await lab.open();
  const defect = new TypeError("a defect");
  const thrown = await state.save(() => {
    throw defect;
  }).catch((error) => error);
  assertEquals([thrown === defect, lab.warnings, lab.paths.files.written], [true, [], []]);
});
