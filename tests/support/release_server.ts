/**
 * Releases as GitHub serves them, from a file server on loopback: `/vX/FILE`, and `/latest/SHA256SUMS`.
 *
 * @module
 */

import { type ArchiveMember, tarGz, zip } from "./archives.ts";

/** What a release's `natpmp` is in tests: a shell script that says its version. */
export function fakeProgram(version: string): string {
  return `#!/bin/sh\necho "natpmp ${version}"\n`;
}

/** Options of {@linkcode ReleaseServer.publish}. */
export interface PublishOptions {
  /** What `natpmp` is, instead of {@linkcode fakeProgram}. */
  readonly program?: string | Uint8Array;
  /** Makes another list of members of the right one. */
  readonly members?: (right: readonly ArchiveMember[]) => readonly ArchiveMember[];
  /** The archive's bytes, whatever they are, with their right checksum. */
  readonly archive?: Uint8Array;
  /** Makes another `SHA256SUMS` of the right one. */
  readonly sums?: (right: string) => string;
}

/** What a path of the server leads to: a file, or an answer of its own. */
export type Route = Uint8Array | string | ((request: Request) => Response | Promise<Response>);

/** An answer that ends before the length that it promised: a download that was cut off. */
export function cutOff(): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("the first bytes"));
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-length": "100000" } });
}

/** The target that the machine running the tests would install. */
export function hostTarget(): string {
  const os = Deno.build.os === "darwin" ? "macos" : Deno.build.os;
  return `${os}-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;
}

/** What a release archive of this version and target holds. */
export function releaseMembers(
  version: string,
  target: string,
  program: string | Uint8Array = fakeProgram(version),
): ArchiveMember[] {
  const top = `natpmp-${version}-${target}`;
  const file = (name: string, content: string | Uint8Array = `${name} of ${version}\n`): ArchiveMember => ({
    name: `${top}/${name}`,
    content,
  });
  return [
    { name: `${top}/` },
    file(target.startsWith("windows") ? "natpmp.exe" : "natpmp", program),
    file("LICENSE"),
    file("README.md"),
    file("CHANGELOG.md"),
    { name: `${top}/completions/` },
    file("completions/natpmp.bash"),
    file("completions/_natpmp"),
    file("completions/natpmp.fish"),
    { name: `${top}/man/` },
    file("man/natpmp.1"),
    file("man/natpmp-watch.1"),
    file("man/natpmp-config.5"),
    file("config.schema.json"),
  ];
}

/** The file name of a release archive. */
export function archiveName(version: string, target: string): string {
  return `natpmp-${version}-${target}.${target.startsWith("windows") ? "zip" : "tar.gz"}`;
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A server of releases on a free port of loopback. */
export class ReleaseServer implements AsyncDisposable {
  readonly #routes = new Map<string, Route>();
  readonly #requests: string[] = [];
  /** The checksums of a version's archives, by their names. */
  readonly #sums = new Map<string, Map<string, string>>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Starts it, with nothing to serve. */
  constructor() {
    const serve = async (request: Request) => {
      const { pathname } = new URL(request.url);
      this.#requests.push(pathname);
      const route = this.#routes.get(pathname);
      if (route === undefined) return new Response("no such file\n", { status: 404 });
      return typeof route === "function" ? await route(request) : new Response(route as BodyInit);
    };
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, serve);
  }

  /** The base URL of the releases. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** The paths asked for since this was last called. */
  takeRequests(): string[] {
    return this.#requests.splice(0);
  }

  /** Lets a path lead to something else. */
  route(path: string, route: Route): void {
    this.#routes.set(path, route);
  }

  /** Publishes a release for one target, which is the latest then. */
  async publish(version: string, target = hostTarget(), options: PublishOptions = {}): Promise<void> {
    const { program, members = (right) => right, sums = (right) => right } = options;
    const name = archiveName(version, target);
    const list = members(releaseMembers(version, target, program));
    const archive = options.archive ?? (name.endsWith(".zip") ? zip(list) : await tarGz(list));
    const known = this.#sums.get(version) ?? new Map<string, string>();
    this.#sums.set(version, known.set(name, await sha256(archive)));
    const others = ["linux-x64", "macos-arm64", "windows-x64"].map((other) => archiveName(version, other));
    const names = new Set([...others, ...known.keys()]);
    const lines = [...names].map((file) => `${known.get(file) ?? "0".repeat(64)}  ${file}\n`);
    this.route(`/v${version}/${name}`, archive);
    this.route(`/v${version}/SHA256SUMS`, sums(lines.join("")));
    this.route("/latest/SHA256SUMS", sums(lines.join("")));
  }

  /** Stops it, at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
