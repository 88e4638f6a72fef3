import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as hosts from '../src/hosts/index.js'
import { OWN_RESULTS, UNKNOWN_RESULT } from '../src/sheets.js'

/** @import { SheetRule } from '../index.js' */

// What `pay` ends with when the server knows nothing final.
const ENDS = { done: 'pending', cancelled: 'cancelled', failed: 'failed' }

/** @param {string} host @param {Record<string, SheetRule>} results */
const rowsOf = (host, results) =>
  Object.entries(results).map(([code, { outcome, means }]) => `| ${host} | \`${code}\` | ${means} | \`${ENDS[outcome]}\` |`)

test('the table of result codes in docs/sdk.md is the code\'s own', () => {
  const rows = Object.values(hosts).flatMap((factory) => {
    const { name, results } = factory(/** @type {any} */ ({}))
    return rowsOf(name, results)
  })
  rows.push(...rowsOf('every host', OWN_RESULTS), `| every host | … | ${UNKNOWN_RESULT.means} | \`${ENDS[UNKNOWN_RESULT.outcome]}\` |`)
  const text = readFileSync(new URL('../../../docs/sdk.md', import.meta.url), 'utf8')
  const [, table] = text.split('| --- | --- | --- | --- |\n')
  assert.deepEqual(table.split('\n\n')[0].split('\n'), rows)
})
