import { assertEquals, assertRejects } from "@std/assert";
import { EventQueue } from "../../lib/lease/event_queue.ts";

Deno.test("EventQueue.next() gives what was pushed, in order, before the end", async () => {
  const queue = new EventQueue<number>();
  queue.push(1);
  queue.push(2);
  queue.close();
  queue.push(3);
  assertEquals(await queue.next(), { done: false, value: 1 });
  assertEquals(await queue.next(), { done: false, value: 2 });
  assertEquals(await queue.next(), { done: true, value: undefined });
});

Deno.test("EventQueue.next() waits for what is pushed later", async () => {
  const queue = new EventQueue<number>();
  const next = queue.next();
  queue.push(1);
  assertEquals(await next, { done: false, value: 1 });
});

Deno.test("EventQueue.next() ends when the queue is closed meanwhile", async () => {
  const queue = new EventQueue<number>();
  const next = queue.next();
  queue.close();
  assertEquals((await next).done, true);
});

Deno.test("EventQueue.fail() gives its error once, after what was pushed", async () => {
  const queue = new EventQueue<number>();
  queue.push(1);
  queue.fail(new RangeError("no"));
  assertEquals(await queue.next(), { done: false, value: 1 });
  await assertRejects(() => queue.next(), RangeError);
  assertEquals((await queue.next()).done, true);
});
