// `npx bunbase`: npm links the commands of dependencies, not the project's own.
import fs from "node:fs"
import path from "node:path"
import { root } from "./project.mjs"

const link = path.join(root, "node_modules", ".bin", "bunbase")
const target = "../../bin/bunbase"

const currentTarget = () => {
  try {
    return fs.readlinkSync(link)
  } catch {
    return undefined
  }
}

export const commandStep = {
  name: "Command `npx bunbase`",
  ready: () => currentTarget() === target,
  run: () => {
    fs.mkdirSync(path.dirname(link), { recursive: true })
    fs.rmSync(link, { force: true })
    fs.symlinkSync(target, link)
  }
}
