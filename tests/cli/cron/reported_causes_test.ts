import { assert, assertEquals, assertFalse } from "@std/assert";
import { ReportedCauses } from "../../../lib/cli/cron/reported_causes.ts";

Deno.test("ReportedCauses tells what the run before did not have to say, and once", () => {
  const told = new ReportedCauses(["silence"]);
  assertFalse(told.isNews("silence"));
  assertFalse(told.hasNews);
  assert(told.isNews("refused"));
  assertFalse(told.isNews("refused"));
  assert(told.hasNews);
});

Deno.test("ReportedCauses that repeats tells what the run before said too, once, and it is no news", () => {
  const told = new ReportedCauses(["silence"], { repeats: true });
  assert(told.isNews("silence"));
  assertFalse(told.isNews("silence"));
  assertFalse(told.hasNews);
  assertEquals(told.told, ["silence"]);
});

Deno.test("ReportedCauses.carry() hands on what the run before had to say and this one cannot judge", () => {
  const told = new ReportedCauses(["short leases", "silence"]);
  told.carry((cause) => cause !== "silence");
  assertEquals([told.told, told.hasNews], [["short leases"], false]);
});

Deno.test("ReportedCauses hands on all that this run had to say, told or not, and nothing of the run before", () => {
  const told = new ReportedCauses(["silence", "over by now"]);
  told.isNews("silence");
  told.isNews("refused");
  assertEquals(told.told, ["silence", "refused"]);
  // What went away and comes again is news.
  assert(new ReportedCauses(told.told).isNews("over by now"));
});
