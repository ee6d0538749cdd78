import { assertEquals } from "@std/assert";
import { absolutePath, filePath } from "../../lib/files/absolute_path.ts";

const UNIX = { directory: "/home/ann", isWindows: false };
const WINDOWS = { directory: "C:\\Users\\Ann", isWindows: true };

for (
  const [path, expected] of [
    ["natpmp.json", "/home/ann/natpmp.json"],
    ["./a//b/../natpmp.json", "/home/ann/a/natpmp.json"],
    ["../../../x", "/x"],
    ["/etc/./natpmp.json", "/etc/natpmp.json"],
    ["/", "/"],
    ["a\\b", "/home/ann/a\\b"],
    ["a%20b?c#d", "/home/ann/a%20b?c#d"],
  ]
) {
  Deno.test(`absolutePath() of ${path} on Unix is ${expected}`, () => {
    assertEquals(absolutePath(path!, UNIX), expected);
  });
}

for (
  const [path, expected] of [
    ["natpmp.json", "C:\\Users\\Ann\\natpmp.json"],
    ["..\\x/y", "C:\\Users\\x\\y"],
    ["D:\\etc\\.\\natpmp.json", "D:\\etc\\natpmp.json"],
    ["d:/etc/natpmp.json", "d:\\etc\\natpmp.json"],
    ["\\etc", "C:\\etc"],
    ["\\\\server\\share\\a\\..\\b", "\\\\server\\share\\b"],
  ]
) {
  Deno.test(`absolutePath() of ${path} on Windows is ${expected}`, () => {
    assertEquals(absolutePath(path!, WINDOWS), expected);
  });
}

Deno.test("filePath() undoes what a URL does to a path", () => {
  assertEquals(filePath("file:///opt/a%20b%25/main.ts", UNIX), "/opt/a b%/main.ts");
  assertEquals(filePath("file:///C:/a%20b/main.ts", WINDOWS), "C:\\a b\\main.ts");
});
