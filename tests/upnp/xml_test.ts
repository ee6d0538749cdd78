import { assert, assertEquals, assertThrows } from "@std/assert";
import { MAX_XML_CHARS, MAX_XML_DEPTH, MAX_XML_ELEMENTS } from "../../lib/upnp/constants.ts";
import { MalformedDocumentError } from "../../lib/upnp/malformed_document_error.ts";
import { readXml, type XmlElement } from "../../lib/upnp/xml.ts";

/** An element as `name(text, children…)`. */
function shape({ name, text, children }: XmlElement): string {
  const parts = [...(text === "" ? [] : [JSON.stringify(text)]), ...children.map(shape)];
  return parts.length === 0 ? name : `${name}(${parts.join(", ")})`;
}

const TOLERATED: readonly (readonly [what: string, text: string, shape: string])[] = [
  ["one element", "<a/>", "a"],
  ["a declaration, and white space", '<?xml version="1.0"?>\r\n<a>\t<b> x </b>\n</a >', 'a(b("x"))'],
  ["a byte order mark", "\uFEFF<?xml version='1.0'?><a/>", "a"],
  ["white space before the declaration", '\n  <?xml version="1.0"?><a/>', "a"],
  ["prefixes and namespaces", '<s:a xmlns:s="u"><u:b.c-d xmlns:u="v">1</u:b.c-d></s:a>', 'a(b.c-d("1"))'],
  ["an undeclared prefix", "<x:a><y:b/></x:a>", "a(b)"],
  ["attributes with marks in quotes", `<a b="1>2</a>" c='"/'><d e="/"/></a>`, "a(d)"],
  ["comments and instructions", "<!-- <x> --><a><!----><?p <y> ?>1<!-- - -- > -->2</a><!-- z", 'a("12")'],
  ["CDATA", "<a>1<![CDATA[<b>&amp;]]]]><![CDATA[>]]></a>", 'a("1<b>&amp;]]>")'],
  [
    "the five named references",
    "<a>&lt;b c=&quot;&apos;&quot;&gt;&amp;lt;</a>",
    `a(${JSON.stringify(`<b c="'">&lt;`)})`,
  ],
  ["numeric references", "<a>&#65;&#x42;&#X43;&#x1F600;&#0;&#xD800;&#99999999;</a>", 'a("ABC😀���")'],
  ["references that nobody knows", "<a>AT&T &nbsp; &#; &#xZZ; &</a>", 'a("AT&T &nbsp; &#; &#xZZ; &")'],
  ["text around elements", "<a>1<b>2</b>3</a>", 'a("13", b("2"))'],
  [
    "elements named like parts of JavaScript",
    "<__proto__><constructor>1</constructor></__proto__>",
    '__proto__(constructor("1"))',
  ],
  ["anything after the root", "<a/>\0\0</html> &&& <!DOCTYPE html>", "a"],
];

for (const [what, text, expected] of TOLERATED) {
  Deno.test(`XML may have ${what}`, () => assertEquals(shape(readXml(text)), expected));
}

const BOMB = `<!DOCTYPE a [<!ENTITY b "bbbbbbbb">${
  Array.from({ length: 9 }, (_, i) => `<!ENTITY c${i} "${`&c${i - 1};`.repeat(10)}">`).join("")
}]><a>&c8;</a>`;

const REFUSED: readonly (readonly [what: string, text: string])[] = [
  ["nothing", ""],
  ["white space", " \r\n"],
  ["text", "plain text"],
  ["JSON", '{"a": "<a/>"}'],
  ["a DOCTYPE", "<!DOCTYPE html><html></html>"],
  ["a DOCTYPE inside", "<a><!DOCTYPE b></a>"],
  ["an entity bomb", BOMB],
  ["an external entity", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'],
  ["an end without a start", "</a>"],
  ["elements that overlap", "<a><b></a></b>"],
  ["another prefix at the end", "<x:a></y:a>"],
  ["no end", "<a><b></b>"],
  ["half a tag", '<a><b c="'],
  ["half an end", "<a></a"],
  ["a tag in a tag", "<a <b>></b></a>"],
  ["an element without a name", "<a>< b/></a>"],
  ["a number as a name", "<1/>"],
  ["a comment without an end", "<a><!-- </a>"],
  ["an instruction without an end", "<?xml <a></a>"],
  ["CDATA without an end", "<a><![CDATA[</a>"],
  ["CDATA outside", "<![CDATA[x]]><a/>"],
];

for (const [what, text] of REFUSED) {
  Deno.test(`XML may not be or have ${what}`, () => {
    assertThrows(() => readXml(text), MalformedDocumentError);
  });
}

Deno.test("XML is read up to its bounds, and no further", () => {
  const nested = (depth: number) => "<a>".repeat(depth) + "</a>".repeat(depth);
  const wide = (elements: number) => `<r>${"<a/>".repeat(elements - 1)}</r>`;
  const long = (characters: number) => `<a>${"x".repeat(characters - 7)}</a>`;
  for (
    const [make, bound] of [
      [nested, MAX_XML_DEPTH],
      [wide, MAX_XML_ELEMENTS],
      [long, MAX_XML_CHARS],
    ] as const
  ) {
    readXml(make(bound));
    assertThrows(() => readXml(make(bound + 1)), MalformedDocumentError);
  }
});

/** Each of a million characters at most; quadratic time would be minutes. */
const SLOW_FOR_SOME: readonly (readonly [what: string, text: string])[] = [
  ["100,000 levels", "<a>".repeat(100_000)],
  ["starts of tags", "<".repeat(1_000_000)],
  ["names without an end", "<a".repeat(500_000)],
  ["attributes without an end", `<a ${'b="c" '.repeat(160_000)}`],
  ["quotes", `<a ${`"'`.repeat(500_000)}`],
  ["starts of comments", `<a>${"<!--".repeat(250_000)}`],
  ["starts of CDATA", `<a>${"<![CDATA[".repeat(100_000)}`],
  ["starts of instructions", `<a>${"<?".repeat(500_000)}`],
  ["comments", `<a>${"<!---->".repeat(140_000)}`],
  ["references", `<a>${"&#38;".repeat(200_000)}</a>`],
  ["halves of references", `<a>${"&#3".repeat(300_000)}</a>`],
  ["CDATA sections", `<a>${"<![CDATA[x]]>".repeat(75_000)}</a>`],
  ["white space", `${" ".repeat(1_000_000)}<a`],
];

Deno.test("no XML of a million characters takes long to read or to refuse", () => {
  for (const [what, text] of SLOW_FOR_SOME) {
    assert(text.length <= MAX_XML_CHARS, what);
    const startedAtMs = performance.now();
    try {
      readXml(text);
    } catch (error) {
      assert(error instanceof MalformedDocumentError, what);
    }
    const elapsedMs = performance.now() - startedAtMs;
    assert(elapsedMs < 5000, `${what}: ${elapsedMs} ms`);
  }
});
