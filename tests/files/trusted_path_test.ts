import { assertEquals, assertThrows } from "@std/assert";
import {
  type Caller,
  doubtAbout,
  isKernelFile,
  isSameFile,
  type PathEntry,
  type PathReader,
  reasonNotToWrite,
  walkPath,
} from "../../lib/files/trusted_path.ts";

const ROOT = 0;
const CALLER = 1000;
const STRANGER = 1001;
const GROUP = 100;

/** An entry of a tree: `d` a directory, `f` a file, `l` a link, `p` a pipe. */
type Kind = "d" | "f" | "l" | "p";

function entryOf(kind: Kind, uid: number, mode: number, more: Partial<PathEntry> = {}): PathEntry {
  return {
    isFile: kind === "f",
    isDirectory: kind === "d",
    isSymlink: kind === "l",
    uid,
    gid: uid,
    mode,
    dev: 1,
    ino: 1,
    nlink: 1,
    ...more,
  };
}

// ---- the rule ----

const CASES: readonly {
  readonly what: string;
  readonly entry: PathEntry;
  readonly leadsTo?: "directory" | "file";
  readonly caller?: Caller;
  readonly doubt?: string;
}[] = [
  { what: "the caller's file", entry: entryOf("f", CALLER, 0o644) },
  { what: "root's file", entry: entryOf("f", ROOT, 0o600) },
  { what: "a file that all can run", entry: entryOf("f", CALLER, 0o4755) },
  {
    what: "a stranger's file",
    entry: entryOf("f", STRANGER, 0o600),
    doubt: "/a belongs to user 1001, not to root or user 1000",
  },
  {
    what: "the caller's file for root",
    entry: entryOf("f", CALLER, 0o600),
    caller: { userId: ROOT },
    doubt: "/a belongs to user 1000, not to root",
  },
  {
    what: "a file that its group can write",
    entry: entryOf("f", CALLER, 0o664),
    doubt: "/a belongs to user 1000, but its group can write it (mode 0664): chmod go-w it",
  },
  {
    what: "a file that the others can write",
    entry: entryOf("f", ROOT, 0o646),
    doubt: "/a belongs to root, but everybody can write it (mode 0646): chmod go-w it",
  },
  {
    what: "a file that the caller's own group can write",
    entry: entryOf("f", CALLER, 0o664, { gid: GROUP }),
    caller: { userId: CALLER, groupId: GROUP },
    doubt: "/a belongs to user 1000, but its group can write it (mode 0664): chmod go-w it",
  },
  { what: "the caller's link", entry: entryOf("l", CALLER, 0o777) },
  {
    what: "a stranger's link",
    entry: entryOf("l", STRANGER, 0o777),
    doubt: "/a belongs to user 1001, not to root or user 1000",
  },
  { what: "a directory above a file", entry: entryOf("d", ROOT, 0o755), leadsTo: "file" },
  { what: "a directory above another", entry: entryOf("d", CALLER, 0o711), leadsTo: "directory" },
  {
    what: "a stranger's directory, whatever its mode",
    entry: entryOf("d", STRANGER, 0o700),
    leadsTo: "directory",
    doubt: "/a belongs to user 1001, not to root or user 1000",
  },
  { what: "a sticky directory above another", entry: entryOf("d", ROOT, 0o1777), leadsTo: "directory" },
  {
    what: "a sticky directory above a file",
    entry: entryOf("d", ROOT, 0o1777),
    leadsTo: "file",
    doubt:
      "/a belongs to root, but its group and everybody can write it (mode 1777): use a directory of your own in it",
  },
  {
    what: "a stranger's sticky directory",
    entry: entryOf("d", STRANGER, 0o1777),
    leadsTo: "directory",
    doubt: "/a belongs to user 1001, not to root or user 1000",
  },
  {
    what: "a directory that all can write, above another",
    entry: entryOf("d", ROOT, 0o757),
    leadsTo: "directory",
    doubt: "/a belongs to root, but everybody can write it (mode 0757): chmod go-w it",
  },
  {
    what: "a directory above another that the group can write",
    entry: entryOf("d", CALLER, 0o775, { gid: GROUP }),
    leadsTo: "directory",
    doubt: "/a belongs to user 1000, but its group can write it (mode 0775): chmod go-w it",
  },
  {
    what: "a directory above another that the caller's own group can write",
    entry: entryOf("d", CALLER, 0o775, { gid: GROUP }),
    leadsTo: "directory",
    caller: { userId: CALLER, groupId: GROUP },
  },
  {
    what: "a directory above a file that the caller's own group can write",
    entry: entryOf("d", CALLER, 0o775, { gid: GROUP }),
    leadsTo: "file",
    caller: { userId: CALLER, groupId: GROUP },
    doubt: "/a belongs to user 1000, but its group can write it (mode 0775): chmod go-w it",
  },
  {
    what: "a directory that another group can write",
    entry: entryOf("d", CALLER, 0o775, { gid: GROUP + 1 }),
    leadsTo: "directory",
    caller: { userId: CALLER, groupId: GROUP },
    doubt: "/a belongs to user 1000, but its group can write it (mode 0775): chmod go-w it",
  },
];

for (const { what, entry, leadsTo, caller = { userId: CALLER }, doubt } of CASES) {
  Deno.test(`doubtAbout() ${doubt === undefined ? "has none about" : "doubts"} ${what}`, () => {
    const judged = { path: "/a", entry, ...(leadsTo === undefined ? {} : { leadsTo }) };
    assertEquals(doubtAbout(judged, caller), doubt);
  });
}

// ---- the walk ----

/** A tree: each path with its kind, owner and mode; a link with its target. */
type Tree = Readonly<Record<string, readonly [Kind, number, number, string?]>>;

const TREE: Tree = {
  "/": ["d", ROOT, 0o755],
  "/etc": ["d", ROOT, 0o755],
  "/etc/c.json": ["f", ROOT, 0o644],
  "/etc/open.json": ["f", ROOT, 0o664],
  "/etc/link": ["l", ROOT, 0o777, "c.json"],
  "/etc/up": ["l", ROOT, 0o777, "../home/me/c.json"],
  "/etc/theirs": ["l", ROOT, 0o777, "/home/other/c.json"],
  "/etc/proc": ["l", ROOT, 0o777, "/proc/7/comm"],
  "/etc/around": ["l", ROOT, 0o777, "../home/other/../me/c.json"],
  "/etc/loop": ["l", ROOT, 0o777, "loop"],
  "/etc/pipe": ["p", ROOT, 0o666],
  "/proc": ["d", ROOT, 0o555],
  "/proc/7": ["d", ROOT, 0o555],
  "/proc/7/comm": ["f", ROOT, 0o644],
  "/tmp": ["d", ROOT, 0o1777],
  "/tmp/c.json": ["f", CALLER, 0o600],
  "/tmp/link": ["l", CALLER, 0o777, "/etc/c.json"],
  "/tmp/mine": ["d", CALLER, 0o700],
  "/tmp/mine/c.json": ["f", CALLER, 0o600],
  "/home": ["d", ROOT, 0o755],
  "/home/me": ["d", CALLER, 0o755],
  "/home/me/c.json": ["f", CALLER, 0o644],
  "/home/me/shared": ["d", CALLER, 0o2775],
  "/home/me/shared/sub": ["d", CALLER, 0o755],
  "/home/me/shared/sub/c.json": ["f", CALLER, 0o644],
  "/home/me/through": ["l", CALLER, 0o777, "/home/other/back"],
  "/home/other": ["d", STRANGER, 0o755],
  "/home/other/c.json": ["f", ROOT, 0o644],
  "/home/other/back": ["l", STRANGER, 0o777, "/home/me"],
  "/home/other/roots": ["d", ROOT, 0o700],
  "/home/other/roots/c.json": ["f", ROOT, 0o600],
};

function readerOf(tree: Tree): PathReader & { readonly asked: string[] } {
  const asked: string[] = [];
  const found = (path: string) => {
    asked.push(path);
    const node = tree[path];
    if (node === undefined) throw new Deno.errors.NotFound(path);
    return node;
  };
  return {
    asked,
    lstat(path) {
      const [kind, uid, mode] = found(path);
      return entryOf(kind, uid, mode, { dev: path.startsWith("/proc") ? 2 : 1 });
    },
    readLink: (path) => found(path)[3] ?? "",
  };
}

const TRUSTED: readonly (readonly [path: string, resolved: string])[] = [
  ["/etc/c.json", "/etc/c.json"],
  ["//etc/./c.json", "/etc/c.json"],
  ["/etc/link", "/etc/c.json"],
  ["/etc/up", "/home/me/c.json"],
  ["/home/me/c.json", "/home/me/c.json"],
  ["/tmp/mine/c.json", "/tmp/mine/c.json"],
  ["/tmp/mine/new", "/tmp/mine/new"],
  ["/etc/new/natpmp/leases.json", "/etc/new/natpmp/leases.json"],
  ["/tmp/new/natpmp/leases.json", "/tmp/new/natpmp/leases.json"],
  ["/etc/pipe", "/etc/pipe"],
];

for (const [path, resolved] of TRUSTED) {
  Deno.test(`walkPath() trusts ${path}`, () => {
    const walk = walkPath(path, { userId: CALLER, leadsTo: "file", reader: readerOf(TREE) });
    assertEquals([walk.doubt, walk.path], [undefined, resolved]);
    assertEquals(walk.entry !== undefined, resolved in TREE);
  });
}

const DOUBTED: readonly (readonly [path: string, culprit: string])[] = [
  ["/etc/open.json", "/etc/open.json belongs to root, but its group"],
  ["/etc/around", "/home/other belongs to user 1001"],
  ["/etc/theirs", "/home/other belongs to user 1001"],
  ["/home/other/c.json", "/home/other belongs to user 1001"],
  ["/home/other/new", "/home/other belongs to user 1001"],
  ["/home/other/roots/c.json", "/home/other belongs to user 1001"],
  ["/home/me/through/c.json", "/home/other belongs to user 1001"],
  ["/home/me/shared/sub/c.json", "/home/me/shared belongs to user 1000, but its group"],
  ["/tmp/c.json", "/tmp belongs to root, but its group and everybody"],
  ["/tmp/link", "/tmp belongs to root, but its group and everybody"],
  ["/tmp/new", "/tmp belongs to root, but its group and everybody"],
  ["/etc/proc", "/proc is not on a disk"],
  ["/proc/7/comm", "/proc is not on a disk"],
];

for (const [path, culprit] of DOUBTED) {
  Deno.test(`walkPath() does not trust ${path}`, () => {
    const { doubt = "" } = walkPath(path, { userId: CALLER, leadsTo: "file", reader: readerOf(TREE) });
    assertEquals(doubt.slice(0, culprit.length), culprit);
  });
}

Deno.test("walkPath() judges a directory as one that is going to have files in it", () => {
  const walk = (path: string) =>
    walkPath(path, { userId: CALLER, leadsTo: "directory", reader: readerOf(TREE) }).doubt;
  assertEquals([walk("/tmp/mine"), walk("/home/me"), walk("/tmp/new"), walk("/")], Array(4).fill(undefined));
  assertEquals(walk("/tmp")?.startsWith("/tmp belongs to root, but"), true);
  assertEquals(walk("/home/me/shared")?.startsWith("/home/me/shared belongs to user 1000, but"), true);
});

Deno.test("walkPath() asks the system for each name once, and for nothing below what it doubts", () => {
  const reader = readerOf(TREE);
  walkPath("/home/other/roots/c.json", { userId: CALLER, leadsTo: "file", reader });
  assertEquals(reader.asked, ["/", "/home", "/home/other", "/home/other/roots"]);
});

Deno.test("walkPath() ends at a loop of links, and at a file in a directory's place", () => {
  const walk = (path: string) => () =>
    walkPath(path, { userId: CALLER, leadsTo: "file", reader: readerOf(TREE) });
  assertThrows(walk("/etc/loop"), Error, "Too many levels of symbolic links");
  assertThrows(walk("/etc/c.json/x"), Deno.errors.NotADirectory);
});

Deno.test("isKernelFile() knows procfs where it is mounted elsewhere too, and where there is none", () => {
  const reader = readerOf(TREE);
  assertEquals(isKernelFile("/srv/proc/7/comm", { dev: 2 }, reader), true);
  assertEquals(isKernelFile("/proc/7/comm", { dev: 3 }, reader), true);
  assertEquals(isKernelFile("/etc/c.json", { dev: 1 }, reader), false);
  const { "/proc": _, ...without } = TREE;
  assertEquals(isKernelFile("/srv/c.json", { dev: 2 }, readerOf(without)), false);
});

// ---- what is open ----

Deno.test("isSameFile() compares device and number, where the system has them", () => {
  const file = { dev: 1, ino: 2, uid: 0 };
  assertEquals(isSameFile(file, { ...file }), true);
  assertEquals([isSameFile(file, { ...file, ino: 3 }), isSameFile(file, { ...file, dev: 2 })], [
    false,
    false,
  ]);
  assertEquals(isSameFile({ dev: 1, ino: null, uid: null }, { dev: 0, ino: null, uid: null }), true);
});

for (
  const [what, entry, userId, reason] of [
    ["root's file", entryOf("f", ROOT, 0o600), CALLER, undefined],
    ["one's own", entryOf("f", CALLER, 0o600), CALLER, undefined],
    ["another's", entryOf("f", STRANGER, 0o666), CALLER, "It belongs to user 1001"],
    ["a pipe", entryOf("p", CALLER, 0o600), CALLER, "It is not a regular file"],
    ["a link", entryOf("l", CALLER, 0o777), CALLER, "It is not a regular file"],
    [
      "a file with two names",
      entryOf("f", CALLER, 0o600, { nlink: 2 }),
      CALLER,
      "It has more than one name (hard links)",
    ],
    ["a file of Windows", entryOf("f", 0, 0, { uid: null, nlink: null }), null, undefined],
  ] as const
) {
  Deno.test(`reasonNotToWrite() of ${what}: ${reason ?? "none"}`, () => {
    assertEquals(reasonNotToWrite(entry, userId), reason);
  });
}
