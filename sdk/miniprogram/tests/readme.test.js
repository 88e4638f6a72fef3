import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import * as source from '../src/index.js'
import { stage } from './stage.js'

/**
 * The example page of a README, as a mini-program would load it.
 *
 * @param {string} readme @param {unknown} wx
 */
function loadExample(readme, wx) {
  const text = readFileSync(new URL(`../${readme}`, import.meta.url), 'utf8')
  const [clientCode, pageCode] = [...text.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code)
  const module = { exports: {} }
  const host = source.wechat(/** @type {any} */ (wx))
  const createTongbao = (/** @type {object} */ options) => source.createTongbao({ baseUrl: '', ...options, host })
  runInNewContext(clientCode, { module, require: () => ({ createTongbao }) })
  /** @type {any} */
  let page
  const Page = (/** @type {any} */ definition) => {
    page = { ...definition, setData: (/** @type {object} */ data) => Object.assign(page.data, data) }
  }
  runInNewContext(pageCode, { Page, console, require: () => module.exports })
  page.onLoad({ orderId: 'ord_1' })
  return page
}

for (const [readme, words] of /** @type {[string, Record<string, string>][]} */ ([
  ['README.md', { cancelled: 'Not paid', pending: 'Being checked', paid: 'Paid' }],
  ['README.zh-CN.md', { cancelled: '尚未支付', pending: '支付结果确认中', paid: '支付成功' }],
])) {
  test(`the example page of ${readme} pays`, async (t) => {
    const { run, server, phone, wx } = stage(t)
    const page = loadExample(readme, wx)
    await run(page.onPay())
    assert.deepEqual({ ...page.data }, { orderId: 'ord_1', words: words.cancelled, busy: false })
    phone.buyer = () => 'requestPayment:ok'
    await run(page.onPay())
    assert.equal(page.data.words, words.pending)
    server.pay('ord_1')
    await run(page.onShow())
    assert.equal(page.data.words, words.paid)
  })
}
