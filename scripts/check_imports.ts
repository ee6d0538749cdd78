/**
 * Checks who imports whom: that each directory of `lib/` keeps to its rule, that nothing there imports from Node, whose
 * modules cost megabytes, that starting the program loads the command line alone, and that only a few files call
 * foreign functions. The rules are those of `lib/README.md`. Exits with 1 and a line for each breach.
 */

/** For each area, the first match counts: what its files may import besides files of the same area. */
const RULES: readonly (readonly [area: RegExp, allowed: RegExp])[] = [
  [
    /^lib\/natpmp\/(constants|message|retransmission|epoch)\.ts$/,
    /^lib\/(errors|epoch_tracker|net\/(ipv4|wire_fields))\.ts$/,
  ],
  [/^lib\/natpmp\//, /^lib\/(errors|clock|port_mapper|epoch_tracker|net\/[a-z0-9_]+)\.ts$/],
  [
    /^lib\/pcp\/(constants|message|options|retransmission|epoch)\.ts$/,
    /^lib\/(errors|epoch_tracker|net\/(ipv6|wire_fields))\.ts$/,
  ],
  [/^lib\/pcp\//, /^lib\/(errors|clock|port_mapper|epoch_tracker|net\/[a-z0-9_]+)\.ts$/],
  [
    /^lib\/upnp\/(constants|faults|xml|ssdp|location|description|soap|actions|http_response|header_fields|router_text|action_refused|[a-z_]+_error)\.ts$/,
    /^lib\/(errors|net\/ipv4)\.ts$/,
  ],
  [/^lib\/upnp\//, /^lib\/(errors|clock|port_mapper|net\/[a-z0-9_]+)\.ts$/],
  [/^lib\/net\//, /^lib\/(errors|clock)\.ts$/],
  [/^lib\/files\//, /^lib\/clock\.ts$|^@std\/path\//],
  [/^lib\/lease\//, /^lib\/(errors|clock|port_mapper)\.ts$/],
  [
    /^lib\/state\//,
    /^lib\/(errors|clock|port_mapper|json_fields|files\/[a-z_]+|lease\/(ledger|news|stored_time)|net\/exchange)\.ts$/,
  ],
  [
    /^lib\/gateway\//,
    /^lib\/(errors|clock|net\/(ipv4|connected_socket|kernel_route|interface_list))\.ts$/,
  ],
  [
    /^lib\/system\//,
    /^lib\/(errors|clock|port_mapper|lease\/stored_time)\.ts$|^lib\/(net|gateway|files|state)\//,
  ],
  [
    /^lib\/simulator\//,
    /^lib\/(errors|clock|net\/(ipv4|datagram|stream|stream_listener)|(natpmp|pcp)\/(constants|message))\.ts$/,
  ],
  [/^lib\/cli\/commands\/simulate\.ts$/, /^lib\/|^@std\//],
  [/^lib\/cli\/manual\//, /^lib\/cli\/[a-z_]+\.ts$|^@std\/fmt\/colors$|^marked$/],
  [/^lib\/cli\//, /^lib\/(?!simulator\/|natpmp\/|pcp\/|upnp\/)|^@std\/|^deno\.json$/],
  [/^lib\/mod\.ts$/, /^lib\/(?!cli\/|state\/|system\/|simulator\/)/],
  [/^lib\/backends\.ts$/, /^lib\/(natpmp|pcp|upnp|net)\/|^lib\/[a-z_]+\.ts$/],
  [/^lib\/auto_mapper\.ts$/, /^lib\/(net\/[a-z_]+|errors|port_mapper|auto_memory|protocol_finder)\.ts$/],
  [
    /^lib\/protocol_finder\.ts$/,
    /^lib\/(net\/[a-z_]+|clock|errors|port_mapper|auto_memory|auto_race|protocol_choice)\.ts$/,
  ],
  [/^lib\/auto_race\.ts$/, /^lib\/(clock|errors|port_mapper|protocol_choice)\.ts$/],
  [/^lib\/auto_memory\.ts$/, /^lib\/port_mapper\.ts$/],
  [/^lib\/protocol_choice\.ts$/, /^$/],
  [
    /^lib\/(keep_mapped|gateway_connector|hint_listener)\.ts$/,
    /^lib\/(lease|gateway|net)\/|^lib\/[a-z_]+\.ts$/,
  ],
  [/^lib\/(errors|clock|port_mapper)\.ts$/, /^lib\/(errors|clock|port_mapper|net\/datagram)\.ts$/],
  [/^lib\/epoch_tracker\.ts$/, /^lib\/(clock|port_mapper)\.ts$/],
  [/^lib\/json_fields\.ts$/, /^$/],
  [/^main\.ts$/, /^lib\/(cli|system)\//],
];

/** The only files that call foreign functions. */
const FOREIGN = /^lib\/(net\/libc|gateway\/windows_ip_helper|system\/orphan_reaper)\.ts$/;

/** The modules that starting the program may load. */
const FIRST_LOAD = /^(main\.ts|lib\/cli\/[a-z_]+\.ts|@std\/cli\/parse-args)$/;

interface Import {
  readonly target: string;
  /** Whether it is loaded together with its importer, so neither a type nor asked for later. */
  readonly isEager: boolean;
}

const STATIC = /^\s*(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm;
const DYNAMIC = /\bimport\(\s*"([^"]+)"/g;

async function importsOf(path: string): Promise<Import[]> {
  // Examples in doc comments are not the file's own imports.
  const source = (await Deno.readTextFile(path)).replace(/^\s*\*.*$/gm, "");
  const resolve = (specifier: string) =>
    specifier.startsWith(".") ? new URL(specifier, `file:///${path}`).pathname.slice(1) : specifier;
  return [
    ...source.matchAll(STATIC).map(([, type, specifier]) => ({
      target: resolve(specifier!),
      isEager: !type,
    })),
    ...source.matchAll(DYNAMIC).map(([, specifier]) => ({ target: resolve(specifier!), isEager: false })),
  ];
}

async function* sources(directory: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (isDirectory) yield* sources(`${directory}/${name}`);
    else if (name.endsWith(".ts") && !name.endsWith(".d.ts")) yield `${directory}/${name}`;
  }
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

function breachesOf(path: string, imports: readonly Import[]): string[] {
  const [area, allowed] = RULES.find(([area]) => area.test(path)) ?? [];
  if (area === undefined || allowed === undefined) return [`${path}: no rule says what it may import`];
  return imports
    .filter(({ target }) =>
      !allowed.test(target) && !(area.test(target) && directoryOf(target) === directoryOf(path))
    )
    .map(({ target }) => `${path} may not import ${target}`);
}

function firstLoad(graph: ReadonlyMap<string, readonly Import[]>): Set<string> {
  const loaded = new Set(["main.ts"]);
  for (const path of loaded) {
    for (const { target, isEager } of graph.get(path) ?? []) if (isEager) loaded.add(target);
  }
  return loaded;
}

const graph = new Map<string, Import[]>([["main.ts", await importsOf("main.ts")]]);
for await (const path of sources("lib")) graph.set(path, await importsOf(path));

const foreign: string[] = [];
for (const path of graph.keys()) {
  if (!FOREIGN.test(path) && (await Deno.readTextFile(path)).includes("Deno.dlopen")) foreign.push(path);
}

const breaches = [
  ...foreign.map((path) => `${path} may not use Deno.dlopen`),
  ...[...graph].flatMap(([path, imports]) => breachesOf(path, imports)),
  ...[...firstLoad(graph)].filter((path) => !FIRST_LOAD.test(path))
    .map((path) => `Starting the program loads ${path}, which only a command may need`),
];
for (const breach of breaches) console.error(breach);
console.log(`${graph.size} files, ${breaches.length} breaches of the import rule`);
Deno.exit(breaches.length === 0 ? 0 : 1);
