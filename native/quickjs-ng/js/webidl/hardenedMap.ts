const { get, set, has, delete: remove, clear, forEach } = Map.prototype
const { assign } = Object

/** A Map whose methods are its own: replacing those of the prototype changes nothing here. */
export const hardenedMap = <Key, Value>(): Map<Key, Value> =>
  assign(new Map<Key, Value>(), { get, set, has, delete: remove, clear, forEach })
