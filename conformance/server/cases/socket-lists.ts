import { check, holds } from "../check.ts"
import { casesOf } from "../define.ts"

const cases = casesOf("socket", ["socket"])

cases.add(
  "list-in-order",
  "LIST_FUNCTIONS has all functions in the order of their names",
  ["SP-087"],
  {},
  async ({ server }) => {
    const own = [await server.fn(), await server.fn()].map(({ name }) => name)
    const { payload } = await server.call("LIST_FUNCTIONS")
    const names = (payload["functions"] as ReadonlyArray<{ readonly name: string }>).map(({ name }) => name)
    check(
      "the names",
      names.toSorted((a, b) => (a < b ? -1 : 1)),
      names
    )
    for (const name of own) holds(`${name} is in the list`, names.includes(name), names)
  }
)

export const socketListCases = cases.all
