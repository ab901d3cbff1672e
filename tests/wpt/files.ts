import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join, posix, relative } from "node:path"
import type { TestFile } from "./inside/run.ts"

/** Areas of web-platform-tests that a worker without network can be held against: name in the report → folder. */
export const AREAS: Readonly<Record<string, string>> = {
  url: "url",
  urlpattern: "urlpattern",
  encoding: "encoding",
  "fetch headers": "fetch/api/headers",
  "fetch request": "fetch/api/request",
  "fetch response": "fetch/api/response",
  "fetch body": "fetch/api/body",
  formdata: "xhr/formdata",
  streams: "streams",
  abort: "dom/abort",
  events: "dom/events",
  files: "FileAPI",
  timers: "html/webappapis/timers",
  microtasks: "html/webappapis/microtask-queuing",
  "structured clone": "html/webappapis/structured-clone",
  atob: "html/webappapis/atob",
  console: "console",
  "hr-time": "hr-time",
  crypto: "WebCryptoAPI"
}

/** Why a file is not run; null: it is. */
export const unfit = (path: string, text: string): string | null => {
  const globals = /^\/\/ META: global=(.*)$/m.exec(text)?.[1]
  if (globals !== undefined && !/worker|jsshell|shadowrealm/.test(globals)) return `is for ${globals} only`
  if (/\.sub\.|\.https?\.sub|get-host-info/.test(text) || path.includes(".sub.")) return "needs a server"
  if (/META: script=.*(idlharness|WebIDLParser)/.test(text)) return "needs the interface definitions"
  if (/META: script=.*testdriver/.test(text)) return "needs a browser to drive"
  return null
}

export const testFiles = (root: string, folder: string): ReadonlyArray<string> => {
  const start = join(root, folder)
  if (!existsSync(start)) return []
  return readdirSync(start, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".any.js"))
    .map((name) => relative(root, join(start, name)))
    .toSorted()
}

const withinRoot = (path: string, reference: string): string =>
  reference.startsWith("/") ? reference.slice(1) : posix.join(dirname(path), reference)

/** The files near a test that its scripts name: what they fetch. */
const resourcesOf = (root: string, path: string, scripts: TestFile["scripts"]): Record<string, string> => {
  const found: Record<string, string> = {}
  const text = scripts.map((script) => script.text).join("\n")
  for (const [, quoted] of text.matchAll(/["'`]([\w./-]+\.(?:json|txt|html|png|js))["'`]/g)) {
    const reference = quoted as string
    const file = join(root, withinRoot(path, reference))
    if (existsSync(file) && statSync(file).isFile()) found[reference] = readFileSync(file, "utf8")
  }
  return found
}

/** A test file with all that it needs; throws where a script that it includes is not there. */
export const readTestFile = (root: string, path: string): TestFile => {
  const text = readFileSync(join(root, path), "utf8")
  const included = [...text.matchAll(/^\/\/ META: script=(.*)$/gm)].map(([, reference]) =>
    withinRoot(path, (reference as string).trim())
  )
  const scripts = [
    ...included.map((name) => ({ path: name, text: readFileSync(join(root, name), "utf8") })),
    { path, text }
  ]
  const long = /^\/\/ META: timeout=long/m.test(text)
  return { path, scripts, resources: resourcesOf(root, path, scripts), timeoutMs: long ? 60_000 : 10_000 }
}
