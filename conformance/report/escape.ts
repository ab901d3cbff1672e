/** Text for XML and HTML, in elements and in attributes. What XML 1.0 cannot have is shown as `\xNN`. */
export const escape = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(FORBIDDEN, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;")

const FORBIDDEN = /(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/gu

/** As XML attributes have them: a line break would become a space. */
export const escapeAttribute = (text: string): string =>
  escape(text).replaceAll("\r", "&#13;").replaceAll("\n", "&#10;").replaceAll("\t", "&#9;")
