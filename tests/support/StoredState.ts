import { Database } from "bun:sqlite"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

interface VersionRow {
  readonly id: string
  readonly version: string
  readonly bundle_path: string
  readonly sha256: string
  readonly size_bytes: number
}
interface FunctionRow {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly active_version_id: string | null
}
interface DeploymentRow {
  readonly version_id: string
  readonly status: string
}

/** Folders below a function's that may have no row, and versions whose file need not be whole. */
export interface Allowed {
  readonly strays?: ReadonlySet<string>
  readonly damaged?: ReadonlySet<string>
}

/**
 * What is wrong with what a server has stored, in words: rows that do not fit together, bundles without a row and rows
 * without their bundle, what a crash left behind. Looks at the files themselves, not through the server.
 */
export const faultsOf = (dataDir: string, allowed: Allowed = {}): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const database = new Database(join(dataDir, "metadata.db"), { readonly: true })
  const rows = <A>(text: string, ...values: ReadonlyArray<string>) =>
    database.query(text).all(...values) as ReadonlyArray<A>
  try {
    for (const row of rows<object>("PRAGMA integrity_check")) {
      if (Object.values(row)[0] !== "ok") faults.push(`the database: ${JSON.stringify(row)}`)
    }
    for (const row of rows<object>("PRAGMA foreign_key_check"))
      faults.push(`a loose row: ${JSON.stringify(row)}`)
    for (const one of rows<FunctionRow>("SELECT * FROM functions")) {
      const versions = rows<VersionRow>("SELECT * FROM function_versions WHERE function_id = ?", one.id)
      const inForce = rows<DeploymentRow>(
        "SELECT * FROM function_deployments WHERE function_id = ? AND status = 'deployed'",
        one.id
      )
      faults.push(...faultsOfRows(one, versions, inForce), ...faultsOfFiles(dataDir, one, versions, allowed))
    }
  } finally {
    database.close()
  }
  for (const folder of [".incoming", ".pending"]) {
    for (const name of readdirSync(join(dataDir, "bundles", folder)))
      faults.push(`left behind: ${folder}/${name}`)
  }
  for (const name of [...readdirSync(dataDir), ...readdirSync(join(dataDir, "bundles"))]) {
    if (name.startsWith(".probe")) faults.push(`left behind: ${name}`)
  }
  return faults
}

const faultsOfRows = (
  { active_version_id, name, status }: FunctionRow,
  versions: ReadonlyArray<VersionRow>,
  inForce: ReadonlyArray<DeploymentRow>
): ReadonlyArray<string> => {
  const expected = status === "deployed" ? [active_version_id] : []
  return [
    ...(JSON.stringify(inForce.map((one) => one.version_id)) === JSON.stringify(expected)
      ? []
      : [`${name} is ${status}, and its deployments say otherwise: ${JSON.stringify(inForce)}`]),
    ...(status === "deployed" && !versions.some(({ id }) => id === active_version_id)
      ? [`the version of ${name} in force is not there`]
      : []),
    // Built is what it is in the middle of its first deployment.
    ...(status === "built" || (status === "registered" && versions.length > 0)
      ? [`${name} is ${status} with ${versions.length} versions`]
      : [])
  ]
}

const faultsOfFiles = (
  dataDir: string,
  { id, name }: FunctionRow,
  versions: ReadonlyArray<VersionRow>,
  { damaged, strays }: Allowed
): ReadonlyArray<string> => {
  const bundles = join(dataDir, "bundles")
  const folders = existsSync(join(bundles, id)) ? readdirSync(join(bundles, id)) : []
  const isWhole = ({ bundle_path, sha256 }: VersionRow): boolean => {
    const path = join(bundles, bundle_path)
    return existsSync(path) && createHash("sha256").update(readFileSync(path)).digest("hex") === sha256
  }
  return [
    ...folders
      .filter((folder) => !versions.some(({ version }) => version === folder))
      .filter(() => strays?.has(name) !== true)
      .map((folder) => `a bundle of ${name} without a row: ${folder}`),
    ...versions
      .filter((version) => damaged?.has(name) !== true && !isWhole(version))
      .map(({ version }) => `the bundle of ${version} of ${name} is missing or damaged`)
  ]
}
