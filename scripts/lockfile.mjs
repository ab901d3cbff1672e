// Writes and checks package-lock.json.
//
//   node scripts/lockfile.mjs          refresh the lock file after a change of package.json, and complete it
//   node scripts/lockfile.mjs --check  fail when the lock file is incomplete or names a host
//
// Why it exists: npm leaves an optional package out of the lock file when the registry in use does not serve it (a
// mirror that keeps only some platforms, for instance), and `npm ci` then refuses that lock file everywhere. Such a
// package only needs enough of an entry for npm to see that it is for another platform: its version, which the package
// that wants it pins, and its os, cpu and libc, which its name states. Such an entry has no integrity hash; a run
// against a registry that serves the package adds it.
import { spawnSync } from "node:child_process"
import fs from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..")
const lockPath = path.join(root, "package-lock.json")

const OS = {
  aix: "aix",
  android: "android",
  darwin: "darwin",
  freebsd: "freebsd",
  linux: "linux",
  netbsd: "netbsd",
  openbsd: "openbsd",
  openharmony: "openharmony",
  sunos: "sunos",
  win32: "win32",
  windows: "win32"
}
const CPU = {
  aarch64: "arm64",
  arm: "arm",
  arm64: "arm64",
  ia32: "ia32",
  loong64: "loong64",
  mips64el: "mips64el",
  ppc64: "ppc64",
  riscv64: "riscv64",
  s390x: "s390x",
  x64: "x64"
}
const LIBC = { glibc: "glibc", gnu: "glibc", musl: "musl" }

/** The platform that a package name such as `@rollup/rollup-linux-x64-musl` states, or undefined. */
const platformOfName = (name) => {
  const words = name.split("/").pop().split("-")
  const cpu = words.map((word) => CPU[word]).find(Boolean)
  // "linux-x64-android" means Android: the more specific word comes last
  const os = words.map((word) => OS[word]).findLast(Boolean)
  if (os === undefined || cpu === undefined) return undefined
  const libc = os === "linux" ? words.map((word) => LIBC[word]).find(Boolean) : undefined
  return { os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }) }
}

/** Where npm would find `name` from the package at `from` (a key of the lock file), or undefined. */
const resolve = (packages, from, name) => {
  for (let base = from; ;) {
    const key = `${base === "" ? "" : `${base}/`}node_modules/${name}`
    if (packages[key] !== undefined) return key
    if (base === "") return undefined
    base = base.slice(0, base.lastIndexOf("node_modules/")).replace(/\/$/, "")
  }
}

/** Every dependency that some package names and the lock file does not hold. */
const missingFrom = (packages) => {
  const missing = new Map()
  for (const [from, entry] of Object.entries(packages)) {
    const wanted = {
      ...(from === "" ? entry.devDependencies : {}),
      ...entry.dependencies,
      ...entry.optionalDependencies
    }
    for (const [name, range] of Object.entries(wanted)) {
      if (resolve(packages, from, name) !== undefined || missing.has(name)) continue
      missing.set(name, {
        name,
        range,
        from,
        optional: entry.optionalDependencies?.[name] !== undefined,
        parent: entry
      })
    }
  }
  return [...missing.values()]
}

const fail = (lines) => {
  process.stderr.write(
    `${["package-lock.json is not in order:", ...lines.map((line) => `  ${line}`)].join("\n")}\n`
  )
  process.exit(1)
}

const problems = (lock, packageJson) => {
  const found = missingFrom(lock.packages).map(
    ({ name, range, from }) => `${name}@${range} is missing, wanted by ${from === "" ? "package.json" : from}`
  )
  for (const kind of ["dependencies", "devDependencies"]) {
    const [ours, locked] = [packageJson[kind] ?? {}, lock.packages[""]?.[kind] ?? {}]
    for (const name of new Set([...Object.keys(ours), ...Object.keys(locked)])) {
      if (ours[name] !== locked[name])
        found.push(`${name} is ${locked[name] ?? "absent"}, package.json says ${ours[name]}`)
    }
    for (const [name, range] of Object.entries(ours)) {
      if (!/^\d+\.\d+\.\d+/.test(range)) found.push(`${name}: "${range}" is not an exact version`)
    }
  }
  for (const [key, entry] of Object.entries(lock.packages)) {
    if (entry.resolved !== undefined && !entry.link) found.push(`${key} names a host`)
  }
  return found
}

const readJson = (file) => JSON.parse(fs.readFileSync(file, "utf8"))

const complete = (lock) => {
  const { packages } = lock
  const added = []
  for (const { name, range, optional, parent } of missingFrom(packages)) {
    const platform = platformOfName(name)
    if (!optional || platform === undefined || !/^\d+\.\d+\.\d+/.test(range)) continue
    packages[`node_modules/${name}`] = {
      version: range,
      cpu: platform.cpu,
      ...(parent.dev ? { dev: true } : {}),
      ...(platform.libc === undefined ? {} : { libc: platform.libc }),
      optional: true,
      os: platform.os
    }
    added.push(name)
  }
  lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, "en")))
  return added
}

if (!process.argv.includes("--check")) {
  const npm = spawnSync("npm", ["install", "--package-lock-only", "--ignore-scripts", "--no-audit"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32"
  })
  if (npm.status !== 0) process.exit(npm.status ?? 1)
  const lock = readJson(lockPath)
  const added = complete(lock)
  fs.writeFileSync(lockPath, `${JSON.stringify(lock, null, 2)}\n`)
  process.stdout.write(
    `package-lock.json refreshed; completed with ${added.length} packages for other platforms\n`
  )
}

const found = problems(readJson(lockPath), readJson(path.join(root, "package.json")))
if (found.length > 0) fail([...found, "run: node scripts/lockfile.mjs"])
