// The npm packages, exactly as package-lock.json names them.
import { createHash } from "node:crypto"
import fs from "node:fs"
import path from "node:path"
import { SetupError, report, root } from "./project.mjs"
import { run } from "./run.mjs"

const lockPath = path.join(root, "package-lock.json")
const modules = path.join(root, "node_modules")
const stampPath = path.join(modules, ".bunbase-setup.json")

/** What an installed tree depends on: another lock file, machine or Node means another tree. */
const stamp = () =>
  JSON.stringify({
    lock: createHash("sha256").update(fs.readFileSync(lockPath)).digest("hex"),
    platform: `${process.platform}-${process.arch}`,
    node: process.versions.node.split(".")[0]
  })

const readText = (file) => {
  try {
    return fs.readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}

/**
 * Whether somebody's own `npm ci` or `npm install` left exactly the packages of the lock file: npm keeps a list of what
 * it installed, written last.
 */
const installedByHand = () => {
  const list = readText(path.join(modules, ".package-lock.json"))
  if (list === undefined) return false
  const installed = JSON.parse(list).packages
  return Object.entries(JSON.parse(fs.readFileSync(lockPath, "utf8")).packages).every(([key, wanted]) => {
    if (key === "") return true
    if (installed[key] === undefined) return wanted.optional === true
    return installed[key].version === wanted.version && fs.existsSync(path.join(root, key))
  })
}

const npmCommand = () => {
  const cli = process.env.npm_execpath
  return cli !== undefined && /npm-cli\.c?js$/.test(cli) && fs.existsSync(cli)
    ? [process.execPath, [cli]]
    : ["npm", []]
}

// devDependencies too whatever NODE_ENV says; no install scripts: the only one that matters is Bun's, which is a step
// of its own, and no native module may be compiled behind anybody's back
const NPM_CI = ["ci", "--include=dev", "--include=optional", "--ignore-scripts", "--no-audit", "--no-fund"]

/** Left alone, npm tries every single package several times before it says that there is no network: minutes. */
const isHopeless = (output) => {
  if (/http fetch GET 200/.test(output)) return false
  const failures = output.match(/attempt \d+ failed with (ENOTFOUND|EAI_AGAIN|ECONN|ENET|EHOST)/g)
  return failures !== null && failures.length >= 60
}

/** What npm said, without its log of requests (kept short: the first lines name the cause). */
const withoutRequests = (output) => {
  const lines = output.split("\n")
  const failures = lines.filter((line) => /^npm http .* failed with/.test(line)).slice(0, 3)
  return [...failures, ...lines.filter((line) => !line.startsWith("npm http"))].slice(0, 60).join("\n")
}

const ADVICE = [
  {
    signs:
      /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|CERT_/,
    message: "npm cannot reach the package registry.",
    whatToDo: [
      "Check the network, and npm's proxy and registry settings (`npm config get registry`, `npm ping`).",
      "Then run the command again: what has been downloaded is kept."
    ]
  },
  {
    signs: /ENOTCACHED/,
    message: "npm is set to work offline, and a package is not in its cache.",
    whatToDo: ["Run the command once with a network and without npm's `offline` setting."]
  },
  {
    signs: /EUSAGE|in sync/,
    message: "package.json and package-lock.json do not agree.",
    whatToDo: ["After a change of the dependencies run `npm run lockfile`, and commit both files."]
  },
  {
    signs: /ENOSPC/,
    message: "the disk is full.",
    whatToDo: ["The packages need about 600 MB in the project folder, and npm's cache about 200 MB."]
  },
  {
    signs: /EACCES|EPERM|EROFS/,
    message: "npm may not write where it has to.",
    whatToDo: ["The project folder and npm's cache (`npm config get cache`) must be writable for this user."]
  },
  {
    signs: /E404|ETARGET/,
    message: "the package registry does not serve a package that is needed.",
    whatToDo: ["The output above names it. Use a registry that serves it (`npm config get registry`)."]
  }
]

/** Installs from nothing, whatever is there. */
export const installPackages = async () => {
  fs.rmSync(stampPath, { force: true })
  report("Packages: installing (`npm ci`; the first time this downloads about 150 MB)")
  const [npm, before] = npmCommand()
  const { status, output } = await run("Packages", npm, [...before, ...NPM_CI, "--loglevel=http"], {
    isHopeless
  })
  if (status === undefined) {
    throw new SetupError("npm cannot be started.", ["Install npm 9 or newer (it comes with Node).", output])
  }
  if (status !== 0) {
    const advice = ADVICE.find(({ signs }) => signs.test(output))
    throw new SetupError(
      advice?.message ?? "`npm ci` failed; its output is above.",
      advice?.whatToDo ?? ["Mend what it says and run the command again."],
      withoutRequests(output)
    )
  }
  fs.writeFileSync(stampPath, `${stamp()}\n`)
}

export const packagesStep = {
  name: "Packages",
  ready: () => readText(stampPath)?.trim() === stamp(),
  run: async () => {
    if (readText(stampPath) === undefined && installedByHand()) fs.writeFileSync(stampPath, `${stamp()}\n`)
    else await installPackages()
  }
}
