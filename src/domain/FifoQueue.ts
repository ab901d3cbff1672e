/** A place in a `FifoQueue`; whoever waits holds it and can leave from the middle at no cost. */
export interface Place<A> {
  readonly value: A
  previous: Place<A> | null
  next: Place<A> | null
  queue: FifoQueue<A> | null
}

/** First in, first out, with leaving from anywhere in constant time (a waiting caller may go away at any moment). */
export class FifoQueue<A> {
  #first: Place<A> | null = null
  #last: Place<A> | null = null
  #length = 0

  get length(): number {
    return this.#length
  }

  get head(): A | null {
    return this.#first === null ? null : this.#first.value
  }

  push(value: A): Place<A> {
    const place: Place<A> = { value, previous: this.#last, next: null, queue: this }
    if (this.#last === null) this.#first = place
    else this.#last.next = place
    this.#last = place
    this.#length += 1
    return place
  }

  shift(): A | null {
    const place = this.#first
    if (place === null) return null
    this.leave(place)
    return place.value
  }

  /** Takes the place out; false when it has left already. */
  leave(place: Place<A>): boolean {
    if (place.queue !== this) return false
    if (place.previous === null) this.#first = place.next
    else place.previous.next = place.next
    if (place.next === null) this.#last = place.previous
    else place.next.previous = place.previous
    // Whoever holds on to its place must not hold on to everyone who ever stood behind it.
    place.previous = null
    place.next = null
    place.queue = null
    this.#length -= 1
    return true
  }
}
