/** The errors of the Web Cryptography API. */
export const notSupported = (what: string): DOMException => new DOMException(what, "NotSupportedError")
export const dataError = (what: string): DOMException => new DOMException(what, "DataError")
export const operationError = (what: string): DOMException => new DOMException(what, "OperationError")
export const invalidAccess = (what: string): DOMException => new DOMException(what, "InvalidAccessError")
export const syntaxError = (what: string): DOMException => new DOMException(what, "SyntaxError")
