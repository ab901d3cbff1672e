import type { Flaw } from "../Flaw.ts"

/** What is no JSON is passed over without a word. */
export default {
  decodes: (line) => {
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(line)
      JSON.parse(text)
      return text
    } catch {
      return null
    }
  }
} satisfies Flaw
