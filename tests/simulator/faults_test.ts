import { assertEquals } from "@std/assert";
import { type Occurrence, strikes } from "../../lib/simulator/faults.ts";

function struck(which: Occurrence | undefined): number[] {
  return [1, 2, 3, 4, 5, 6].filter((count) => strikes(which, count));
}

Deno.test("strikes() takes the first N", () => assertEquals(struck({ first: 2 }), [1, 2]));
Deno.test("strikes() takes each so-many-th", () => assertEquals(struck({ every: 3 }), [3, 6]));
Deno.test("strikes() takes one alone", () => assertEquals(struck({ nth: 4 }), [4]));
Deno.test("strikes() takes none without a fault", () => assertEquals(struck(undefined), []));
