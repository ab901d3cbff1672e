// The Bun runtime: it comes as an npm package, whose install script puts the binary in its place.
import { spawnSync } from "node:child_process"
import fs from "node:fs"
import path from "node:path"
import { installPackages } from "./packages.mjs"
import { SetupError, report, root } from "./project.mjs"
import { run } from "./run.mjs"

const bunPackage = path.join(root, "node_modules", "bun")
const binary = path.join(bunPackage, "bin", "bun.exe") // this is its name on every platform

const pinnedVersion = () =>
  JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")).dependencies.bun

/** What the binary answers when it is really run, or why it cannot be. */
const tryBinary = () => {
  const { status, signal, stdout, stderr, error } = spawnSync(binary, ["--version"], {
    encoding: "utf8",
    timeout: 10_000
  })
  if (error !== undefined) return { version: undefined, why: error.message }
  if (status !== 0) {
    return {
      version: undefined,
      why: `${signal ?? `status ${status}`} ${stderr.trim().slice(0, 2_000)}`.trim()
    }
  }
  return { version: stdout.trim(), why: `it says that it is ${stdout.trim().slice(0, 100)}` }
}

/** Bun's platform packages that npm unpacked, and that still hold the binary (the install script moves it away). */
const unpackedBinaries = () => {
  const folder = path.join(root, "node_modules", "@oven")
  if (!fs.existsSync(folder)) return []
  return fs.readdirSync(folder).filter((name) => fs.existsSync(path.join(folder, name, "bin", "bun")))
}

const isOffered = () => {
  const { packages } = JSON.parse(fs.readFileSync(path.join(root, "package-lock.json"), "utf8"))
  return Object.entries(packages).some(
    ([key, { os, cpu }]) =>
      key.startsWith("node_modules/@oven/bun-") && os.includes(process.platform) && cpu.includes(process.arch)
  )
}

const putInPlace = () =>
  run("Bun", process.execPath, [path.join(bunPackage, "install.js")], { cwd: bunPackage })

export const bunStep = {
  name: "Bun",
  ready: () => tryBinary().version === pinnedVersion(),
  run: async () => {
    const version = pinnedVersion()
    if (!isOffered()) {
      throw new SetupError(`there is no Bun ${version} for ${process.platform} on ${process.arch}.`, [
        "Use Linux or macOS on x64 or arm64."
      ])
    }
    let output = ""
    if (unpackedBinaries().length > 0) ({ output } = await putInPlace())
    if (tryBinary().version !== version) {
      // neither in its place nor beside it: only npm can bring it back
      report("Bun: the binary is missing or broken; installing the packages again")
      await installPackages()
      ;({ output } = await putInPlace())
    }
    const { version: found, why } = tryBinary()
    if (found !== version) {
      throw new SetupError(
        `Bun ${version} does not run on this machine: ${why}`,
        ["Bun needs Linux with glibc 2.27 or musl, or macOS 13, on x64 or arm64.", `The binary is ${binary}`],
        output
      )
    }
  }
}
