/**
 * Counts of whole nanoseconds in log-linear buckets: 128 equal buckets per power of two. A bucket is at most 1/128 of its
 * values wide and stands for its middle, so that a quantile is off by less than 0.4 %; below 256 ns it is exact. Memory
 * is fixed, and recording allocates nothing.
 */
const SUB_BUCKET_BITS = 7
const SUB_BUCKETS = 1 << SUB_BUCKET_BITS
const TWO_TO_32 = 2 ** 32
/** Values reach 2^53 - 1, over a hundred days. */
const BUCKETS = bucketOf(Number.MAX_SAFE_INTEGER) + 1

/** The form in which a histogram travels between processes: only the buckets that hold something. */
export interface HistogramData {
  readonly buckets: ReadonlyArray<readonly [bucket: number, count: number]>
  /** Exact, in nanoseconds; 0 where nothing was recorded. */
  readonly min: number
  readonly max: number
}

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS)
  #total = 0
  #min = Number.POSITIVE_INFINITY
  #max = 0

  static from(data: HistogramData): Histogram {
    const histogram = new Histogram()
    for (const [bucket, count] of data.buckets) {
      if (!(bucket >= 0 && bucket < BUCKETS)) throw new RangeError(`no such bucket: ${bucket}`)
      histogram.#counts[bucket] = (histogram.#counts[bucket] as number) + count
      histogram.#total += count
    }
    if (histogram.#total > 0) {
      histogram.#min = data.min
      histogram.#max = data.max
    }
    return histogram
  }

  static merged(histograms: Iterable<Histogram>): Histogram {
    const result = new Histogram()
    for (const one of histograms) result.#add(one)
    return result
  }

  get total(): number {
    return this.#total
  }

  /** @param nanoseconds a whole number, 0 to 2^53 - 1 */
  record(nanoseconds: number): void {
    const bucket = bucketOf(nanoseconds)
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#total += 1
    if (nanoseconds < this.#min) this.#min = nanoseconds
    if (nanoseconds > this.#max) this.#max = nanoseconds
  }

  /**
   * The nearest-rank quantile in nanoseconds: the least recorded value that at least `share` of all values do not exceed.
   * The greatest value is exact. NaN where nothing was recorded.
   *
   * @param share 0 to 1
   */
  quantile(share: number): number {
    if (this.#total === 0) return Number.NaN
    const rank = Math.max(1, Math.ceil(share * this.#total))
    if (rank >= this.#total) return this.#max
    let seen = 0
    let bucket = 0
    for (; bucket < BUCKETS - 1; bucket += 1) {
      seen += this.#counts[bucket] as number
      if (seen >= rank) break
    }
    return Math.min(this.#max, Math.max(this.#min, middleOf(bucket)))
  }

  toData(): HistogramData {
    const buckets: Array<readonly [number, number]> = []
    this.#counts.forEach((count, bucket) => {
      if (count > 0) buckets.push([bucket, count])
    })
    return { buckets, min: this.#total === 0 ? 0 : this.#min, max: this.#max }
  }

  #add(other: Histogram): void {
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      this.#counts[bucket] = (this.#counts[bucket] as number) + (other.#counts[bucket] as number)
    }
    this.#total += other.#total
    this.#min = Math.min(this.#min, other.#min)
    this.#max = Math.max(this.#max, other.#max)
  }
}

function bucketOf(value: number): number {
  if (value < 2 * SUB_BUCKETS) return value
  const exponent = value < TWO_TO_32 ? 31 - Math.clz32(value) : 63 - Math.clz32(Math.floor(value / TWO_TO_32))
  const shift = exponent - SUB_BUCKET_BITS
  return shift * SUB_BUCKETS + Math.floor(value / 2 ** shift)
}

function middleOf(bucket: number): number {
  if (bucket < 2 * SUB_BUCKETS) return bucket
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1
  const width = 2 ** shift
  return (bucket - shift * SUB_BUCKETS) * width + (width - 1) / 2
}
