import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { plainPath } from "./Cli.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** What of the project its set-up needs, and what its server needs beside that. */
const FILES = ["bin", "native", "scripts", "package.json", "package-lock.json"]
const SERVER_FILES = ["examples", "src"]
/** What `npm start` and its server call. No compiler: nothing that the set-up would build is built here. */
const PROGRAMS = ["node", "sh", "dirname", "readlink", "setpriv", "true", "curl"]

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/**
 * The project in a folder of its own, to be set up and broken. Its packages are links to the ones that are installed here,
 * but for Bun's, which is a folder with a link to the binary. npm is played by a script: nothing comes from a network.
 */
export class ProjectCopy implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "bunbase-project-"))
  readonly bun = join(this.path("node_modules"), "bun", "bin", "bun.exe")
  readonly #programs = this.path(".programs")

  constructor({ server = false } = {}) {
    for (const name of server ? [...FILES, ...SERVER_FILES] : FILES) {
      if (!existsSync(join(root, name))) continue
      const filter = (path: string) => !path.includes("/native/") || !path.endsWith("/build")
      cpSync(join(root, name), this.path(name), { recursive: true, filter })
    }
    const modules = join(root, "node_modules")
    mkdirSync(this.path("node_modules"))
    // What begins with a dot is npm's own and the set-up's.
    for (const name of readdirSync(modules)) {
      if (name !== "bun" && !name.startsWith("."))
        symlinkSync(join(modules, name), this.path("node_modules", name))
    }
    mkdirSync(join(this.bun, ".."), { recursive: true })
    copyFileSync(join(modules, "bun", "package.json"), this.path("node_modules", "bun", "package.json"))
    // The real one would look for a binary to download.
    writeFileSync(this.path("node_modules", "bun", "install.js"), "")
    this.mendBun()
    mkdirSync(this.#programs)
    for (const name of PROGRAMS) this.#link(name)
  }

  /** A PATH with nothing but what was put into it. */
  get programs(): string {
    return this.#programs
  }

  #link(name: string): void {
    const program = Bun.which(name, { PATH: plainPath })
    if (program !== null) symlinkSync(program, join(this.#programs, name))
  }

  path(...names: ReadonlyArray<string>): string {
    return join(this.folder, ...names)
  }

  /** The line of shell that puts the Bun binary in its place. */
  get mending(): string {
    return `${Bun.which("ln", { PATH: plainPath })} -sf "${join(root, "node_modules", "bun", "bin", "bun.exe")}" "${this.bun}"`
  }

  mendBun(): void {
    rmSync(this.bun, { force: true })
    symlinkSync(join(root, "node_modules", "bun", "bin", "bun.exe"), this.bun)
  }

  breakBun(): void {
    rmSync(this.bun)
    writeFileSync(this.bun, "#!/bin/sh\nexit 3\n")
    chmodSync(this.bun, 0o755)
  }

  /** What `npm` does from now on, as lines of shell; it notes what it was called with. */
  npm(does: string): void {
    const file = join(this.#programs, "npm")
    writeFileSync(file, `#!/bin/sh\necho "$@" >> "${this.path("npm.log")}"\n${does}\n`)
    chmodSync(file, 0o755)
  }

  /** The machine's own npm. */
  realNpm(): void {
    this.withoutNpm()
    this.#link("npm")
  }

  /** There is no npm at all. */
  withoutNpm(): void {
    rmSync(join(this.#programs, "npm"), { force: true })
  }

  /** How npm was called, one line for each time. */
  get npmCalls(): ReadonlyArray<string> {
    const log = this.path("npm.log")
    return existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n") : []
  }

  /** `node scripts/setup.mjs`, with nothing in PATH but these few programs and npm as the test wants it. */
  async setUp(...args: ReadonlyArray<string>): Promise<Ran> {
    const child = Bun.spawn([join(this.#programs, "node"), "scripts/setup.mjs", ...args], {
      cwd: this.folder,
      env: { PATH: this.#programs, HOME: this.folder },
      stdio: ["ignore", "pipe", "pipe"]
    })
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited
    ])
    return { code, out, err }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
