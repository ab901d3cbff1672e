// A long computation that behaves: it lets other requests have their turn, and stops when nobody waits any more.
//
//   curl 'http://127.0.0.1:8080/functions/primes?limit=10000000'
//   → {"limit":10000000,"count":664579,"largest":9999991,"ms":…}
//
// JavaScript runs one thing at a time. A loop of five seconds would hold up everything else in this worker, also the
// news that the caller has hung up or that the time is over. So the work is cut into slices of a few milliseconds, and
// after each slice the handler looks at `req.signal`.

const SLICE_MS = 10
const MOST = 100_000_000

export default async function handler(req: Request): Promise<Response> {
  const limit = Number(new URL(req.url).searchParams.get("limit") ?? "1000000")
  if (!Number.isInteger(limit) || limit < 2 || limit > MOST) {
    return Response.json({ error: `limit: use a whole number from 2 to ${MOST}` }, { status: 400 })
  }

  const began = performance.now()
  let pause = began + SLICE_MS
  let count = 0
  let largest = 2
  for (const prime of primesUpTo(limit)) {
    if (prime !== null) {
      count++
      largest = prime
      continue
    }
    // The end of a block of candidates: a good place to look at the clock.
    if (performance.now() >= pause) {
      await new Promise((resolve) => setTimeout(resolve, 0))
      if (req.signal.aborted) {
        console.log(`stopped at ${largest}: nobody waits for the answer`)
        throw req.signal.reason
      }
      pause = performance.now() + SLICE_MS
    }
  }
  return Response.json({ limit, count, largest, ms: Math.round(performance.now() - began) })
}

/** The sieve of Eratosthenes, block by block, so that memory does not grow with the limit. Gives null between blocks. */
function* primesUpTo(limit: number): Generator<number | null> {
  const BLOCK = 32_768
  const root = Math.floor(Math.sqrt(limit))
  const small = new Uint8Array(root + 1)
  const divisors: Array<number> = []
  for (let n = 2; n <= root; n++) {
    if (small[n] === 1) continue
    divisors.push(n)
    for (let multiple = n * n; multiple <= root; multiple += n) small[multiple] = 1
  }
  const composite = new Uint8Array(BLOCK)
  for (let low = 2; low <= limit; low += BLOCK) {
    const high = Math.min(low + BLOCK - 1, limit)
    composite.fill(0)
    for (const divisor of divisors) {
      if (divisor * divisor > high) break
      const first = Math.max(divisor * divisor, Math.ceil(low / divisor) * divisor)
      for (let multiple = first; multiple <= high; multiple += divisor) composite[multiple - low] = 1
    }
    for (let n = low; n <= high; n++) if (composite[n - low] === 0) yield n
    yield null
  }
}
