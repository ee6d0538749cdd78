/**
 * A reader of the XML that routers send: elements and their text. Pure.
 *
 * Namespaces, prefixes and attributes are ignored, as routers get them wrong. Anything that could grow or reach out
 * (DOCTYPE, and with it entities) is refused, and so is what exceeds the bounds of `constants.ts`. The time is linear
 * in the length.
 *
 * @module
 */

import { MAX_XML_CHARS, MAX_XML_DEPTH, MAX_XML_ELEMENTS } from "./constants.ts";
import { MalformedDocumentError } from "./malformed_document_error.ts";

/** An element. */
export interface XmlElement {
  /** The name without its prefix. */
  readonly name: string;
  /** The elements directly in it, in their order. */
  readonly children: readonly XmlElement[];
  /** The text directly in it, with references replaced and without white space around it. */
  readonly text: string;
}

/** An element whose end has not come. */
interface OpenElement {
  /** The name with its prefix, which the end has to repeat. */
  readonly qualifiedName: string;
  readonly children: XmlElement[];
  text: string;
}

/**
 * Reads a document; what follows its root is ignored. Throws a {@linkcode MalformedDocumentError} for what is not XML,
 * has a DOCTYPE, or exceeds a bound.
 */
export function readXml(text: string): XmlElement {
  if (text.length > MAX_XML_CHARS) throw notXml("is too long");
  return new XmlReader(text).read();
}

/** The first element of that name directly in another one. */
export function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((child) => child.name === name);
}

/** The text of the first element of that name directly in another one; `undefined` where it is missing or empty. */
export function textOf(element: XmlElement | undefined, name: string): string | undefined {
  return childOf(element, name)?.text || undefined;
}

/** Every element below another one, in the order of the document. */
export function* descendantsOf(element: XmlElement): Generator<XmlElement> {
  for (const child of element.children) {
    yield child;
    yield* descendantsOf(child);
  }
}

function notXml(problem: string): MalformedDocumentError {
  return new MalformedDocumentError(`The document ${problem}`);
}

const NAME = /^[\p{L}_][\p{L}\p{N}_.:-]*$/u;
const NAME_END = /[\s/>]/g;
const TAG_STOP = /["'<>]/g;
/** Skipped before the root: white space, and a byte order mark that was not taken off, or NULs. */
const BLANK = /^[\s\uFEFF\0]*$/;

class XmlReader {
  readonly #text: string;
  readonly #open: OpenElement[] = [];
  #at = 0;
  #elements = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): XmlElement {
    for (;;) {
      const start = this.#text.indexOf("<", this.#at);
      if (start < 0) throw notXml(this.#elements === 0 ? "is not XML" : "ends too early");
      this.#addText(this.#text.slice(this.#at, start));
      this.#at = start;
      const root = this.#readMarkup();
      if (root !== undefined) return root;
    }
  }

  /** Returns the root once it has ended. */
  #readMarkup(): XmlElement | undefined {
    if (this.#startsWith("<?")) this.#skipTo("?>");
    else if (this.#startsWith("<!--")) this.#skipTo("-->", 4);
    else if (this.#startsWith("<![CDATA[")) this.#readCdata();
    else if (this.#startsWith("<!")) throw notXml("has a DOCTYPE or another declaration");
    else if (this.#startsWith("</")) return this.#readEnd();
    else return this.#readStart();
  }

  #startsWith(markup: string): boolean {
    return this.#text.startsWith(markup, this.#at);
  }

  /** Goes past the next mark, and returns what is before it. */
  #skipTo(mark: string, skipped = 2): string {
    const start = this.#at + skipped;
    const end = this.#text.indexOf(mark, start);
    if (end < 0) throw notXml("ends too early");
    this.#at = end + mark.length;
    return this.#text.slice(start, end);
  }

  #readCdata(): void {
    const data = this.#skipTo("]]>", "<![CDATA[".length);
    const element = this.#open.at(-1);
    if (element === undefined) throw notXml("is not XML");
    element.text += data;
  }

  #addText(text: string): void {
    const element = this.#open.at(-1);
    if (element !== undefined) element.text += replaceReferences(text);
    else if (!BLANK.test(text)) throw notXml("is not XML");
  }

  #readStart(): XmlElement | undefined {
    NAME_END.lastIndex = this.#at;
    const nameEnd = NAME_END.exec(this.#text)?.index;
    if (nameEnd === undefined) throw notXml("ends too early");
    const qualifiedName = this.#text.slice(this.#at + 1, nameEnd);
    if (!NAME.test(qualifiedName)) throw notXml("has an element without a name");
    this.#at = this.#tagEnd(nameEnd);
    this.#open.push({ qualifiedName, children: [], text: "" });
    if (++this.#elements > MAX_XML_ELEMENTS) throw notXml(`has more than ${MAX_XML_ELEMENTS} elements`);
    if (this.#open.length > MAX_XML_DEPTH) throw notXml(`has more than ${MAX_XML_DEPTH} levels`);
    if (this.#text[this.#at - 2] === "/") return this.#closeElement();
  }

  /** The offset behind the `>` that ends a tag: one inside the quotes of an attribute does not. */
  #tagEnd(from: number): number {
    for (let at = from;;) {
      TAG_STOP.lastIndex = at;
      const stop = TAG_STOP.exec(this.#text);
      if (stop === null) throw notXml("ends too early");
      if (stop[0] === ">") return stop.index + 1;
      if (stop[0] === "<") throw notXml("has a tag inside a tag");
      at = this.#text.indexOf(stop[0], stop.index + 1) + 1;
      if (at === 0) throw notXml("ends too early");
    }
  }

  #readEnd(): XmlElement | undefined {
    const name = this.#skipTo(">").trimEnd();
    if (name !== this.#open.at(-1)?.qualifiedName) throw notXml("has elements that overlap");
    return this.#closeElement();
  }

  #closeElement(): XmlElement | undefined {
    const { qualifiedName, children, text } = this.#open.pop()!;
    const name = qualifiedName.slice(qualifiedName.lastIndexOf(":") + 1);
    const element: XmlElement = { name, children, text: text.trim() };
    const parent = this.#open.at(-1);
    if (parent === undefined) return element;
    parent.children.push(element);
  }
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const REFERENCE = /&(?:#([0-9]{1,8})|#[xX]([0-9a-fA-F]{1,8})|(amp|lt|gt|quot|apos));/g;

/** Any other reference stays as it is written, as does a lone `&`. */
function replaceReferences(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(
    REFERENCE,
    (_, decimal?: string, hex?: string, named?: string) =>
      named !== undefined
        ? NAMED[named]!
        : characterOf(decimal === undefined ? parseInt(hex!, 16) : Number(decimal)),
  );
}

function characterOf(codePoint: number): string {
  const isScalar = codePoint > 0 && codePoint <= 0x10ffff && (codePoint < 0xd800 || codePoint > 0xdfff);
  return isScalar ? String.fromCodePoint(codePoint) : "\uFFFD";
}
