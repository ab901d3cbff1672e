// The native worker (runtime `quickjs-ng`): its sources come from Debian's archive or from upstream, checked by their
// hashes; make does the rest. Where it cannot be built, the cause is written down for the server, and the set-up goes on.
import { createHash } from "node:crypto"
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { SetupError, report, root } from "./project.mjs"
import { run } from "./run.mjs"

const native = path.join(root, "native", "quickjs-ng")
const build = path.join(native, "build")
const binary = path.join(build, "release", "bunbase-quickjs")
const stampPath = path.join(build, "stamp.json")
const unavailablePath = path.join(build, "unavailable.json")
/** Where the cause stands when there is no worker, relative to the project. */
export const unavailability = path.relative(root, unavailablePath)

const sources = JSON.parse(fs.readFileSync(path.join(native, "sources.json"), "utf8"))
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex")

const filesBelow = (folder, prefix = "") =>
  fs
    .readdirSync(path.join(folder, prefix), { withFileTypes: true })
    .flatMap((entry) =>
      entry.isDirectory()
        ? filesBelow(folder, path.join(prefix, entry.name))
        : [path.join(prefix, entry.name)]
    )
    .toSorted()

/** Everything of ours that the binary is made of. */
const inputs = () =>
  filesBelow(native)
    .filter((name) => !name.startsWith(`build${path.sep}`))
    .map((name) => path.join(native, name))
    .concat(path.join(root, "package-lock.json"))

/** Cheap to tell: sizes and times of the inputs. A false alarm costs a run of make that has nothing to do. */
const stamp = () =>
  sha256(
    inputs()
      .map((file) => {
        const { size, mtimeMs } = fs.statSync(file)
        return `${path.relative(root, file)} ${size} ${mtimeMs}\n`
      })
      .join("") + `${process.platform} ${process.arch} ${os.release()}`
  )

const readJson = (file) => {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8"))
  } catch {
    return undefined
  }
}

/** Whether the binary is there and made of what is there now. */
export const isCurrent = () => fs.existsSync(binary) && readJson(stampPath)?.inputs === stamp()

/** Whether this very tree was tried, and could not be built for a reason that only this machine's owner can mend. */
const isHopeless = () => {
  const cause = readJson(unavailablePath)
  return cause !== undefined && cause.inputs === stamp() && missing().join() === cause.missing?.join()
}

const works = async (command, args, options) =>
  (await run("Native worker", command, args, options)).status === 0

const INCLUDES = ["/usr/include", "/usr/local/include", `/usr/include/${os.machine()}-linux-gnu`]
const header = (name, includes) => includes.some((folder) => fs.existsSync(path.join(folder, name)))
const onPath = (name) =>
  (process.env.PATH ?? "").split(":").some((folder) => fs.existsSync(path.join(folder, name)))

/** What is needed besides the sources: a look for it, and the Debian package that has it. */
const NEEDS = [
  { name: "a C compiler (cc)", there: () => onPath("cc"), debian: "gcc" },
  { name: "a C++ compiler (c++)", there: () => onPath("c++"), debian: "g++" },
  { name: "make", there: () => onPath("make"), debian: "make" },
  { name: "patch", there: () => onPath("patch"), debian: "patch" },
  { name: "the C library's headers", there: (includes) => header("stdlib.h", includes), debian: "libc6-dev" },
  { name: "libuv's headers (uv.h)", there: (includes) => header("uv.h", includes), debian: "libuv1-dev" },
  {
    name: "OpenSSL's headers (openssl/evp.h)",
    there: (includes) => header("openssl/evp.h", includes),
    debian: "libssl-dev"
  }
]
const lacking = (includes = INCLUDES) => NEEDS.filter(({ there }) => !there(includes))
const missing = (includes) => lacking(includes).map(({ name }) => name)

/**
 * Installs what apt can give; what is still missing then is named. `includes` is where headers are looked for.
 */
export const installNeeds = async ({ includes = INCLUDES, isRoot = process.getuid?.() === 0 } = {}) => {
  const packages = lacking(includes).map(({ debian }) => debian)
  if (packages.length === 0) return
  const command = `apt-get install ${packages.join(" ")}`
  if (onPath("apt-get") && isRoot) {
    report(`Native worker: installing ${packages.join(", ")}`)
    const args = ["install", "-y", "--no-install-recommends", ...packages]
    if (!(await works("apt-get", args)) && (await works("apt-get", ["update"]))) await works("apt-get", args)
  }
  const still = missing(includes)
  if (still.length === 0) return
  throw new SetupError(`${still.join(", ")} ${still.length === 1 ? "is" : "are"} not there.`, [
    onPath("apt-get") ? `As root: ${command}` : `Install what Debian calls ${packages.join(", ")}.`,
    "Then run `node scripts/native.mjs` again."
  ])
}

// Debian's archive, by a configuration of our own: the machine's lists and sources are left alone.

const SUITE = "http://deb.debian.org/debian sid main"
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

const aptOptions = (folder) => {
  for (const name of ["lists/partial", "cache/archives/partial"])
    fs.mkdirSync(path.join(folder, name), { recursive: true })
  const list = path.join(folder, "sources.list")
  const signed = `[signed-by=${KEYRING}]`
  fs.writeFileSync(list, `deb ${signed} ${SUITE}\ndeb-src ${signed} ${SUITE}\n`)
  fs.writeFileSync(path.join(folder, "status"), "")
  return [
    `Dir::Etc::sourcelist=${list}`,
    "Dir::Etc::sourceparts=-",
    "Dir::Etc::preferences=/dev/null",
    "Dir::Etc::preferencesparts=-",
    `Dir::State::lists=${path.join(folder, "lists")}`,
    `Dir::State::status=${path.join(folder, "status")}`,
    `Dir::Cache=${path.join(folder, "cache")}`,
    // a user's own process may not become another user
    `APT::Sandbox::User=${os.userInfo().username}`,
    "Acquire::Languages=none"
  ].flatMap((option) => ["-o", option])
}

let listed = false
const fromDebian = async ({ debian, sha256: wanted }, downloads) => {
  if (!onPath("apt-get") || !onPath("dpkg") || !fs.existsSync(KEYRING)) return undefined
  const options = aptOptions(path.join(build, "apt"))
  if (!listed && !(await works("apt-get", [...options, "update"]))) return undefined
  listed = true
  const what =
    debian.package === undefined ? ["source", "--download-only", debian.source] : ["download", debian.package]
  if (!(await works("apt-get", [...options, ...what], { cwd: downloads }))) return undefined
  const file = path.join(downloads, debian.file)
  return fs.existsSync(file) && sha256(fs.readFileSync(file)) === wanted ? file : undefined
}

const fromUpstream = async ({ name, version, upstream }, downloads) => {
  const file = path.join(downloads, `${name}-${version}.tar.gz`)
  try {
    const response = await fetch(upstream, { signal: AbortSignal.timeout(60_000) })
    if (!response.ok) return undefined
    fs.writeFileSync(file, Buffer.from(await response.arrayBuffer()))
    return file
  } catch {
    return undefined
  }
}

const unpack = async (file, into) => {
  fs.rmSync(into, { recursive: true, force: true })
  fs.mkdirSync(into, { recursive: true })
  return file.endsWith(".deb")
    ? works("dpkg", ["-x", file, into])
    : works("tar", ["-xzf", file, "-C", into, "--strip-components=1"])
}

/** The sources' own hash, wherever they came from: names and contents of the files that are used. */
const treeHash = (folder) =>
  sha256(
    filesBelow(folder)
      .map((name) => `${sha256(fs.readFileSync(path.join(folder, name)))}  ${name}\n`)
      .join("")
  )

const keepOnly = (from, to, keep) => {
  const wanted = new RegExp(keep)
  fs.rmSync(to, { recursive: true, force: true })
  for (const name of filesBelow(from).filter((name) => wanted.test(name))) {
    fs.mkdirSync(path.dirname(path.join(to, name)), { recursive: true })
    fs.copyFileSync(path.join(from, name), path.join(to, name))
  }
}

const patchFile = (name) => path.join(native, "patches", name)

/** A folder of sources is complete when it says from what it was made. */
const sourceStamp = (source) =>
  sha256(
    JSON.stringify(source) + source.patches.map((name) => fs.readFileSync(patchFile(name), "utf8")).join("")
  )

/** Has the sources in their folder, patched: from what was downloaded before, from Debian, else from upstream. */
export const fetchSource = async (source) => {
  const folder = path.join(build, source.folder)
  const mark = path.join(build, `${source.folder}.stamp`)
  if (fs.existsSync(mark) && fs.readFileSync(mark, "utf8") === sourceStamp(source)) return
  fs.rmSync(mark, { force: true })
  const downloads = path.join(build, "downloads")
  fs.mkdirSync(downloads, { recursive: true })
  const unpacked = path.join(build, "unpacked")
  const ready = `${folder}.new`

  const held = path.join(downloads, source.debian.file)
  const ways = [
    () => (fs.existsSync(held) && sha256(fs.readFileSync(held)) === source.sha256 ? held : undefined),
    () => fromDebian(source, downloads),
    () => fromUpstream(source, downloads)
  ]
  report(`Native worker: fetching ${source.name} ${source.version}`)
  for (const way of ways) {
    const file = await way()
    if (file === undefined || !(await unpack(file, unpacked))) continue
    const debian = path.join(unpacked, "usr", "src", source.name)
    keepOnly(fs.existsSync(debian) ? debian : unpacked, ready, source.keep)
    if (treeHash(ready) !== source.tree) {
      report(`Native worker: ${path.basename(file)} is not ${source.name} ${source.version} as it is known`)
      continue
    }
    for (const name of source.patches) {
      const { status, output } = await run(
        "Native worker",
        "patch",
        ["-p1", "--forward", "-i", patchFile(name)],
        {
          cwd: ready
        }
      )
      if (status !== 0) throw new SetupError(`the patch ${name} does not fit ${source.name}.`, [], output)
    }
    fs.rmSync(folder, { recursive: true, force: true })
    fs.renameSync(ready, folder)
    fs.rmSync(unpacked, { recursive: true, force: true })
    fs.writeFileSync(mark, sourceStamp(source))
    return
  }
  throw new SetupError(`the source of ${source.name} ${source.version} cannot be fetched.`, [
    "It comes from deb.debian.org (by apt-get) or from github.com: check the network and its proxy settings.",
    "Then run `node scripts/native.mjs` again."
  ])
}

const compile = async () => {
  report("Native worker: compiling (the first time this takes a minute)")
  const { status, output } = await run("Native worker", "make", ["-s", `-j${os.availableParallelism()}`], {
    cwd: native
  })
  if (status !== 0) throw new SetupError("it does not compile; the compiler's output is above.", [], output)
}

/** Does all of it. Throws a SetupError, having written the cause down for the server, when it cannot. */
export const buildNative = async () => {
  try {
    if (process.platform !== "linux") throw new SetupError("it needs Linux.")
    await installNeeds()
    for (const source of Object.values(sources)) await fetchSource(source)
    const made = stamp()
    await compile()
    fs.writeFileSync(stampPath, JSON.stringify({ inputs: made }))
    fs.rmSync(unavailablePath, { force: true })
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    fs.mkdirSync(build, { recursive: true })
    // an older worker would speak an older library: none is better
    fs.rmSync(binary, { force: true })
    const cause = { reason: error.message, what_to_do: error.whatToDo, missing: missing(), inputs: stamp() }
    fs.writeFileSync(unavailablePath, `${JSON.stringify(cause, undefined, 2)}\n`)
    throw error
  }
}

export const nativeStep = {
  name: "Native worker",
  ready: () => isCurrent() || isHopeless(),
  run: async () => {
    try {
      await buildNative()
    } catch (error) {
      if (!(error instanceof SetupError)) throw error
      if (error.output) process.stderr.write(`${error.output.trimEnd()}\n\n`)
      report(`Native worker: not built, so there is no runtime quickjs-ng: ${error.message}`)
      for (const line of error.whatToDo) report(`  ${line}`)
      return false
    }
    return true
  }
}
