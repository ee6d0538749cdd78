/**
 * Draws scenes as an SVG whose text is text, in the colours that its reader prefers.
 *
 * @module
 */

import type { Span, Style } from "./screen.ts";

/** A caption, and the lines of a terminal below it. */
export interface Scene {
  readonly caption: string;
  readonly lines: readonly (readonly Span[])[];
}

/** Options of {@linkcode drawScenes}. */
export interface DrawScenesOptions {
  /** The picture in a few words, for those who do not see it. */
  readonly title: string;
  /** The width of the terminal in characters. */
  readonly columns: number;
}

// Lengths are in pixels. Monospaced fonts are about 0.6 as wide as they are high; each line says how wide it is.
const CELL_WIDTH = 9;
const LINE_HEIGHT = 21;
const BASELINE = 15;
const MARGIN = 24;
const PADDING = 16;
const CAPTION_HEIGHT = 28;
const GAP = 22;

/** The light colours, and in their place the dark ones. Each text has a contrast of 4.5 or more to its ground. */
const STYLE = `
.ground { fill: #ffffff; stroke: #d1d9e0; }
.panel { fill: #f6f8fa; stroke: #d1d9e0; }
text { fill: #1f2328; white-space: pre; }
.caption { font: 600 16px system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
.line { font: 15px ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace; }
.bold { font-weight: 600; }
.dim { fill: #59636e; }
.red { fill: #b3212b; font-weight: 600; }
.green { fill: #1a7f37; }
.yellow { fill: #855e00; }
@media (prefers-color-scheme: dark) {
  .ground { fill: #0d1117; stroke: #3d444d; }
  .panel { fill: #151b23; stroke: #3d444d; }
  text { fill: #f0f6fc; }
  .dim { fill: #9198a1; }
  .red { fill: #ff938a; }
  .green { fill: #57cb6a; }
  .yellow { fill: #e3b341; }
}
`;

/**
 * Draws scenes one below the other.
 *
 * @param scenes The scenes.
 * @param options The title and the width.
 * @returns The SVG.
 */
export function drawScenes(scenes: readonly Scene[], { title, columns }: DrawScenesOptions): string {
  const width = columns * CELL_WIDTH + 2 * (PADDING + MARGIN);
  const body: string[] = [];
  let y = MARGIN;
  for (const { caption, lines } of scenes) {
    const panelY = y + CAPTION_HEIGHT;
    const panelHeight = lines.length * LINE_HEIGHT + 2 * PADDING - (LINE_HEIGHT - BASELINE) / 2;
    body.push(
      `<text class="caption" x="${MARGIN}" y="${y + BASELINE}">${escapeXml(caption)}</text>`,
      box("panel", { x: MARGIN, y: panelY, width: width - 2 * MARGIN, height: panelHeight }),
      ...lines.flatMap((line, i) =>
        line.length === 0 ? [] : [drawLine(line, panelY + PADDING + i * LINE_HEIGHT + BASELINE)]
      ),
    );
    y = panelY + panelHeight + GAP;
  }
  const height = y - GAP + MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title desc">
<title id="title">${escapeXml(title)}</title>
<desc id="desc">${escapeXml(describe(scenes))}</desc>
<style>${STYLE}</style>
${box("ground", { x: 0.5, y: 0.5, width: width - 1, height: height - 1 })}
${body.join("\n")}
</svg>
`;
}

function box(
  name: string,
  { x, y, width, height }: Readonly<Record<"x" | "y" | "width" | "height", number>>,
): string {
  return `<rect class="${name}" x="${x}" y="${y}" width="${width}" height="${height}" rx="8"/>`;
}

function drawLine(spans: readonly Span[], y: number): string {
  const length = spans.reduce((sum, { text }) => sum + text.length, 0);
  const drawn = spans.map(({ text, ...style }) => {
    const names = classesOf(style);
    return names === "" ? escapeXml(text) : `<tspan class="${names}">${escapeXml(text)}</tspan>`;
  });
  return `<text class="line" x="${MARGIN + PADDING}" y="${y}" textLength="${length * CELL_WIDTH}" ` +
    `xml:space="preserve">${drawn.join("")}</text>`;
}

function classesOf({ weight, color }: Style): string {
  return [weight, color].filter((name) => name !== undefined).join(" ");
}

/** The captions with what is shown below them, as somebody would read it aloud. */
function describe(scenes: readonly Scene[]): string {
  return scenes.map(({ caption, lines }) =>
    [`${caption}:`, ...lines.map((spans) => spans.map(({ text }) => text).join(""))]
      .filter((line) => line !== "").join("\n")
  ).join("\n\n");
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
