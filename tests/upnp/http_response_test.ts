import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { MAX_HEAD_BYTES } from "../../lib/upnp/constants.ts";
import { HttpError, type HttpFailure } from "../../lib/upnp/http_error.ts";
import { HttpResponseReader } from "../../lib/upnp/http_response.ts";
import { seeded } from "../support/seeded.ts";
import { testFixture } from "./igd_fixtures.ts";
import { mutate } from "./mutate.ts";

const MAX_BYTES = 10_000;

interface Outcome {
  readonly status: number;
  readonly body: string;
  /** Whether the answer was known to be whole before the connection ended. */
  readonly isEarly: boolean;
}

/** Reads an answer that comes in parts of that length, and then the end of the connection. */
function read(answer: string | Uint8Array, partBytes = Infinity, maxBytes = MAX_BYTES): Outcome {
  const data = typeof answer === "string" ? new TextEncoder().encode(answer) : answer;
  const reader = new HttpResponseReader(maxBytes);
  const into = new Uint8Array(Math.min(partBytes, data.length));
  for (let at = 0; at < data.length; at += into.length) {
    const part = data.subarray(at, at + into.length);
    into.set(part);
    reader.push(into.subarray(0, part.length));
  }
  const isEarly = reader.isWhole;
  reader.end();
  const { status, body } = reader.answer();
  return { status, body, isEarly };
}

const HELLO = { status: 200, body: "hello", isEarly: true };
const TO_END = { ...HELLO, isEarly: false };

const ANSWERS: readonly (readonly [what: string, answer: string, expected: Outcome])[] = [
  ["with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", HELLO],
  ["with more than its length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\r\n", HELLO],
  ["with less than its length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", TO_END],
  ["with a length in odd writing", "HTTP/1.1 200 OK\r\ncontent-LENGTH : 005 \r\n\r\nhello", HELLO],
  ["with an invalid length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", TO_END],
  ["without a length", "HTTP/1.1 200 OK\r\n\r\nhello", TO_END],
  ["of HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nhello", TO_END],
  ["without a reason", "HTTP/1.1 200\r\n\r\nhello", TO_END],
  ["with line feeds alone", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", HELLO],
  [
    "with lines that are no fields",
    "HTTP/1.1 200 OK\r\nx\r\n: y\r\n folded\r\nContent-Length: 5\r\n\r\nhello",
    HELLO,
  ],
  [
    "in chunks",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n003;x=y\r\nllo\r\n0\r\nX: y\r\n\r\n",
    HELLO,
  ],
  [
    "in chunks, beside a length",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: Chunked \r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    HELLO,
  ],
  [
    "in chunks with line feeds alone",
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5 \nhello\n0\n\n",
    HELLO,
  ],
  [
    "after 100 Continue",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    HELLO,
  ],
  [
    "after two interim answers with fields",
    "HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\nHTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello",
    TO_END,
  ],
  ["without a body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {
    status: 200,
    body: "",
    isEarly: true,
  }],
  ["of a kind that has no body", "HTTP/1.1 204 No Content\r\n\r\n", { status: 204, body: "", isEarly: true }],
  ["that is a failure", "HTTP/1.1 500 Error\r\n\r\n", { status: 500, body: "", isEarly: false }],
  [
    "that leads elsewhere",
    "HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n",
    { status: 302, body: "", isEarly: true },
  ],
  ["in UTF-8 with a mark", "HTTP/1.1 200 OK\r\n\r\n\uFEFFé😀", { status: 200, body: "é😀", isEarly: false }],
];

for (const [what, answer, expected] of ANSWERS) {
  Deno.test(`an HTTP answer ${what}, however it is cut`, () => {
    for (const partBytes of [Infinity, 1, 2, 3, 7]) {
      assertEquals(read(answer, partBytes), expected, `in parts of ${partBytes}`);
    }
  });
}

Deno.test("bytes that are not UTF-8 are replaced", () => {
  const head = new TextEncoder().encode(
    'HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset="iso-8859-1"\r\n\r\n',
  );
  assertEquals(read(Uint8Array.of(...head, 0x61, 0xe9, 0xff, 0x62)).body, "a��b");
});

Deno.test("a field is found whatever the case of its name, the first of several", () => {
  const reader = new HttpResponseReader(MAX_BYTES);
  reader.push(
    new TextEncoder().encode("HTTP/1.1 200 OK\r\nSERVER:  a b \r\nServer: c\r\nContent-Length: 0\r\n\r\n"),
  );
  assertEquals(reader.answer().fields.get("server"), "a b");
  assertEquals(reader.answer().fields.get("Date"), undefined);
});

const FAILURES: readonly (readonly [what: string, answer: string, reason: HttpFailure])[] = [
  ["nothing", "", "broken"],
  ["half a head", "HTTP/1.1 200 OK\r\nContent-", "broken"],
  ["only an interim answer", "HTTP/1.1 100 Continue\r\n\r\n", "broken"],
  ["half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello", "broken"],
  [
    "chunks without the last",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "broken",
  ],
  ["a web page alone", "<html>\r\n</html>\r\n", "not-http"],
  ["another protocol", "SSH-2.0-dropbear\r\n", "not-http"],
  ["HTTP/2", "HTTP/2 200\r\n\r\n", "not-http"],
  ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", "not-http"],
  ["an empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", "not-http"],
  ["junk after an interim answer", "HTTP/1.1 100 Continue\r\n\r\njunk\r\n", "not-http"],
  ["a chunk without a length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n", "not-http"],
  ["a chunk of negative length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "not-http"],
  [
    "a chunk longer than its length",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n",
    "not-http",
  ],
  [
    "a line without an end before a chunk",
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;${"x".repeat(300)}`,
    "not-http",
  ],
  ["a long head", `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(MAX_HEAD_BYTES / 6)}\r\n`, "too-long"],
  ["a long line", `HTTP/1.1 200 OK\r\nX: ${"y".repeat(MAX_HEAD_BYTES)}`, "too-long"],
  ["interim answers alone", "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000), "too-long"],
  ["a long body", `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(MAX_BYTES + 1)}`, "too-long"],
  ["a long body to come", `HTTP/1.1 200 OK\r\nContent-Length: ${MAX_BYTES + 1}\r\n\r\n`, "too-long"],
  [
    "a length beyond all numbers",
    `HTTP/1.1 200 OK\r\nContent-Length: ${"9".repeat(400)}\r\n\r\n`,
    "too-long",
  ],
  ["a long chunk to come", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", "too-long"],
  [
    "many chunks",
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(MAX_BYTES + 1)}`,
    "too-long",
  ],
];

for (const [what, answer, reason] of FAILURES) {
  Deno.test(`no HTTP answer: ${what}, however it is cut`, () => {
    for (const partBytes of [Infinity, 1, 7]) {
      const error = assertThrows(() => read(answer, partBytes), HttpError);
      assertEquals(error.reason, reason, `in parts of ${partBytes}`);
    }
  });
}

Deno.test("a body may have all the bytes that it may have", () => {
  for (const head of ["", `Content-Length: ${MAX_BYTES}\r\n`]) {
    assertEquals(read(`HTTP/1.1 200 OK\r\n${head}\r\n${"x".repeat(MAX_BYTES)}`).body.length, MAX_BYTES);
  }
});

Deno.test("nothing but the typed error comes out of damaged answers, and the cuts make no difference", () => {
  const random = seeded(0x9112);
  const outcome = (text: string, partBytes: number) => {
    try {
      return read(text, partBytes);
    } catch (error) {
      assertInstanceOf(error, HttpError, JSON.stringify(text));
      return error.reason;
    }
  };
  let count = 0;
  for (let i = 0; i < 20_000; i++) {
    const [, answer] = ANSWERS[i % ANSWERS.length]!;
    const text = mutate(answer, random);
    const whole = outcome(text, Infinity);
    if (typeof whole !== "string") count++;
    assertEquals(outcome(text, 1 + Math.floor(random() * 9)), whole, JSON.stringify(text));
  }
  assertEquals(count > 1000, true, `only ${count} were read`);
});

// ---- real routers ----

const REAL: readonly (readonly [file: string, status: number, bodyBytes: number, isEarly: boolean])[] = [
  ["actiontec-gt784wn-desc.http", 200, 3000, false],
  ["derived-netgear-r7500v2-desc-chunked.http", 200, 3720, true],
  ["netgear-r7500v2-desc.http", 200, 3720, true],
  ["dlink-dir890l-addportmapping.http", 200, 295, true],
  ["dlink-dir890l-specific-fault714.http", 500, 474, true],
];

for (const [file, status, bodyBytes, isEarly] of REAL) {
  testFixture("a real HTTP answer", {
    file,
    run(bytes) {
      const answer = read(bytes);
      assertEquals([answer.status, new TextEncoder().encode(answer.body).length, answer.isEarly], [
        status,
        bodyBytes,
        isEarly,
      ]);
    },
  });
}
