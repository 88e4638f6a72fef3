import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import * as imported from 'tongbao-miniprogram'
import * as source from '../src/index.js'
import { createFakeServer } from './fake-server.js'
import { createFakeWechat } from './fake-wechat.js'

const required = createRequire(import.meta.url)('tongbao-miniprogram')

/** Runs the file that WeChat copies as WeChat runs it: as CommonJS, with `wx` and timers and hardly anything else. */
function loadInWechat(/** @type {any} */ wx) {
  const code = readFileSync(new URL('../dist/miniprogram/index.js', import.meta.url), 'utf8')
  const module = { exports: /** @type {any} */ ({}) }
  runInNewContext(code, { module, exports: module.exports, wx, setTimeout, clearTimeout })
  return module.exports
}

for (const name of ['source', 'import', 'require', 'miniprogram']) {
  test(`the ${name} file pays, given nothing but wx`, async () => {
    const server = createFakeServer()
    const { phone, wx } = createFakeWechat(server.receive)
    server.addOrder('ord_1')
    phone.buyer = (orderId) => {
      server.pay(orderId)
      return 'requestPayment:ok'
    }
    const files = { source, import: imported, require: required, miniprogram: loadInWechat(wx) }
    const { createTongbao, wechat } = files[/** @type {keyof typeof files} */ (name)]
    const host = name === 'miniprogram' ? undefined : wechat(wx)
    const tongbao = createTongbao({ baseUrl: 'https://pay.example.com', host })
    assert.equal(await tongbao.pay('ord_1'), 'paid')
    assert.equal(await tongbao.pay('ord_1'), 'paid')
    assert.equal(phone.sheets.length, 1)
  })
}

test('every way in offers the same', () => {
  const offered = ['createTongbao', 'wechat']
  assert.deepEqual(Object.keys(source).sort(), offered)
  assert.deepEqual(Object.keys(imported).sort(), offered)
  assert.deepEqual(Object.keys(required).sort(), offered)
})

test('the package needs no other at run time', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  assert.equal(manifest.dependencies, undefined)
  assert.equal(manifest.peerDependencies, undefined)
})
