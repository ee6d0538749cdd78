import { assert, assertEquals, assertFalse } from "@std/assert";
import { ReportedCauses } from "../../../lib/cli/cron/reported_causes.ts";

Deno.test("ReportedCauses tells what the run before did not have to say, and once", () => {
  const reported = new ReportedCauses(["silence"]);
  assertFalse(reported.isNews("silence"));
  assertFalse(reported.hasNews);
  assert(reported.isNews("refused"));
  assertFalse(reported.isNews("refused"));
  assert(reported.hasNews);
});

Deno.test("ReportedCauses that repeats tells what the run before said too, once, and it is no news", () => {
  const reported = new ReportedCauses(["silence"], { repeats: true });
  assert(reported.isNews("silence"));
  assertFalse(reported.isNews("silence"));
  assertFalse(reported.hasNews);
  assertEquals(reported.causes, ["silence"]);
});

Deno.test("ReportedCauses.carry() hands on what the run before had to say and this one cannot judge", () => {
  const reported = new ReportedCauses(["short leases", "silence"]);
  reported.carry((cause) => cause !== "silence");
  assertEquals([reported.causes, reported.hasNews], [["short leases"], false]);
});

Deno.test("ReportedCauses hands on all that this run had to say, reported or not, and nothing of the run before", () => {
  const reported = new ReportedCauses(["silence", "over by now"]);
  reported.isNews("silence");
  reported.isNews("refused");
  assertEquals(reported.causes, ["silence", "refused"]);
  // What went away and comes again is news.
  assert(new ReportedCauses(reported.causes).isNews("over by now"));
});
