/**
 * The header of every request that the server makes for a function's `fetch`. A management API that is open to whoever is on
 * its machine refuses what bears it: the server is on its machine, a function is not.
 */
export const FETCH_MARK = "x-bunbase-fetch"
