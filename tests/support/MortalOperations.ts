import { readFileSync, truncateSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { dirname } from "node:path"
import type { FunctionsClient } from "../../src/client/index.ts"
import { bundleFile, code } from "./ControlPlane.ts"
import { deleteVersion } from "./deleteVersion.ts"

/** The operations that change what is stored, step by step: for tests that kill the server at each of them. */

/** What there is of a function: nothing, or which of its versions is in force and which are stored. */
export type Stored = { readonly active: string | null; readonly versions: ReadonlyArray<string> } | null

export interface Setting {
  readonly client: FunctionsClient
  readonly name: string
  readonly runtime: "bun" | "quickjs-ng"
  readonly dataDir: string
}

export interface MortalOperation {
  readonly before: Stored
  readonly after: Stored
  /** Makes what is there before it. */
  readonly prepare: (setting: Setting) => Promise<unknown>
  readonly act: (setting: Setting) => Promise<unknown>
  /** What it answers is a refusal. */
  readonly refused?: true
  /** The bundle of v1 is damaged before. */
  readonly damaged?: true
  /** The bundle of v1 lies in its place before, put there by hand. */
  readonly byHand?: true
  /** What comes by, in this order; `commit` stands for the step from which on it is done. Behind it all, the answer. */
  readonly steps: ReadonlyArray<string>
  /** Those at which it is killed in every run: the others are the very same as another operation's. None: at all. */
  readonly own?: RegExp
}

/** The code of a version of a function. */
export const codeOf = (name: string, version: string): string => code(`${name} ${version}`)

const register = ({ client, name, runtime }: Setting) => client.register({ name, runtime, env: { A: "1" } })
const put = ({ client, name }: Setting, version: string) =>
  client.deploy(name, { version, bundle: codeOf(name, version), sourceMap: "{}" })
const inForce = async (setting: Setting, ...versions: ReadonlyArray<string>) => {
  const { function_id } = await register(setting)
  for (const version of versions) await put(setting, version)
  return function_id
}

/** Where bundles were put by hand: looked up without a call, which would come by steps of its own. */
const places = new Map<string, string>()

/** In a transaction of which `what` is written; `commit` where it is the one that decides. */
const transaction = (commits: boolean, ...what: ReadonlyArray<string>) => [
  "transaction:begun",
  ...what,
  "transaction:written",
  ...(commits ? ["commit"] : []),
  "transaction:committed"
]
const marker = ["marker:written", "marker:synced"]
const placing = (...files: ReadonlyArray<string>) => [
  "folder:made",
  ...files.map(() => "folder:file-written"),
  "folder:files-synced",
  "folder:place-cleared",
  "folder:in-place",
  "folder:place-synced"
]
const removing = ["removal:out-of-place", "removal:place-synced", "removal:done", "marker:removed"]
const storing = transaction(false, "deploy:version-written")
const switching = [
  "switch:worker-ready",
  ...transaction(true, "switch:deployment-superseded", "switch:deployment-written"),
  "switch:committed",
  "switch:published",
  "switch:retired"
]
const newVersion = [
  "change:begun",
  "deploy:bundle-checked",
  ...marker,
  ...placing("bundle.js", "bundle.js.map"),
  "deploy:bundle-stored",
  ...storing
]

export const mortalOperations: Readonly<Record<string, MortalOperation>> = {
  "the registration": {
    before: null,
    after: { active: null, versions: [] },
    prepare: async () => {},
    act: register,
    steps: [
      "register:checked",
      ...transaction(true, "register:function-written", "register:environment-written"),
      "register:committed"
    ]
  },
  "the first deployment": {
    before: { active: null, versions: [] },
    after: { active: "v1", versions: ["v1"] },
    prepare: (setting) => inForce(setting),
    act: (setting) => put(setting, "v1"),
    own: /^(transaction:committed|switch:published|answer:.*)$/,
    steps: [...newVersion, ...switching, "marker:removed"]
  },
  "a further deployment": {
    before: { active: "v1", versions: ["v1"] },
    after: { active: "v2", versions: ["v1", "v2"] },
    prepare: (setting) => inForce(setting, "v1"),
    act: (setting) => put(setting, "v2"),
    steps: [...newVersion, ...switching, "marker:removed"]
  },
  "a deployment that fails": {
    before: { active: "v1", versions: ["v1"] },
    after: { active: "v1", versions: ["v1"] },
    prepare: (setting) => inForce(setting, "v1"),
    act: ({ client, name }) =>
      client.deploy(name, { version: "v2", bundle: "throw new Error('no')\nexport default () => {}" }),
    refused: true,
    own: /^(undo:.*|removal:.*|marker:removed)$/,
    steps: [
      "change:begun",
      "deploy:bundle-checked",
      ...marker,
      ...placing("bundle.js"),
      "deploy:bundle-stored",
      ...storing,
      ...transaction(false),
      "undo:version-removed",
      ...removing
    ]
  },
  "a deployment that mends a bundle": {
    before: { active: "v1", versions: ["v1"] },
    after: { active: "v1", versions: ["v1"] },
    prepare: async (setting) => {
      const id = await inForce(setting, "v1")
      truncateSync(bundleFile(setting.dataDir, id, "v1"), 10)
    },
    act: (setting) => put(setting, "v1"),
    damaged: true,
    own: /^(folder:(place-cleared|in-place)|deploy:bundle-mended|switch:worker-ready)$/,
    steps: [
      "change:begun",
      "deploy:bundle-checked",
      ...marker,
      ...placing("bundle.js", "bundle.js.map"),
      "deploy:bundle-mended",
      ...switching,
      "marker:removed"
    ]
  },
  "a deployment of what lies in its place": {
    before: { active: null, versions: [] },
    after: { active: "v1", versions: ["v1"] },
    prepare: async (setting) => {
      const path = bundleFile(setting.dataDir, await inForce(setting), "v1")
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, codeOf(setting.name, "v1"))
      places.set(setting.dataDir + setting.name, path)
    },
    act: ({ client, dataDir, name }) =>
      client.deploy(name, { version: "v1", bundlePath: places.get(dataDir + name) ?? "" }),
    byHand: true,
    own: /^(marker:.*|deploy:bundle-stored|transaction:committed)$/,
    steps: [
      "change:begun",
      "deploy:bundle-checked",
      ...marker,
      "deploy:bundle-stored",
      ...storing,
      ...switching,
      "marker:removed"
    ]
  },
  "a roll-back": {
    before: { active: "v2", versions: ["v1", "v2"] },
    after: { active: "v1", versions: ["v1", "v2"] },
    prepare: (setting) => inForce(setting, "v1", "v2"),
    act: ({ client, name }) => client.rollback(name, {}),
    steps: ["change:begun", "rollback:version-chosen", "rollback:bundle-checked", ...switching]
  },
  "the deletion of a version": {
    before: { active: "v2", versions: ["v1", "v2"] },
    after: { active: "v2", versions: ["v2"] },
    prepare: (setting) => inForce(setting, "v1", "v2"),
    act: ({ client, name }) => deleteVersion(client, name, "v1"),
    steps: [
      ...marker,
      "delete-version:condemned",
      ...transaction(true, "delete-version:deployments-removed"),
      "delete-version:committed",
      ...removing
    ]
  },
  "the deletion of a function": {
    before: { active: "v1", versions: ["v1"] },
    after: null,
    prepare: (setting) => inForce(setting, "v1"),
    act: ({ client, name }) => client.deleteFunction(name),
    steps: [
      ...transaction(true, "delete:deployment-superseded", "delete:environment-removed"),
      "delete:committed",
      "delete:withdrawn",
      "delete:retired"
    ]
  }
}

/** A step as a test names it: its point, which time it comes by, and whether it comes before the commit. */
export interface MortalStep {
  readonly point: string
  readonly time: number
  readonly isCommitted: boolean
}

/** The points of an operation in their order, with those of its answer at the door. */
export const stepsOf = (
  { steps }: MortalOperation,
  answer: ReadonlyArray<string>
): ReadonlyArray<MortalStep> => {
  const times = new Map<string, number>()
  let isCommitted = false
  return [...steps, ...answer].flatMap((point) => {
    if (point === "commit") {
      isCommitted = true
      return []
    }
    const time = (times.get(point) ?? 0) + 1
    times.set(point, time)
    return [{ point, time, isCommitted }]
  })
}

/** What a server has come by since the test looked last. */
export const reachedIn = (control: string, from: number): ReadonlyArray<string> =>
  readFileSync(`${control}.reached`, "utf8").split("\n").filter(Boolean).slice(from)
