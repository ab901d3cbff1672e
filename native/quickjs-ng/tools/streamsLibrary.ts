/**
 * Makes `web-streams-polyfill` fit into the worker, at build time: what it keeps in properties with an underscore moves
 * behind the engine's private symbols, which no reflection shows; an AbortController is made only when somebody asks for
 * it; and the operations that bodies need are exported. Its version is exact: whatever is not found is an error.
 */

const SLOT = String.raw`_[a-z]\w{2,}`

/** Replaces exactly `times` matches, else throws. */
const replaceAll = (source: string, pattern: RegExp, by: string, times: number): string => {
  let count = 0
  const result = source.replace(pattern, (...match: Array<string>) => {
    count += 1
    return by.replace(/\$(\d)/g, (_all, index: string) => match[Number(index)] as string)
  })
  if (count !== times) {
    throw new Error(
      `web-streams-polyfill has changed: ${count} instead of ${times} matches of ${pattern.source.slice(0, 80)}; mend tools/streamsLibrary.ts`
    )
  }
  return result
}

const find = (source: string, pattern: RegExp): ReadonlyArray<string> => {
  const found = pattern.exec(source)
  if (found === null) {
    throw new Error(
      `web-streams-polyfill has changed: no match of ${pattern.source.slice(0, 80)}; mend tools/streamsLibrary.ts`
    )
  }
  return found.slice(1)
}

/** The module's source (`dist/ponyfill.mjs`) as the worker has it. `slots` is the path of js/streams/slots.ts. */
export const adaptStreamsLibrary = (original: string, slots: string): string => {
  let source = original

  source = replaceAll(source, /Symbol\("\[\[/g, 'slot("[[', 6)
  source = replaceAll(
    source,
    /function\(\)\{if\("function"==typeof AbortController\)return new AbortController\}\(\)/g,
    "newAbortController()",
    1
  )
  // pipeTo: an abort algorithm, which runs before listeners, in the place of a listener
  source = replaceAll(source, /(\w+)\.addEventListener\("abort",(\w+)\)/g, "whenAborted($1,$2)", 1)
  source = replaceAll(source, /(\w+)\.removeEventListener\("abort",(\w+)\)/g, "notWhenAborted($1,$2)", 1)
  source = replaceAll(
    source,
    /if\(!function\((\w)\)\{if\("object"!=typeof \1\|\|null===\1\)return!1;try\{return"boolean"==typeof \1\.aborted\}catch\(\1\)\{return!1\}\}\((\w)\)\)/g,
    "if(!isAbortSignal($2))",
    1
  )

  // pipeTo: what is enqueued is not written before whoever enqueues has gone on
  source = replaceAll(
    source,
    /_chunkSteps\((\w)\)\{(this\._state\._currentWrite=[^}]*?,this\._resolvePromise\(!1\))\}/g,
    "_chunkSteps($1){soon(()=>{$2})}",
    1
  )
  // an async_sequence of WebIDL is made of objects: strings are none
  source = replaceAll(
    source,
    /static from\((\w)\)\{/g,
    'static from($1){if(Object($1)!==$1)throw new TypeError("ReadableStream.from: no iterable object was given");',
    1
  )

  const [isReadableStream, isLocked] = find(
    source,
    /class ReadableStream\{.*?get locked\(\)\{if\(!([\w$]+)\(this\)\)throw [\w$]+\("locked"\);return ([\w$]+)\(this\)\}/
  )
  const [cancel] = find(source, /Cannot cancel a stream that already has a reader"\)\):([\w$]+)\(this,e\):/)
  const [acquireReader] = find(source, /getReader\(e=void 0\)\{.{0,220}?\.mode\?([\w$]+)\(this\):/)
  const [read] = find(source, /return ([\w$]+)\(this,e\),e\._promise\}releaseLock/)
  const [iteratorPrototype] = find(
    source,
    /const ([\w$]+)=\{next\(\)\{return [\w$]+\(this\)\?this\._asyncIteratorImpl\.next\(\)/
  )

  const names = new Set<string>()
  const taken = (name: string): string => {
    names.add(name)
    return `$${name}`
  }
  source = source.replace(
    new RegExp(String.raw`\?\.(${SLOT})\b`, "gi"),
    (_all, name: string) => `?.[${taken(name)}]`
  )
  source = source.replace(
    new RegExp(String.raw`\.(${SLOT})\b`, "gi"),
    (_all, name: string) => `[${taken(name)}]`
  )
  source = source.replace(new RegExp(`"(${SLOT})"`, "gi"), (_all, name: string) => taken(name))
  source = source.replace(
    new RegExp(String.raw`([{},;])(${SLOT})(?=[:(])`, "gi"),
    (_all, before: string, name: string) => `${before}[${taken(name)}]`
  )
  const left = new RegExp(String.raw`(?<![$\w\[])${SLOT}`, "i").exec(source)
  if (left !== null) {
    throw new Error(`web-streams-polyfill has changed: ${left[0]} stayed; mend tools/streamsLibrary.ts`)
  }
  const declared = [...names].map((name) => `$${name}=slot(${JSON.stringify(name.slice(1))})`)

  return `import{isAbortSignal,newAbortController,notWhenAborted,slot,soon,whenAborted}from${JSON.stringify(slots)};var ${declared.join(",")};${source}
export{${acquireReader} as acquireReader,${cancel} as cancelStream,${isLocked} as isLocked,${isReadableStream} as isReadableStream,${read} as readInto,${iteratorPrototype} as asyncIteratorPrototype,$_chunkSteps as chunkSteps,$_closeSteps as closeSteps,$_disturbed as disturbed,$_errorSteps as errorSteps};
`
}
