import { Context, Effect, Layer, type Scope } from "effect"
import fc from "fast-check"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { newFunctionId, newVersionId, VersionLabel } from "../../src/domain/Ids.ts"
import type { VersionRecord } from "../../src/domain/FunctionSpec.ts"
import { sha256Of } from "../../src/store/BundleSource.ts"
import * as BundleStore from "../../src/store/BundleStore.ts"
import * as DataFolder from "../../src/store/DataFolder.ts"
import { configLayer, temporaryFolder } from "../support/TemporaryData.ts"

const open = (folder: string) =>
  Effect.map(
    Layer.build(
      BundleStore.layer.pipe(
        Layer.provide(DataFolder.layer),
        Layer.provide(configLayer(folder, { maxBundleBytes: 4096 }))
      )
    ),
    (context) => Context.get(context, BundleStore.BundleStore)
  )

const withStore = <A, E>(
  body: (
    store: Context.Tag.Service<BundleStore.BundleStore>,
    folder: string
  ) => Effect.Effect<A, E, Scope.Scope>
) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        return yield* body(yield* open(folder), folder)
      })
    )
  )

const v1 = VersionLabel.make("v1")
const code = "export default () => new Response('ä')\n"
const named = (bundle_path: string) => ({ version: v1, bundle_path })
const mode = (path: string) => statSync(path).mode & 0o777

const recordOf = (key: BundleStore.BundleKey, folder: string): VersionRecord => ({
  id: newVersionId(),
  function_id: key.functionId,
  version: key.version,
  bundle_path: join(folder, "bundles", key.functionId, key.version, "bundle.js"),
  size_bytes: Buffer.byteLength(code),
  sha256: sha256Of(Buffer.from(code)),
  created_at: ""
})

describe("reading what a caller names", () => {
  it("takes a regular file with its map, and what is sent along, byte for byte the same", () =>
    withStore((store, folder) =>
      Effect.gen(function* () {
        const path = join(folder, "dist.js")
        writeFileSync(path, code)
        writeFileSync(`${path}.map`, '{"version":3}')
        const fromPath = yield* store.read(named(path))
        expect(fromPath).toMatchObject({ text: code, sourceMap: '{"version":3}' })
        const sent = yield* store.read({ version: v1, bundle: code, source_map: '{"version":3}' })
        expect(Buffer.from(sent.bytes)).toEqual(Buffer.from(fromPath.bytes))
        expect({ ...sent, bytes: null }).toEqual({ ...fromPath, bytes: null })
        expect((yield* store.read({ version: v1, bundle: code })).sourceMap).toBeNull()
      })
    ))

  it("keeps the bytes of any text", () =>
    withStore((store) =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(fc.string({ unit: "binary", minLength: 1, maxLength: 200 }), async (text) => {
            const bundle = await Effect.runPromise(store.read({ version: v1, bundle: text }))
            expect(Buffer.from(bundle.bytes).toString("utf8")).toBe(text)
            expect(bundle.sha256).toBe(sha256Of(Buffer.from(text)))
          })
        )
      )
    ))

  it("counts relative paths from the server's working directory", () =>
    withStore((store) =>
      Effect.gen(function* () {
        expect((yield* store.read(named("vitest.config.ts"))).text).toContain("defineConfig")
      })
    ))

  const refusals: ReadonlyArray<readonly [string, (folder: string) => string, object]> = [
    [
      "nothing there",
      (folder) => join(folder, "none.js"),
      { stage: "bundle", reason: "there is no such bundle" }
    ],
    [
      "a file on the way",
      (folder) => join(folder, "file/none.js"),
      { stage: "bundle", reason: "there is no such bundle" }
    ],
    [
      "a folder",
      (folder) => folder,
      { stage: "bundle", reason: "the bundle is a folder; name the file in it" }
    ],
    ["a device", () => "/dev/zero", { stage: "bundle", reason: "the bundle is not a regular file" }],
    [
      "a pipe",
      (folder) => {
        Bun.spawnSync(["mkfifo", join(folder, "pipe.js")])
        return join(folder, "pipe.js")
      },
      { stage: "bundle", reason: "the bundle is not a regular file" }
    ],
    [
      "an empty file",
      (folder) => {
        writeFileSync(join(folder, "empty.js"), "")
        return join(folder, "empty.js")
      },
      { stage: "bundle", reason: "the bundle is empty" }
    ],
    [
      "no text",
      (folder) => {
        writeFileSync(join(folder, "binary.js"), Buffer.from([0x2f, 0x2f, 0xff, 0xfe]))
        return join(folder, "binary.js")
      },
      { stage: "bundle", reason: expect.stringContaining("not text in UTF-8") }
    ],
    [
      "too many bytes",
      (folder) => {
        writeFileSync(join(folder, "large.js"), "x".repeat(4097))
        return join(folder, "large.js")
      },
      { _tag: "PayloadTooLarge", what: "the bundle", limitBytes: 4096, option: "max_bundle_bytes" }
    ],
    [
      "a link out of its folder",
      (folder) => {
        mkdirSync(join(folder, "dist"))
        symlinkSync("/etc/passwd", join(folder, "dist/bundle.js"))
        return join(folder, "dist/bundle.js")
      },
      { stage: "bundle", reason: "the bundle is a symbolic link that leads out of its folder" }
    ],
    [
      "a map that is a link out of its folder",
      (folder) => {
        mkdirSync(join(folder, "dist"))
        writeFileSync(join(folder, "dist/bundle.js"), code)
        symlinkSync("/etc/passwd", join(folder, "dist/bundle.js.map"))
        return join(folder, "dist/bundle.js")
      },
      { stage: "bundle", reason: "the source map is a symbolic link that leads out of its folder" }
    ],
    [
      "a circle of links",
      (folder) => {
        symlinkSync(join(folder, "b.js"), join(folder, "a.js"))
        symlinkSync(join(folder, "a.js"), join(folder, "b.js"))
        return join(folder, "a.js")
      },
      { stage: "bundle", reason: expect.stringContaining("links lead round in a circle") }
    ],
    [
      "..",
      (folder) => `${folder}/../${folder}/x.js`,
      { _tag: "InvalidRequest", violations: [{ field: "bundle_path", message: "use a path without '..'" }] }
    ],
    ["nothing at all", () => "", { _tag: "InvalidRequest" }],
    ["a NUL", () => "/tmp/a\0b", { _tag: "InvalidRequest" }]
  ]
  it.each(refusals)("refuses %s", (_, prepare, expected) =>
    withStore((store, folder) =>
      Effect.gen(function* () {
        writeFileSync(join(folder, "file"), "")
        expect(yield* Effect.flip(store.read(named(prepare(folder))))).toMatchObject(expected)
      })
    )
  )

  it("follows a link inside its own folder", () =>
    withStore((store, folder) =>
      Effect.gen(function* () {
        writeFileSync(join(folder, "v7.js"), code)
        symlinkSync("v7.js", join(folder, "latest.js"))
        expect((yield* store.read(named(join(folder, "latest.js")))).text).toBe(code)
      })
    ))

  it("refuses a bundle or a map that is sent along and too large", () =>
    withStore((store) =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(store.read({ version: v1, bundle: "ä".repeat(2049) }))).toMatchObject({
          _tag: "PayloadTooLarge",
          limitBytes: 4096
        })
        expect(
          yield* Effect.flip(store.read({ version: v1, bundle: code, source_map: "x".repeat(4 * 4096 + 1) }))
        ).toMatchObject({ _tag: "PayloadTooLarge", what: "the source map" })
      })
    ))
})

describe("storing", () => {
  const bundleOf = (store: Context.Tag.Service<BundleStore.BundleStore>, text = code, map?: string) =>
    store.read({ version: v1, bundle: text, ...(map === undefined ? {} : { source_map: map }) })

  it("puts bundle and map in place at once, for this user only, pending until settled", () =>
    withStore((store, folder) =>
      Effect.gen(function* () {
        const key = { functionId: newFunctionId(), version: v1 }
        expect(yield* store.save(key, yield* bundleOf(store, code, "{}"))).toBe("saved")
        const place = join(folder, "bundles", key.functionId, "v1")
        expect(readdirSync(place).sort()).toEqual(["bundle.js", "bundle.js.map"])
        expect(readFileSync(join(place, "bundle.js"), "utf8")).toBe(code)
        expect(
          [place, dirname(place), join(place, "bundle.js"), join(place, "bundle.js.map")].map(mode)
        ).toEqual([0o700, 0o700, 0o600, 0o600])
        expect(yield* store.pending).toEqual([{ ...key, state: "saved" }])
        expect(yield* store.isIntact(recordOf(key, folder))).toBe(true)
        yield* store.settle(key)
        yield* store.settle(key)
        expect(yield* store.pending).toEqual([])
        expect(existsSync(place)).toBe(true)
      })
    ))

  it("undoes: nothing of it remains, other versions stay", () =>
    withStore((store, folder) =>
      Effect.gen(function* () {
        const functionId = newFunctionId()
        const bundle = yield* bundleOf(store)
        const v2 = VersionLabel.make("v2")
        yield* store.save({ functionId, version: v1 }, bundle)
        yield* store.save({ functionId, version: v2 }, bundle)
        yield* store.undo({ functionId, version: v1 }, "saved")
        yield* store.undo({ functionId, version: v1 }, "saved")
        expect(readdirSync(join(folder, "bundles", functionId))).toEqual(["v2"])
        expect(yield* store.pending).toEqual([{ functionId, version: v2, state: "saved" }])
        expect(readdirSync(join(folder, "bundles/.incoming"))).toEqual([])
      })
    ))

  it("takes over what lies in its place with the same content, and leaves it there when undone", () =>
    withStore((store, folder) =>
      Effect.gen(function* () {
        const key = { functionId: newFunctionId(), version: v1 }
        const path = recordOf(key, folder).bundle_path
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, code)
        chmodSync(path, 0o644)
        expect(yield* store.save(key, yield* bundleOf(store))).toBe("adopted")
        expect(mode(path)).toBe(0o600)
        expect(yield* store.pending).toEqual([{ ...key, state: "adopted" }])
        yield* store.undo(key, "adopted")
        expect(readFileSync(path, "utf8")).toBe(code)
        expect(yield* store.pending).toEqual([])
      })
    ))

  it("replaces what lies in its place with other content", () =>
    withStore((store, folder) =>
      Effect.gen(function* () {
        const key = { functionId: newFunctionId(), version: v1 }
        const { bundle_path } = recordOf(key, folder)
        mkdirSync(dirname(bundle_path), { recursive: true })
        writeFileSync(bundle_path, "leftover")
        writeFileSync(join(dirname(bundle_path), "junk"), "")
        expect(yield* store.save(key, yield* bundleOf(store))).toBe("saved")
        expect(readdirSync(dirname(bundle_path))).toEqual(["bundle.js"])
        expect(readFileSync(bundle_path, "utf8")).toBe(code)
      })
    ))

  it("tells a missing, a changed and a cut-off bundle from an intact one", () =>
    withStore((store, folder) =>
      Effect.gen(function* () {
        const key = { functionId: newFunctionId(), version: v1 }
        const record = recordOf(key, folder)
        yield* store.save(key, yield* bundleOf(store))
        const check = Effect.all([store.isPresent(record), store.isIntact(record)])
        expect(yield* check).toEqual([true, true])
        writeFileSync(record.bundle_path, code.replace("ä", "ö"))
        expect(yield* check).toEqual([true, false])
        writeFileSync(record.bundle_path, code.slice(1))
        expect(yield* check).toEqual([false, false])
        rmSync(record.bundle_path)
        expect(yield* check).toEqual([false, false])
        symlinkSync("/etc/passwd", record.bundle_path)
        expect(yield* check).toEqual([false, false])
        rmSync(join(folder, "bundles", key.functionId), { recursive: true })
        expect(yield* check).toEqual([false, false])
      })
    ))

  it.each([
    ["the function's folder", (place: string) => dirname(place)],
    ["the version's folder", (place: string) => place],
    ["the bundle", (place: string) => join(place, "bundle.js")]
  ])("writes nothing through a link in place of %s", (_, link) =>
    withStore((store, folder) =>
      Effect.gen(function* () {
        const key = { functionId: newFunctionId(), version: v1 }
        const outside = join(folder, "outside")
        mkdirSync(outside)
        const at = link(join(folder, "bundles", key.functionId, "v1"))
        mkdirSync(dirname(at), { recursive: true })
        symlinkSync(outside, at)
        const bundle = yield* bundleOf(store)
        expect(yield* Effect.flip(store.save(key, bundle))).toMatchObject({
          _tag: "StorageFailed",
          reason: expect.stringContaining("a symbolic link stands at")
        })
        expect(yield* Effect.flip(store.undo(key, "saved"))).toMatchObject({ _tag: "StorageFailed" })
        expect(readdirSync(outside)).toEqual([])
      })
    )
  )

  it("clears the workspace at its start, and takes only its own markers for unfinished deployments", () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const folder = yield* temporaryFolder
          const bundles = join(folder, "bundles")
          const functionId = newFunctionId()
          for (const name of [".incoming/1/x", ".pending"])
            mkdirSync(join(bundles, name), { recursive: true })
          for (const name of [
            `${functionId}@v1`,
            "README",
            `${functionId}@..`,
            "func-1@v1",
            `${functionId}@v1@v2`
          ]) {
            writeFileSync(join(bundles, ".pending", name), "saved")
          }
          // The crash came while the marker was being written: nothing of the bundle was there yet.
          writeFileSync(join(bundles, ".pending", `${functionId}@v2`), "")
          const store = yield* open(folder)
          expect(readdirSync(join(bundles, ".incoming"))).toEqual([])
          expect([...(yield* store.pending)].sort((a, b) => (a.version < b.version ? -1 : 1))).toEqual([
            { functionId, version: "v1", state: "saved" },
            { functionId, version: "v2", state: "adopted" }
          ])
        })
      )
    ))
})
