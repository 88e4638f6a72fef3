/** @import { Host, SheetResult, SheetRule } from '../index.js' */

/**
 * What the SDK itself says, on every host.
 *
 * @type {Record<string, SheetRule>}
 */
export const OWN_RESULTS = {
  link_opened: { outcome: 'done', means: 'a payment page was opened in place of a sheet' },
  link_copied: { outcome: 'done', means: 'its address was copied, and the buyer told so' },
  link_failed: { outcome: 'failed', means: 'it could neither be opened nor copied' },
  sheet_failed: { outcome: 'failed', means: 'there is no such sheet here' },
}

/**
 * A word that nobody knows says nothing: it may have been paid.
 *
 * @type {SheetRule}
 */
export const UNKNOWN_RESULT = { outcome: 'done', means: 'any other word: may be paid' }

/**
 * What a sheet's last word lets us hope for.
 *
 * @param {Host} host
 * @param {SheetResult} result
 */
export function outcomeOf(host, { code }) {
  return (OWN_RESULTS[code] || host.results[code] || UNKNOWN_RESULT).outcome
}

/** What the buyer is told when an address was copied. @param {string | undefined} locale */
export function copiedWords(locale) {
  return /^en/i.test(locale || '')
    ? 'The address of the payment page was copied. Open it in your phone\'s browser to pay.'
    : '付款链接已复制，请在手机浏览器中打开并付款。'
}
